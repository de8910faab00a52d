"""Aggregates as nodes list them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

__all__ = ["Aggregate"]


@attrs.frozen
class Aggregate:
    """One aggregate of one owner, merged by the node from all its elements."""

    address: str
    key: str
    content: dict[str, Any]
    created: datetime | None = None
    last_updated: datetime | None = None

    def __getitem__(self, name: str) -> Any:
        if name in ("address", "key", "content", "created", "last_updated"):
            return getattr(self, name)
        raise KeyError(name)
