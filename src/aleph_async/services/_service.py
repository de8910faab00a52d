"""What every service has: the client through whose connections it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from aleph_core.call import Call
from aleph_core.item_hash import check_address
from aleph_core.settings import Settings

if TYPE_CHECKING:
    from ..client import AlephHttpClient, AuthenticatedAlephHttpClient

__all__ = ["AuthenticatedService", "Service"]

T = TypeVar("T")


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
