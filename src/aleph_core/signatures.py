"""Whether the sender of a message signed it. Loads a chain's libraries on first use."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, Protocol

from .chains import EVM_CHAINS, SOLANA_CHAINS, verification_buffer
from .errors import ArgumentError, BadSignatureError, UnverifiableChainError, VerificationError

__all__ = ["verify_message_signature", "verify_signature"]

_NEVER_VERIFIABLE: Final = frozenset({"AURORA", "STT"})
_VERIFIERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(EVM_CHAINS, "ethereum"),
    **dict.fromkeys(SOLANA_CHAINS, "solana"),
    "AVAX": "avalanche",
    "CSDK": "cosmos",
    "DOT": "substrate",
    "NULS": "nuls",
    "NULS2": "nuls",
    "TEZOS": "tezos",
}


def verify_signature(
    *, chain: str, sender: str, buffer: bytes, signature: object, time: object = None
) -> None:
    """Return only when ``signature``, as a message carries it, is ``sender``'s over ``buffer``.

    Accepts the encodings that nodes accept. ``time`` is that of the message, in seconds; Tezos
    wallets that sign Micheline text cover it, on all other chains it is not signed. Raises ``BadSignatureError`` for a signature that is
    malformed or somebody else's and ``UnverifiableChainError`` for a chain without a verifier.
    """
    if not all(isinstance(text, str) for text in (chain, sender)):
        raise BadSignatureError("chain and sender of a signed message must be text")
    if not isinstance(buffer, bytes):
        raise BadSignatureError("what was signed must be bytes")
    if not isinstance(signature, str) or not signature:
        raise BadSignatureError(f"the message of {sender!r:.100} carries no signature")
    # A member of a string enumeration hashes by its name, so sets need the plain text.
    chain, sender, signature = str.__str__(chain), str.__str__(sender), str.__str__(signature)
    home = _VERIFIERS.get(chain)
    if chain in _NEVER_VERIFIABLE:
        raise UnverifiableChainError(
            f"no verifier exists for the chain {chain}, and nodes reject its messages; "
            "publish under another EVM identifier, such as ETH",
            chain=chain,
        )
    if home is None:
        raise UnverifiableChainError(
            f"this version cannot verify signatures of the chain {chain!r:.100}; "
            'verify="content" reads its messages without proof of their sender',
            chain=chain,
        )
    verifier = import_module(f".accounts.{home}", __package__)
    if chain == "TEZOS":
        verifier.verify_signature(sender=sender, buffer=buffer, signature=signature, time=time)
    elif chain == "NULS":
        verifier.verify_legacy_signature(sender=sender, buffer=buffer, signature=signature)
    else:
        verifier.verify_signature(sender=sender, buffer=buffer, signature=signature)


class Signed(Protocol):
    """A message as far as its signature goes: an envelope, a ``Message``, any mapping."""

    def get(self, name: str, /) -> Any: ...


def verify_message_signature(message: Signed) -> None:
    """Return only when the sender that an envelope names signed it.

    Reads ``chain``, ``sender``, ``type``, ``item_hash``, ``time`` and ``signature``. That the content hashes
    to ``item_hash`` is another question. Raises as ``verify_signature`` does; a value that is
    missing or malformed is a ``BadSignatureError``.
    """
    signed: list[Any] = [message.get(name) for name in ("chain", "sender", "type", "item_hash")]
    chain, sender, _, item_hash = signed
    try:
        try:
            buffer = verification_buffer(*signed)
        except ArgumentError as error:
            raise BadSignatureError(f"cannot tell what was signed: {error}") from None
        verify_signature(
            chain=chain,
            sender=sender,
            buffer=buffer,
            signature=message.get("signature"),
            time=message.get("time"),
        )
    except VerificationError as error:
        error.item_hash = item_hash if isinstance(item_hash, str) else None
        raise
