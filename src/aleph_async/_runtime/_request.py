"""What is sent and what went wrong, in words that know no colour."""

from __future__ import annotations

import functools
import logging
import math
import os
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

import attrs
import httpx

from aleph_core.errors import (
    ApiError,
    ArgumentError,
    MalformedAnswerError,
    RateLimited,
    TransportError,
    TransportTimeout,
)
from aleph_core.retry import retry_after

from ._files import Source

Progress = Callable[[int, int | None], object]

DEFAULT_TIMEOUT: Final = 30.0
CONNECT_TIMEOUT: Final = 10.0
SLOWEST_RATE: Final = 1024.0
DIAGNOSTIC_BYTES: Final = 64 * 1024

_UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


@attrs.frozen(kw_only=True)
class Request:
    """One HTTP request, complete with its absolute URL.

    The body is ``body``, or ``head`` + the bytes of ``file`` + ``tail`` sent with their length.
    ``timeout`` replaces that of the ``Http``; ``minimum_timeout`` (seconds) extends the reading
    part of whichever holds. ``on_progress`` counts the bytes of the file when one is sent, those
    of the answer otherwise. Of a ``secret`` URL, one that holds a key or a signature, logs show no
    more than its origin.
    """

    method: str
    url: str
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes | None = attrs.field(default=None, repr=False)
    file: Source | None = None
    head: bytes = attrs.field(default=b"", repr=False)
    tail: bytes = attrs.field(default=b"", repr=False)
    timeout: float | httpx.Timeout | None = None
    minimum_timeout: float = 0.0
    on_progress: Progress | None = attrs.field(default=None, repr=False)
    secret: bool = False

    @property
    def node(self) -> str:
        return origin(self.url)

    @property
    def length(self) -> int:
        if self.file is not None:
            return len(self.head) + self.file.size + len(self.tail)
        return len(self.body or b"")


_in_secret: ContextVar[bool] = ContextVar("in_secret", default=False)


@contextmanager
def unlogged(request: Request) -> Iterator[None]:
    """Keep the HTTP library, which logs each URL that it asks, from showing a secret one."""
    token = _in_secret.set(request.secret)
    try:
        yield
    finally:
        _in_secret.reset(token)


def _hide(record: logging.LogRecord) -> bool:
    if _in_secret.get() and isinstance(record.args, tuple):
        record.args = tuple(
            f"{origin(str(value))}/…" if isinstance(value, httpx.URL) else value
            for value in record.args
        )
    return True


logging.getLogger("httpx").addFilter(_hide)


def origin(url: str) -> str:
    """Return scheme, host and port of the URL, never its credentials."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def plain_url(request: Request) -> httpx.URL:
    """Return the URL without its credentials, which travel in a header."""
    return httpx.URL(request.url).copy_with(userinfo=b"")


def default_ssl_context() -> ssl.SSLContext:
    """Return the context of everyone who brings none; reading the authorities takes long."""
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    return _ssl_context(tuple(os.environ.get(name) for name in names))


@functools.lru_cache(maxsize=4)
def _ssl_context(_variables: tuple[str | None, ...]) -> ssl.SSLContext:
    return httpx.create_ssl_context()


def as_timeout(timeout: float | httpx.Timeout) -> httpx.Timeout:
    """Read seconds as the timeout of each step; connecting takes at most 10 s."""
    if isinstance(timeout, httpx.Timeout):
        return timeout
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise ArgumentError("timeout", f"must be seconds or an httpx.Timeout, not {timeout!r}")
    if not math.isfinite(timeout) or timeout <= 0:
        raise ArgumentError("timeout", f"must be a positive, finite number, not {timeout!r}")
    return httpx.Timeout(float(timeout), connect=min(float(timeout), CONNECT_TIMEOUT))


def effective_timeout(request: Request, default: httpx.Timeout) -> httpx.Timeout:
    """Return the timeout of each step of the request, once an answer has begun."""
    return default if request.timeout is None else as_timeout(request.timeout)


def waiting_timeout(request: Request, timeout: httpx.Timeout) -> httpx.Timeout:
    """Return the timeout until an answer begins, which a node may be asked to delay."""
    if timeout.read is None or timeout.read >= request.minimum_timeout:
        return timeout
    return httpx.Timeout(
        connect=timeout.connect,
        read=request.minimum_timeout,
        write=timeout.write,
        pool=timeout.pool,
    )


def request_headers(request: Request, *, stream: bool) -> dict[str, str]:
    """Return the headers as they are sent: with the length, and an encoding we can bound."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers.setdefault("accept-encoding", "identity" if stream else "gzip, deflate")
    if userinfo := httpx.URL(request.url).userinfo:
        credentials = b64encode(unquote_to_bytes(userinfo)).decode()
        headers.setdefault("authorization", f"Basic {credentials}")
    if request.file is not None:
        headers["content-length"] = str(request.length)
    return headers


def answer_headers(headers: httpx.Headers) -> dict[str, str]:
    """Return the headers of an answer under lower-case names, repeated ones joined by commas."""
    return {name.lower(): value for name, value in headers.items()}


def transport_error(
    error: BaseException, node: str, timeout: httpx.Timeout, *, sent: bool | None = None
) -> TransportError:
    """Turn an error of the HTTP library into ours; chain it with ``from``."""
    reached = not isinstance(error, _UNSENT) if sent is None else sent
    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, httpx.PoolTimeout):
        message = f"no free connection to {node} within {_seconds(timeout.pool)}"
    elif isinstance(error, httpx.TimeoutException) and not reached:
        message = f"no connection to {node} within {_seconds(timeout.connect)}"
    elif isinstance(error, httpx.WriteTimeout):
        message = f"{node} took no more of the request within {_seconds(timeout.write)}"
    elif isinstance(error, httpx.TimeoutException):
        message = f"no answer from {node} within {_seconds(timeout.read)}"
    elif not reached:
        message = f"cannot connect to {node}: {reason}"
    else:
        message = f"the exchange with {node} broke: {reason}"
    kind = TransportTimeout if isinstance(error, httpx.TimeoutException) else TransportError
    return kind(message, node=node, sent=reached)


def refused_upgrade(response: httpx.Response, node: str) -> ApiError:
    """Return the error for a node that answers a websocket request with something else."""
    status = response.status_code
    message = f"{node} refused the websocket with {status} {response.reason_phrase}".rstrip()
    if status == 429:
        headers = answer_headers(response.headers)
        return RateLimited(message, retry_after=retry_after(headers), status=status, node=node)
    return ApiError(message, status=status, node=node)


def too_long(status: int, node: str, limit: int) -> MalformedAnswerError:
    """Return the error for an answer that exceeds what the call can mean."""
    return MalformedAnswerError(
        f"{node} answered {status} with more than the {limit} bytes this call takes",
        status=status,
        node=node,
    )


def announced_length(headers: Mapping[str, str]) -> int | None:
    """Return the length of the body in bytes if the answer names one and sends it unencoded."""
    text = headers.get("content-length", "")
    if not text.isdecimal() or headers.get("content-encoding", "identity") != "identity":
        return None
    return int(text)


class BodyCount:
    """The length of a body as it travels, against the one that was announced."""

    def __init__(self, method: str, status: int, headers: Mapping[str, str], node: str) -> None:
        text = headers.get("content-length", "")
        bodiless = method == "HEAD" or status in (204, 304)
        self._announced = int(text) if text.isdecimal() and not bodiless else None
        self._node = node
        self._received = 0

    def add(self, received: int) -> None:
        self._received += received

    def finish(self) -> None:
        """Raise ``TransportError`` unless all of the body, and no more, has come."""
        if self._announced is not None and self._received != self._announced:
            raise TransportError(
                f"{self._node} announced {self._announced} bytes and sent {self._received}",
                node=self._node,
            )


class Patience:
    """How long the rest of a body may take: the reading timeout, and more as bytes come in.

    Without it a peer that sends one byte now and then would hold a caller for ever. Only the time
    spent waiting counts, not what the consumer does between two chunks.
    """

    def __init__(self, node: str, timeout: httpx.Timeout) -> None:
        self._node = node
        self._grace = timeout.read
        self._waited = 0.0
        self._received = 0

    def spend(self, seconds: float, received: int) -> None:
        """Account for a chunk; raise ``TransportTimeout`` when the peer is too slow."""
        self._waited += seconds
        self._received += received
        if self._grace is None:
            return
        if self._waited > self._grace + self._received / SLOWEST_RATE:
            raise TransportTimeout(
                f"{self._node} sends its answer too slowly: {self._received} bytes "
                f"in {self._waited:.0f} s",
                node=self._node,
            )


def _seconds(value: float | None) -> str:
    return "the time given" if value is None else f"{value:g} s"
