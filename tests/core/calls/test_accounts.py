from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.call import Answer, Call
from aleph_core.calls import accounts as calls
from aleph_core.calls import credits as credit_calls
from aleph_core.credits import CreditFilter
from aleph_core.errors import AlephError, ApiError, ArgumentError, MalformedAnswerError
from aleph_core.filters import SortOrder
from aleph_core.models.accounts import (
    AccountFile,
    AddressStats,
    Balance,
    ChainBalance,
    CreditBalance,
    CreditDetail,
    CreditEntry,
    CreditSummary,
)
from aleph_core.models.page import Page
from aleph_core.paging import Position, next_position
from tests.core.mutations import check_survival, check_values, mutated
from tests.core.recorded import ANSWERS, HASHES, NODE, OWNER, altered, answer, recorded

NOBODY = "0x0000000000000000000000000000000000000000"
RECEIVER = "0xac82b58Ad27B5701c2BD6F707f278A4dbe857FA5"
FIRST, CURSOR = Position(page=1), Position()


def history(position: Position = FIRST, page_size: int = 20, **filters: Any) -> Call[Any]:
    return credit_calls.credit_history(RECEIVER, CreditFilter(**filters), position, page_size)


def files(address: str = OWNER, **options: Any) -> Call[Any]:
    return calls.files(address, **{"position": FIRST, "page_size": 20, **options})


def balances(**options: Any) -> Call[Page[ChainBalance]]:
    return calls.chain_balances(**{"position": FIRST, "page_size": 20, **options})


def credit_balances(**options: Any) -> Call[Page[CreditBalance]]:
    return credit_calls.credit_balances(**{"position": FIRST, "page_size": 20, **options})


def stats(**options: Any) -> Call[Page[AddressStats]]:
    return calls.address_stats(**{"position": FIRST, "page_size": 20, **options})


def test_a_balance_is_read_exactly() -> None:
    call = calls.balance(OWNER)
    assert (call.method, call.path) == ("GET", f"/api/v0/addresses/{OWNER}/balance")
    found = call.parse(answer(recorded("money-025-balance")))
    assert found == Balance(
        address=OWNER,
        balance=Decimal(5000),
        details={"ETH": Decimal(5000)},
        locked_amount=Decimal("1400.0002985000608"),
        credit_balance=Decimal(50000000),
    )
    assert found["details"]["ETH"] == 5000
    assert found.extra == {}


def test_an_address_that_nobody_used_holds_nothing() -> None:
    found = calls.balance(NOBODY).parse(answer(recorded("money-026-balance-unknown")))
    assert (found.balance, found.credit_balance, found.details) == (0, 0, {})


def test_the_balance_on_one_chain_is_told_as_a_detail_too() -> None:
    call = calls.balance(OWNER, chain="ETH", include_credit_details=True)
    assert dict(call.params) == {"chain": "ETH", "include_credit_details": "true"}
    found = call.parse(answer(recorded("money-027-balance-chain")))
    assert found.details == {"ETH": Decimal(5000)}
    with pytest.raises(ApiError, match="422"):
        call.parse(answer("[]", 422))


def test_credits_are_told_by_their_expiration() -> None:
    details = [
        {"expiration_date": None, "amount": 30},
        {"expiration_date": "2027-01-01T00:00:00Z", "amount": 5},
        {"expiration_date": None},
    ]
    body = altered(recorded("money-025-balance"), credit_balance_details=details)
    found = calls.balance(OWNER).parse(answer(body))
    assert found.credit_balance_details == (
        CreditDetail(amount=Decimal(30)),
        CreditDetail(amount=Decimal(5), expiration_date=datetime(2027, 1, 1, tzinfo=UTC)),
    )
    assert found.extra["credit_balance_details"] == details


@pytest.mark.parametrize(
    "changes", [{"address": NOBODY}, {"balance": ...}, {"balance": None}, {"balance": "much"}]
)
def test_a_balance_of_another_form_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswerError):
        calls.balance(OWNER).parse(answer(altered(recorded("money-025-balance"), **changes)))


def test_balances_across_chains() -> None:
    call = balances(chains=["ETH"], min_balance=2000)
    assert dict(call.params) == {
        "pagination": "20", "page": "1", "chains": "ETH", "min_balance": "2000",
    }  # fmt: skip
    page = call.parse(answer(recorded("money-029-balances")))
    assert page.items == (ChainBalance(address=OWNER, balance=Decimal(5000), chain="ETH"),)
    assert (page.total, page.kind, page.next_cursor) == (1, "balances", None)


def test_entries_that_were_not_asked_for_are_left_out() -> None:
    body = recorded("money-029-balances")
    for options in ({"chains": "SOL"}, {"min_balance": 5001}):
        page = balances(**options).parse(answer(body))
        assert (page.items, len(page.invalid)) == ((), 1)
    page = credit_balances(min_balance=50000001).parse(
        answer(recorded("money-031-credit-balances"))
    )
    assert (page.items, len(page.invalid)) == ((), 1)
    page = files(file_hash=HASHES[0]).parse(answer(recorded("files-034-list")))
    assert page.items == ()
    assert page.invalid
    page = stats(address_contains="zz").parse(answer(recorded("stats-002-v1")))
    assert (page.items, len(page.invalid)) == ((), 1)
    page = calls.stats_of(NOBODY).parse(answer(recorded("stats-001-v0")))
    assert (page.items, len(page.invalid)) == ((), 1)


def test_credit_balances() -> None:
    call = credit_balances(min_balance=1000000, position=CURSOR)
    assert dict(call.params) == {"pagination": "20", "cursor": "", "min_balance": "1000000"}
    page = call.parse(answer(recorded("money-031-credit-balances")))
    assert page.items == (CreditBalance(address=OWNER, credits=Decimal(50000000)),)


def test_a_credit_history_is_the_same_by_page_and_by_cursor() -> None:
    page = history().parse(answer(recorded("money-039-history")))
    assert [entry.amount for entry in page] == [70, 500]
    assert (page.total, page.page, page.per_page) == (2, 1, 20)
    first = history(CURSOR, 1).parse(answer(recorded("money-041-history-cursor-1")))
    second = history(CURSOR, 1).parse(answer(recorded("money-042-history-cursor-2")))
    # The node writes the same time as text in the one mode and as seconds in the other.
    assert (first[0], second[0]) == page.items
    assert page[0].message_timestamp == datetime(2026, 9, 21, 14, 15, 29, tzinfo=UTC)
    assert (page[0].provider, page[0].origin, page[0].price) == ("ALEPH", OWNER, None)
    following = next_position(CURSOR, first)
    assert following is not None
    assert following.cursor == recorded("money-041-history-cursor-1")["next_cursor"]
    assert next_position(following, second) is None


@pytest.mark.parametrize("price", ["0.5", 0.5])
def test_a_price_is_text_in_one_mode_and_a_number_in_the_other(price: Any) -> None:
    body = recorded("money-039-history")
    body["credit_history"][0]["price"] = price
    assert history().parse(answer(body))[0].price == Decimal("0.5")


def test_a_page_of_html_is_no_empty_page() -> None:
    for call in (history(), files(NOBODY)):
        with pytest.raises(MalformedAnswerError, match="check the URL of the node") as caught:
            call.parse(answer("\n<!DOCTYPE html><title>Not found</title>", 404))
        assert caught.value.status == 404


def test_outgoing_credits_are_negative() -> None:
    page = history(direction="outgoing").parse(answer(recorded("money-044-history-outgoing")))
    assert [entry.amount for entry in page] == [-30, -70, -500]


@pytest.mark.parametrize("name", ["money-032-history-none", "money-045-history-filter-404"])
def test_a_history_without_entries_is_an_empty_page(name: str) -> None:
    page = history().parse(answer(recorded(name), 404))
    assert (page.items, page.total, page.next_cursor) == ((), 0, None)
    by_cursor = history(CURSOR).parse(answer(recorded(name), 404))
    assert (by_cursor.items, by_cursor.total, by_cursor.next_cursor) == ((), None, None)
    # Behind the last page the node answers the same, and says nothing of the total.
    assert history(Position(page=9)).parse(answer(recorded(name), 404)).total is None


def test_the_parameters_of_a_history() -> None:
    call = history(CURSOR, 200, direction="incoming", sort_by="amount")
    assert call.path == f"/api/v0/addresses/{RECEIVER}/credit_history"
    assert dict(call.params) == {
        "direction": "incoming", "sort_by": "amount", "pagination": "200", "cursor": "",
    }  # fmt: skip


def test_a_history_is_summed_up() -> None:
    call = credit_calls.credit_summary(
        RECEIVER, CreditFilter(direction="incoming", sort_by="amount")
    )
    assert call.path == f"/api/v0/addresses/{RECEIVER}/credit_history/summary"
    assert dict(call.params) == {"direction": "incoming"}
    found = call.parse(answer(recorded("money-043-summary")))
    assert (found.entry_count, found.total_amount, found.total_incoming) == (2, 570, 570)
    assert call.parse(answer(recorded("money-033-summary-none"))).total_outgoing == 0


def test_consumed_credits() -> None:
    call = credit_calls.consumed_credits(HASHES[0])
    assert call.path == f"/api/v0/messages/{HASHES[0]}/consumed_credits"
    assert call.parse(answer(recorded("money-023-consumed"))) == 0
    assert call.parse(answer({"consumed_credits": 12.5})) == Decimal("12.5")
    for body in ({}, {"consumed_credits": None}, [1]):
        with pytest.raises(MalformedAnswerError):
            call.parse(answer(body))


def test_files_are_the_same_by_page_and_by_cursor() -> None:
    page = files().parse(answer(recorded("files-034-list")))
    assert (page.total_size, page.total, page.kind) == (132, len(page), "files")
    file = page[0]
    assert (file.size, file.type) == (15, "file")
    assert file.created == datetime(2026, 9, 21, 14, 14, 49, tzinfo=UTC)
    by_cursor = files(position=CURSOR, page_size=3).parse(
        answer(recorded("files-036-list-cursor-1"))
    )
    assert by_cursor.items == page.items[:3]
    # A float in this mode.
    assert by_cursor.total_size == 132
    assert (by_cursor.total, bool(by_cursor.next_cursor)) == (None, True)
    assert "files" in repr(by_cursor)


def test_the_parameters_of_files() -> None:
    call = files(sort_order=SortOrder.ASCENDING, file_hash=HASHES[0])
    assert call.path == f"/api/v0/addresses/{OWNER}/files"
    assert dict(call.params) == {
        "pagination": "20", "page": "1", "sort_order": "1", "file_hash": HASHES[0],
    }  # fmt: skip


def test_nodes_count_all_files_whichever_was_asked_for() -> None:
    wanted = "153daec8ec9745e1407dc4feb744fd53e9ab8fd67fe755c7f5ed3b93106cda5c"
    page = files(file_hash=wanted).parse(answer(recorded("files-038-list-by-hash")))
    assert [file.file_hash for file in page] == [wanted]
    assert (page.total, page.total_size) == (None, 132)


def test_an_address_without_files_has_an_empty_page() -> None:
    for name in ("files-002-files-none", "files-039-list-unknown"):
        page = files(NOBODY).parse(answer(recorded(name), 404))
        assert (page.items, page.total, page.total_size) == ((), 0, 0)
    page = files(file_hash=HASHES[0]).parse(answer("404: Not Found", 404))
    assert (page.items, page.total, page.total_size) == ((), None, None)


def test_statistics_of_addresses() -> None:
    expected = AddressStats(
        address=OWNER, messages=47, aggregate=8, forget=2, instance=2, post=21, program=2, store=12
    )
    call = calls.stats_of([OWNER, NOBODY])
    assert list(call.params) == [("addresses[]", OWNER), ("addresses[]", NOBODY)]
    assert call.parse(answer(recorded("stats-001-v0"))).items == (expected,)
    call = stats(address_contains=OWNER, sort_by="store", sort_order=SortOrder.DESCENDING)
    assert dict(call.params) == {
        "pagination": "20", "page": "1", "addressContains": OWNER, "sortBy": "store",
        "sortOrder": "-1",
    }  # fmt: skip
    page = call.parse(answer(recorded("stats-002-v1")))
    assert (page.items, page.total, page.kind) == ((expected,), 1, "addresses")
    assert stats().parse(answer(recorded("stats-004-v1-none"))).items == ()
    # Nodes compare these letters without their case.
    assert len(stats(address_contains=OWNER.lower()).parse(answer(recorded("stats-002-v1")))) == 1


def test_odd_statistics_hide_no_others() -> None:
    body = {"data": {"odd": 5, "odder": {"messages": "x"}, OWNER: {"messages": 3, "vote": 1}}}
    page = stats().parse(answer(body))
    (entry,) = page
    assert (entry.address, entry.messages, entry.post, entry["vote"]) == (OWNER, 3, None, 1)
    assert len(page.invalid) == 2
    with pytest.raises(MalformedAnswerError):
        stats().parse(answer({"data": []}))


def test_channels_and_types_of_posts() -> None:
    call = calls.post_types(OWNER)
    assert call.path == f"/api/v0/addresses/{OWNER}/post_types"
    assert call.parse(answer(recorded("stats-005-post-types")))[:2] == [
        "aleph_credit_transfer",
        "amend",
    ]
    call = calls.channels(OWNER)
    assert call.path == f"/api/v0/addresses/{OWNER}/channels"
    assert "security" in call.parse(answer(recorded("stats-006-channels")))
    assert call.parse(answer(recorded("stats-008-channels-none"))) == []
    call = calls.channels()
    assert call.path == "/api/v0/channels/list.json"
    assert "TEST" in call.parse(answer(recorded("info-005-channels")))
    assert call.parse(answer({"channels": ["a", None, 5, "b"]})) == ["a", "b"]


@pytest.mark.parametrize(
    ("build", "argument"),
    [
        (lambda: calls.balance("0x/../a"), "address"),
        (lambda: calls.balance("0xabc"), "address"),
        (lambda: calls.balance(OWNER, chain=5), "chain"),
        (lambda: credit_calls.credit_history("", CreditFilter(), FIRST, 20), "address"),
        (lambda: credit_calls.credit_summary("a b" * 20, CreditFilter()), "address"),
        (lambda: files("x"), "address"),
        (lambda: files(file_hash="x"), "file_hash"),
        (lambda: calls.post_types("x"), "address"),
        (lambda: calls.channels("x"), "address"),
        (lambda: calls.stats_of([]), "addresses"),
        (lambda: calls.stats_of(["x"]), "addresses[0]"),
        (lambda: balances(min_balance=0), "min_balance"),
        (lambda: balances(min_balance=1.5), "min_balance"),
        (lambda: balances(chains=["A,B"]), "chains"),
        (lambda: credit_balances(min_balance=-1), "min_balance"),
        (lambda: balances(page_size=0), "page_size"),
        (lambda: balances(page_size=1001), "page_size"),
        (lambda: balances(position=CURSOR, page_size=201), "page_size"),
        (lambda: files(position=Position(page=0)), "page"),
        (lambda: history(CURSOR, 201), "page_size"),
        (lambda: stats(position=CURSOR, page_size=201), "page_size"),
        (lambda: stats(address_contains="x" * 67), "address_contains"),
        (lambda: stats(address_contains=""), "address_contains"),
        (lambda: stats(sort_by="v_program"), "sort_by"),
        (lambda: credit_calls.consumed_credits("x"), "item_hash"),
    ],
)
def test_what_nodes_would_refuse_or_shorten_is_named(
    build: Callable[[], object], argument: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        build()
    assert caught.value.argument == argument


CALLS: list[Callable[[], Call[Any]]] = [
    lambda: calls.balance(OWNER),
    balances,
    credit_balances,
    history,
    lambda: history(CURSOR),
    lambda: credit_calls.credit_summary(RECEIVER, CreditFilter()),
    lambda: credit_calls.consumed_credits(HASHES[0]),
    files,
    lambda: files(position=CURSOR),
    lambda: calls.stats_of(OWNER),
    stats,
    lambda: calls.post_types(OWNER),
    lambda: calls.channels(),
]


@given(st.sampled_from(CALLS), ANSWERS)
def test_whatever_is_answered_there_is_a_result_or_an_error_of_ours(
    build: Callable[[], Call[Any]], found: Answer
) -> None:
    try:
        result = build().parse(found)
    except AlephError as error:
        if isinstance(error, ApiError) and error.status:
            assert error.node == NODE
        return
    check_values(result)


LISTS: dict[str, tuple[str, Callable[[], Call[Any]]]] = {
    "money-029-balances": ("balances", balances),
    "money-031-credit-balances": ("credit_balances", credit_balances),
    "money-039-history": ("credit_history", history),
    "money-041-history-cursor-1": ("credit_history", lambda: history(CURSOR)),
    "files-034-list": ("files", files),
    "files-036-list-cursor-1": ("files", lambda: files(position=CURSOR)),
    "stats-002-v1": ("data", stats),
}


@pytest.mark.parametrize("name", LISTS)
@given(data=st.data())
def test_one_odd_entry_never_fails_a_list(name: str, data: st.DataObject) -> None:
    key, build = LISTS[name]
    body = recorded(name)
    entries = data.draw(mutated(body[key]))
    page = build().parse(answer({**body, key: entries, "next_cursor": None}))
    check_values(page.items)
    assert len(page.items) + len(page.invalid) == len(entries)


@pytest.mark.parametrize("name", LISTS)
@given(data=st.data())
def test_a_changed_list_is_read_or_malformed(name: str, data: st.DataObject) -> None:
    _, build = LISTS[name]
    try:
        page = build().parse(answer(data.draw(mutated(recorded(name)))))
    except MalformedAnswerError:
        return
    check_values(page)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (recorded("money-025-balance"), Balance),
        (recorded("money-029-balances")["balances"][0], ChainBalance),
        (recorded("money-031-credit-balances")["credit_balances"][0], CreditBalance),
        (recorded("money-039-history")["credit_history"][0], CreditEntry),
        (recorded("money-041-history-cursor-1")["credit_history"][0], CreditEntry),
        (recorded("money-043-summary"), CreditSummary),
        (recorded("files-034-list")["files"][0], AccountFile),
        (recorded("files-036-list-cursor-1")["files"][0], AccountFile),
        ({**recorded("stats-001-v0")["data"][OWNER], "address": OWNER}, AddressStats),
        ({"expiration_date": None, "amount": 5}, CreditDetail),
    ],
)
@given(data=st.data())
def test_models_survive_missing_null_and_extra_fields(
    raw: dict[str, Any], kind: Any, data: st.DataObject
) -> None:
    check_survival(raw, kind, data)
