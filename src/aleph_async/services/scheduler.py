"""Where the network's scheduler places machines."""

from __future__ import annotations

from ._service import Service

__all__ = ["Scheduler"]


class Scheduler(Service):
    """Where the network's scheduler places machines."""
