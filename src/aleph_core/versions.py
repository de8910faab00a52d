"""Versions as compute nodes write them: numbers, perhaps a pre-release, perhaps commits since the tag."""

from __future__ import annotations

import re

from .errors import ArgumentError

__all__ = ["check_version", "version_key"]

VersionKey = tuple[tuple[int, ...], int, str, int, int]

_VERSION = re.compile(
    r"v?(?P<numbers>\d{1,9}(?:\.\d{1,9}){0,5})"
    r"(?:[-._~]?(?P<word>dev|alpha|a|beta|b|preview|pre|rc|c)[-.]?(?P<count>\d{0,9}))?"
    r"(?:-(?P<commits>\d{1,9})-g[0-9a-f]{4,40})?"
    r"(?:[-+~][0-9A-Za-z.+~-]*)?",
    re.IGNORECASE,
)
_FULL_WORDS = {"a": "alpha", "b": "beta", "c": "rc", "pre": "rc", "preview": "rc"}
_EARLIER, _RELEASE = 0, 1


def version_key(version: str | None) -> VersionKey | None:
    """Return what orders versions, None for what is none: ``1.9`` < ``1.10.0-rc1`` < ``1.10.0`` < ``1.10.0-2-gabcd``."""
    match = None if version is None else _VERSION.fullmatch(version.strip())
    if match is None:
        return None
    numbers = [int(number) for number in match["numbers"].split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    word = (match["word"] or "").lower()
    word = _FULL_WORDS.get(word, word)
    # "dev" comes before "alpha" in PEP 440 alone.
    word = "" if word == "dev" else word
    return (
        tuple(numbers),
        _EARLIER if match["word"] else _RELEASE,
        word,
        int(match["count"] or 0),
        int(match["commits"] or 0),
    )


def check_version(version: object, argument: str) -> VersionKey:
    """Return what orders the version; raise ``ArgumentError`` for what is none."""
    key = version_key(version) if isinstance(version, str) else None
    if key is None:
        raise ArgumentError(argument, f"{str(version)[:80]!r} is no version such as 1.14.0")
    return key
