"""Whether the sender of a message signed it. Loads a chain's libraries on first use."""

from __future__ import annotations

from typing import Any, Final, Protocol

from .chains import EVM_CHAINS, SOLANA_CHAINS, verification_buffer
from .errors import ArgumentError, BadSignatureError, UnverifiableChainError, VerificationError

__all__ = ["verify_message_signature", "verify_signature"]

_NEVER_VERIFIABLE: Final = frozenset({"AURORA", "STT"})


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


class Signed(Protocol):
    """A message as far as its signature goes: an envelope, a ``Message``, any mapping."""

    def get(self, name: str, /) -> Any: ...


def verify_message_signature(message: Signed) -> None:
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
