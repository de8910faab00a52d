"""Who may publish for whom, by the owners' ``security`` aggregates."""

from __future__ import annotations

from ._service import AuthenticatedService, Service

__all__ = ["AuthenticatedAuthorizations", "Authorizations"]


class Authorizations(Service):
    """Who may publish for whom, by the owners' ``security`` aggregates."""


class AuthenticatedAuthorizations(AuthenticatedService, Authorizations):
    """Who may publish for whom, by the owners' ``security`` aggregates."""
