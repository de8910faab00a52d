"""Compute resource nodes: which there are, what they can do, what runs on them."""

from __future__ import annotations

from ._service import Service

__all__ = ["Crn"]


class Crn(Service):
    """Compute resource nodes: which there are, what they can do, what runs on them."""
