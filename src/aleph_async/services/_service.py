"""What every service has: the client through whose connections it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..client import AlephHttpClient, AuthenticatedAlephHttpClient

__all__ = ["AuthenticatedService", "Service"]


class Service:
    def __init__(self, client: AlephHttpClient) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"


class AuthenticatedService(Service):
    """A service that publishes for the account of its client."""

    def __init__(self, client: AuthenticatedAlephHttpClient) -> None:
        super().__init__(client)
        self._publisher = client
