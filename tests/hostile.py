"""A server on raw sockets that answers exactly what a script says, however wrong.

    with HostileServer([reset_after_request(), answer(b"{}")]) as server:
        ...  # server.url; then server.requests

Each step of the script plays one request, wherever it comes from; the last step is played for all
that follow. A step is a function of ``Peer``; the connection stays open after it until the script
closes it, so that keep-alive is real.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import TracebackType

Step = Callable[["Peer"], None]

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Closing(Exception):
    """The step wants the connection closed, or the client closed it."""


@dataclass
class Received:
    """One request as it came in; ``body`` is what of it was read."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    connection: int = 0

    def json(self) -> object:
        return json.loads(self.body)


@dataclass
class Peer:
    """The connection that a step plays on."""

    socket: socket.socket
    stopping: threading.Event
    connection: int
    request: Received = field(default_factory=lambda: Received("", "", {}))
    buffer: bytearray = field(default_factory=bytearray)

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            left = memoryview(piece)
            while left:
                if self.stopping.is_set():
                    raise Closing
                try:
                    left = left[self.socket.send(left) :]
                except TimeoutError:
                    continue
                except OSError as error:
                    raise Closing from error

    def receive(self, size: int = 65536) -> bytes:
        """Return what comes next, nothing at the end."""
        while not self.stopping.is_set():
            try:
                return self.socket.recv(size)
            except TimeoutError:
                continue
            except OSError as error:
                raise Closing from error
        raise Closing

    def take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            data = self.receive()
            if not data:
                raise Closing
            self.buffer += data
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken

    def read_head(self) -> None:
        while b"\r\n\r\n" not in self.buffer:
            data = self.receive()
            if not data:
                raise Closing
            self.buffer += data
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer[:] = rest
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        self.request = Received(method, target, headers, connection=self.connection)

    def read_body(self) -> None:
        """Read the body of the request, by its length or its chunks."""
        headers = self.request.headers
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self._line(), 16):
                self.request.body += self.take(size)
                self._line()
            self._line()
        else:
            self.request.body = self.take(int(headers.get("content-length", "0")))

    def _line(self) -> bytes:
        line = bytearray()
        while not line.endswith(b"\r\n"):
            line += self.take(1)
        return bytes(line[:-2])

    def wait(self, seconds: float) -> None:
        """Let time pass, but not longer than the server lives."""
        if self.stopping.wait(seconds):
            raise Closing

    def hang(self) -> None:
        """Do nothing until the client goes away."""
        while self.receive():
            pass
        raise Closing

    def reset(self) -> None:
        """Close with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Closing

    def read_frame(self) -> tuple[int, bytes]:
        """Return the opcode and the payload of the next websocket frame of the client."""
        first, second = self.take(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self.take(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.take(8))
        mask = self.take(4) if second & 0x80 else b"\0\0\0\0"
        payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(self.take(size)))
        return first & 0x0F, payload


class HostileServer:
    """Serve the script on loopback (``url``) or on a unix socket (``unix_socket``) until the end of ``with``."""

    def __init__(
        self,
        script: Step | Sequence[Step],
        *,
        unix_socket: str | Path | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.failures: list[BaseException] = []
        self._script = [script] if callable(script) else list(script)
        self._ssl_context = ssl_context
        self._lock = threading.Condition()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        if unix_socket is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            scheme = "http" if ssl_context is None else "https"
            self.host, self.port = self._listener.getsockname()
            self.url = f"{scheme}://127.0.0.1:{self.port}"
        else:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(str(unix_socket))
            self._listener.listen()
            self.url = "http://localhost"
        self._listener.settimeout(0.05)

    def __enter__(self) -> HostileServer:
        self._spawn(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        with self._lock:
            waiting = [self._listener, *self._open]
        for sleeper in waiting:
            with suppress(OSError):
                sleeper.shutdown(socket.SHUT_RDWR)
        # The first one accepts; after it no more can come.
        while self._threads:
            self._threads.pop(0).join()
        self._listener.close()
        if self.failures and error is None:
            raise self.failures[0]

    def wait_for_requests(self, count: int, *, timeout: float = 10.0) -> None:
        """Wait until so many requests have been read (heads at least)."""
        with self._lock:
            if not self._lock.wait_for(lambda: len(self.requests) >= count, timeout):
                raise AssertionError(f"{len(self.requests)} requests instead of {count}")

    def wait_for_body(self, body: bytes, *, timeout: float = 10.0) -> None:
        """Wait until what came with the first request, frames of a websocket too, begins like this."""
        end = time.monotonic() + timeout
        while not (self.requests and self.requests[0].body.startswith(body)):
            if time.monotonic() > end:
                raise AssertionError(f"{[request.body[:80] for request in self.requests]}")
            time.sleep(0.005)

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.append(connection)
                number = self.connections
            self._spawn(self._serve, connection, number)

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection:
            connection.settimeout(0.05)
            try:
                if self._ssl_context is not None:
                    connection.settimeout(5)
                    connection = self._ssl_context.wrap_socket(connection, server_side=True)
                    connection.settimeout(0.05)
                peer = Peer(connection, self._stopping, number)
                while True:
                    self._play(peer)
            except (Closing, OSError):
                return
            except Exception as error:  # noqa: BLE001 - shown by the test that uses the server
                self.failures.append(error)
            finally:
                connection.close()

    def _play(self, peer: Peer) -> None:
        step = self._peek()
        if not getattr(step, "before_request", False):
            peer.read_head()
            with self._lock:
                step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
                self.requests.append(peer.request)
                self._lock.notify_all()
        else:
            with self._lock:
                step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        step(peer)

    def _peek(self) -> Step:
        with self._lock:
            return self._script[0]


def _before_request(step: Step) -> Step:
    step.before_request = True  # type: ignore[attr-defined]
    return step


def head(status: int, headers: Mapping[str, str], *, reason: str = "Whatever") -> bytes:
    lines = [
        f"HTTP/1.1 {status} {reason}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def answer(
    body: bytes | str | object = b"",
    *,
    status: int = 200,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
    read_body: bool = True,
) -> Step:
    """Answer properly; anything but bytes and text is sent as JSON."""
    data = _bytes(body)

    def play(peer: Peer) -> None:
        if read_body:
            peer.read_body()
        fields = {"Content-Type": content_type, "Content-Length": str(len(data)), **(headers or {})}
        peer.send(head(status, fields), b"" if peer.request.method == "HEAD" else data)

    return play


def _bytes(body: bytes | str | object) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def html_error(status: int = 502) -> Step:
    """Answer as a reverse proxy whose node is gone."""
    page = f"<html><head><title>{status}</title></head><body><h1>{status} Bad Gateway</h1></body></html>"
    return answer(page, status=status, content_type="text/html")


def wrong_content_type(body: bytes | str | object, content_type: str = "image/png") -> Step:
    return answer(body, content_type=content_type)


def truncated(body: bytes | str | object, *, missing: int = 10, status: int = 200) -> Step:
    """Announce more than is sent, then hang up."""
    data = _bytes(body)

    def play(peer: Peer) -> None:
        peer.read_body()
        fields = {"Content-Type": "application/json", "Content-Length": str(len(data) + missing)}
        peer.send(head(status, fields), data)
        raise Closing

    return play


def longer_than_announced(body: bytes | str | object, *, excess: bytes = b"garbage") -> Step:
    """Send the excess behind the body, on a connection that claims to stay open."""
    data = _bytes(body)

    def play(peer: Peer) -> None:
        peer.read_body()
        fields = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        peer.send(head(200, fields) + data + excess)

    return play


def chunked(
    *chunks: bytes, content_type: str = "application/json", end: bytes = b"0\r\n\r\n"
) -> Step:
    """Answer in chunks, without a length; another ``end`` breaks it."""

    def play(peer: Peer) -> None:
        peer.read_body()
        peer.send(head(200, {"Content-Type": content_type, "Transfer-Encoding": "chunked"}))
        for chunk in chunks:
            peer.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        peer.send(end)
        if end != b"0\r\n\r\n":
            raise Closing

    return play


def chunked_garbage() -> Step:
    """Break the chunk syntax in the middle of the body."""
    return chunked(b'{"a":', end=b"this is no chunk size\r\nat all\r\n")


def raw(data: bytes, *, close: bool = True) -> Step:
    """Send these bytes as the answer, HTTP or not."""

    def play(peer: Peer) -> None:
        peer.read_body()
        peer.send(data)
        if close:
            raise Closing

    return play


def redirect(location: str, *, status: int = 302) -> Step:
    return answer(b"", status=status, headers={"Location": location})


def slow_drip(
    body: bytes, *, interval: float = 0.05, content_type: str = "application/json"
) -> Step:
    """Send the body byte by byte."""

    def play(peer: Peer) -> None:
        peer.read_body()
        peer.send(head(200, {"Content-Type": content_type, "Content-Length": str(len(body))}))
        for index in range(len(body)):
            peer.wait(interval)
            peer.send(body[index : index + 1])

    return play


def reset_before_request() -> Step:
    """Reset the connection as soon as it is open, before anything is read."""

    def play(peer: Peer) -> None:
        peer.reset()

    return _before_request(play)


def reset_after_head() -> Step:
    """Reset the connection while the body is still being sent."""

    def play(peer: Peer) -> None:
        peer.reset()

    return play


def reset_after_request() -> Step:
    """Reset the connection when all of the request was read."""

    def play(peer: Peer) -> None:
        peer.read_body()
        peer.reset()

    return play


def hang_up() -> Step:
    """Close the connection properly, without an answer."""

    def play(peer: Peer) -> None:
        peer.read_body()
        raise Closing

    return play


def never() -> Step:
    """Read the request and never answer it."""

    def play(peer: Peer) -> None:
        peer.read_body()
        peer.hang()

    return play


def processing() -> Step:
    """Send a status below 200, as if the answer followed, and nothing more."""

    def play(peer: Peer) -> None:
        peer.read_body()
        peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        peer.hang()

    return play


def never_read() -> Step:
    """Read the head of the request only, and neither more of it nor answer it."""

    def play(peer: Peer) -> None:
        while not peer.stopping.wait(0.05):
            pass
        raise Closing

    return play


def rate_limited(after: float | str | None = 1, *, status: int = 429) -> Step:
    """Ask to slow down, for seconds or in the words given."""
    headers = (
        {}
        if after is None
        else {"Retry-After": f"{after:g}" if not isinstance(after, str) else after}
    )
    return answer("slow down", status=status, content_type="text/plain", headers=headers)


def rate_limited_until(delay: float) -> Step:
    """Ask to slow down until a date that lies so many seconds ahead of the server's own."""
    now = datetime.now(UTC).replace(microsecond=0)
    dates = {
        "Date": format_datetime(now, usegmt=True),
        "Retry-After": format_datetime(now + timedelta(seconds=delay), usegmt=True),
    }
    return answer("slow down", status=429, content_type="text/plain", headers=dates)


def unavailable(*, status: int = 503) -> Step:
    return html_error(status)


def gzipped(body: bytes | str | object, *, cut: int = 0) -> Step:
    """Answer with a compressed body, without its last ``cut`` bytes."""
    data = gzip.compress(_bytes(body))
    return answer(data[: len(data) - cut], headers={"Content-Encoding": "gzip"})


def gzip_bomb(size: int = 64 * 1024 * 1024) -> Step:
    """Answer with a small body that unpacks to ``size`` bytes."""
    return answer(gzip.compress(bytes(size)), headers={"Content-Encoding": "gzip"})


def early_refusal(status: int = 413, *, body: str = "Maximum request body size exceeded.") -> Step:
    """Refuse on seeing the head, then close with the rest of the request unread."""

    def play(peer: Peer) -> None:
        data = body.encode()
        fields = {
            "Content-Type": "text/plain",
            "Content-Length": str(len(data)),
            "Connection": "close",
        }
        peer.send(head(status, fields), data)
        peer.socket.shutdown(socket.SHUT_WR)
        # Closing with unread bytes would reset the connection and take the answer back.
        for _ in range(2000):
            if not peer.receive():
                break
        raise Closing

    return play


def frame(
    opcode: int, payload: bytes | str = b"", *, final: bool = True, size: int | None = None
) -> bytes:
    """Return a websocket frame of a server; ``size`` is what it claims to hold."""
    data = payload.encode() if isinstance(payload, str) else payload
    length = len(data) if size is None else size
    first = (0x80 if final else 0) | opcode
    if length < 126:
        return struct.pack("!BB", first, length) + data
    if length < 1 << 16:
        return struct.pack("!BBH", first, 126, length) + data
    return struct.pack("!BBQ", first, 127, length) + data


def close_frame(code: int, reason: str = "") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason.encode())


def websocket(
    *frames: bytes,
    then: str = "close",
    code: int = 1000,
    reason: str = "",
    accept: str | None = None,
    after: float = 0.0,
    hear: int = 0,
) -> Step:
    """Accept the upgrade, ``hear`` so many messages, and send the frames ``after`` so many seconds.

    ``then`` is ``close`` (with ``code``), ``cut`` (hang up without a close frame), ``reset``,
    ``silent`` (read on but answer nothing, pings included) or ``open`` (answer pings).
    """

    def play(peer: Peer) -> None:
        _upgrade(peer, accept)
        for _ in range(hear):
            _, payload = peer.read_frame()
            peer.request.body += payload
        peer.wait(after)
        peer.send(*frames)
        if then == "close":
            peer.send(close_frame(code, reason))
            peer.hang()
        elif then == "cut":
            raise Closing
        elif then == "reset":
            peer.reset()
        elif then == "silent":
            peer.hang()
        else:
            _stay(peer)

    return play


def _upgrade(peer: Peer, accept: str | None = None) -> None:
    key = peer.request.headers.get("sec-websocket-key", "")
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
    token = base64.b64encode(digest).decode() if accept is None else accept
    fields = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": token}
    peer.send(head(101, fields))


def _stay(peer: Peer) -> None:
    while True:
        opcode, payload = peer.read_frame()
        # What the client sent on the websocket is kept as the body of its request.
        peer.request.body += bytes([opcode]) + payload
        if opcode == PING:
            peer.send(frame(PONG, payload))
        if opcode == CLOSE:
            peer.send(frame(CLOSE, payload))
            raise Closing


def websocket_pinging() -> Step:
    """Accept the upgrade, then send pings, as many as the client takes, and nothing else."""

    def play(peer: Peer) -> None:
        _upgrade(peer, None)
        while True:
            peer.send(frame(PING, b"again") * 100)

    return play


def websocket_garbage() -> Step:
    """Accept the upgrade, then send what is no frame."""
    return websocket(b"\xff\xff\xff\xffHTTP/1.1 500 What\r\n\r\n", then="silent")


def websocket_binary(payload: bytes = b"\x00\x01") -> Step:
    return websocket(frame(BINARY, payload), then="silent")


def websocket_oversize(size: int) -> Step:
    """Send one text message of ``size`` bytes."""
    return websocket(frame(TEXT, b"x" * size), then="silent")


def websocket_too_many() -> Step:
    """Accept the upgrade and close at once, as a node at its limit does."""
    return websocket(code=1013, reason="Too many connections")


def websocket_deaf(*frames: bytes) -> Step:
    """Send the frames and never answer a ping."""
    return websocket(*frames, then="silent")


def upgrade_refused(status: int = 403, *, headers: Mapping[str, str] | None = None) -> Step:
    return answer("no websocket here", status=status, content_type="text/plain", headers=headers)
