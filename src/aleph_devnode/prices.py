"""The prices that a node uses while it has not seen the network's pricing aggregate.

Tokens to hold, tokens per hour (stream) and credits per hour, per MiB of storage and per compute unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import attrs


@attrs.frozen
class Rate:
    """Hold a price in the three ways of paying."""

    hold: Decimal = Decimal(0)
    stream_hour: Decimal = Decimal(0)
    credit_hour: Decimal = Decimal(0)


@attrs.frozen
class Price:
    """Hold the price of a kind of product and what a compute unit of it contains (MiB)."""

    storage: Rate
    compute_unit: Rate = Rate()
    unit_memory: int = 2048
    unit_disk: int = 0


_VM_STORAGE = Rate(Decimal("0.05"), Decimal("0.000000977"), Decimal("0.17967489030626108"))
_PROGRAM_STORAGE = Rate(Decimal("0.05"), Decimal("0.000000977"), Decimal("0.977"))

PRICES: Mapping[str, Price] = {
    "storage": Price(Rate(Decimal("0.333333333"), Decimal(0), Decimal("0.17967489030626108"))),
    "program": Price(
        _PROGRAM_STORAGE, Rate(Decimal(200), Decimal("0.011"), Decimal(11_000)), unit_disk=2048
    ),
    "program_persistent": Price(
        _PROGRAM_STORAGE, Rate(Decimal(1000), Decimal("0.055"), Decimal(55_000)), unit_disk=20_480
    ),
    "instance": Price(
        _VM_STORAGE, Rate(Decimal(1000), Decimal("0.055"), Decimal(14_250)), unit_disk=20_480
    ),
    "instance_confidential": Price(
        _VM_STORAGE, Rate(Decimal(2000), Decimal("0.11"), Decimal(28_500)), unit_disk=20_480
    ),
}

MINIMUM_CREDIT_STORE_MIB = Decimal(25)
MINIMUM_CREDITS_PER_HOUR = Decimal(1)

# Ends of the ways to pay, by the time in the message.
FREE_UNTIL = 1_743_775_079
VM_CREDIT_ONLY_FROM = 1_773_187_200
CREDIT_ONLY_FROM = 1_798_761_600
