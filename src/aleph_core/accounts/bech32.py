"""Bech32 addresses (BIP-173), which are compared as text and so never need decoding."""

from __future__ import annotations

from typing import Final

__all__ = ["bech32_address"]

_CHARACTERS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_LENGTH: Final = 6


def bech32_address(prefix: str, data: bytes) -> str:
    """Return the address of bytes, such as the 20 of a public key's hash, under a prefix."""
    digits = _in_groups_of_five(data)
    checked = [*(ord(c) >> 5 for c in prefix), 0, *(ord(c) & 31 for c in prefix), *digits]
    checksum = _polymod([*checked, *[0] * _CHECKSUM_LENGTH]) ^ 1
    digits += [checksum >> 5 * (_CHECKSUM_LENGTH - 1 - at) & 31 for at in range(_CHECKSUM_LENGTH)]
    return f"{prefix}1{''.join(_CHARACTERS[digit] for digit in digits)}"


def _in_groups_of_five(data: bytes) -> list[int]:
    padding = -len(data) * 8 % 5
    number = int.from_bytes(data, "big") << padding
    count = (len(data) * 8 + padding) // 5
    return [number >> 5 * (count - 1 - at) & 31 for at in range(count)]


def _polymod(values: list[int]) -> int:
    remainder = 1
    for value in values:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ value
        for at, generator in enumerate(_GENERATORS):
            if top >> at & 1:
                remainder ^= generator
    return remainder
