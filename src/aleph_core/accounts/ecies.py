"""ECIES on secp256k1 in the format that ``eciespy`` writes by default.

The uncompressed ephemeral public key (65 bytes), a nonce and a tag (16 each), then the bytes under
AES-256-GCM. The key of the cipher is HKDF-SHA256, without salt or info, of the ephemeral public key
and the shared point, both uncompressed.
"""

from __future__ import annotations

import contextlib
import hmac
from typing import Final

from coincurve import PrivateKey, PublicKey
from Crypto.Cipher import AES

from ..errors import DecryptionError

__all__ = ["decrypt", "encrypt"]

_POINT: Final = 65
_NONCE: Final = 16
_TAG: Final = 16
_HEAD: Final = _POINT + _NONCE + _TAG
_UNCOMPRESSED: Final = 4


def encrypt(public_key: PublicKey, content: bytes) -> bytes:
    """Encrypt for the holder of a key."""
    ephemeral = PrivateKey()
    point = ephemeral.public_key.format(compressed=False)
    secret = _cipher_key(point, public_key.multiply(ephemeral.secret))
    cipher = AES.new(secret, AES.MODE_GCM)
    encrypted, tag = cipher.encrypt_and_digest(content)
    return point + cipher.nonce + tag + encrypted


def decrypt(key: PrivateKey, content: bytes) -> bytes:
    """Decrypt; raise ``DecryptionError`` for anything not encrypted for this key."""
    if len(content) >= _HEAD and content[0] == _UNCOMPRESSED:
        point, rest = content[:_POINT], content[_POINT:]
        nonce, tag, encrypted = rest[:_NONCE], rest[_NONCE:][:_TAG], rest[_NONCE + _TAG :]
        with contextlib.suppress(ValueError):
            secret = _cipher_key(point, PublicKey(point).multiply(key.secret))
            cipher = AES.new(secret, AES.MODE_GCM, nonce=nonce)
            return cipher.decrypt_and_verify(encrypted, tag)
    raise DecryptionError("this was not encrypted for this key, or it was altered since")


def _cipher_key(point: bytes, shared: PublicKey) -> bytes:
    extracted = hmac.digest(bytes(32), point + shared.format(compressed=False), "sha256")
    return hmac.digest(extracted, b"\x01", "sha256")
