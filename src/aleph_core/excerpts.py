"""Values of any origin as a few words for an error message, whatever their size or depth."""

from __future__ import annotations

import reprlib

__all__ = ["shown", "without_credentials"]

_SHOWN = 80


def shown(value: object, limit: int = _SHOWN) -> str:
    """Return the beginning of the value's ``repr``, without walking through all of it."""
    brief = reprlib.Repr()
    brief.maxlevel = 4
    brief.maxstring = brief.maxother = limit
    try:
        text = brief.repr(value)
    except ValueError:
        # Python writes no integer of more than 4300 digits.
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else text[:limit] + "…"


def without_credentials(url: str) -> str:
    """Return the URL without the user's name and password."""
    scheme, separator, rest = url.rpartition("://")
    host, slash, path = rest.partition("/")
    return scheme + separator + host.rpartition("@")[2] + slash + path
