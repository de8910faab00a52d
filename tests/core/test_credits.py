from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from aleph_message.models import Chain

from aleph_core.credits import CreditDirection, CreditFilter, CreditSortBy
from aleph_core.errors import ArgumentError
from aleph_core.filters import SortOrder

EVERYTHING: dict[str, Any] = {
    "tx_hash": "0xabc",
    "token": "ALEPH",
    "chain": Chain.ETH,
    "provider": "ALEPH",
    "origin": "a,b",
    "origin_ref": "ref",
    "payment_method": "credit_transfer",
    "exclude_payment_method": ["credit_expense", "x"],
    "has_expiration": False,
    "start_date": 5,
    "end_date": datetime(2026, 1, 1, tzinfo=UTC),
    "direction": "outgoing",
    "resource_types": "INSTANCE",
    "resource": "hash",
    "sort_by": "amount",
    "sort_order": 1,
}


def test_every_restriction_has_the_name_that_nodes_read() -> None:
    chosen = CreditFilter(**EVERYTHING)
    expected = {
        "tx_hash": "0xabc",
        "token": "ALEPH",
        "chain": "ETH",
        "provider": "ALEPH",
        "origin": "a,b",
        "origin_ref": "ref",
        "payment_method": "credit_transfer",
        "exclude_payment_method": "credit_expense,x",
        "has_expiration": "false",
        "startDate": "5",
        "endDate": "1767225600",
        "direction": "outgoing",
        "resourceTypes": "INSTANCE",
        "resource": "hash",
        "sort_by": "amount",
        "sort_order": "1",
    }
    assert dict(chosen.params()) == expected
    del expected["sort_by"], expected["sort_order"]
    assert dict(chosen.params(sorted_list=False)) == expected
    assert CreditFilter().params() == []
    assert dict(CreditFilter(has_expiration=True).params()) == {"has_expiration": "true"}


def test_members_of_enumerations_are_taken() -> None:
    chosen = CreditFilter(
        direction=CreditDirection.INCOMING,
        sort_by=CreditSortBy.TX_HASH,
        sort_order=SortOrder.DESCENDING,
    )
    assert dict(chosen.params()) == {
        "direction": "incoming",
        "sort_by": "tx_hash",
        "sort_order": "-1",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token", ""),
        ("token", 5),
        ("origin", "a\x00"),
        ("origin", "\ud800"),
        ("exclude_payment_method", ["a,b"]),
        ("exclude_payment_method", 5),
        ("resource_types", [""]),
        ("has_expiration", "yes"),
        ("start_date", "2026"),
        ("end_date", float("inf")),
        ("direction", "up"),
        ("sort_by", "foo"),
        ("sort_order", "ASC"),
    ],
)
def test_what_nodes_would_refuse_is_named(name: str, value: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        CreditFilter(**{name: value})
    assert caught.value.argument == name


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ArgumentError, match="before start_date"):
        CreditFilter(start_date=5, end_date=4)


def test_single_arguments_add_to_a_filter() -> None:
    chosen = CreditFilter.from_arguments(CreditFilter(token="A"), {"direction": "incoming"})
    assert (chosen.token, chosen.direction) == ("A", "incoming")
    assert CreditFilter.from_arguments(None, {}) == CreditFilter()
    with pytest.raises(ArgumentError, match="is no restriction; there are chain, direction"):
        CreditFilter.from_arguments(None, {"tokn": "A"})
    with pytest.raises(ArgumentError, match="expected a CreditFilter"):
        CreditFilter.from_arguments("A", {})  # type: ignore[arg-type]
