"""Accounts on the curve secp256k1: reading keys, recovering and checking signatures, ECIES."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from typing import Final, Self

from coincurve import PrivateKey, PublicKey
from Crypto.Hash import RIPEMD160

from ..errors import ArgumentError
from .account import LocalAccount, require_bytes
from .secret_text import secret_bytes

__all__ = [
    "Secp256k1Account",
    "hash160",
    "read_private_key",
    "recover_public_key",
    "sha256",
    "verify_compact",
]

Hasher = Callable[[bytes], bytes] | None

_FORMS: Final = "32 bytes, or 64 hexadecimal digits with or without 0x"
_LARGEST_LOW_S: Final = bytes.fromhex(
    "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"
)


class Secp256k1Account(LocalAccount):
    """A key on secp256k1, and what does not depend on the chain that uses it."""

    __slots__ = ("_key",)

    def __init__(self, private_key: bytes | str) -> None:
        self._key = read_private_key(private_key, account=type(self))

    @classmethod
    def generate(cls) -> Self:
        """Make a new random key. Nothing is stored: keep ``export_private_key()`` or lose it."""
        return cls(PrivateKey().secret)

    @property
    def CURVE(self) -> str:
        return "secp256k1"

    def get_public_key(self) -> str:
        """Return the compressed public key in hexadecimal."""
        return self._key.public_key.format().hex()

    def export_private_key(self) -> str:
        """Return the private key in hexadecimal with ``0x``. Keep it secret."""
        return "0x" + self._key.secret.hex()

    def encrypt(self, content: bytes) -> bytes:
        """Encrypt bytes so that only the holder of this key can read them.

        The format is ECIES as ``eciespy`` writes it by default.
        """
        from .ecies import encrypt

        return encrypt(self._key.public_key, require_bytes(content, "content"))

    def decrypt(self, content: bytes) -> bytes:
        """Decrypt what ``encrypt``, or ``eciespy`` with its default settings, encrypted.

        Raises ``DecryptionError`` for anything that was not encrypted for this key.
        """
        from .ecies import decrypt

        return decrypt(self._key, require_bytes(content, "content"))


def read_private_key(private_key: object, *, account: type) -> PrivateKey:
    """Return the key that 32 bytes or 64 hexadecimal digits hold.

    Raises ``ArgumentError`` naming ``private_key`` and never repeating it.
    """
    secret = secret_bytes(private_key)
    if secret is None:
        words = f"; for words use {account.__name__}.from_mnemonic"
        problem = f"must be {_FORMS}{words if hasattr(account, 'from_mnemonic') else ''}"
        raise ArgumentError("private_key", problem)
    try:
        return PrivateKey(secret)
    except ValueError:
        invalid = ArgumentError("private_key", "is zero or too large for a secp256k1 key")
    raise invalid


def hash160(public_key: bytes) -> bytes:
    """Return RIPEMD-160 of SHA-256, from which most chains make addresses."""
    # OpenSSL 3 hides RIPEMD-160 from hashlib on many systems.
    return RIPEMD160.new(hashlib.sha256(public_key).digest()).digest()


def recover_public_key(signature: bytes, message: bytes, hasher: Hasher) -> PublicKey | None:
    """Return who made the 65 bytes r, s and recovery id, or None where nobody can have."""
    # Older releases of the library raise bare exceptions.
    with contextlib.suppress(Exception):
        return PublicKey.from_signature_and_message(signature, message, hasher=hasher)
    return None


def verify_compact(
    signature: bytes, message: bytes, public_key: bytes, hasher: Hasher, *, any_s: bool = False
) -> bool:
    """Tell whether the 64 bytes r and s are the key's; ``any_s`` also takes the larger of two s."""
    if len(signature) != 64 or (not any_s and signature[32:] > _LARGEST_LOW_S):
        return False
    # A signature holds for a key exactly when the key is one of those recovered from it.
    recovered = (
        recover_public_key(signature + bytes([parity]), message, hasher) for parity in range(4)
    )
    return any(key is not None and key.format() == public_key for key in recovered)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
