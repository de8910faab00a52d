"""Solana keys: addresses, Ed25519 signatures in the form that nodes read, verification."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable
from typing import ClassVar, Final, Self

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from ..chains import SOLANA_CHAINS
from ..errors import ArgumentError, BadSignatureError
from . import base58_text
from .account import LocalAccount, require_bytes
from .json_signature import parse_short_json, read_json_signature
from .mnemonics import ed25519_key, seed_from_mnemonic

__all__ = ["DEFAULT_ACCOUNT_PATH", "SOLAccount", "SVMAccount", "verify_signature"]

DEFAULT_ACCOUNT_PATH: Final = "m/44'/501'/0'/0'"

# The longest base58 forms of 32 and 64 bytes; decoding takes quadratic time, so it is bounded.
_KEY_LENGTH = 44
_LONG_LENGTH = 88
# Digits of 32 or 64 bytes, or twelve words and more.
_FOREIGN = re.compile(
    r"\s*(?:(?:0[xX])?(?:[0-9a-fA-F]{64}){1,2}|[a-z]{3,8}(?:\s{1,9}[a-z]{3,8}){11,23})\s*"
)


class SOLAccount(LocalAccount):
    """A key of Solana, or of another network that runs Solana's virtual machine.

    ``private_key`` is the 32-byte seed, or the 64 bytes of seed and public key, as bytes, base58
    text or a list of numbers; the text of such a list, as the Solana command line stores it, and
    either text in bytes, as a file holds it, are read too. ``chain`` is what messages are published
    under: ``SOL``, or ``ES`` for Eclipse.
    Raises ``ArgumentError`` for anything else, also when the two halves of 64 bytes do not match.
    """

    __slots__ = ("_address", "_chain", "_key")

    _DEFAULT_CHAIN: ClassVar[str] = "SOL"

    def __init__(self, private_key: bytes | str | Iterable[int], chain: str | None = None) -> None:
        self._chain = _solana_chain(self._DEFAULT_CHAIN if chain is None else chain)
        self._key = _read_private_key(private_key)
        self._address = base58_text.encode(bytes(self._key.verify_key))

    @classmethod
    def from_mnemonic(
        cls,
        mnemonic: str,
        passphrase: str = "",
        account_path: str = DEFAULT_ACCOUNT_PATH,
        *,
        chain: str | None = None,
    ) -> Self:
        """Derive the key from a BIP-39 mnemonic along a SLIP-10 path, as wallets of Solana do.

        Raises ``ArgumentError`` for words or a checksum that do not hold, without repeating them.
        """
        return cls(ed25519_key(seed_from_mnemonic(mnemonic, passphrase), account_path), chain)

    @classmethod
    def generate(cls, chain: str | None = None) -> Self:
        """Make a new random key. Nothing is stored: keep ``export_private_key()`` or lose it."""
        return cls(bytes(SigningKey.generate()), chain)

    @property
    def CHAIN(self) -> str:
        return self._chain

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
        return base58_text.encode(bytes(self._key) + bytes(self._key.verify_key))

    def sign_raw(self, buffer: bytes) -> bytes:
        """Sign any bytes with Ed25519 and return the 64 bytes of the signature."""
        return bytes(self._key.sign(require_bytes(buffer)).signature)

    def encrypt(self, content: bytes) -> bytes:
        """Encrypt bytes so that only the holder of this key can read them: a sealed box."""
        from .sealed_box import encrypt

        return encrypt(self._key, require_bytes(content, "content"))

    def decrypt(self, content: bytes) -> bytes:
        """Open a sealed box; raise ``DecryptionError`` for anything not sealed for this key."""
        from .sealed_box import decrypt

        return decrypt(self._key, require_bytes(content, "content"))

    def _encode_signature(self, signature: bytes) -> str:
        return json.dumps({"publicKey": self._address, "signature": base58_text.encode(signature)})


class SVMAccount(SOLAccount):
    """A key of a network beside Solana that runs its virtual machine: Eclipse, unless told."""

    __slots__ = ()

    _DEFAULT_CHAIN: ClassVar[str] = "ES"


def verify_signature(*, sender: str, buffer: bytes, signature: str) -> None:
    """Raise ``BadSignatureError`` unless ``signature`` is ``sender``'s Ed25519 signature.

    Takes what a node takes: a JSON object as text, whose ``publicKey`` equals the sender, whose
    ``signature`` is base58 and whose ``version``, if any, is 1.
    """
    parts = read_json_signature(signature, sender)
    if parts.get("version", 1) != 1:
        raise BadSignatureError(f"the signature of {sender!r:.100} has an unknown version")
    if parts.get("publicKey") != sender:
        raise BadSignatureError(f"the signature names another key than {sender!r:.100}")
    key = base58_text.decode(sender, _KEY_LENGTH)
    raw = base58_text.decode(parts.get("signature"), _LONG_LENGTH)
    if key is None or len(key) != 32 or raw is None or len(raw) != 64:
        raise BadSignatureError(f"the signature of {sender!r:.100} is no Solana signature")
    try:
        VerifyKey(key).verify(buffer, raw)
    except CryptoError:
        raise BadSignatureError(
            f"{sender!r:.100} did not sign this message; do not trust it, ask another node"
        ) from None


def _solana_chain(chain: object) -> str:
    if isinstance(chain, str) and str.__str__(chain) in SOLANA_CHAINS:
        return str.__str__(chain)
    # Not repeated: a private key may have come in its place.
    raise ArgumentError("chain", f"is none of {', '.join(sorted(SOLANA_CHAINS))}")


def _read_private_key(private_key: object) -> SigningKey:
    if _is_foreign_text(private_key):
        raise ArgumentError(
            "private_key",
            "is hexadecimal or words, which Solana's keys are not written in: give digits as "
            "bytes.fromhex(…), and words to from_mnemonic",
        )
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


def _is_foreign_text(private_key: object) -> bool:
    if isinstance(private_key, bytes | bytearray | memoryview):
        raw = bytes(private_key)
        # As many bytes as a seed has are a seed, whatever they spell.
        text = "" if len(raw) == 32 else raw.decode("ascii", "replace")
    else:
        text = private_key if isinstance(private_key, str) else ""
    return _FOREIGN.fullmatch(text) is not None


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
        return base58_text.decode(text, _LONG_LENGTH)
    numbers = parse_short_json(text)
    return _secret_from_numbers(numbers) if isinstance(numbers, list) else None


def _secret_from_numbers(numbers: Iterable[object]) -> bytes | None:
    secret = bytearray()
    for number in numbers:
        if type(number) is not int or not 0 <= number <= 255 or len(secret) == 64:
            return None
        secret.append(number)
    return bytes(secret)
