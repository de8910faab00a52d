"""Substrate keys (Polkadot, Kusama and others): SS58 addresses and sr25519 signatures.

The curve comes with the extra ``substrate``, whose parts are loaded on first use.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from importlib import import_module
from typing import Any, Final, Self

from ..errors import (
    ArgumentError,
    BadSignatureError,
    MissingDependencyError,
    UnverifiableChainError,
)
from . import base58_text
from .account import LocalAccount, require_bytes
from .json_signature import read_json_signature
from .secret_text import unhexlify, without_prefix

__all__ = ["DOTAccount", "verify_signature"]

_LONGEST_ADDRESS: Final = 50
_RESERVED: Final = (46, 47)
# The neutral element of the group: whoever asks can make signatures that hold under it.
_NOBODYS_KEY: Final = bytes(32)
_FORMS: Final = (
    "must be the words of a mnemonic, a seed of 32 bytes or a secret key of 64 bytes, "
    "the latter two as bytes or hexadecimal digits"
)


class DOTAccount(LocalAccount):
    """A Substrate key on sr25519, publishing under ``DOT``.

    ``private_key`` is the words of a mnemonic, a seed of 32 bytes or a secret key of 64, as bytes
    or hexadecimal digits with or without ``0x``; words and digits in bytes, as a file holds them,
    are read too. ``address_type`` is the SS58 prefix of the address: 0 Polkadot, 2 Kusama, 42 any.
    Raises ``ArgumentError`` for anything else and ``MissingDependencyError`` without the extra
    ``substrate``.
    """

    __slots__ = ("_address", "_exported", "_pair")

    def __init__(self, private_key: bytes | str, address_type: int = 42) -> None:
        prefix = _ss58_prefix(address_type)
        self._exported, self._pair = _read_private_key(private_key)
        self._address = _ss58_address(prefix, self._pair[0])

    @classmethod
    def from_mnemonic(cls, mnemonic: str, passphrase: str = "", *, address_type: int = 42) -> Self:
        """Derive the key from an English BIP-39 mnemonic in Substrate's manner, from its entropy.

        Raises ``ArgumentError`` for words or a checksum that do not hold, without repeating them.
        """
        for name, value in (("mnemonic", mnemonic), ("passphrase", passphrase)):
            if not isinstance(value, str):
                raise ArgumentError(name, f"must be text, not {type(value).__name__}")
        seed = _seed(mnemonic, passphrase)
        if seed is None:
            raise ArgumentError(
                "mnemonic", "is no BIP-39 phrase: check the words, their order and number"
            )
        return cls(seed, address_type)

    @classmethod
    def generate(cls, address_type: int = 42) -> Self:
        """Make a new random key. Nothing is stored: keep ``export_private_key()`` or lose it."""
        return cls(secrets.token_bytes(32), address_type)

    @property
    def CHAIN(self) -> str:
        return "DOT"

    @property
    def CURVE(self) -> str:
        return "sr25519"

    def get_address(self) -> str:
        """Return the SS58 address."""
        return self._address

    def get_public_key(self) -> str:
        """Return the public key in hexadecimal with ``0x``."""
        return "0x" + self._pair[0].hex()

    def export_private_key(self) -> str:
        """Return the seed, or else the secret key, in hexadecimal with ``0x``. Keep it secret."""
        return "0x" + self._exported.hex()

    def sign_raw(self, buffer: bytes) -> bytes:
        """Sign any bytes and return the 64 bytes of the signature, which differ every time."""
        return bytes(_library("sr25519").sign(self._pair, require_bytes(buffer)))

    def _encode_signature(self, signature: bytes) -> str:
        return json.dumps({"curve": self.CURVE, "data": "0x" + signature.hex()})


def verify_signature(*, sender: str, buffer: bytes, signature: str) -> None:
    """Raise ``BadSignatureError`` unless ``signature`` is ``sender``'s over the text.

    Takes a JSON object as text with ``data``, 64 bytes in hexadecimal after ``0x``, and ``curve``,
    which is sr25519 also when it is missing; the text may have been wrapped in ``<Bytes>``, as
    wallets in browsers do. Senders may have any SS58 prefix in its canonical form.
    Raises ``UnverifiableChainError`` without the extra ``substrate``.
    """
    parts = read_json_signature(signature, sender)
    data = parts.get("data")
    raw = unhexlify(data[2:]) if isinstance(data, str) and data.startswith("0x") else None
    key = _ss58_key(sender)
    if parts.get("curve", "sr25519") != "sr25519" or key is None or raw is None or len(raw) != 64:
        raise BadSignatureError(f"the signature of {sender!r:.100} is no Substrate signature")
    try:
        verify = _library("sr25519").verify
    except MissingDependencyError as error:
        raise UnverifiableChainError(str(error), chain="DOT") from None
    for text in (buffer, b"<Bytes>" + buffer + b"</Bytes>"):
        # A key that is no point of the curve raises.
        with contextlib.suppress(Exception):
            if verify(raw, text, key):
                return
    raise BadSignatureError(
        f"{sender!r:.100} did not sign this message; do not trust it, ask another node"
    )


def _read_private_key(private_key: object) -> tuple[bytes, tuple[bytes, bytes]]:
    """Return what ``export_private_key`` gives, and the pair of public and secret key."""
    raw: bytes | None = None
    if isinstance(private_key, bytes | bytearray | memoryview):
        raw = bytes(private_key)
        if len(raw) != 32:
            # A seed's digits and some phrases are 64 bytes too, which would pass for a secret key.
            text = raw.decode("utf-8", "replace")
            raw = _from_text(text) or (raw if len(raw) == 64 and not _is_written(raw) else None)
    elif isinstance(private_key, str):
        raw = _from_text(private_key)
    sr25519 = _library("sr25519")
    pair = None
    # What the library's errors say must not survive as a cause or context.
    with contextlib.suppress(Exception):
        if raw is not None and len(raw) == 32:
            public, secret = sr25519.pair_from_seed(raw)
            pair = bytes(public), bytes(secret)
        elif raw is not None and len(raw) == 64:
            pair = bytes(sr25519.public_from_secret_key(raw)), raw
    if raw is None or pair is None or pair[0] == _NOBODYS_KEY:
        raise ArgumentError("private_key", _FORMS)
    return raw, pair


def _is_written(raw: bytes) -> bool:
    return raw.isascii() and raw.decode("ascii").strip().isprintable()


def _from_text(text: str) -> bytes | None:
    digits = without_prefix(text.strip())
    if len(digits) in (64, 128) and (raw := unhexlify(digits)) is not None:
        return raw
    return _seed(text, "")


def _seed(mnemonic: str, passphrase: str) -> bytes | None:
    to_seed = _library("bip39").bip39_to_mini_secret
    with contextlib.suppress(Exception):
        return bytes(to_seed(" ".join(mnemonic.split()), passphrase))
    return None


def _ss58_prefix(address_type: object) -> bytes:
    number = address_type if type(address_type) is int else -1
    if not 0 <= number < 2**14 or number in _RESERVED:
        raise ArgumentError("address_type", "is no SS58 prefix, such as 0, 2 or 42")
    if number < 64:
        return bytes([number])
    return bytes([number >> 2 & 63 | 64, number >> 8 | (number & 3) << 6])


def _ss58_address(prefix: bytes, public_key: bytes) -> str:
    payload = prefix + public_key
    return base58_text.encode(payload + _ss58_checksum(payload))


def _ss58_key(address: str) -> bytes | None:
    raw = base58_text.decode(address, _LONGEST_ADDRESS) or b""
    payload, checksum = raw[:-2], raw[-2:]
    prefix, key = payload[:-32], payload[-32:]
    if _ss58_checksum(payload) != checksum or key == _NOBODYS_KEY:
        return None
    if len(prefix) == 1:
        return key if prefix[0] < 64 and prefix[0] not in _RESERVED else None
    # Numbers below 64 in two bytes would be second spellings of the same sender.
    if len(prefix) != 2 or not 64 <= prefix[0] < 128:
        return None
    number = (prefix[0] & 63) << 2 | prefix[1] >> 6 | (prefix[1] & 63) << 8
    return key if number >= 64 else None


def _ss58_checksum(payload: bytes) -> bytes:
    return hashlib.blake2b(b"SS58PRE" + payload).digest()[:2]


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        missing = MissingDependencyError("sr25519, the curve of Substrate,", extra="substrate")
    raise missing
