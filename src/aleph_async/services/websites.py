"""Static websites and their versions."""

from __future__ import annotations

from ._service import AuthenticatedService, Service

__all__ = ["AuthenticatedWebsites", "Websites"]


class Websites(Service):
    """Static websites and their versions."""


class AuthenticatedWebsites(AuthenticatedService, Websites):
    """Static websites and their versions."""
