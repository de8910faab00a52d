from __future__ import annotations

from decimal import Context, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError
from aleph_core.evm.units import flow_rate, from_wei, rate_per, rate_to_wei, to_wei


@given(st.integers(0, 2**256 - 1))
def test_units_turn_into_tokens_and_back_without_loss(wei: int) -> None:
    assert to_wei(from_wei(wei)) == wei


def test_amounts_are_written_without_exponents() -> None:
    assert [str(from_wei(n * 10**18)) for n in (0, 1, 10, -300)] == ["0", "1", "10", "-300"]
    assert str(from_wei(5 * 10**17)) == "0.5"


@given(st.integers(0, 2**200), st.integers(1, 40))
def test_what_is_smaller_than_a_unit_is_rounded_up(wei: int, digits: int) -> None:
    amount = (
        Decimal(f"{wei}e-18")
        if digits < 2
        else Decimal(f"{wei}{'0' * (digits - 1)}1e-{18 + digits}")
    )
    least = to_wei(amount)
    assert least in (wei, wei + 1)
    assert digits < 2 or least == wei + 1


@pytest.mark.parametrize("amount", ["0.5", Decimal("0.5"), Decimal("5E-1")])
def test_amounts_are_decimals_and_their_texts(amount: Decimal | str) -> None:
    assert to_wei(amount) == 5 * 10**17


def test_whole_numbers_are_tokens() -> None:
    assert to_wei(3) == 3 * 10**18


@pytest.mark.parametrize(
    "amount",
    [
        0.5,
        True,
        None,
        "",
        "much",
        "NaN",
        "Infinity",
        -1,
        "-0.1",
        Decimal("1E+999999"),
        10**70,
        b"1",
    ],
)
def test_anything_else_is_refused(amount: Any) -> None:
    with pytest.raises(ArgumentError, match="price"):
        to_wei(amount, "price")


@pytest.mark.parametrize("rate", [0, "0", "1E+20"])
def test_a_rate_is_above_zero_and_fits_the_contract(rate: Any) -> None:
    with pytest.raises(ArgumentError, match="flow"):
        rate_to_wei(rate)


@given(st.integers(min_value=0, max_value=2**514))
def test_any_number_of_an_endpoint_can_be_told_in_tokens(wei: int) -> None:
    assert int(from_wei(wei).scaleb(18, Context(prec=240))) == wei


def test_rates_are_told_for_every_period() -> None:
    rate = flow_rate("0.36", "hour")
    assert rate == Decimal("0.0001")
    assert rate_per(rate, "hour") == Decimal("0.36")
    assert rate_per(rate, "month") == Decimal("259.2")
    assert flow_rate(1, "month") == Decimal("385802469136e-18")
    with pytest.raises(ArgumentError, match="fortnight"):
        flow_rate(1, "fortnight")  # type: ignore[arg-type]


@pytest.mark.parametrize(("rate", "per"), [(0.5, "hour"), (Decimal(1), ["x"]), (True, "hour")])
def test_what_is_no_rate_is_named(rate: Any, per: Any) -> None:
    with pytest.raises(ArgumentError):
        rate_per(rate, per)
    with pytest.raises(ArgumentError):
        flow_rate(rate, per)
