"""Addresses of EVM chains, and the hash that everything there is known by."""

from __future__ import annotations

import re
from typing import Final

from Crypto.Hash import keccak

from ..errors import ArgumentError
from ..excerpts import shown

__all__ = ["address_bytes", "checked_address", "checksum_address", "keccak256"]

_ADDRESS: Final = re.compile(r"0[xX][0-9a-fA-F]{40}")


def keccak256(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


def checksum_address(address: bytes) -> str:
    """Return 20 bytes as the hexadecimal address whose capitals are its EIP-55 checksum."""
    digits = address.hex()
    checksum = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if check >= "8" else digit
        for digit, check in zip(digits, checksum[:40], strict=True)
    )


def checked_address(address: object, argument: str) -> str:
    """Return an address with its EIP-55 checksum; raise ``ArgumentError`` for what is none.

    One in small letters or capitals alone has no checksum; in any other it must hold.
    """
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise ArgumentError(argument, f"{shown(address)} is no address of an EVM chain")
    digits = address[2:]
    checked = checksum_address(address_bytes(address))
    if digits not in (digits.lower(), digits.upper()) and digits != checked[2:]:
        raise ArgumentError(argument, f"the checksum of {address} does not hold: mind its capitals")
    return checked


def address_bytes(address: str) -> bytes:
    return bytes.fromhex(address[2:])
