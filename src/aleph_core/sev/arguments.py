"""What a caller hands in: bytes of a known size, whole numbers within bounds."""

from __future__ import annotations

from ..accounts.account import require_bytes
from ..errors import ArgumentError

__all__ = ["bounded_number", "require_bytes", "sized_bytes"]


def sized_bytes(value: object, argument: str, size: int) -> bytes:
    """Return exactly ``size`` bytes; raise ``ArgumentError`` for anything else, never showing it."""
    data = require_bytes(value, argument)
    if len(data) != size:
        raise ArgumentError(argument, f"must be {size} bytes, not {len(data)}")
    return data


def bounded_number(value: object, argument: str, least: int, most: int) -> int:
    """Return a whole number within bounds; raise ``ArgumentError`` for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ArgumentError(argument, f"must be a whole number, not {type(value).__name__}")
    if not least <= value <= most:
        raise ArgumentError(argument, f"must be {least} to {most}")
    return int(value)
