"""The network's rejection codes as typed errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import InsufficientFundsError, RejectedMessage
from .excerpts import shown

__all__ = ["REASONS", "rejection"]

# The error codes of pyaleph, and what its user can do about each.
REASONS: Mapping[int, str] = {
    -1: "the node failed to process it; publish again, or to another node",
    0: "its format is not valid",
    1: "its signature is missing or not the sender's",
    2: "the sender may not publish for this address",
    3: "its content could not be fetched; upload the content first",
    4: "the stored file could not be fetched; upload the file first",
    5: "the token balance is too low",
    6: "the credits are too low",
    100: "an amend needs the hash of the original in ref",
    101: "the post to amend was not found",
    102: "an amend cannot be amended; name the original in ref",
    200: "the file version named in ref was not found",
    201: "ref names a file that has a ref itself; name the original",
    202: "the payment method is not accepted any more; pay with credits",
    300: "the machine to replace was not found",
    301: "a volume or the code was not found",
    302: "the machine does not allow amends",
    303: "an update cannot be updated; name the original",
    304: "a volume is smaller than its parent",
    500: "it forgets nothing; name at least one hash",
    501: "a message to forget was not found, or is forgotten already",
    502: "a FORGET cannot be forgotten",
    503: "the file is still used by a machine",
    504: "the message was forgotten before",
}


def rejection(
    item_hash: str, error_code: int | None, details: Any = None, **data: Any
) -> RejectedMessage:
    """Return the error for a rejected message; ``details`` is what the node gave, or None."""
    errors = details.get("errors", details) if isinstance(details, Mapping) else details
    entries = errors if isinstance(errors, list) else [] if errors is None else [errors]
    first = entries[0] if entries else None
    reason = "the node gave no reason" if error_code is None else REASONS.get(error_code)
    text = f"message {item_hash} was rejected: {reason or f'error code {error_code}'}"
    if error_code in (5, 6) and isinstance(first, Mapping):
        names = ("balance", "ALEPH") if error_code == 5 else ("credits", "credits")
        required = _amount(first.get(f"required_{names[0]}"))
        available = _amount(first.get(f"account_{names[0]}"))
        return InsufficientFundsError(
            f"{text}: {required} {names[1]} required, {available} available",
            item_hash=item_hash,
            error_code=error_code,
            details=details,
            required=required,
            available=available,
            currency=names[1],
            **data,
        )
    if error_code in (5, 6):
        return InsufficientFundsError(
            text,
            item_hash=item_hash,
            error_code=error_code,
            details=details,
            currency="ALEPH" if error_code == 5 else "credits",
            **data,
        )
    if entries:
        said = "; ".join(_words(entry) for entry in entries[:10])
        text = f"{text}: {said if len(said) <= 500 else said[:500] + '…'}"
    return RejectedMessage(
        text, item_hash=item_hash, error_code=error_code, details=details, **data
    )


def _amount(value: object) -> str | None:
    return None if value is None else _words(value)


def _words(entry: object) -> str:
    return entry[:500] if isinstance(entry, str) else shown(entry, 500)
