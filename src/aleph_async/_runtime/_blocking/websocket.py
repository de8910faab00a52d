"""A websocket that is read by whoever receives from it, without a thread of its own."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

import httpx

from aleph_core.errors import TransportTimeout

from .._request import origin
from .tasks import clock

if TYPE_CHECKING:
    from httpcore import NetworkStream

READ_BYTES = 64 * 1024
SHORTEST_WAIT = 0.01
GOODBYE_TIMEOUT = 1.0


class WebSocket:
    """An open websocket; the class of sessions that ``httpx_ws`` makes for us.

    Pings are sent and answered while someone receives.
    """

    def __init__(
        self,
        stream: NetworkStream,
        *,
        max_message_size_bytes: int,
        keepalive_ping_interval_seconds: float | None,
        keepalive_ping_timeout_seconds: float | None,
        response: httpx.Response,
        queue_size: int,
    ) -> None:
        from .._frames import Frames, check_accept

        del queue_size  # the peer waits in the kernel's buffers instead

        self.node = origin(str(response.url))
        check_accept(response, self.node)
        self._stream = stream
        self._write_timeout = 30.0
        self._frames = Frames(
            self.node,
            maximum_message_bytes=max_message_size_bytes,
            ping_interval=keepalive_ping_interval_seconds or 20.0,
            ping_timeout=keepalive_ping_timeout_seconds or 20.0,
            now=clock(),
        )

    def receive(self, timeout: float | None = None) -> str:
        """Return the next message.

        Raises ``TransportTimeout`` after ``timeout`` seconds without one, and the websocket stays
        usable; ``TransportError`` with a ``close_code`` once it has ended.
        """
        end = None if timeout is None else clock() + timeout
        looked = False
        while (text := self._next_text()) is None:
            self._flush()
            now = clock()
            wait = self._frames.wake_in(now)
            if end is not None:
                # A peer that keeps sending something else, pings for one, gains no time.
                if looked and now >= end:
                    raise TransportTimeout(
                        f"{self.node} sent no message in {timeout:g} s", node=self.node
                    )
                wait = min(wait, end - now)
            looked = True
            if not self._read(max(wait, SHORTEST_WAIT)):
                self._frames.tick(clock())
        self._flush()
        return text

    def send(self, text: str) -> None:
        """Send a message; raise ``TransportError`` when the websocket has ended."""
        self._frames.send(text)
        self._flush()

    def _next_text(self) -> str | None:
        return self._frames.next_text()

    def _read(self, wait: float) -> bool:
        import httpcore

        try:
            data = self._stream.read(READ_BYTES, timeout=wait)
        except httpcore.ReadTimeout:
            return False
        except (httpcore.NetworkError, OSError):
            data = b""
        self._frames.feed(data, clock())
        return True

    def _flush(self) -> None:
        import httpcore

        if data := self._frames.take_outgoing():
            try:
                self._stream.write(data, timeout=self._write_timeout)
            except (httpcore.NetworkError, httpcore.TimeoutException, OSError):
                # What the peer sent before it went is still to be read; reading tells the rest.
                return

    def __enter__(self) -> WebSocket:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._frames.close()
            self._write_timeout = GOODBYE_TIMEOUT
            self._flush()
        finally:
            self._stream.close()
