"""What is signed, and whether its sender signed it. Loads a chain's libraries on first use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .errors import ArgumentError, BadSignatureError, UnverifiableChainError, VerificationError

__all__ = [
    "EVM_CHAINS",
    "SOLANA_CHAINS",
    "verification_buffer",
    "verify_message_signature",
    "verify_signature",
]

EVM_CHAINS: Final = frozenset(
    {
        "ETH",
        "ARB",
        "BASE",
        "BLAST",
        "BOB",
        "BSC",
        "CYBER",
        "ETHERLINK",
        "FRAX",
        "HYPE",
        "INK",
        "LENS",
        "LINEA",
        "LISK",
        "METIS",
        "MODE",
        "NEO",
        "OP",
        "POL",
        "SONIC",
        "UNICHAIN",
        "WLD",
        "ZORA",
    }
)
"""Identifiers under which nodes accept an Ethereum address with a personal-message signature."""

SOLANA_CHAINS: Final = frozenset({"SOL", "ES"})
"""Identifiers under which nodes accept a Solana address with an Ed25519 signature."""

_NEVER_VERIFIABLE: Final = frozenset({"AURORA", "STT"})


def verification_buffer(chain: str, sender: str, type: str, item_hash: str) -> bytes:  # noqa: A002
    """Return the bytes that the sender of a message signs: the four values, one a line.

    ``channel``, ``time`` and ``item_type`` of a message are not covered by its signature.
    Raises ``ArgumentError`` for a value that is empty, no text, or more than one line.
    """
    values: dict[str, Any] = {
        "chain": chain,
        "sender": sender,
        "type": type,
        "item_hash": item_hash,
    }
    for name, value in values.items():
        if not isinstance(value, str) or not value:
            raise ArgumentError(name, "must be a text that is not empty")
        if "\n" in value:
            raise ArgumentError(name, "must be one line, for lines part the signed values")
    try:
        # Joining, unlike formatting, takes the value of a member of a string enumeration.
        return "\n".join(values.values()).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ArgumentError("message", f"cannot be encoded as UTF-8: {error.reason}") from None


def verify_signature(*, chain: str, sender: str, buffer: bytes, signature: object) -> None:
    """Return only when ``signature``, as a message carries it, is ``sender``'s over ``buffer``.

    Accepts the encodings that nodes accept. Raises ``BadSignatureError`` for a signature that is
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
    if chain in EVM_CHAINS:
        from .accounts import ethereum

        ethereum.verify_signature(sender=sender, buffer=buffer, signature=signature)
    elif chain in SOLANA_CHAINS:
        from .accounts import solana

        solana.verify_signature(sender=sender, buffer=buffer, signature=signature)
    elif chain in _NEVER_VERIFIABLE:
        raise UnverifiableChainError(
            f"no verifier exists for the chain {chain}, and nodes reject its messages; "
            "publish under another EVM identifier, such as ETH",
            chain=chain,
        )
    else:
        raise UnverifiableChainError(
            f"this version cannot verify signatures of the chain {chain!r:.100}; "
            'verify="content" reads its messages without proof of their sender',
            chain=chain,
        )


def verify_message_signature(message: Mapping[str, Any]) -> None:
    """Return only when the sender that an envelope names signed it.

    Reads ``chain``, ``sender``, ``type``, ``item_hash`` and ``signature``. That the content hashes
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
            chain=chain, sender=sender, buffer=buffer, signature=message.get("signature")
        )
    except VerificationError as error:
        error.item_hash = item_hash if isinstance(item_hash, str) else None
        raise
