"""The websocket protocol as data: bytes in, texts and bytes out, no socket and no clock."""

from __future__ import annotations

import io
from collections import deque
from typing import Final

import httpx
import wsproto
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError, generate_accept_token

from aleph_core.errors import TransportError

NORMAL_CLOSURE: Final = 1000
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED_DATA: Final = 1003
ABNORMAL_CLOSURE: Final = 1006
TOO_BIG: Final = 1009


class Frames:
    """One client side of a websocket.

    Messages beyond ``maximum_message_bytes``, binary messages and garbage end it. A ping goes out
    after ``ping_interval`` seconds of silence; a peer that stays silent for ``ping_timeout`` more
    is dead.
    """

    def __init__(
        self,
        node: str,
        *,
        maximum_message_bytes: int,
        ping_interval: float,
        ping_timeout: float,
        now: float,
    ) -> None:
        self.outgoing = bytearray()
        self._node = node
        self._maximum = maximum_message_bytes
        self._ping_interval = ping_interval
        self._ping_timeout = ping_timeout
        self._heard = now
        self._pinged: float | None = None
        self._connection = wsproto.connection.Connection(ConnectionType.CLIENT)
        self._texts: deque[str] = deque()
        self._partial = io.StringIO()
        self._partial_bytes = 0
        self._failure: TransportError | None = None

    def next_text(self) -> str | None:
        """Return the next complete message, None if there is none yet; raise once it has ended."""
        if self._texts:
            return self._texts.popleft()
        if self._failure is not None:
            raise self._failure
        return None

    def send(self, text: str) -> None:
        """Send a message; raise when the websocket has ended."""
        if self._failure is not None:
            raise self._failure
        self.outgoing += self._connection.send(TextMessage(data=text))

    def feed(self, data: bytes, now: float) -> None:
        """Take bytes of the peer; none mean that it hung up."""
        if self._failure is not None:
            return
        if not data:
            self._fail(f"{self._node} cut the websocket", ABNORMAL_CLOSURE)
            return
        self._heard = now
        self._pinged = None
        try:
            self._connection.receive_data(data)
            for event in self._connection.events():
                self._take(event)
                if self._failure is not None:
                    return
        except (RemoteProtocolError, LocalProtocolError, UnicodeDecodeError) as error:
            self._fail(f"{self._node} broke the websocket protocol: {error}", PROTOCOL_ERROR)

    def wake_in(self, now: float) -> float:
        """Return the seconds until ``tick`` has something to do."""
        if self._pinged is None:
            return self._heard + self._ping_interval - now
        return self._pinged + self._ping_timeout - now

    def tick(self, now: float) -> None:
        """Send a ping, or give the peer up, if it is time; call it only after trying to read."""
        if self._failure is not None or self.wake_in(now) > 0:
            return
        if self._pinged is None:
            self._pinged = now
            self.outgoing += self._connection.send(Ping())
            return
        silence = self._ping_interval + self._ping_timeout
        self._fail(f"{self._node} answered no ping for {silence:g} s", ABNORMAL_CLOSURE)

    def close(self, code: int = NORMAL_CLOSURE) -> None:
        """Say goodbye, if that is still possible."""
        if self._connection.state is ConnectionState.OPEN:
            self.outgoing += self._connection.send(CloseConnection(code))

    def take_outgoing(self) -> bytes:
        data = bytes(self.outgoing)
        self.outgoing.clear()
        return data

    def _take(self, event: object) -> None:
        if isinstance(event, TextMessage):
            self._take_text(event)
        elif isinstance(event, Ping):
            self.outgoing += self._connection.send(event.response())
        elif isinstance(event, BytesMessage):
            self._fail(f"{self._node} sent a binary message", UNSUPPORTED_DATA)
        elif isinstance(event, CloseConnection):
            self._closed_by_peer(event)
        else:
            assert isinstance(event, Pong), event

    def _take_text(self, event: TextMessage) -> None:
        self._partial_bytes += len(event.data.encode("utf-8", "surrogatepass"))
        if self._partial_bytes > self._maximum:
            self._fail(f"{self._node} sent a message of more than {self._maximum} bytes", TOO_BIG)
            return
        self._partial.write(event.data)
        if event.message_finished:
            self._texts.append(self._partial.getvalue())
            self._partial = io.StringIO()
            self._partial_bytes = 0

    def _closed_by_peer(self, event: CloseConnection) -> None:
        # The parser reports garbage like a close frame, but then the peer closed nothing.
        if self._connection.state is ConnectionState.REMOTE_CLOSING:
            self.outgoing += self._connection.send(event.response())
            reason = f" {event.reason}" if event.reason else ""
            message = f"{self._node} closed the websocket: {event.code}{reason}"
            self._failure = TransportError(message, node=self._node, close_code=int(event.code))
        else:
            message = f"{self._node} broke the websocket protocol: {event.reason}"
            self._fail(message, int(event.code))

    def _fail(self, message: str, code: int) -> None:
        self._failure = TransportError(message, node=self._node, close_code=code)
        if code != ABNORMAL_CLOSURE:
            self.close(code)


def check_accept(response: httpx.Response, node: str) -> None:
    """Raise unless the peer proves that it read our websocket request."""
    key = response.request.headers.get("sec-websocket-key", "").encode()
    accept = response.headers.get("sec-websocket-accept", "").encode()
    if accept != generate_accept_token(key):
        raise TransportError(f"{node} did not accept the websocket: wrong accept key", node=node)
