"""Running a node in a thread of its own."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import uvicorn

from aleph_core import sev
from aleph_core.settings import Settings

from .app import make_app
from .launches import STAND_IN_FIRMWARE
from .node import Node
from .secure_processor import SecureProcessor
from .settings import DEFAULT_FUND_ALEPH, DEFAULT_FUND_CREDITS, NodeSettings
from .websockets import SocketProtocol

STOP_TIMEOUT = 10.0


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's delay off (40 ms an answer) only where the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except BaseException:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Serve one node, and let go of whoever waits for it when it stops."""

    def __init__(self, node: Node) -> None:
        super().__init__(
            uvicorn.Config(
                make_app(node),
                loop="asyncio",
                http="h11",
                ws=SocketProtocol,
                ws_ping_interval=node.settings.socket_ping_interval,
                ws_ping_timeout=node.settings.socket_ping_timeout,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=1,
            )
        )
        self.node = node

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to the program that runs the node."""
        yield

    async def run_on(self, listener: socket.socket) -> None:
        """Serve until told to exit, then close the node."""
        await self.node.start()
        try:
            await self.serve(sockets=[listener])
        finally:
            await self.node.stop()
            self.node.close()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self.node.stop()
        await super().shutdown(sockets)


class DevNode:
    """Run a local Aleph node: ``with DevNode() as node: node.url``.

    Without ``data_dir`` everything is gone when it stops. With one, what was answered as processed survives even a
    killed process, and another node may be started on the same folder, and the same port, later on. A node may be
    stopped and started again any number of times; it keeps its port. Any setting of ``NodeSettings`` may be given by
    name. Raises OSError when the port is taken, ``DatabaseUnusable`` when another node uses the folder.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        data_dir: str | os.PathLike[str] | None = None,
        settings: NodeSettings | None = None,
        **changed: object,
    ) -> None:
        self._host = host
        self._port = port
        self._data_dir = None if data_dir is None else Path(data_dir)
        self._settings = settings or NodeSettings(**changed)  # type: ignore[arg-type]
        if settings is not None and changed:
            raise TypeError("give either settings or single settings by name")
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        place = self.url if self._thread is not None else "not running"
        return f"<{type(self).__name__} {place}>"

    @property
    def url(self) -> str:
        """The address to give to a client, once the node was started."""
        if not self._port:
            raise RuntimeError("the node has no address before it is started")
        return (
            f"http://[{self._host}]:{self._port}"
            if ":" in self._host
            else f"http://{self._host}:{self._port}"
        )

    @property
    def port(self) -> int:
        return self._port

    def environment(self) -> dict[str, str]:
        """Return the variables that lead clients here for everything: ``os.environ.update(node.environment())``.

        The node answers for the scheduler, the list of compute nodes, instances' names and releases too. Its firmware
        is the default one; it has no root of AMD's, see ``trusted_root``.
        """
        paths = {
            "API_HOST": "",
            "SCHEDULER_URL": "/",
            "CRN_LIST_URL": "/crns.json",
            "CRN_VERSION_URL": "/releases/latest",
            "DNS_API": "/instances/list",
            "AMD_ROOTS_URL": "/amd",
        }
        return {
            **{f"ALEPH_{name}": self.url + path for name, path in paths.items()},
            "ALEPH_DEFAULT_CONFIDENTIAL_FIRMWARE_HASH": sha256(self.firmware).hexdigest(),
        }

    def client_settings(self) -> Settings:
        """Return the settings of the environment, except that every host is this node: ``settings=`` of a client."""
        return Settings.from_environment({**os.environ, **self.environment()})

    def start(self) -> Self:
        """Return when the node answers."""
        if self._thread is not None:
            raise RuntimeError("the node is running already")
        listener = listen(self._host, self._port)
        try:
            self._port = listener.getsockname()[1]
            node = Node(
                self._settings,
                self._folder(),
                durable=self._data_dir is not None,
                url=url_of(listener),
            )
        except BaseException:
            listener.close()
            self._forget_folder()
            raise
        self._server = Server(node)
        self._thread = threading.Thread(
            target=asyncio.run,
            args=(self._server.run_on(listener),),
            name="aleph-devnode",
            daemon=True,
        )
        # The socket listens already: the first request is answered as soon as the loop runs.
        self._thread.start()
        return self

    def stop(self) -> None:
        """Return when the port is free again; harmless on a stopped node."""
        if self._thread is None or self._server is None:
            return
        self._server.should_exit = True
        self._thread.join(STOP_TIMEOUT)
        if self._thread.is_alive():
            raise RuntimeError(f"the node did not stop within {STOP_TIMEOUT:.0f} seconds")
        self._thread = self._server = None
        self._forget_folder()

    def fund(
        self,
        address: str,
        *,
        aleph: int | str | Decimal = DEFAULT_FUND_ALEPH,
        credits: int = DEFAULT_FUND_CREDITS,  # noqa: A002 - the field's word
    ) -> None:
        """Add tokens (on Ethereum) and credits to what an address owns."""
        funding = {"address": address, "aleph": str(aleph), "credits": credits}
        status, text = self._tell("/_devnode/fund", funding)
        if status != 200:
            raise ValueError(f"{address!r} cannot be funded: {text}")

    def machine(self, vm_hash: str) -> dict[str, Any]:
        """Return all that the node knows of a machine; raises LookupError when it has none of this hash."""
        status, text = self._ask("GET", f"/_devnode/machines/{vm_hash}")
        if status != 200:
            raise LookupError(f"no machine {vm_hash}")
        found: dict[str, Any] = json.loads(text)
        return found

    def log(self, vm_hash: str, stream: str, message: str, *, keep: int | None = None) -> None:
        """Let a machine write a line to ``stdout`` or ``stderr``; ``keep`` drops all but its newest lines before."""
        line = {"type": stream, "message": message, "keep": keep}
        status, text = self._tell(f"/_devnode/machines/{vm_hash}/log", line)
        if status != 200:
            raise ValueError(f"{stream!r} takes no such line: {text}")

    def _tell(self, path: str, what: Mapping[str, object]) -> tuple[int, str]:
        return self._ask("POST", path, json.dumps(what))

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self._host, self.port, timeout=STOP_TIMEOUT)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    @property
    def firmware(self) -> bytes:
        """What a confidential machine starts with when the node does not have the firmware of its message."""
        return STAND_IN_FIRMWARE

    @property
    def processor(self) -> SecureProcessor:
        """The secure processor on which the running node starts confidential machines."""
        return self._running().launches.processor

    @property
    def trusted_root(self) -> sev.TrustedRoot:
        """The root of that processor's certificates: ``roots=`` of a client, which trusts AMD's otherwise."""
        processor = self.processor
        return sev.TrustedRoot.from_certificates("devnode", ark=processor.ark, ask=processor.ask)

    def revealed_secret(self, vm_hash: str) -> str | None:
        """Return the disk passphrase that a confidential machine was given, None when it was given none."""
        return self._running().launches.passphrase(vm_hash)

    def revealed_secrets(self, vm_hash: str) -> dict[UUID, bytes]:
        """Return all that a confidential machine was given, by GUID."""
        return self._running().launches.secrets(vm_hash)

    def _running(self) -> Node:
        if self._server is None:
            raise RuntimeError("the node is not running")
        return self._server.node

    def _folder(self) -> Path:
        if self._data_dir is not None:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            return self._data_dir
        self._temporary = tempfile.TemporaryDirectory(prefix="aleph-devnode-")
        return Path(self._temporary.name)

    def _forget_folder(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
