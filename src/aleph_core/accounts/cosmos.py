"""Cosmos keys: bech32 addresses, signatures over an Amino document (ADR-036's forerunner)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Final, Self

from coincurve import PrivateKey

from ..errors import ArgumentError, BadSignatureError
from .account import require_bytes
from .bech32 import bech32_address
from .json_signature import read_json_signature
from .mnemonics import secp256k1_key, seed_from_mnemonic
from .secp256k1 import Secp256k1Account, hash160, sha256, verify_compact

__all__ = ["CSDKAccount", "CosmosAccount", "verify_signature"]

_KEY_TYPE: Final = "tendermint/PubKeySecp256k1"
# Nodes take what precedes the first 1 of an address for its prefix.
_PREFIX: Final = re.compile("[a-z02-9]{1,40}")


class CosmosAccount(Secp256k1Account):
    """A Cosmos key, publishing under ``CSDK``.

    ``private_key`` is 32 bytes or 64 hexadecimal digits, as for an Ethereum account. ``hrp`` is the
    prefix of the address, which tells the chains of the Cosmos family apart.
    Raises ``ArgumentError`` for anything else.
    """

    __slots__ = ("_address",)

    def __init__(self, private_key: bytes | str, hrp: str = "cosmos") -> None:
        prefix = _check_prefix(hrp)
        super().__init__(private_key)
        self._address = bech32_address(prefix, hash160(self._key.public_key.format()))

    @classmethod
    def from_mnemonic(
        cls,
        mnemonic: str,
        passphrase: str = "",
        account_path: str = "m/44'/118'/0'/0/0",
        *,
        hrp: str = "cosmos",
    ) -> Self:
        """Derive the key from a BIP-39 mnemonic along a BIP-32 path.

        Raises ``ArgumentError`` for words or a checksum that do not hold, without repeating them.
        """
        return cls(secp256k1_key(seed_from_mnemonic(mnemonic, passphrase), account_path), hrp)

    @classmethod
    def generate(cls, hrp: str = "cosmos") -> Self:
        """Make a new random key. Nothing is stored: keep ``export_private_key()`` or lose it."""
        return cls(PrivateKey().secret, hrp)

    @property
    def CHAIN(self) -> str:
        return "CSDK"

    def get_address(self) -> str:
        """Return the bech32 address."""
        return self._address

    def sign_raw(self, buffer: bytes) -> bytes:
        """Sign the SHA-256 of any bytes and return the 64 bytes r and s, s being the smaller one."""
        return self._key.sign_recoverable(require_bytes(buffer), hasher=sha256)[:64]

    def _sign_buffer(self, buffer: bytes, _message: Mapping[str, Any], /) -> str:
        return self._encode_signature(self.sign_raw(_document(buffer.decode(), self._address)))

    def _encode_signature(self, signature: bytes) -> str:
        public_key = base64.b64encode(self._key.public_key.format()).decode()
        return json.dumps(
            {
                "signature": base64.b64encode(signature).decode(),
                "pub_key": {"type": _KEY_TYPE, "value": public_key},
            }
        )


CSDKAccount = CosmosAccount


def verify_signature(*, sender: str, buffer: bytes, signature: str) -> None:
    """Raise ``BadSignatureError`` unless ``signature`` is ``sender``'s over the Amino document.

    Takes a JSON object as text with ``signature`` (64 bytes in base64) and ``pub_key`` of the type
    ``tendermint/PubKeySecp256k1``, whose address under the sender's prefix must be the sender.
    """
    parts = read_json_signature(signature, sender)
    pub_key = parts.get("pub_key")
    pub_key = pub_key if isinstance(pub_key, dict) else {}
    key, raw = _decode(pub_key.get("value")), _decode(parts.get("signature"))
    if pub_key.get("type") != _KEY_TYPE or key is None or len(key) != 33 or raw is None:
        raise BadSignatureError(f"the signature of {sender!r:.100} is no Cosmos signature")
    prefix = sender.partition("1")[0]
    if not _PREFIX.fullmatch(prefix) or bech32_address(prefix, hash160(key)) != sender:
        raise BadSignatureError(f"the signature names another key than that of {sender!r:.100}")
    try:
        text = buffer.decode()
    except UnicodeDecodeError:
        text = None
    if text is None or not verify_compact(raw, _document(text, sender), key, sha256, any_s=True):
        raise BadSignatureError(
            f"{sender!r:.100} did not sign this message; do not trust it, ask another node"
        )


def _check_prefix(hrp: object) -> str:
    if isinstance(hrp, str) and _PREFIX.fullmatch(hrp):
        return hrp
    raise ArgumentError("hrp", "is no prefix such as cosmos or osmo")


def _document(text: str, signer: str) -> bytes:
    """Return what a wallet is asked to sign: a transaction that says a text and costs nothing."""
    document = {
        "account_number": "0",
        "chain_id": "signed-message-v1",
        "fee": {"amount": [], "gas": "0"},
        "memo": "",
        "msgs": [{"type": "signutil/MsgSignText", "value": {"message": text, "signer": signer}}],
        "sequence": "0",
    }
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _decode(text: object) -> bytes | None:
    if not isinstance(text, str):
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    # One signature must not be spelled in several ways.
    return raw if base64.b64encode(raw).decode() == text else None
