"""Secrets as people keep them: bytes, or hexadecimal digits in text or in the bytes of a file."""

from __future__ import annotations

import binascii

__all__ = ["secret_bytes", "unhexlify", "without_prefix"]


def secret_bytes(private_key: object) -> bytes | None:
    """Return 32 bytes given as such, as hexadecimal digits, or as such digits in bytes."""
    if isinstance(private_key, bytes | bytearray | memoryview):
        raw = bytes(private_key)
        if len(raw) == 32:
            return raw
        text = raw.decode("ascii", "replace")
    elif isinstance(private_key, str):
        text = private_key
    else:
        return None
    digits = without_prefix(text.strip())
    return unhexlify(digits) if len(digits) == 64 else None


def without_prefix(text: str) -> str:
    return text[2:] if text[:2] in ("0x", "0X") else text


def unhexlify(digits: str) -> bytes | None:
    # bytes.fromhex would skip white space between the digits.
    try:
        return binascii.unhexlify(digits)
    except ValueError:
        return None
