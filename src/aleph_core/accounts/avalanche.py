"""Avalanche X-chain keys: bech32 addresses and recoverable signatures with a checksum."""

from __future__ import annotations

import struct
from typing import Final

from ..errors import BadSignatureError
from . import base58_text
from .account import require_bytes
from .bech32 import bech32_address
from .secp256k1 import Secp256k1Account, hash160, recover_public_key, sha256

__all__ = ["AvalancheAccount", "verify_signature"]

_CHAINS: Final = ("X", "P", "C")
# The longest base58 form of 69 bytes.
_LONGEST: Final = 95


class AvalancheAccount(Secp256k1Account):
    """A key of Avalanche's X-chain, publishing under ``AVAX``.

    ``private_key`` is 32 bytes or 64 hexadecimal digits, as for an Ethereum account.
    Raises ``ArgumentError`` for anything else. For the C-chain, whose addresses begin with ``0x``,
    use ``EVMAccount(private_key, chain="AVAX")``.
    """

    __slots__ = ()

    @property
    def CHAIN(self) -> str:
        return "AVAX"

    def get_address(self) -> str:
        """Return the address on the X-chain, ``X-avax1…``."""
        return _address("X", self._key.public_key.format())

    def sign_raw(self, buffer: bytes) -> bytes:
        """Sign any bytes as an Avalanche message; returns 65 bytes: r, s and recovery id."""
        return self._key.sign_recoverable(_message(require_bytes(buffer)), hasher=sha256)

    def _encode_signature(self, signature: bytes) -> str:
        return base58_text.encode(signature + sha256(signature)[-4:])


def verify_signature(*, sender: str, buffer: bytes, signature: str) -> None:
    """Raise ``BadSignatureError`` unless ``signature`` is ``sender``'s Avalanche message.

    Takes base58 of 65 bytes r, s, recovery id and the last four bytes of their SHA-256.
    The sender is an address on the X-, P- or C-chain.
    """
    raw = base58_text.decode(signature, _LONGEST) or b""
    signed, checksum = raw[:65], raw[65:]
    if len(signed) != 65 or sha256(signed)[-4:] != checksum:
        raise BadSignatureError(f"the signature of {sender!r:.100} is no Avalanche signature")
    recovered = recover_public_key(signed, _message(buffer), sha256)
    chain = sender.partition("-")[0]
    # Any other word before the hyphen would make another sender of the same key.
    if chain not in _CHAINS or recovered is None or _address(chain, recovered.format()) != sender:
        raise BadSignatureError(
            f"{sender!r:.100} did not sign this message; do not trust it, ask another node"
        )


def _message(buffer: bytes) -> bytes:
    return b"\x1aAvalanche Signed Message:\n" + struct.pack(">I", len(buffer)) + buffer


def _address(chain: str, public_key: bytes) -> str:
    return f"{chain}-{bech32_address('avax', hash160(public_key))}"
