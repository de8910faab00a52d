"""What every service has: the client through whose connections it speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from aleph_core.call import Call
from aleph_core.item_hash import check_address
from aleph_core.models.page import Page
from aleph_core.paging import Position
from aleph_core.settings import Settings

from .._runtime import Fetch

if TYPE_CHECKING:
    from ..client import AlephHttpClient, AuthenticatedAlephHttpClient

__all__ = ["AuthenticatedService", "Service"]

T = TypeVar("T")
P = TypeVar("P", bound=Page[Any])


class Service:
    def __init__(self, client: AlephHttpClient) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"

    @property
    def _settings(self) -> Settings:
        return self._client.settings

    async def _send(self, call: Call[T], host: str | None = None) -> T:
        """Ask the client's nodes, or another host, through the client's connections."""
        return await self._client._send(call, node=host)  # noqa: SLF001 - services are part of the client

    async def _page(self, call: Call[P]) -> P:
        """Ask for one page, and tell what was left out of it."""
        return await self._client._page(call)  # noqa: SLF001 - as above

    def _fetch(self, build: Callable[..., Call[P]]) -> Fetch[Position, P]:
        """Return what fetches the page at a position, by the call that is built for it."""
        return self._client._fetch(build)  # noqa: SLF001 - as above

    async def _address(self, address: str | None) -> str:
        """Return the address that is named, or one's own."""
        if address is not None:
            return check_address(address)
        return await self._client._own_address()  # noqa: SLF001 - as above


class AuthenticatedService(Service):
    """A service that publishes for the account of its client."""

    def __init__(self, client: AuthenticatedAlephHttpClient) -> None:
        super().__init__(client)
        self._publisher = client
