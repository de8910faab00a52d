"""Solana keys: addresses, Ed25519 signatures in the form that nodes read, verification."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from typing import Self

import base58
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from ..errors import ArgumentError, BadSignatureError
from .account import LocalAccount, require_bytes

__all__ = ["SOLAccount", "verify_signature"]

# The longest base58 forms of 32 and 64 bytes; decoding takes quadratic time, so it is bounded.
_KEY_LENGTH = 44
_LONG_LENGTH = 88
# Several times what wallets write. Short text also bounds the depth of nested JSON, which can
# overflow the C stack once some other library has raised the recursion limit.
_LONGEST_JSON = 2048


class SOLAccount(LocalAccount):
    """A Solana key.

    ``private_key`` is the 32-byte seed, or the 64 bytes of seed and public key, as bytes, base58
    text or a list of numbers; the text of such a list, as the Solana command line stores it, and
    either text in bytes, as a file holds it, are read too.
    Raises ``ArgumentError`` for anything else, also when the two halves of 64 bytes do not match.
    """

    __slots__ = ("_address", "_key")

    def __init__(self, private_key: bytes | str | Iterable[int]) -> None:
        self._key = _read_private_key(private_key)
        self._address = _encode(bytes(self._key.verify_key))

    @classmethod
    def generate(cls) -> Self:
        """Make a new random key. Nothing is stored: keep ``export_private_key()`` or lose it."""
        return cls(bytes(SigningKey.generate()))

    @property
    def CHAIN(self) -> str:
        return "SOL"

    @property
    def CURVE(self) -> str:
        return "ed25519"

    def get_address(self) -> str:
        """Return the address: the public key in base58."""
        return self._address

    def get_public_key(self) -> str:
        """Return the Ed25519 public key in hexadecimal."""
        return bytes(self._key.verify_key).hex()

    def export_private_key(self) -> str:
        """Return seed and public key, 64 bytes in base58, as wallets do. Keep it secret."""
        return _encode(bytes(self._key) + bytes(self._key.verify_key))

    def sign_raw(self, buffer: bytes) -> bytes:
        """Sign any bytes with Ed25519 and return the 64 bytes of the signature."""
        return bytes(self._key.sign(require_bytes(buffer)).signature)

    def _encode_signature(self, signature: bytes) -> str:
        return json.dumps({"publicKey": self._address, "signature": _encode(signature)})


def verify_signature(*, sender: str, buffer: bytes, signature: str) -> None:
    """Raise ``BadSignatureError`` unless ``signature`` is ``sender``'s Ed25519 signature.

    Takes what a node takes: a JSON object as text, whose ``publicKey`` equals the sender, whose
    ``signature`` is base58 and whose ``version``, if any, is 1.
    """
    parts = _parse(signature)
    if not isinstance(parts, dict):
        raise BadSignatureError(f"the signature of {sender!r:.100} is no JSON object")
    if parts.get("version", 1) != 1:
        raise BadSignatureError(f"the signature of {sender!r:.100} has an unknown version")
    if parts.get("publicKey") != sender:
        raise BadSignatureError(f"the signature names another key than {sender!r:.100}")
    key = _decode(sender, _KEY_LENGTH)
    raw = _decode(parts.get("signature"), _LONG_LENGTH)
    if key is None or len(key) != 32 or raw is None or len(raw) != 64:
        raise BadSignatureError(f"the signature of {sender!r:.100} is no Solana signature")
    try:
        VerifyKey(key).verify(buffer, raw)
    except CryptoError:
        raise BadSignatureError(
            f"{sender!r:.100} did not sign this message; do not trust it, ask another node"
        ) from None


def _read_private_key(private_key: object) -> SigningKey:
    raw = _secret_bytes(private_key)
    if raw is None or len(raw) not in (32, 64):
        raise ArgumentError(
            "private_key", "must be 32 or 64 bytes, as bytes, base58 text or a list of numbers"
        )
    key = SigningKey(raw[:32])
    if len(raw) == 64 and not hmac.compare_digest(bytes(key.verify_key), raw[32:]):
        raise ArgumentError(
            "private_key", "the second half of its 64 bytes is not the public key of the first"
        )
    return key


def _secret_bytes(private_key: object) -> bytes | None:
    if isinstance(private_key, bytes | bytearray | memoryview):
        raw = bytes(private_key)
        if len(raw) in (32, 64):
            return raw
        return _secret_from_text(raw.decode("ascii", "replace"))
    if isinstance(private_key, str):
        return _secret_from_text(private_key)
    if isinstance(private_key, Iterable):
        return _secret_from_numbers(private_key)
    return None


def _secret_from_text(text: str) -> bytes | None:
    text = text.strip()
    if not text.startswith("["):
        return _decode(text, _LONG_LENGTH)
    numbers = _parse(text)
    return _secret_from_numbers(numbers) if isinstance(numbers, list) else None


def _secret_from_numbers(numbers: Iterable[object]) -> bytes | None:
    secret = bytearray()
    for number in numbers:
        if type(number) is not int or not 0 <= number <= 255 or len(secret) == 64:
            return None
        secret.append(number)
    return bytes(secret)


def _parse(text: str) -> object:
    if len(text) > _LONGEST_JSON:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _encode(raw: bytes) -> str:
    return base58.b58encode(raw).decode("ascii")


def _decode(text: object, longest: int) -> bytes | None:
    if not isinstance(text, str) or len(text.rstrip()) > longest:
        return None
    try:
        return base58.b58decode(text)
    except ValueError:
        return None
