"""The identifiers of chains, and the text that an account of any of them signs."""

from __future__ import annotations

from typing import Any, Final

from .errors import ArgumentError

__all__ = ["EVM_CHAINS", "SOLANA_CHAINS", "verification_buffer"]

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


def verification_buffer(chain: str, sender: str, type: str, item_hash: str) -> bytes:  # noqa: A002 - the name of the field
    """Return the bytes that the sender of a message signs: the four values, one a line.

    ``channel``, ``time`` and ``item_type`` of a message are not covered by its signature, but for
    the time in Tezos signatures of the micheline form.
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
