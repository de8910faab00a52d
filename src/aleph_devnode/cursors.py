"""Opaque marks of where the next page begins."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from .times import iso_offset

MAX_PAGE = 200


class InvalidCursor(ValueError):
    """The text is no cursor of this list."""


def encode(**values: Any) -> str:
    text = json.dumps(values, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, *names: str) -> list[Any]:
    """Return the values of a cursor by name; raises InvalidCursor."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:
        raise InvalidCursor(f"Invalid cursor: {error}") from error
    if not isinstance(values, dict):
        raise InvalidCursor("Invalid cursor: payload is not a dict")
    if any(name not in values for name in names):
        raise InvalidCursor("Invalid cursor: missing required fields")
    return [values[name] for name in names]


def encode_moment(time: float, item_hash: str) -> str:
    return encode(t=iso_offset(time), h=item_hash)


def decode_moment(cursor: str) -> tuple[float, str]:
    time, item_hash = decode(cursor, "t", "h")
    return moment(time), str(item_hash)


def moment(text: Any) -> float:
    """Return the seconds of a time in a cursor."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError) as error:
        raise InvalidCursor(f"Invalid cursor: {error}") from error
