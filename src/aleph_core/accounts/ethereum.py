"""Ethereum keys: addresses, personal-message signatures (EIP-191), verification.

Signs through libsecp256k1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Self

from coincurve import PrivateKey, PublicKey

from ..chains import EVM_CHAINS
from ..errors import ArgumentError, BadSignatureError
from ..evm.addresses import checksum_address, keccak256
from .account import require_bytes
from .mnemonics import secp256k1_key, seed_from_mnemonic
from .secp256k1 import Secp256k1Account, recover_public_key
from .secret_text import unhexlify, without_prefix

__all__ = [
    "DEFAULT_ACCOUNT_PATH",
    "ETHAccount",
    "EVMAccount",
    "verify_signature",
]

DEFAULT_ACCOUNT_PATH: Final = "m/44'/60'/0'/0/0"
_LONGEST_SHOWN: Final = 20


class ETHAccount(Secp256k1Account):
    """An Ethereum key, for ``ETH`` and every EVM identifier that nodes accept.

    ``private_key`` is 32 bytes or 64 hexadecimal digits, with or without ``0x``; such digits in
    bytes, as a text file holds them, are read too, and white space around digits is ignored.
    ``chain`` is what messages are published under. An Avalanche C-chain account (``AVAX``)
    publishes under ``ETH``, since nodes refuse Ethereum signatures under ``AVAX``; ``network``
    keeps what was asked for. Raises ``ArgumentError`` for anything else.
    """

    __slots__ = ("_address", "_network")

    def __init__(self, private_key: bytes | str, chain: str | None = None) -> None:
        self._network = evm_network(chain)
        super().__init__(private_key)
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
        seed = seed_from_mnemonic(mnemonic, passphrase)
        return cls(secp256k1_key(seed, account_path), chain)

    @classmethod
    def from_keystore(
        cls,
        keystore: Mapping[str, Any] | str | bytes,
        password: str | Callable[[], str],
        chain: str | None = None,
    ) -> Self:
        """Open a keystore V3, the encrypted key file of Ethereum's tools.

        ``keystore`` is its content, as JSON text or parsed. ``password`` may be a function that
        asks for it; it is called only when the rest is in order. Deriving the key takes a second
        or so. Raises ``ArgumentError`` for another format or a wrong password, without repeating it.
        """
        from .keystores import open_keystore

        evm_network(chain)
        return cls(open_keystore(keystore, password), chain)

    @classmethod
    def generate(cls, chain: str | None = None) -> Self:
        """Make a new random key. Nothing is stored: keep ``export_private_key()`` or lose it."""
        return cls(PrivateKey().secret, chain)

    @property
    def CHAIN(self) -> str:
        return "ETH" if self._network == "AVAX" else self._network

    @property
    def network(self) -> str:
        """The EVM network that was asked for, where the account's payments take place."""
        return self._network

    def get_address(self) -> str:
        """Return the address with its EIP-55 checksum."""
        return self._address

    def get_public_key(self) -> str:
        """Return the compressed public key in hexadecimal with ``0x``."""
        return "0x" + self._key.public_key.format().hex()

    def export_keystore(
        self,
        password: str | Callable[[], str],
        *,
        kdf: str = "scrypt",
        iterations: int | None = None,
    ) -> dict[str, Any]:
        """Return the key encrypted as a keystore V3, ready to be written as JSON.

        ``kdf`` is ``scrypt`` or ``pbkdf2``; ``iterations`` is its cost, for scrypt a power of two.
        """
        from .keystores import make_keystore

        return make_keystore(self._key.secret, self._address, password, kdf, iterations)

    def sign_raw(self, buffer: bytes) -> bytes:
        """Sign any bytes as an EIP-191 personal message.

        Returns the 65 bytes r, s and v, with v 27 or 28; equal input gives equal signatures.
        """
        signature = self._key.sign_recoverable(
            _personal_message(require_bytes(buffer)), hasher=keccak256
        )
        return signature[:64] + bytes([27 + signature[64]])

    def sign_transaction(self, transaction: bytes) -> bytes:
        """Sign a serialised unsigned transaction of type 1 or 2.

        Returns the 65 bytes r, s and y-parity; equal input gives equal signatures.
        """
        return self._key.sign_recoverable(typed_transaction(transaction), hasher=keccak256)

    def _encode_signature(self, signature: bytes) -> str:
        return "0x" + signature.hex()


EVMAccount = ETHAccount


def verify_signature(*, sender: str, buffer: bytes, signature: str) -> None:
    """Raise ``BadSignatureError`` unless ``signature`` is ``sender``'s personal message.

    Takes what ``eth_account`` (and so a node) takes: hexadecimal in either case, ``0x`` optional,
    v as 0/1 or 27/28. Only a v with a chain id (35 and up), which belongs to transactions and no
    wallet puts under a message, is refused: it would let one signature be spelled in many ways.
    Addresses are compared without case.
    """
    raw = _read_signature(signature)
    recovered = (
        None if raw is None else recover_public_key(raw, _personal_message(buffer), keccak256)
    )
    if recovered is None:
        raise BadSignatureError(f"the signature of {sender!r:.100} is no Ethereum signature")
    if _address(recovered).lower() != sender.lower():
        raise BadSignatureError(
            f"{sender!r:.100} did not sign this message; do not trust it, ask another node"
        )


def typed_transaction(transaction: object) -> bytes:
    """Return a transaction to sign; raise ``ArgumentError`` unless it is one of type 1 or 2."""
    unsigned = require_bytes(transaction, "transaction")
    if unsigned[:1] not in (b"\x01", b"\x02"):
        raise ArgumentError("transaction", "must be serialised, and of type 1 or 2")
    return unsigned


def evm_network(chain: str | None) -> str:
    if chain is None:
        return "ETH"
    if isinstance(chain, str):
        name = str.__str__(chain)
        if name in EVM_CHAINS or name == "AVAX":
            return name
    # A private key may have come in the place of the chain.
    shown = f"a value of type {type(chain).__name__}"
    if isinstance(chain, str):
        long = len(chain) > _LONGEST_SHOWN
        shown = f"a text of {len(chain)} characters" if long else repr(str.__str__(chain))
    raise ArgumentError(
        "chain",
        f"{shown} is not one under which nodes accept an Ethereum key; "
        f"use AVAX, {', '.join(sorted(EVM_CHAINS))}",
    )


def _read_signature(signature: str) -> bytes | None:
    digits = without_prefix(signature)
    if len(digits) == 129:
        digits = "0" + digits
    raw = unhexlify(digits) if len(digits) == 130 else None
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


def _personal_message(buffer: bytes) -> bytes:
    return b"\x19Ethereum Signed Message:\n%d%b" % (len(buffer), buffer)


def _address(public_key: PublicKey) -> str:
    return checksum_address(keccak256(public_key.format(compressed=False)[1:])[12:])
