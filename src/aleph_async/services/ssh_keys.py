"""Public SSH keys that an address keeps on the network."""

from __future__ import annotations

from ._service import AuthenticatedService, Service

__all__ = ["AuthenticatedSshKeys", "SshKeys"]


class SshKeys(Service):
    """Public SSH keys that an address keeps on the network."""


class AuthenticatedSshKeys(AuthenticatedService, SshKeys):
    """Public SSH keys that an address keeps on the network."""
