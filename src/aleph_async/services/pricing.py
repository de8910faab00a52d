"""What computing and storage cost, by the network's ``pricing`` aggregate."""

from __future__ import annotations

from ._service import Service

__all__ = ["Pricing"]


class Pricing(Service):
    """What computing and storage cost, by the network's ``pricing`` aggregate."""
