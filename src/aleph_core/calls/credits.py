"""Credits: pyaleph ``/api/v0/credit_balances`` and what is said of credits elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from ..call import Answer, Call
from ..credits import CreditFilter
from ..errors import VerificationError
from ..excerpts import shown
from ..item_hash import check_address, check_item_hash
from ..models.accounts import CreditBalance, CreditEntry, CreditSummary
from ..models.page import Page
from ..paging import Position
from ..structuring import amount, structure
from .accounts import least, nothing, of_address, paged
from .answers import is_nothing, json_object, malformed, read_page, read_record, refuse, segment

__all__ = ["chosen", "consumed_credits", "credit_balances", "credit_history", "credit_summary"]


def chosen(given: CreditFilter | None, restrictions: Mapping[str, Any]) -> CreditFilter:
    """Return the filter with restrictions that were given as single arguments."""
    return CreditFilter.from_arguments(given, restrictions)


def credit_balances(
    *, min_balance: int | None = None, position: Position, page_size: int
) -> Call[Page[CreditBalance]]:
    params = [*paged(position, page_size), *least(min_balance)]

    def read(raw: Any) -> CreditBalance:
        found = structure(raw, CreditBalance)
        if found.credits < (min_balance or 0):
            raise VerificationError(f"the credits {shown(raw, 200)} were not asked for")
        return found

    def parse(answer: Answer) -> Page[CreditBalance]:
        return read_page(answer, "credit_balances", read, page_size=page_size)

    return Call("GET", "/api/v0/credit_balances", parse, params=params)


def credit_history(
    address: str, credit_filter: CreditFilter, position: Position, page_size: int
) -> Call[Page[CreditEntry]]:
    """List the credits that came and went; an address without any has an empty page."""
    check_address(address)

    def parse(answer: Answer) -> Page[CreditEntry]:
        if is_nothing(answer):
            return nothing("credit_history", position, page_size)
        read = partial(structure, kind=CreditEntry)
        return read_page(answer, "credit_history", read, page_size=page_size)

    params = [*credit_filter.params(), *paged(position, page_size)]
    return Call("GET", f"/api/v0/addresses/{segment(address)}/credit_history", parse, params=params)


def credit_summary(address: str, credit_filter: CreditFilter) -> Call[CreditSummary]:
    """Sum up the credits that came and went."""
    check_address(address)

    def parse(answer: Answer) -> CreditSummary:
        return read_record(answer, of_address(answer, address, "the credits"), CreditSummary)

    return Call(
        "GET",
        f"/api/v0/addresses/{segment(address)}/credit_history/summary",
        parse,
        params=credit_filter.params(sorted_list=False),
    )


def consumed_credits(item_hash: str) -> Call[Decimal]:
    """Ask how many credits a message has consumed; nodes say 0 of what they do not know."""
    item_hash = check_item_hash(item_hash)

    def parse(answer: Answer) -> Decimal:
        if answer.status != 200:
            refuse(answer, f"the question for the credits that {item_hash} consumed")
        found = amount(json_object(answer).get("consumed_credits"))
        return malformed(answer, "a number under 'consumed_credits'") if found is None else found

    return Call("GET", f"/api/v0/messages/{segment(item_hash)}/consumed_credits", parse)
