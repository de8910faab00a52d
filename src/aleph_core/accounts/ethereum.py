"""Ethereum keys: addresses, personal-message signatures (EIP-191), verification.

Signs through libsecp256k1; ``eth_account`` takes most of a second to import and is loaded for
mnemonics alone.
"""

from __future__ import annotations

import binascii
import contextlib
import sys
from typing import Final, Self

from coincurve import PrivateKey, PublicKey
from Crypto.Hash import keccak

from ..chains import EVM_CHAINS
from ..errors import ArgumentError, BadSignatureError
from .account import LocalAccount, require_bytes

__all__ = ["DEFAULT_ACCOUNT_PATH", "ETHAccount", "checksum_address", "verify_signature"]

DEFAULT_ACCOUNT_PATH: Final = "m/44'/60'/0'/0/0"

_FORMS: Final = "32 bytes, or 64 hexadecimal digits with or without 0x"


class ETHAccount(LocalAccount):
    """An Ethereum key, for ``ETH`` and every EVM identifier that nodes accept.

    ``private_key`` is 32 bytes or 64 hexadecimal digits, with or without ``0x``; such digits in
    bytes, as a text file holds them, are read too, and white space around digits is ignored.
    ``chain`` is what messages are published under. An Avalanche C-chain account (``AVAX``)
    publishes under ``ETH``, since nodes refuse Ethereum signatures under ``AVAX``.
    Raises ``ArgumentError`` for anything else.
    """

    __slots__ = ("_address", "_chain", "_key")

    def __init__(self, private_key: bytes | str, chain: str | None = None) -> None:
        self._chain = _publishing_chain(chain)
        self._key = _read_private_key(private_key)
        self._address = _address(self._key.public_key)

    @classmethod
    def from_mnemonic(
        cls,
        mnemonic: str,
        passphrase: str = "",
        account_path: str = DEFAULT_ACCOUNT_PATH,
        *,
        chain: str | None = None,
    ) -> Self:
        """Derive the key from a BIP-39 mnemonic in any of its languages, along a BIP-32 path.

        Raises ``ArgumentError`` for words or a checksum that do not hold, without repeating them.
        """
        return cls(_derive(mnemonic, passphrase, account_path), chain)

    @classmethod
    def generate(cls, chain: str | None = None) -> Self:
        """Make a new random key. Nothing is stored: keep ``export_private_key()`` or lose it."""
        return cls(PrivateKey().secret, chain)

    @property
    def CHAIN(self) -> str:
        return self._chain

    @property
    def CURVE(self) -> str:
        return "secp256k1"

    def get_address(self) -> str:
        """Return the address with its EIP-55 checksum."""
        return self._address

    def get_public_key(self) -> str:
        """Return the compressed public key in hexadecimal with ``0x``."""
        return "0x" + self._key.public_key.format().hex()

    def export_private_key(self) -> str:
        """Return the private key in hexadecimal with ``0x``. Keep it secret."""
        return "0x" + self._key.secret.hex()

    def sign_raw(self, buffer: bytes) -> bytes:
        """Sign any bytes as an EIP-191 personal message.

        Returns the 65 bytes r, s and v, with v 27 or 28; equal input gives equal signatures.
        """
        signature = self._key.sign_recoverable(
            _personal_message(require_bytes(buffer)), hasher=_keccak
        )
        return signature[:64] + bytes([27 + signature[64]])

    def _encode_signature(self, signature: bytes) -> str:
        return "0x" + signature.hex()


def verify_signature(*, sender: str, buffer: bytes, signature: str) -> None:
    """Raise ``BadSignatureError`` unless ``signature`` is ``sender``'s personal message.

    Takes what ``eth_account`` (and so a node) takes: hexadecimal in either case, ``0x`` optional,
    v as 0/1 or 27/28. Only a v with a chain id (35 and up), which belongs to transactions and no
    wallet puts under a message, is refused: it would let one signature be spelled in many ways.
    Addresses are compared without case.
    """
    recoverable = _read_signature(signature)
    recovered = None
    if recoverable is not None:
        # Older releases of the library raise bare exceptions.
        with contextlib.suppress(Exception):
            recovered = PublicKey.from_signature_and_message(
                recoverable, _personal_message(buffer), hasher=_keccak
            )
    if recovered is None:
        raise BadSignatureError(f"the signature of {sender!r:.100} is no Ethereum signature")
    if _address(recovered).lower() != sender.lower():
        raise BadSignatureError(
            f"{sender!r:.100} did not sign this message; do not trust it, ask another node"
        )


def checksum_address(address: bytes) -> str:
    """Return 20 bytes as the hexadecimal address whose capitals are its EIP-55 checksum."""
    digits = address.hex()
    checksum = _keccak(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if check >= "8" else digit
        for digit, check in zip(digits, checksum[:40], strict=True)
    )


def _publishing_chain(chain: str | None) -> str:
    if chain is None:
        return "ETH"
    if isinstance(chain, str):
        name = str.__str__(chain)
        if name in EVM_CHAINS:
            return name
        if name == "AVAX":
            return "ETH"
    raise ArgumentError(
        "chain",
        f"{chain!r:.100} is not one under which nodes accept an Ethereum key; "
        f"use AVAX, {', '.join(sorted(EVM_CHAINS))}",
    )


def _read_private_key(private_key: object) -> PrivateKey:
    secret = _secret_bytes(private_key)
    if secret is None:
        raise ArgumentError(
            "private_key", f"must be {_FORMS}; for words use ETHAccount.from_mnemonic"
        )
    try:
        return PrivateKey(secret)
    except ValueError:
        invalid = ArgumentError("private_key", "is zero or too large for a secp256k1 key")
    raise invalid


def _secret_bytes(private_key: object) -> bytes | None:
    if isinstance(private_key, bytes | bytearray | memoryview):
        raw = bytes(private_key)
        if len(raw) == 32:
            return raw
        text = raw.decode("ascii", "replace")
    elif isinstance(private_key, str):
        text = private_key
    else:
        return None
    digits = _without_prefix(text.strip())
    return _unhexlify(digits) if len(digits) == 64 else None


def _read_signature(signature: str) -> bytes | None:
    digits = _without_prefix(signature)
    if len(digits) == 129:
        digits = "0" + digits
    raw = _unhexlify(digits) if len(digits) == 130 else None
    if raw is None:
        return None
    v = raw[64]
    if v in (0, 1):
        parity = v
    elif v in (27, 28):
        parity = v - 27
    else:
        return None
    return raw[:64] + bytes([parity])


def _without_prefix(text: str) -> str:
    return text[2:] if text[:2] in ("0x", "0X") else text


def _unhexlify(digits: str) -> bytes | None:
    # bytes.fromhex would skip white space between the digits.
    try:
        return binascii.unhexlify(digits)
    except ValueError:
        return None


def _personal_message(buffer: bytes) -> bytes:
    return b"\x19Ethereum Signed Message:\n%d%b" % (len(buffer), buffer)


def _keccak(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


def _address(public_key: PublicKey) -> str:
    return checksum_address(_keccak(public_key.format(compressed=False)[1:])[12:])


def _derive(mnemonic: str, passphrase: str, account_path: str) -> bytes:
    # Importing this raises the recursion limit to 100000, where nested JSON can overflow the stack.
    limit = sys.getrecursionlimit()
    from eth_account.hdaccount import key_from_seed, seed_from_mnemonic

    sys.setrecursionlimit(limit)
    for name, value in (("mnemonic", mnemonic), ("passphrase", passphrase)):
        if not isinstance(value, str):
            raise ArgumentError(name, f"must be text, not {type(value).__name__}")
    seed = key = None
    # The library's errors repeat the words, so they must not survive as a cause or context.
    with contextlib.suppress(Exception):
        seed = seed_from_mnemonic(" ".join(mnemonic.split()), passphrase)
    if seed is None:
        raise ArgumentError(
            "mnemonic", "is no BIP-39 phrase: check the words, their order and number"
        )
    with contextlib.suppress(Exception):
        key = key_from_seed(seed, account_path)
    if key is None:
        raise ArgumentError(
            "account_path",
            f"{account_path!r:.100} is no BIP-32 path such as {DEFAULT_ACCOUNT_PATH}",
        )
    return key
