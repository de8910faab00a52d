"""Signatures that travel as a JSON object in a text."""

from __future__ import annotations

from typing import Any

from ..errors import BadSignatureError
from ..json_text import parse_json

__all__ = ["parse_short_json", "read_json_signature"]

# Many times what wallets write.
_LONGEST = 16_384


def read_json_signature(signature: str, sender: str) -> dict[str, Any]:
    """Return the object; raise ``BadSignatureError`` for anything else."""
    parts = parse_short_json(signature)
    if not isinstance(parts, dict):
        raise BadSignatureError(f"the signature of {sender!r:.100} is no JSON object")
    return parts


def parse_short_json(text: str) -> object:
    """Return what a JSON text holds, or None for what is no JSON or too long."""
    if len(text) > _LONGEST:
        return None
    try:
        return parse_json(text)
    except ValueError:
        return None
