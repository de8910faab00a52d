"""The signing service of a virtual machine: what the host's guest API and key keeper answer there.

Signs with ``eth_account``, and only messages whose content is published for the machine.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct


class SigningService(ThreadingHTTPServer):
    """Signs for ``key`` what has the address ``vm_hash`` in its content; ``received`` is the log."""

    daemon_threads = True

    def __init__(self, unix_socket: Path | None = None) -> None:
        if unix_socket is not None:
            self.address_family = socket.AF_UNIX
        super().__init__(str(unix_socket) if unix_socket else ("127.0.0.1", 0), _Handler)  # type: ignore[arg-type]
        self.account = Account.create()
        self.vm_hash = self.account.address
        self.received: list[dict[str, Any]] = []
        self.changes: dict[str, Any] = {}
        self.chain = "ETH"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def server_bind(self) -> None:
        if self.address_family == socket.AF_UNIX:
            self.socket.bind(self.server_address)
            self.server_name, self.server_port = "localhost", 0
        else:
            super().server_bind()

    def properties(self) -> dict[str, Any]:
        return {
            "chain": self.chain,
            "curve": "secp256k1",
            "address": self.account.address,
            "public_key": "0x02" + "11" * 32,
        }

    def sign(self, message: dict[str, Any]) -> tuple[int, object]:
        self.received.append(message)
        if json.loads(message["item_content"])["address"] != self.vm_hash:
            return 400, "400: Message address does not match VM item_hash"
        if message["sender"] != self.account.address:
            return 500, "Internal Server Error"
        text = "\n".join(message[name] for name in ("chain", "sender", "type", "item_hash"))
        signed = self.account.sign_message(encode_defunct(text=text))
        return 200, {**message, "signature": "0x" + bytes(signed.signature).hex(), **self.changes}


class _Handler(BaseHTTPRequestHandler):
    server: SigningService
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/properties":
            self._answer(200, self.server.properties())
        else:
            self._answer(404, "404: Not Found")

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self._answer(*self.server.sign(message))

    def _answer(self, status: int, value: object) -> None:
        text = isinstance(value, str)
        body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain" if text else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        return "client"


@contextmanager
def signing_service(unix_socket: Path | None = None) -> Iterator[SigningService]:
    with SigningService(unix_socket) as service:
        thread = threading.Thread(target=service.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join(10)
    assert not thread.is_alive()
