from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError
from aleph_core.evm import flows
from aleph_core.evm.flows import Flow, FlowChange, FlowUpdate, changed, joined, usual_deposit

ADA = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
BOB = "0x8C8d35429F74ec245F8Ef2f4Fd1e551cFF97d650"
RATES = st.integers(1, 2**95)


def flow(rate: str = "0.001", available: str = "1", net_rate: str = "-0.002") -> Flow:
    return Flow(
        ADA, BOB, Decimal(rate), Decimal(1), Decimal(0), 5, Decimal(available), Decimal(net_rate)
    )


@given(RATES, RATES)
def test_what_was_added_can_be_taken_away(present: int, by: int) -> None:
    added = changed(BOB, present, by, FlowUpdate.INCREASE)
    assert added == FlowChange("update", BOB, present + by)
    assert added is not None
    taken = changed(BOB, added.rate, by, FlowUpdate.REDUCE)
    assert taken == FlowChange(*(("update", BOB, present) if present > 99 else ("delete", BOB)))


def test_the_first_increase_creates_and_the_last_reduction_ends() -> None:
    assert changed(BOB, 0, 5, FlowUpdate.INCREASE) == FlowChange("create", BOB, 5)
    assert changed(BOB, 5, 7, FlowUpdate.REDUCE) == FlowChange("delete", BOB)
    assert changed(BOB, 0, 7, FlowUpdate.REDUCE) is None


def test_a_rate_that_rounding_left_behind_ends_too() -> None:
    assert changed(BOB, 1_099, 1_000, FlowUpdate.REDUCE) == FlowChange("delete", BOB)
    assert changed(BOB, 1_100, 1_000, FlowUpdate.REDUCE) == FlowChange("update", BOB, 100)


def test_streams_to_one_receiver_are_one() -> None:
    assert joined([(BOB, 3), (ADA, 1), (BOB, 4)]) == [(BOB, 7), (ADA, 1)]


def test_the_deposit_is_four_hours_rounded_up_as_the_contract_does() -> None:
    assert usual_deposit(385_802_469_135) == 5_555_557_377_245_184


@given(RATES)
def test_a_deposit_covers_four_hours(rate: int) -> None:
    deposit = usual_deposit(rate)
    assert 0 <= deposit - rate * 14_400 < 2**32
    assert deposit % 2**32 == 0


def test_a_flow_tells_whether_its_sender_can_pay() -> None:
    assert flow().sender_can_pay
    assert flow().seconds_left == 500
    broke = flow(available="-0.5")
    assert broke.exists
    assert not broke.sender_can_pay
    assert broke.seconds_left == 0
    assert flow(net_rate="0").seconds_left is None


def test_a_flow_that_is_not_there_is_false() -> None:
    assert not flow(rate="0")
    assert flow()
    assert flow().per_hour == Decimal("3.6")
    assert flow().per_month == Decimal(2592)


@pytest.mark.parametrize("receiver", [ADA, ADA.lower(), "0x" + "0" * 40, "bob", None])
def test_a_flow_leads_to_somebody_else(receiver: str) -> None:
    with pytest.raises(ArgumentError, match="receiver"):
        flows.create(ADA, receiver, 1)


@pytest.mark.parametrize("way", ["up", None, 1])
def test_a_flow_is_increased_or_reduced(way: object) -> None:
    with pytest.raises(ArgumentError, match="update_type"):
        flows.way_of(way)
    assert flows.way_of("increase") is FlowUpdate.INCREASE
