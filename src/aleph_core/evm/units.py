"""Amounts of tokens as decimal numbers, and rates of streams: tokens a second, an hour, a month."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Context, Decimal, InvalidOperation
from typing import Final, Literal

from ..errors import ArgumentError
from ..excerpts import shown

__all__ = ["Period", "flow_rate", "from_wei", "rate_per", "rate_to_wei", "to_wei"]

Period = Literal["second", "minute", "hour", "day", "month"]

# A month of streams is 30 days, as in the prices of the network.
_SECONDS: Final[Mapping[str, int]] = {
    "second": 1,
    "minute": 60,
    "hour": 3_600,
    "day": 86_400,
    "month": 30 * 86_400,
}
_DECIMALS: Final = 18
# Endpoints tell numbers of up to 78 digits, and gas is multiplied by its price.
_EXACT: Final = Context(prec=240, rounding=ROUND_CEILING)
_ONE: Final = Decimal(1)
_MOST_DIGITS: Final = 60
_LARGEST_RATE: Final = 2**95 - 1


def to_wei(amount: Decimal | int | str, argument: str = "amount") -> int:
    """Return tokens as whole units of 10^-18, rounded up so that never less is paid than asked.

    Raises ``ArgumentError`` for what is negative or no number, and for floats, which round.
    """
    problem = ArgumentError(argument, f"expected a Decimal of tokens, not {shown(amount)}")
    if isinstance(amount, bool) or not isinstance(amount, Decimal | int | str):
        raise problem
    if isinstance(amount, int):
        # Long integers have no text.
        if not 0 <= amount < 10**_MOST_DIGITS:
            raise problem
        return amount * 10**_DECIMALS
    try:
        value = Decimal(amount)
    except InvalidOperation:
        raise problem from None
    if not value.is_finite() or value < 0 or value.adjusted() > _MOST_DIGITS:
        raise problem
    return int(value.scaleb(_DECIMALS, _EXACT).to_integral_value(ROUND_CEILING))


def from_wei(wei: int) -> Decimal:
    """Return whole units of 10^-18 as tokens, exactly."""
    tokens = Decimal(wei).scaleb(-_DECIMALS, _EXACT).normalize(_EXACT)
    # Ten is written 10, not 1E+1.
    return tokens if tokens != tokens.to_integral_value() else tokens.quantize(_ONE, context=_EXACT)


def rate_to_wei(rate: Decimal | int | str, argument: str = "flow") -> int:
    """Return tokens per second in units of 10^-18; raise ``ArgumentError`` unless positive."""
    wei = to_wei(rate, argument)
    if not 0 < wei <= _LARGEST_RATE:
        raise ArgumentError(
            argument, f"must be a rate above zero in tokens per second, not {shown(rate)}"
        )
    return wei


def flow_rate(amount: Decimal | int | str, per: Period) -> Decimal:
    """Return so many tokens per second, minute, hour, day or month (30 days) as tokens per second.

    Rounded up to the 10^-18 in which rates are counted.
    """
    seconds = _seconds(per)
    return from_wei(-(-to_wei(amount) // seconds))


def rate_per(rate: Decimal, per: Period) -> Decimal:
    """Return tokens per second as tokens per minute, hour, day or month of 30 days."""
    if isinstance(rate, bool) or not isinstance(rate, Decimal | int):
        raise ArgumentError("rate", f"expected a Decimal of tokens per second, not {shown(rate)}")
    return _EXACT.multiply(rate, Decimal(_seconds(per)))


def _seconds(per: object) -> int:
    if not isinstance(per, str) or per not in _SECONDS:
        raise ArgumentError("per", f"{shown(per)} is none of {', '.join(_SECONDS)}")
    return _SECONDS[per]
