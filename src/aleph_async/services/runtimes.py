"""The runtimes of programs that the network recommends."""

from __future__ import annotations

from ._service import Service

__all__ = ["Runtimes"]


class Runtimes(Service):
    """The runtimes of programs that the network recommends."""
