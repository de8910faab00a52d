"""Who listens to the logs of machines."""

from __future__ import annotations

from starlette.websockets import WebSocket

MOST = 20


class Listeners:
    """Know who listens to each machine, of whom only the newest hear anything."""

    def __init__(self) -> None:
        self._sockets: dict[str, list[WebSocket]] = {}

    def add(self, vm_hash: str, socket: WebSocket) -> None:
        self._sockets.setdefault(vm_hash, []).append(socket)

    def remove(self, vm_hash: str, socket: WebSocket) -> None:
        self._sockets[vm_hash].remove(socket)

    def hears(self, vm_hash: str, socket: WebSocket) -> bool:
        return socket in self._sockets[vm_hash][-MOST:]
