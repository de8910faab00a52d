"""Which payments nodes accept, by the type of a message and its time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .errors import ArgumentError
from .excerpts import shown
from .item_hash import check_address
from .json_text import plain

__all__ = [
    "CREDIT",
    "HOLD",
    "STREAM",
    "accepted_payments",
    "agreed_payment",
    "payment_type",
]

HOLD, STREAM, CREDIT = "hold", "superfluid", "credit"

# pyaleph: HOLD_AND_STREAM_CUTOFF_TIMESTAMP, CREDIT_ONLY_CUTOFF_TIMESTAMP.
_MACHINES_BY_CREDIT_FROM: Final = 1_773_187_200  # 2026-03-11 00:00 UTC
_ALL_BY_CREDIT_FROM: Final = 1_798_761_600  # 2027-01-01 00:00 UTC

_PAID = ("STORE", "PROGRAM", "INSTANCE", "V-PROGRAM")
_FIELDS = ("type", "chain", "receiver")


def accepted_payments(
    message_type: object, *, time: float, persistent: bool = False
) -> tuple[str, ...]:
    """Return the types of payment that nodes accept for a message of this time, the default first.

    ``persistent`` matters to a PROGRAM alone. ``time`` is the message's own, in seconds since 1970:
    nodes go by it, and not by their clock.
    """
    return _rule(message_type, time, persistent=persistent)[0]


def agreed_payment(
    payment: object, message_type: object, *, time: float, persistent: bool = False
) -> dict[str, Any]:
    """Return the payment as it is published, the default one for None.

    ``payment`` is a mapping, an aleph-message ``Payment``, or a text: ``"hold"``, ``"superfluid"`` or
    ``"credit"``. Raises ``ArgumentError`` for one that nodes would reject, saying which to use.
    """
    accepted, what = _rule(message_type, time, persistent=persistent)
    fields = {"type": accepted[0]} if payment is None else _read(payment)
    kind = fields.get("type")
    if kind not in (HOLD, STREAM, CREDIT):
        raise ArgumentError(
            "payment", f"the type {shown(kind)} is none of {HOLD}, {STREAM} and {CREDIT}"
        )
    if kind not in accepted:
        instead = " or ".join(accepted)
        raise ArgumentError(
            "payment",
            f"nodes accept no {kind} for {what}; pay by {instead}, or leave the payment out",
        )
    return fields


def payment_type(content: Mapping[str, Any]) -> str | None:
    """Return how the content says that it is paid, ``hold`` when it does not; None for nonsense."""
    payment = content.get("payment")
    if payment is None:
        return HOLD
    kind = payment.get("type") if isinstance(payment, Mapping) else None
    return kind if isinstance(kind, str) else None


def _rule(message_type: object, time: float, *, persistent: bool) -> tuple[tuple[str, ...], str]:
    """Return the accepted types, the default first, and for what."""
    kind = str(getattr(message_type, "value", message_type))
    if kind not in _PAID:
        raise ArgumentError("message_type", f"{shown(kind)} is none of {', '.join(_PAID)}")
    if kind == "V-PROGRAM":
        return (CREDIT,), "verifiable programs"
    always_on = kind == "INSTANCE" or (kind == "PROGRAM" and persistent)
    if always_on and time >= _MACHINES_BY_CREDIT_FROM:
        return (CREDIT,), "instances and persistent programs since 2026-03-11"
    if time >= _ALL_BY_CREDIT_FROM:
        return (CREDIT,), "anything since 2027-01-01"
    if kind == "STORE":
        return (HOLD, CREDIT), "files"
    return (HOLD, STREAM, CREDIT), "programs and instances"


def _read(payment: object) -> dict[str, Any]:
    given = plain(payment, "payment")
    if isinstance(given, str):
        return {"type": given}
    if not isinstance(given, dict):
        raise ArgumentError("payment", f"{type(payment).__name__} is no payment")
    fields = {name: value for name, value in given.items() if value is not None}
    for name in fields:
        if name not in _FIELDS:
            raise ArgumentError("payment", f"has no field {shown(name)}")
    if "chain" in fields:
        _check_chain(fields["chain"])
    if "receiver" in fields:
        check_address(fields["receiver"], "payment['receiver']")
    return fields


def _check_chain(chain: object) -> None:
    from aleph_message.models import Chain

    try:
        Chain(chain)
    except ValueError:
        raise ArgumentError("payment", f"{shown(chain)} is no chain") from None
