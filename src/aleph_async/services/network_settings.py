"""The network's ``settings`` aggregate."""

from __future__ import annotations

from ._service import Service

__all__ = ["NetworkSettings"]


class NetworkSettings(Service):
    """The network's ``settings`` aggregate."""
