"""The images of instances that the network recommends."""

from __future__ import annotations

from ._service import Service

__all__ = ["VmImages"]


class VmImages(Service):
    """The images of instances that the network recommends."""
