"""Custom domains: the records they need, and what they lead to."""

from __future__ import annotations

from ._service import AuthenticatedService, Service

__all__ = ["AuthenticatedDomains", "Domains"]


class Domains(Service):
    """Custom domains: the records they need, and what they lead to."""


class AuthenticatedDomains(AuthenticatedService, Domains):
    """Custom domains: the records they need, and what they lead to."""
