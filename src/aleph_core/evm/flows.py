"""Flows of tokens: what is known of one, and how one becomes faster, slower or ends."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Literal

import attrs

from ..errors import ArgumentError
from ..excerpts import shown
from .addresses import checked_address
from .units import from_wei, rate_per, rate_to_wei

__all__ = ["Flow", "FlowChange", "FlowUpdate", "usual_deposit"]

_DEPOSIT_SECONDS: Final = 4 * 3_600
_DEPOSIT_STEP: Final = 2**32
# Rates that rounding leaves behind; they would keep a flow alive that pays nobody.
_NEGLIGIBLE: Final = 99


class FlowUpdate(StrEnum):
    """Which way ``manage_flow`` changes a flow."""

    REDUCE = "reduce"
    INCREASE = "increase"


@attrs.frozen
class Flow:
    """A stream of tokens; one that is not there has the rate 0.

    ``rate`` is in tokens per second. ``deposit`` is locked until the flow ends. ``available`` is
    what the sender has left beside deposits: below zero the sender cannot pay any more, and anyone
    may end the flow, although it keeps its rate until somebody does. ``net_rate`` is that of all
    flows from and to the sender, negative when more goes out. ``updated`` is a Unix time.
    """

    sender: str
    receiver: str
    rate: Decimal
    deposit: Decimal
    owed_deposit: Decimal
    updated: int
    available: Decimal
    net_rate: Decimal

    def __bool__(self) -> bool:
        return self.exists

    @property
    def exists(self) -> bool:
        """Whether there is such a flow."""
        return self.rate > 0

    @property
    def sender_can_pay(self) -> bool:
        """Whether the sender still has tokens beside the deposits."""
        return self.available >= 0

    @property
    def seconds_left(self) -> int | None:
        """For how long the sender can pay at the present rates; None is for ever."""
        if self.available < 0:
            return 0
        return None if self.net_rate >= 0 else int(self.available / -self.net_rate)

    @property
    def per_hour(self) -> Decimal:
        """The rate in tokens per hour."""
        return rate_per(self.rate, "hour")

    @property
    def per_month(self) -> Decimal:
        """The rate in tokens per month of 30 days."""
        return rate_per(self.rate, "month")


@attrs.frozen
class FlowChange:
    """One change of a flow; ``rate`` is the new one in units of 10^-18 tokens per second."""

    kind: Literal["create", "update", "delete"]
    receiver: str
    rate: int = 0

    @property
    def ends(self) -> bool:
        return self.kind == "delete"

    @property
    def what(self) -> str:
        """The change in words, for errors."""
        to = f"{self.kind} the flow to {self.receiver}"
        return to if self.ends else f"{to} at {from_wei(self.rate)} tokens per second"


def create(sender: str, receiver: object, flow: Decimal | int | str) -> FlowChange:
    return FlowChange("create", other(sender, receiver), rate_to_wei(flow))


def to_somebody_new(flow: Decimal | int | str) -> FlowChange:
    """Return a flow that is only tried: nobody has its receiver's address."""
    return FlowChange("create", "0x0000000000000000000000000000000000000001", rate_to_wei(flow))


def update(sender: str, receiver: object, flow: Decimal | int | str) -> FlowChange:
    return FlowChange("update", other(sender, receiver), rate_to_wei(flow))


def delete(sender: str, receiver: object) -> FlowChange:
    return FlowChange("delete", other(sender, receiver))


def changed(receiver: str, present: int, by: int, way: FlowUpdate) -> FlowChange | None:
    """Return how a flow of the present rate is changed by another; None for nothing to end.

    Rates are in units of 10^-18. A flow that would keep next to nothing ends.
    """
    if way is FlowUpdate.INCREASE:
        return FlowChange("update" if present else "create", receiver, present + by)
    if not present:
        return None
    if present - by > _NEGLIGIBLE:
        return FlowChange("update", receiver, present - by)
    return FlowChange("delete", receiver)


def joined(streams: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return rates to add by receiver, as one pair may not change twice in one transaction."""
    rates: dict[str, int] = {}
    for receiver, rate in streams:
        rates[receiver] = rates.get(receiver, 0) + rate
    return list(rates.items())


def way_of(update_type: Any) -> FlowUpdate:
    try:
        return FlowUpdate(update_type)
    except ValueError:
        raise ArgumentError(
            "update_type", f"{shown(update_type)} is neither increase nor reduce"
        ) from None


def other(sender: str, receiver: object, argument: str = "receiver") -> str:
    """Return the checked address of a receiver, who is not the sender."""
    address = checked_address(receiver, argument)
    if address == sender:
        raise ArgumentError(argument, "is the account itself, and no flow leads back")
    if not int(address, 16):
        raise ArgumentError(argument, "is the zero address, which nobody holds")
    return address


def usual_deposit(rate: int) -> int:
    """Return the deposit of a rate under Superfluid's usual terms, both in units of 10^-18.

    Four hours of it, rounded up to a multiple of 2^32. A network may ask for more, so ask it.
    """
    return -(-rate * _DEPOSIT_SECONDS // _DEPOSIT_STEP) * _DEPOSIT_STEP
