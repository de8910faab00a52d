"""What messages cost: amounts as nodes compute them, exact.

Tokens (ALEPH) are to be held, streams are tokens per second, credits are credits per second.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from .page import Page
from .record import Record

__all__ = ["CostSummary", "Costs", "Price", "PriceDetail", "ResourceCost"]


@attrs.frozen(kw_only=True)
class PriceDetail(Record):
    """One part of a price, in all three ways of paying; discounts are negative.

    ``size_mib`` is told by estimates, and by prices that were asked for with it.
    """

    type: str | None = None
    name: str | None = None
    cost_hold: Decimal | None = None
    cost_stream: Decimal | None = None
    cost_credit: Decimal | None = None
    size_mib: Decimal | None = None


@attrs.frozen(kw_only=True)
class Price(Record):
    """What a message costs in the way in which it is paid, ``payment_type``.

    ``cost`` and ``required_tokens`` are the same amount: tokens to hold, or tokens or credits per
    second.
    """

    cost: Decimal
    required_tokens: Decimal
    payment_type: str
    charged_address: str | None = None
    detail: tuple[PriceDetail, ...] = ()


@attrs.frozen(kw_only=True)
class ResourceCost(Record):
    """What one message costs, and the credits that it has consumed so far."""

    item_hash: str
    owner: str | None = None
    payment_type: str | None = None
    consumed_credits: Decimal | None = None
    cost_hold: Decimal | None = None
    cost_stream: Decimal | None = None
    cost_credit: Decimal | None = None
    detail: tuple[PriceDetail, ...] = ()


@attrs.frozen(kw_only=True)
class CostSummary(Record):
    """The sums over all messages that were asked for."""

    total_consumed_credits: Decimal | None = None
    total_cost_hold: Decimal | None = None
    total_cost_stream: Decimal | None = None
    total_cost_credit: Decimal | None = None
    resource_count: int | None = None


@attrs.frozen
class Costs:
    """The costs of what runs: their sums, and one page of single ones if details were asked for."""

    summary: CostSummary
    resources: Page[ResourceCost]
    filters: Mapping[str, Any] = attrs.field(factory=dict)

    def __getitem__(self, name: str) -> Any:
        if name in ("summary", "resources", "filters"):
            return getattr(self, name)
        raise KeyError(name)
