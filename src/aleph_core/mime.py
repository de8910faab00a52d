"""MIME types from a file's name and first bytes, without a system library."""

from __future__ import annotations

import mimetypes
from pathlib import PurePath

__all__ = ["HEAD_SIZE", "guess_mime_type"]

# What the guess needs to see of a file, in bytes.
HEAD_SIZE = 4096


def guess_mime_type(head: bytes, filename: str | None = None) -> str:
    """Return the likeliest type: by the first bytes where they have a signature, then by the name.

    Text without a signature is ``text/plain``, everything else ``application/octet-stream``.
    """
    import puremagic

    # An instance of its own knows the types that Python ships, not those of this machine.
    named = mimetypes.MimeTypes().guess_type(filename or "")[0]
    try:
        matches = puremagic.magic_string(head) if head else []
    except puremagic.PureError:
        matches = []
    seen: list[str] = [match.mime_type for match in matches if match.mime_type and match.byte_match]
    if head.startswith(b"PK\x03\x04"):
        # Half the formats of the world are zip files inside: of those, only the name tells.
        suffix = PurePath(filename or "").suffix.lower()
        fitting = [
            match.mime_type for match in matches if match.mime_type and match.extension == suffix
        ]
        return named or next(iter(fitting if suffix else []), "application/zip")
    if named is not None and (not seen or named in seen or named.startswith("text/")):
        return named
    if seen:
        return seen[0]
    return named or ("text/plain" if _is_text(head) else "application/octet-stream")


def _is_text(head: bytes) -> bool:
    if not head or b"\x00" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The last character may be cut.
        return error.start >= len(head) - 3
    return True
