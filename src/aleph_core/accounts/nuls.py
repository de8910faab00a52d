"""NULS keys: addresses, recoverable signatures of today's chain, verification of the old one's."""

from __future__ import annotations

import base64
import hmac
import struct
from collections.abc import Mapping
from functools import reduce
from operator import xor
from typing import Final, Self

from coincurve import PrivateKey, PublicKey

from ..errors import ArgumentError, BadSignatureError
from . import base58_text
from .account import require_bytes
from .secp256k1 import Secp256k1Account, hash160, recover_public_key, sha256
from .secret_text import unhexlify

__all__ = ["NULS2Account", "NULSAccount", "verify_legacy_signature", "verify_signature"]

# Nodes know the addresses of the main network and of the test network. A letter, which tells the
# length of the prefix, parts it from the base58 text.
_PREFIXES: Final[Mapping[int, str]] = {1: "NULSd", 2: "tNULSe"}
_LONGEST_ADDRESS: Final = 40


class NULS2Account(Secp256k1Account):
    """A NULS key, publishing under ``NULS2``.

    ``private_key`` is 32 bytes or 64 hexadecimal digits, as for an Ethereum account; ``chain_id``
    is 1 for the main network and 2 for the test network. Raises ``ArgumentError`` for anything else.
    """

    __slots__ = ("_address",)

    def __init__(self, private_key: bytes | str, chain_id: int = 1) -> None:
        if not isinstance(chain_id, int) or chain_id not in _PREFIXES:
            raise ArgumentError("chain_id", "is neither 1 (main) nor 2 (test)")
        super().__init__(private_key)
        self._address = _address(self._key.public_key, chain_id)

    @classmethod
    def generate(cls, chain_id: int = 1) -> Self:
        """Make a new random key. Nothing is stored: keep ``export_private_key()`` or lose it."""
        return cls(PrivateKey().secret, chain_id)

    @property
    def CHAIN(self) -> str:
        return "NULS2"

    def get_address(self) -> str:
        """Return the address with its network's prefix."""
        return self._address

    def sign_raw(self, buffer: bytes) -> bytes:
        """Sign any bytes as a NULS message; returns 65 bytes: 27 + recovery id, r and s."""
        signature = self._key.sign_recoverable(_message(require_bytes(buffer)), hasher=sha256)
        return bytes([27 + signature[64]]) + signature[:64]

    def _encode_signature(self, signature: bytes) -> str:
        return base64.b64encode(signature).decode()


NULSAccount = NULS2Account


def verify_signature(*, sender: str, buffer: bytes, signature: str) -> None:
    """Raise ``BadSignatureError`` unless ``signature`` is ``sender``'s NULS message.

    Takes base64 of 65 bytes, the first of which is 27 to 30, and the addresses that nodes know.
    """
    raw = _from_base64(signature)
    if raw is None or len(raw) != 65 or not 27 <= raw[0] <= 30:
        raise BadSignatureError(f"the signature of {sender!r:.100} is no NULS signature")
    chain_id = next((n for n, prefix in _PREFIXES.items() if sender.startswith(prefix)), None)
    recovered = recover_public_key(raw[1:] + bytes([raw[0] - 27]), _message(buffer), sha256)
    if chain_id is None or recovered is None or _address(recovered, chain_id) != sender:
        raise BadSignatureError(
            f"{sender!r:.100} did not sign this message; do not trust it, ask another node"
        )


def verify_legacy_signature(*, sender: str, buffer: bytes, signature: str) -> None:
    """Raise ``BadSignatureError`` unless ``signature`` is ``sender``'s on the first NULS chain.

    Takes hexadecimal of a compressed public key and a DER signature, each after its length, with a
    zero byte between them. There is no account for this chain, which came to its end.
    """
    raw = unhexlify(signature) or b""
    key, rest = raw[1:34], raw[34:]
    der = rest[2:]
    if raw[:1] != b"\x21" or len(rest) < 2 or rest[0] != 0 or rest[1] != len(der):
        raise BadSignatureError(f"the signature of {sender!r:.100} is no NULS signature")
    address = base58_text.decode(sender, _LONGEST_ADDRESS)
    expected = b"" if address is None or len(address) != 24 else _payload(key, address[:2])
    if address is None or not hmac.compare_digest(expected, address):
        raise BadSignatureError(f"the signature names another key than that of {sender!r:.100}")
    # Software of that chain put the representation of the bytes into its template, not the bytes.
    text = "\x18NULS Signed Message:\n" + repr(_with_length(buffer))
    try:
        holds = PublicKey(key).verify(der, text.encode(), hasher=sha256)
    except ValueError:
        holds = False
    if not holds:
        raise BadSignatureError(
            f"{sender!r:.100} did not sign this message; do not trust it, ask another node"
        )


def _message(buffer: bytes) -> bytes:
    return b"\x18NULS Signed Message:\n" + _with_length(buffer)


def _with_length(buffer: bytes) -> bytes:
    length = len(buffer)
    if length < 253:
        return bytes([length]) + buffer
    if length < 2**16:
        return b"\xfd" + struct.pack("<H", length) + buffer
    return b"\xfe" + struct.pack("<I", length) + buffer


def _address(public_key: PublicKey, chain_id: int) -> str:
    payload = _payload(public_key.format(), struct.pack("<H", chain_id))
    return _PREFIXES[chain_id] + base58_text.encode(payload)


def _payload(public_key: bytes, chain_id: bytes) -> bytes:
    body = chain_id + b"\x01" + hash160(public_key)
    return body + bytes([reduce(xor, body)])


def _from_base64(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    # One signature must not be spelled in several ways.
    return raw if base64.b64encode(raw).decode() == text else None
