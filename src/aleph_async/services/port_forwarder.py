"""The ports of machines that compute nodes forward from the internet."""

from __future__ import annotations

from ._service import AuthenticatedService, Service

__all__ = ["AuthenticatedPortForwarder", "PortForwarder"]


class PortForwarder(Service):
    """The ports of machines that compute nodes forward from the internet."""


class AuthenticatedPortForwarder(AuthenticatedService, PortForwarder):
    """The ports of machines that compute nodes forward from the internet."""
