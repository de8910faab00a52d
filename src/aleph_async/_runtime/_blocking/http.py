"""HTTP over one pool of connections that threads share and forked children do not."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import traceback
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NoReturn

import attrs
import httpx

from aleph_core.call import Answer
from aleph_core.errors import ArgumentError, ClosedClientError, ConfigurationError, TransportError

from .. import _request
from .._decoding import Decoder
from .._files import Source
from .._request import Patience, Progress, Request
from .files import next_chunk
from .tasks import clock
from .websocket import WebSocket

HttpClient = httpx.Client

_ERRORS = (httpx.HTTPError, httpx.InvalidURL, OSError)


class Http:
    """The connections of one client; nothing is opened before the first request.

    ``timeout`` (seconds or ``Timeout``) defaults to 30 s a step, or to that of ``http_client``,
    which is used as it is and never closed here. ``prefer_aiohttp`` changes nothing here.
    """

    def __init__(
        self,
        *,
        timeout: float | httpx.Timeout | None = None,
        ssl_context: ssl.SSLContext | None = None,
        unix_socket: str | None = None,
        http_client: httpx.Client | None = None,
        prefer_aiohttp: bool | None = None,
        limits: httpx.Limits | None = None,
    ) -> None:
        del prefer_aiohttp
        if http_client is not None:
            if not isinstance(http_client, httpx.Client):
                raise ArgumentError(
                    "http_client", f"must be an httpx.Client here, not {http_client!r}"
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
        self._pool: _Pool | None = None
        self._closed = False

    def exchange(self, request: Request, *, limit: int) -> Answer:
        """Send the request and return the whole answer, of whatever status.

        Raises ``TransportError`` without one, ``MalformedAnswerError`` above ``limit`` bytes.
        """
        with self._answer(request, stream=False) as answer:
            body = answer.read(limit)
        return Answer(answer.status, answer.headers, body, node=answer.node)

    @contextmanager
    def stream(self, request: Request) -> Iterator[StreamedAnswer]:
        """Send the request and hand out the answer with its body unread."""
        with self._answer(request, stream=True) as answer:
            yield answer

    @contextmanager
    def websocket(
        self,
        url: str,
        *,
        maximum_message_bytes: int,
        ping_interval: float = 20.0,
        ping_timeout: float = 20.0,
    ) -> Iterator[WebSocket]:
        """Open a websocket; raise ``ApiError`` when the node answers with something else."""
        import httpx_ws

        # Made and entered by httpx_ws, but no subclass of its own session, which has no limit on
        # messages, loses parser errors, and reads in a task or threads that outlive generators.
        session: Any = WebSocket
        node = _request.origin(url)
        client = self._client()
        with ExitStack() as stack:
            try:
                opened: WebSocket = stack.enter_context(
                    httpx_ws.connect_ws(
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
            yield opened

    def close(self) -> None:
        """Close the connections opened here; a second call does nothing."""
        self._closed = True
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.finalizer()

    @contextmanager
    def _answer(self, request: Request, *, stream: bool) -> Iterator[StreamedAnswer]:
        client = self._client()
        timeout = _request.effective_timeout(request, self._timeout)
        upload = None if request.file is None else Upload(request, request.file)
        try:
            waiting = _request.waiting_timeout(request, timeout)
            with _request.unlogged(request):
                response = self._send(client, request, upload, waiting, stream=stream)
            try:
                yield StreamedAnswer(response, request, timeout, stream=stream)
            finally:
                _close(response)
        finally:
            if upload is not None:
                upload.end()

    def _send(
        self,
        client: httpx.Client,
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
            if upload is not None:
                prepared.stream = upload
            response = client.send(prepared, stream=True, follow_redirects=False)
            if client.is_closed:
                _close_late(response)
            return response
        except Exception as error:
            if upload is not None and upload.failure is not None:
                raise upload.failure from None
            if client.is_closed:
                raise ClosedClientError("the client was closed; make a new one") from error
            if self._unix_socket is not None:
                _close_unconnected(error)
            failure = _failure(error, request, timeout)
            if failure is None:
                raise
            raise failure from error

    def _client(self) -> httpx.Client:
        if self._closed or (self._injected is not None and self._injected.is_closed):
            raise ClosedClientError("the client was closed; make a new one")
        if self._injected is not None:
            return self._injected
        pool = self._pool
        if pool is None or pool.process != os.getpid():
            with _lock:
                pool = self._pool
                if pool is None or pool.process != os.getpid():
                    pool = self._pool = self._make_pool(inherited=pool)
        return pool.client

    def _make_pool(self, inherited: _Pool | None) -> _Pool:
        if inherited is not None:
            inherited.finalizer()
        client = self._make_client()
        return _Pool(client, os.getpid(), weakref.finalize(self, _close_own, client, os.getpid()))

    def _make_client(self) -> httpx.Client:
        transport = None
        try:
            verify = self._ssl_context or _request.default_ssl_context()
        except OSError as error:
            raise ConfigurationError(f"cannot read the certificate authorities: {error}") from error
        if self._unix_socket is not None:
            transport = httpx.HTTPTransport(
                uds=self._unix_socket, verify=verify, limits=self._limits
            )
        try:
            return httpx.Client(
                timeout=self._timeout,
                verify=verify,
                limits=self._limits,
                transport=transport,
                # Nodes have no sessions; a jar would only grow.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            )
        except (ValueError, ImportError, httpx.InvalidURL, OSError) as error:
            raise ConfigurationError(f"cannot set up HTTP: {error}") from error


def _close_late(response: httpx.Response) -> NoReturn:
    """Close a connection that was still being made when the pool was closed, which forgot it."""
    response.close()
    connection = response.extensions.get("network_stream")
    if connection is not None:
        connection.close()
    raise ClosedClientError("the client was closed; make a new one")


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

    def chunks(self) -> Iterator[bytes]:
        """Yield the decoded body once; raise ``TransportError`` if it is cut short."""
        if self._response.is_stream_consumed:
            # The transport of a given client, a mock as a rule, may hand out answers already read.
            yield self._response.content
            return
        decoder = Decoder(self.headers, status=self.status, node=self.node)
        patience = Patience(self.node, self._timeout)
        count = _request.BodyCount(self._request.method, self.status, self.headers, self.node)
        received = 0
        raw = self._response.iter_raw()
        while data := self._next(raw, patience):
            count.add(len(data))
            for piece in decoder.decode(data):
                received += len(piece)
                if self._on_progress is not None:
                    self._on_progress(received, self.length)
                yield piece
        count.finish()
        decoder.finish()

    def _next(self, raw: Iterator[bytes], patience: Patience) -> bytes:
        began = clock()
        try:
            data = next(raw, b"")
        except Exception as error:
            failure = _failure(error, self._request, self._timeout, sent=True)
            if failure is None:
                raise
            raise failure from error
        if data:
            patience.spend(clock() - began, len(data))
        return data

    def read(self, limit: int) -> bytes:
        """Return the whole body; raise ``MalformedAnswerError`` above ``limit`` bytes."""
        if self.length is not None and self.length > limit and self._request.method != "HEAD":
            raise _request.too_long(self.status, self.node, limit)
        body = bytearray()
        for chunk in self.chunks():
            body += chunk
            if len(body) > limit:
                raise _request.too_long(self.status, self.node, limit)
        return bytes(body)


class Upload(httpx.SyncByteStream):
    """The body of a request with a file: head, content, tail; iterating again starts over."""

    def __init__(self, request: Request, file: Source) -> None:
        self.failure: Exception | None = None
        self._request = request
        self._file = file
        self._begin()

    def _begin(self) -> None:
        self._reading = self._file.begin()
        self._before = [self._request.head] if self._request.head else []
        self._behind = [self._request.tail] if self._request.tail else []
        self._sent = 0

    def end(self) -> None:
        """Close the file."""
        self._reading.close()

    def __iter__(self) -> Upload:
        self._reading.close()
        self._begin()
        return self

    def __next__(self) -> bytes:
        try:
            chunk = self._next()
        except Exception as error:
            # Transports may wrap what a body raises; the sender raises this instead.
            self.failure = error
            raise
        if not chunk:
            raise StopIteration
        return chunk

    def _next(self) -> bytes:
        if self._before:
            return self._before.pop()
        if self._sent and self._request.on_progress is not None:
            self._request.on_progress(self._sent, self._file.size)
        chunk = next_chunk(self._reading)
        self._sent += len(chunk)
        if not chunk and self._behind:
            return self._behind.pop()
        return chunk


@attrs.frozen
class _Pool:
    client: httpx.Client
    process: int
    finalizer: weakref.finalize[..., Http]


# Clients of a parent process, kept for good: another of its threads may have held their locks when
# it forked, so that closing could wait for ever, and dropping them would warn of unclosed sockets.
_inherited: list[httpx.Client] = []

_lock = threading.Lock()


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def _close_own(client: httpx.Client, process: int) -> None:
    if os.getpid() == process:
        client.close()
    else:
        _inherited.append(client)


def _close(response: httpx.Response) -> None:
    try:
        response.close()
    except _ERRORS:
        # The answer was read or is not wanted any more; the connection is gone either way.
        return


def _close_unconnected(error: Exception) -> None:
    # httpcore forgets the unix socket that could not connect, and dropping it open would warn.
    cause = error.__cause__
    if isinstance(error, httpx.ConnectError) and cause is not None:
        for frame, _ in traceback.walk_tb(cause.__traceback__):
            unconnected = frame.f_locals.get("sock")
            if isinstance(unconnected, socket.socket):
                unconnected.close()


def _failure(
    error: Exception, request: Request, timeout: httpx.Timeout, *, sent: bool | None = None
) -> TransportError | None:
    if not isinstance(error, _ERRORS):
        return None
    return _request.transport_error(error, request.node, timeout, sent=sent)
