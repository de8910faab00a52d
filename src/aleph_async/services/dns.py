"""The public names of instances."""

from __future__ import annotations

from ._service import Service

__all__ = ["DnsNames"]


class DnsNames(Service):
    """The public names of instances."""
