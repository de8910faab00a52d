"""HTTP over one pool of connections that belongs to one event loop at a time."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.util import find_spec
from typing import Any

import attrs
import httpx

from aleph_core.call import Answer
from aleph_core.errors import (
    ArgumentError,
    ClosedClientError,
    ConfigurationError,
    MissingDependencyError,
    TransportError,
)

from .. import _request
from .._decoding import Decoder
from .._files import Source
from .._request import Patience, Progress, Request
from .files import next_chunk
from .tasks import clock
from .websocket import WebSocket

HttpClient = httpx.AsyncClient

_ERRORS = (httpx.HTTPError, httpx.InvalidURL, OSError)
# Seconds that the transport's own timeout is ahead of the one here.
_GRACE = 1.0


class Http:
    """The connections of one client; nothing is opened before the first request.

    ``timeout`` (seconds or ``Timeout``) defaults to 30 s a step, or to that of ``http_client``,
    which is used as it is and never closed here. ``prefer_aiohttp`` None means: if it is installed.
    """

    def __init__(
        self,
        *,
        timeout: float | httpx.Timeout | None = None,
        ssl_context: ssl.SSLContext | None = None,
        unix_socket: str | None = None,
        http_client: httpx.AsyncClient | None = None,
        prefer_aiohttp: bool | None = None,
        limits: httpx.Limits | None = None,
    ) -> None:
        if http_client is not None:
            if not isinstance(http_client, httpx.AsyncClient):
                raise ArgumentError(
                    "http_client", f"must be an httpx.AsyncClient here, not {http_client!r}"
                )
            if ssl_context is not None or unix_socket is not None:
                given = "ssl_context" if ssl_context is not None else "unix_socket"
                raise ArgumentError(given, "give it to the http_client itself")
        if timeout is not None:
            self._timeout = _request.as_timeout(timeout)
        elif http_client is not None:
            self._timeout = http_client.timeout
        else:
            self._timeout = _request.as_timeout(_request.DEFAULT_TIMEOUT)
        self._ssl_context = ssl_context
        self._unix_socket = unix_socket
        self._injected = http_client
        self._limits = limits or httpx.Limits(max_connections=100, max_keepalive_connections=20)
        self._use_aiohttp = _choose_aiohttp(prefer_aiohttp, unix_socket)
        self._pools: dict[bool, _Pool] = {}
        self._closed = False

    async def exchange(self, request: Request, *, limit: int) -> Answer:
        """Send the request and return the whole answer, of whatever status.

        Raises ``TransportError`` without one, ``MalformedAnswerError`` above ``limit`` bytes.
        """
        async with self._answer(request, stream=False) as answer:
            body = await answer.read(limit)
        return Answer(answer.status, answer.headers, body, node=answer.node)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[StreamedAnswer]:
        """Send the request and hand out the answer with its body unread."""
        async with self._answer(request, stream=True) as answer:
            yield answer

    @asynccontextmanager
    async def websocket(
        self,
        url: str,
        *,
        maximum_message_bytes: int,
        ping_interval: float = 20.0,
        ping_timeout: float = 20.0,
    ) -> AsyncIterator[WebSocket]:
        """Open a websocket; raise ``ApiError`` when the node answers with something else."""
        import httpx_ws

        # Made and entered by httpx_ws, but no subclass of its own session, which has no limit on
        # messages, loses parser errors, and reads in a task or threads that outlive generators.
        session: Any = WebSocket
        node = _request.origin(url)
        client = await self._client(plain=True)
        async with AsyncExitStack() as stack:
            try:
                socket: WebSocket = await stack.enter_async_context(
                    httpx_ws.aconnect_ws(
                        url,
                        client,
                        session_class=session,
                        max_message_size_bytes=maximum_message_bytes,
                        keepalive_ping_interval_seconds=ping_interval,
                        keepalive_ping_timeout_seconds=ping_timeout,
                        timeout=self._timeout,
                        follow_redirects=False,
                    )
                )
            except httpx_ws.WebSocketUpgradeError as error:
                raise _request.refused_upgrade(error.response, node) from error
            except _ERRORS as error:
                raise _request.transport_error(error, node, self._timeout) from error
            yield socket

    async def aclose(self) -> None:
        """Close the connections opened here; a second call does nothing."""
        self._closed = True
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            if pool.loop is asyncio.get_running_loop():
                await pool.guard.aclose()

    @asynccontextmanager
    async def _answer(self, request: Request, *, stream: bool) -> AsyncIterator[StreamedAnswer]:
        client = await self._client(plain=False)
        timeout = _request.effective_timeout(request, self._timeout)
        upload = None if request.file is None else Upload(request, request.file)
        try:
            waiting = _request.waiting_timeout(request, timeout)
            with _request.unlogged(request):
                response = await self._send(client, request, upload, waiting, stream=stream)
            try:
                yield StreamedAnswer(response, request, timeout, stream=stream)
            finally:
                await _close(response)
        finally:
            if upload is not None:
                upload.end()

    async def _send(
        self,
        client: httpx.AsyncClient,
        request: Request,
        upload: Upload | None,
        timeout: httpx.Timeout,
        *,
        stream: bool,
    ) -> httpx.Response:
        try:
            prepared = client.build_request(
                request.method,
                _request.plain_url(request),
                headers=_request.request_headers(request, stream=stream),
                content=request.body if upload is None else upload,
                timeout=timeout,
            )
            if upload is None:
                # aiohttp 3.14 forgets its timeout once a status below 200 has come, after which a
                # node may keep silent. The transport's own, where it works, comes first.
                async with asyncio.timeout(_longest(timeout, request.length)):
                    return await client.send(prepared, stream=True, follow_redirects=False)
            prepared.stream = upload
            async with upload.watched(timeout.write):
                return await client.send(prepared, stream=True, follow_redirects=False)
        except Exception as error:
            if upload is not None and upload.failure is not None:
                raise upload.failure from None
            if isinstance(error, TimeoutError):
                late = httpx.ReadTimeout if upload is None else httpx.WriteTimeout
                error = late(str(error))
            elif client.is_closed:
                raise ClosedClientError("the client was closed; make a new one") from error
            failure = _failure(error, request, timeout)
            if failure is None:
                raise
            raise failure from error

    async def _client(self, *, plain: bool) -> httpx.AsyncClient:
        if self._closed or (self._injected is not None and self._injected.is_closed):
            raise ClosedClientError("the client was closed; make a new one")
        if self._injected is not None:
            return self._injected
        loop = asyncio.get_running_loop()
        use_aiohttp = self._use_aiohttp and not plain
        pool = self._pools.get(use_aiohttp)
        if pool is None or pool.loop is not loop or pool.client.is_closed:
            client = self._make_client(use_aiohttp=use_aiohttp)
            pool = _Pool(loop, client, _open_until_loop_ends(client))
            await anext(pool.guard)
            self._pools[use_aiohttp] = pool
        return pool.client

    def _make_client(self, *, use_aiohttp: bool) -> httpx.AsyncClient:
        kind = httpx.AsyncClient
        if use_aiohttp:
            from httpx_aiohttp import HttpxAiohttpClient

            kind = HttpxAiohttpClient
        transport = None
        try:
            verify = self._ssl_context or _request.default_ssl_context()
        except OSError as error:
            raise ConfigurationError(f"cannot read the certificate authorities: {error}") from error
        if self._unix_socket is not None:
            transport = httpx.AsyncHTTPTransport(
                uds=self._unix_socket, verify=verify, limits=self._limits
            )
        try:
            return kind(
                timeout=self._timeout,
                verify=verify,
                limits=self._limits,
                transport=transport,
                # Nodes have no sessions; a jar would only grow.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            )
        except (ValueError, ImportError, httpx.InvalidURL, OSError) as error:
            raise ConfigurationError(f"cannot set up HTTP: {error}") from error


class StreamedAnswer:
    """An answer whose body is still to come; header names are lower-case."""

    def __init__(
        self, response: httpx.Response, request: Request, timeout: httpx.Timeout, *, stream: bool
    ) -> None:
        self.status = response.status_code
        self.headers = _request.answer_headers(response.headers)
        self.node = request.node
        self.length = _request.announced_length(self.headers)
        self._response = response
        self._request = request
        self._timeout = timeout
        self._on_progress: Progress | None = request.on_progress if stream else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the decoded body once; raise ``TransportError`` if it is cut short."""
        if self._response.is_stream_consumed:
            # The transport of a given client, a mock as a rule, may hand out answers already read.
            yield self._response.content
            return
        decoder = Decoder(self.headers, status=self.status, node=self.node)
        patience = Patience(self.node, self._timeout)
        count = _request.BodyCount(self._request.method, self.status, self.headers, self.node)
        received = 0
        raw = self._response.aiter_raw()
        while data := await self._next(raw, patience):
            count.add(len(data))
            for piece in decoder.decode(data):
                received += len(piece)
                if self._on_progress is not None:
                    self._on_progress(received, self.length)
                yield piece
        count.finish()
        decoder.finish()

    async def _next(self, raw: AsyncIterator[bytes], patience: Patience) -> bytes:
        began = clock()
        read = self._timeout.read
        try:
            # aiohttp 3.14 waits without end, and without its own timeout, after bytes that are no
            # chunk. The transport's timeout, where it works, comes first and says more.
            async with asyncio.timeout(None if read is None else read + _GRACE):
                data = await anext(raw, b"")
        except Exception as error:
            if isinstance(error, TimeoutError):
                error = httpx.ReadTimeout(str(error))
            failure = _failure(error, self._request, self._timeout, sent=True)
            if failure is None:
                raise
            raise failure from error
        if data:
            patience.spend(clock() - began, len(data))
        return data

    async def read(self, limit: int) -> bytes:
        """Return the whole body; raise ``MalformedAnswerError`` above ``limit`` bytes."""
        if self.length is not None and self.length > limit and self._request.method != "HEAD":
            raise _request.too_long(self.status, self.node, limit)
        body = bytearray()
        async for chunk in self.chunks():
            body += chunk
            if len(body) > limit:
                raise _request.too_long(self.status, self.node, limit)
        return bytes(body)


class Upload(httpx.AsyncByteStream):
    """The body of a request with a file: head, content, tail; iterating again starts over."""

    def __init__(self, request: Request, file: Source) -> None:
        self.failure: Exception | None = None
        self._request = request
        self._file = file
        self._stall: _Stall | None = None
        self._begin()

    def _begin(self) -> None:
        self._reading = self._file.begin()
        self._before = [self._request.head] if self._request.head else []
        self._behind = [self._request.tail] if self._request.tail else []
        self._sent = 0

    @asynccontextmanager
    async def watched(self, seconds: float | None) -> AsyncIterator[None]:
        """Limit the time from one chunk to the next, which not every transport does for writing."""
        async with asyncio.timeout(None) as timeout:
            if seconds is not None:
                self._stall = _Stall(timeout, seconds)
            try:
                yield
            finally:
                self._stall = None

    def end(self) -> None:
        """Close the file."""
        self._reading.close()

    def __aiter__(self) -> Upload:
        self._reading.close()
        self._begin()
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._next()
        except Exception as error:
            # Transports wrap what a body raises; the sender raises this instead.
            self.failure = error
            raise
        if self._stall is not None:
            self._stall.restart(running=bool(chunk))
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def _next(self) -> bytes:
        if self._before:
            return self._before.pop()
        if self._sent and self._request.on_progress is not None:
            self._request.on_progress(self._sent, self._file.size)
        chunk = await next_chunk(self._reading)
        self._sent += len(chunk)
        if not chunk and self._behind:
            return self._behind.pop()
        return chunk


@attrs.frozen
class _Stall:
    timeout: asyncio.Timeout
    seconds: float

    def restart(self, *, running: bool) -> None:
        if not self.timeout.expired():
            end = asyncio.get_running_loop().time() + self.seconds
            self.timeout.reschedule(end if running else None)


def _longest(timeout: httpx.Timeout, length: int) -> float | None:
    """Return the seconds after which the answer to a request of this length will not begin any more."""
    steps = (timeout.pool, timeout.connect, timeout.write, timeout.read)
    if None in steps:
        return None
    return sum(step or 0.0 for step in steps) + length / _request.SLOWEST_RATE + _GRACE


@attrs.frozen
class _Pool:
    loop: asyncio.AbstractEventLoop
    client: httpx.AsyncClient
    guard: AsyncGenerator[None, None]


async def _open_until_loop_ends(client: httpx.AsyncClient) -> AsyncGenerator[None, None]:
    # A loop closes the generators that are still open when it shuts down, and those that are
    # dropped: connections that nobody closed go with them, without a warning.
    try:
        yield
    finally:
        await client.aclose()


async def _close(response: httpx.Response) -> None:
    try:
        await response.aclose()
    except _ERRORS:
        # The answer was read or is not wanted any more; the connection is gone either way.
        return


def _choose_aiohttp(prefer: bool | None, unix_socket: str | None) -> bool:
    if prefer is False or unix_socket is not None:
        return False
    installed = find_spec("httpx_aiohttp") is not None
    if prefer and not installed:
        raise MissingDependencyError("prefer_aiohttp", extra="aiohttp")
    return installed


def _failure(
    error: Exception, request: Request, timeout: httpx.Timeout, *, sent: bool | None = None
) -> TransportError | None:
    aiohttp = sys.modules.get("aiohttp")
    if aiohttp is not None:
        cause = error if isinstance(error, aiohttp.ClientError) else error.__cause__
        if cause is not None and isinstance(cause, aiohttp.ClientError):
            error, known = _from_aiohttp(aiohttp, cause)
            sent = known if sent is None else sent
        elif isinstance(error, RuntimeError) and str(error) == "Connection closed.":
            # What aiohttp's reader says once a broken answer has ended its connection.
            error = httpx.ReadError(str(error))
    if not isinstance(error, _ERRORS):
        return None
    return _request.transport_error(error, request.node, timeout, sent=sent)


def _from_aiohttp(aiohttp: Any, cause: BaseException) -> tuple[httpx.HTTPError, bool]:
    # The transport's own translation calls every cut connection a connect timeout, which would
    # let a request be repeated that the node may have read.
    reason = str(cause) or type(cause).__name__
    if isinstance(cause, aiohttp.ConnectionTimeoutError):
        return httpx.ConnectTimeout(reason), False
    if isinstance(cause, aiohttp.ServerTimeoutError):
        return httpx.ReadTimeout(reason), True
    unsent = (aiohttp.ClientConnectorError, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)
    if isinstance(cause, unsent):
        return httpx.ConnectError(reason), False
    return httpx.ReadError(reason), True
