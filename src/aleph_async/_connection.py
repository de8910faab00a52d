"""The one path by which calls reach a node: plan, attempt, next node, answer."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import attrs

from aleph_core import __version__
from aleph_core.call import Answer, Call, JsonBody, RawBody
from aleph_core.errors import ArgumentError, ClosedClientError, TransportError
from aleph_core.excerpts import without_credentials
from aleph_core.models.page import Page
from aleph_core.nodes import node_urls
from aleph_core.paging import Position
from aleph_core.retry import Fail, RetryPlan, RetryPolicy, Return
from aleph_core.settings import Settings, chosen_settings
from aleph_core.verification import Verify, check_verify

from ._pages import report
from ._runtime import (
    Fetch,
    FileSource,
    Http,
    HttpClient,
    Job,
    Progress,
    Request,
    Timeout,
    clock,
    sleep,
)

__all__ = ["Connection"]

T = TypeVar("T")
P = TypeVar("P", bound=Page[Any])

# The longest JSON answer that is taken: a page of 200 large messages, parsed copies included.
_LARGEST_ANSWER = 128 * 1024 * 1024
USER_AGENT = f"aleph-sync/{__version__}"
# The HTTP library sends no longer one, and few servers take as much.
_LONGEST_URL = 60_000


class Connection:
    """A client's connection to one or several nodes; the settings are read when it is made.

    ``api_server`` is a URL or several, the first that works is used. ``timeout`` is in seconds or an
    ``httpx.Timeout``. ``retry=None`` never repeats a call. An ``http_client`` that is passed in is
    used and never closed. May be used in a ``with`` block or without one; not after ``close``.
    """

    # Whether the URLs of the nodes hold a key.
    _secret_urls = False

    def __init__(
        self,
        api_server: str | Sequence[str] | None = None,
        api_unix_socket: str | None = None,
        allow_unix_sockets: bool = True,
        timeout: float | Timeout | None = None,
        ssl_context: ssl.SSLContext | None = None,
        *,
        verify: Verify | None = None,
        retry: RetryPolicy | None = RetryPolicy(),  # noqa: B008 - frozen
        http_client: HttpClient | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.settings = chosen_settings(settings)
        self.verify: Verify = check_verify(verify or self.settings.VERIFY)
        unix_socket = api_unix_socket or (
            self.settings.API_UNIX_SOCKET if api_server is None else None
        )
        if not allow_unix_sockets:
            unix_socket = None
        self.nodes = node_urls(api_server, self.settings, unix_socket=unix_socket)
        if retry is not None and not isinstance(retry, RetryPolicy):
            raise ArgumentError("retry", f"expected a RetryPolicy or None, not {retry!r:.80}")
        self._policy = retry
        self._first = 0
        self._closed = False
        if http_client is None and timeout is None:
            timeout = self.settings.API_TIMEOUT
        make = partial(
            Http,
            timeout=timeout,
            ssl_context=ssl_context,
            # aiohttp repeats a request by itself when a kept connection turns out to be closed.
            prefer_aiohttp=None if self.settings.PREFER_AIOHTTP and retry is not None else False,
        )
        self._http = make(unix_socket=unix_socket, http_client=http_client)
        # A unix socket leads to the node alone, never to services and compute nodes.
        self._outside = self._http if unix_socket is None else make()

    @property
    def api_server(self) -> str:
        """The URL of the node that is asked first."""
        return self.nodes[self._first]

    @property
    def _node(self) -> str:
        """The node that is asked first, as it may be shown."""
        return without_credentials(self.api_server)

    async def aclose(self) -> None:
        """Close the connections that this client opened; closing twice is harmless."""
        self._closed = True
        await self._http.aclose()
        await self._outside.aclose()

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(map(without_credentials, self.nodes))}>"

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedClientError(
                f"this {type(self).__name__} is closed and cannot be used again; make a new one"
            )

    async def _send(
        self,
        call: Call[T],
        *,
        file: FileSource | None = None,
        on_progress: Progress | None = None,
        node: str | None = None,
        headers: Job[Mapping[str, str]] | None = None,
    ) -> T:
        """Send the call until an answer is to be kept, and return what it parses to.

        ``node`` is the base URL of another server, a service or a compute node, to ask that one alone.
        ``headers`` makes further headers for each attempt.
        """
        nodes = self.nodes if node is None else [node]
        http = self._http if node is None or node in self.nodes else self._outside
        self._check_open()
        plan = RetryPlan(
            self._policy,
            nodes=len(nodes),
            idempotent=call.idempotent,
            repeat_timeouts=call.repeat_timeouts,
            first_node=self._first if node is None else 0,
        )
        begun = clock()
        while True:
            request = _request(call, nodes[plan.node], file, on_progress)
            if self._secret_urls:
                request = attrs.evolve(request, secret=True)
            if headers is not None:
                request = attrs.evolve(request, headers={**request.headers, **await headers()})
            outcome: Answer | TransportError
            try:
                outcome = await http.exchange(request, limit=_LARGEST_ANSWER)
            except TransportError as error:
                outcome = error
            step = plan.after(outcome, elapsed=clock() - begun)
            if isinstance(step, Return):
                if node is None:
                    self._first = plan.node
                return call.parse(step.answer)
            if isinstance(step, Fail):
                raise step.error
            await sleep(step.seconds)

    async def _page(self, call: Call[P]) -> P:
        """Send the call for one page, and tell what was left out of it."""
        page = await self._send(call)
        report(page)
        return page

    def _fetch(self, build: Callable[..., Call[P]]) -> Fetch[Position, P]:
        """Return what fetches the page at a position, by the call that is built for it."""

        async def fetch(position: Position) -> P:
            return await self._send(build(position=position))

        return fetch


def _request(
    call: Call[Any], node: str, file: FileSource | None, on_progress: Progress | None
) -> Request:
    url = node + call.path
    if call.params:
        url += "?" + urlencode(call.params)
    if len(url) > _LONGEST_URL:
        raise ArgumentError(
            "filter", f"makes a URL of {len(url)} characters; ask for fewer values at once"
        )
    headers = {"user-agent": USER_AGENT, "accept": "application/json, */*;q=0.5"}
    build = partial(
        Request,
        method=call.method,
        url=url,
        minimum_timeout=call.minimum_timeout,
        on_progress=on_progress,
    )
    body = call.body
    if body is None:
        return build(headers=headers)
    headers["content-type"] = body.content_type
    if isinstance(body, JsonBody):
        return build(headers=headers, body=body.text)
    if isinstance(body, RawBody):
        return build(headers=headers, body=body.data)
    return build(headers=headers, file=file, head=body.head, tail=body.tail)
