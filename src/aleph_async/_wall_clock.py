"""The time of day: what is signed carries it, and the core is told it."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["now", "timestamp"]


def now() -> datetime:
    return datetime.now(UTC)


def timestamp() -> float:
    """Return the seconds since 1970."""
    return now().timestamp()
