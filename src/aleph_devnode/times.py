"""Times as the node shows them: seconds since 1970 in messages, ISO 8601 elsewhere, microseconds at best."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> float:
    """Return the current time in seconds since 1970."""
    return time.time()


def from_seconds(seconds: float) -> datetime:
    """Return the moment in UTC; raises OverflowError, OSError or ValueError when no date can hold it."""
    return datetime.fromtimestamp(seconds, tz=UTC)


def to_microsecond(seconds: float) -> float:
    """Return the time rounded to what a date can hold."""
    return from_seconds(seconds).timestamp()


def iso_offset(seconds: float) -> str:
    """Return the form ending in ``+00:00`` (posts, aggregates, cursors)."""
    return from_seconds(seconds).isoformat()


def iso_zulu(seconds: float) -> str:
    """Return the form ending in ``Z`` (reception times, files, credit history)."""
    return iso_offset(seconds).replace("+00:00", "Z")
