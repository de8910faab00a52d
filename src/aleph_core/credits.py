"""Which entries of a credit history to ask for, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

import attrs

from .errors import ArgumentError
from .filters import (
    SortOrder,
    as_seconds,
    as_texts,
    check_seconds,
    check_text,
    check_texts,
    choice,
    merged,
    number_params,
)

__all__ = ["CreditDirection", "CreditFilter", "CreditSortBy"]


class CreditSortBy(StrEnum):
    MESSAGE_TIMESTAMP = "message_timestamp"
    EXPIRATION_DATE = "expiration_date"
    PAYMENT_METHOD = "payment_method"
    AMOUNT = "amount"
    ORIGIN = "origin"
    TX_HASH = "tx_hash"
    PROVIDER = "provider"


class CreditDirection(StrEnum):
    INCOMING = "incoming"
    OUTGOING = "outgoing"


def _sorted_by(value: object) -> CreditSortBy | None:
    return choice(CreditSortBy, "sort_by", value)


def _directed(value: object) -> CreditDirection | None:
    return choice(CreditDirection, "direction", value)


def _ordered(value: SortOrder | str | int | None) -> SortOrder | None:
    return SortOrder.read(value)


_TEXTS = (
    "tx_hash",
    "token",
    "chain",
    "provider",
    "origin",
    "origin_ref",
    "payment_method",
    "resource",
)


@attrs.frozen(kw_only=True)
class CreditFilter:
    """Which credits that came or went to list; every restriction given must hold.

    Dates are datetimes or seconds since 1970, start inclusive, end exclusive. Raises
    ``ArgumentError`` for what nodes would refuse or silently ignore.
    """

    tx_hash: str | None = None
    token: str | None = None
    chain: str | None = None
    provider: str | None = None
    origin: str | None = None
    origin_ref: str | None = None
    payment_method: str | None = None
    exclude_payment_method: tuple[str, ...] = attrs.field(default=(), converter=as_texts)
    has_expiration: bool | None = None
    start_date: float | None = attrs.field(default=None, converter=as_seconds)
    end_date: float | None = attrs.field(default=None, converter=as_seconds)
    direction: CreditDirection | None = attrs.field(default=None, converter=_directed)
    resource_types: tuple[str, ...] = attrs.field(default=(), converter=as_texts)
    resource: str | None = None
    sort_by: CreditSortBy | None = attrs.field(default=None, converter=_sorted_by)
    sort_order: SortOrder | None = attrs.field(default=None, converter=_ordered)

    def __attrs_post_init__(self) -> None:
        for name in _TEXTS:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check_text(value, name))
        for name in ("exclude_payment_method", "resource_types"):
            object.__setattr__(self, name, check_texts(getattr(self, name), name))
        for name in ("start_date", "end_date"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check_seconds(value, name))
        if not isinstance(self.has_expiration, bool | None):
            raise ArgumentError("has_expiration", f"expected a bool, not {self.has_expiration!r}")
        start, end = self.start_date, self.end_date
        if start is not None and end is not None and end < start:
            raise ArgumentError("end_date", "is before start_date")

    @classmethod
    def from_arguments(cls, given: Self | None, restrictions: Mapping[str, Any]) -> Self:
        """Merge a filter with restrictions given as single arguments."""
        return merged(cls, given, "credit_filter", restrictions)

    def params(self, *, sorted_list: bool = True) -> list[tuple[str, str]]:
        """Return the query parameters, not yet encoded; sums have no order."""
        params = [(name, value) for name in _TEXTS if (value := getattr(self, name)) is not None]
        params += [
            (name, ",".join(values))
            for name, values in (
                ("exclude_payment_method", self.exclude_payment_method),
                ("resourceTypes", self.resource_types),
            )
            if values
        ]
        if self.has_expiration is not None:
            params.append(("has_expiration", "true" if self.has_expiration else "false"))
        params += number_params(startDate=self.start_date, endDate=self.end_date)
        if self.direction is not None:
            params.append(("direction", self.direction.value))
        if sorted_list and self.sort_by is not None:
            params.append(("sort_by", self.sort_by.value))
        if sorted_list and self.sort_order is not None:
            params.append(("sort_order", self.sort_order.value))
        return params
