"""The instances of an address, where they are allocated, and what runs there."""

from __future__ import annotations

from ._service import Service

__all__ = ["Instances"]


class Instances(Service):
    """The instances of an address, where they are allocated, and what runs there."""
