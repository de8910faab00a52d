"""Signatures that travel as a JSON object in a text."""

from __future__ import annotations

import json
from typing import Any

from ..errors import BadSignatureError

__all__ = ["parse_short_json", "read_json_signature"]

# Several times what wallets write. Short text also bounds the depth of nested JSON, which can
# overflow the C stack once some other library has raised the recursion limit.
_LONGEST = 2048


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
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
