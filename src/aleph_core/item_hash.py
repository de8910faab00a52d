"""Item hashes, file hashes and addresses: what can be one, and what surely is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .errors import ArgumentError, InvalidItemHashError

__all__ = [
    "NOBODY",
    "check_address",
    "check_addresses",
    "check_item_hash",
    "check_item_hashes",
    "is_address",
    "is_cid",
    "is_item_hash",
    "same_address",
]

NOBODY = "0x" + "0" * 40
"""The address in a content that belongs to nobody, made to be priced only."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CID_V0 = re.compile(r"Qm[1-9A-HJ-NP-Za-km-z]{42,44}")
_CID_V1 = re.compile(r"bafy[a-z2-7]{55}")
_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
# The shortest address of any chain that nodes know is a Tezos or NULS one of 36 or 37 characters;
# a Solana address may be as short as 32.
_SHORTEST_ADDRESS = 32


def is_cid(text: str) -> bool:
    """Tell whether nodes take the text for an IPFS hash: CIDv0, or CIDv1 of the ``bafy`` form."""
    return bool(_CID_V0.fullmatch(text) or _CID_V1.fullmatch(text))


def is_item_hash(text: str) -> bool:
    return bool(_SHA256.fullmatch(text)) or is_cid(text)


def is_address(text: str) -> bool:
    """Tell whether the text can be an address on some chain; checksums are not looked at."""
    return len(text) >= _SHORTEST_ADDRESS and bool(_ADDRESS.fullmatch(text))


def check_item_hash(value: object, argument: str = "item_hash") -> str:
    """Return the hash as nodes spell it; a ``0x`` before 64 hex digits is dropped.

    Raises ``InvalidItemHashError``, which is a ``MessageNotFoundError`` too: no message has such a hash.
    """
    if isinstance(value, str):
        text = str.__str__(value)
        if len(text) == 66 and text[:2] in ("0x", "0X"):
            text = text[2:].lower()
        elif len(text) == 64:
            text = text.lower()
        if is_item_hash(text):
            return text
        shown = repr(text if len(text) <= 80 else text[:80] + "…")
    else:
        shown = f"a value of type {type(value).__name__}"
    # Messages and what publishing gave have one, which is the likeliest thing that was meant.
    expected = (
        "give its item_hash"
        if isinstance(getattr(value, "item_hash", None), str)
        else "expected 64 hexadecimal digits or an IPFS CID (Qm…, bafy…)"
    )
    raise InvalidItemHashError(
        argument,
        f"{shown} is no item hash; {expected}",
        item_hash=value if isinstance(value, str) else "",
    )


def check_item_hashes(values: str | Iterable[str], argument: str = "hashes") -> list[str]:
    """Return the hashes as a list; a single string is one hash."""
    return [
        check_item_hash(value, f"{argument}[{index}]")
        for index, value in enumerate(as_list(values, argument))
    ]


def check_address(value: object, argument: str = "address") -> str:
    """Return the address; raise ``ArgumentError`` for what can be none, a path for instance."""
    if not isinstance(value, str) or not is_address(value):
        shown = repr(value[:80]) if isinstance(value, str) else type(value).__name__
        raise ArgumentError(argument, f"{shown} is no address")
    return value


def check_addresses(values: str | Sequence[str], argument: str = "addresses") -> list[str]:
    return [
        check_address(value, f"{argument}[{index}]")
        for index, value in enumerate(as_list(values, argument))
    ]


def same_address(one: str, other: str) -> bool:
    """Tell whether two texts are one address; case means nothing in hexadecimal ones alone."""
    return one == other or (one[:2] == "0x" and one.lower() == other.lower())


def as_list(values: object, argument: str) -> list[object]:
    """Return the values as a list; one string is one value, never its letters."""
    if isinstance(values, str):
        return [values]
    if not isinstance(values, Iterable):
        raise ArgumentError(argument, f"expected a text or several, not {type(values).__name__}")
    return list(values)
