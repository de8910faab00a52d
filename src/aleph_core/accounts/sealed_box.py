"""Sealed boxes of libsodium, addressed to an Ed25519 key through its Curve25519 twin."""

from __future__ import annotations

from nacl.exceptions import CryptoError
from nacl.public import SealedBox
from nacl.signing import SigningKey

from ..errors import DecryptionError

__all__ = ["decrypt", "encrypt"]


def encrypt(key: SigningKey, content: bytes) -> bytes:
    """Encrypt for the holder of the key; the public half is all that is used of it."""
    return SealedBox(key.verify_key.to_curve25519_public_key()).encrypt(content)


def decrypt(key: SigningKey, content: bytes) -> bytes:
    """Decrypt a sealed box; raise ``DecryptionError`` for anything not sealed for this key."""
    try:
        return SealedBox(key.to_curve25519_private_key()).decrypt(content)
    except (CryptoError, ValueError, TypeError):
        refusal = DecryptionError("this was not encrypted for this key, or it was altered since")
    raise refusal
