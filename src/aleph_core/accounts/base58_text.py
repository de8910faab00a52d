"""Base58, with and without a checksum, as far as keys, addresses and signatures use it."""

from __future__ import annotations

import base58

__all__ = ["decode", "decode_checked", "encode", "encode_checked"]


def encode(raw: bytes) -> str:
    return base58.b58encode(raw).decode("ascii")


def encode_checked(raw: bytes) -> str:
    """Encode bytes and, behind them, the first four of their doubled SHA-256."""
    return base58.b58encode_check(raw).decode("ascii")


def decode(text: object, longest: int) -> bytes | None:
    """Return the bytes, or None for what is no base58 or longer than ``longest`` characters.

    Decoding takes quadratic time, so it is always bounded. White space is refused: it
    would let one address or signature be spelled in many ways.
    """
    if not isinstance(text, str) or len(text) > longest or text != text.strip():
        return None
    try:
        return base58.b58decode(text)
    except ValueError:
        return None


def decode_checked(text: object, longest: int) -> bytes | None:
    """Return the bytes without their checksum, or None when it does not hold."""
    if not isinstance(text, str) or len(text) > longest or text != text.strip():
        return None
    try:
        return base58.b58decode_check(text)
    except ValueError:
        return None
