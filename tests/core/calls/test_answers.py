from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core import calls
from aleph_core.call import Answer, Call
from aleph_core.calls import crn, scheduler
from aleph_core.calls.answers import json_list, json_object, read_page, refuse, segment, when
from aleph_core.credits import CreditFilter
from aleph_core.errors import (
    AlephError,
    ApiError,
    FileTooLarge,
    MalformedAnswerError,
    RateLimited,
    VerificationError,
)
from aleph_core.models.message import MessageStatus
from tests.core.recorded import ANSWERS, HASHES, JSON, NODE, answer


@given(ANSWERS)
def test_a_refusal_is_an_api_error_with_the_facts(found: Answer) -> None:
    with pytest.raises(ApiError) as caught:
        refuse(found, "the request")
    error = caught.value
    assert (error.status, error.node, error.attempts) == (found.status, NODE, found.attempts)
    assert NODE in str(error)
    assert len(str(error)) < 800


@pytest.mark.parametrize(
    ("status", "headers", "kind", "words"),
    [
        (429, {"retry_after": "7"}, RateLimited, "wait 7 s"),
        (413, {}, FileTooLarge, "the words of the node"),
        (302, {"location": "http://evil.test/"}, MalformedAnswerError, "http://evil.test/"),
        (304, {}, MalformedAnswerError, "check the URL"),
        (204, {}, MalformedAnswerError, "unexpectedly"),
        (500, {}, ApiError, "the words of the node"),
    ],
)
def test_refusals_have_their_kinds(
    status: int, headers: dict[str, str], kind: type[ApiError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        refuse(answer("the words of the node", status, **headers), "the request")
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("", None),
        ("soon", None),
        ("²", None),
        ("9" * 400, None),
        ("-1", None),
        ("nan", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_how_long_to_wait_is_told_when_it_is_sane(header: str, seconds: float | None) -> None:
    with pytest.raises(RateLimited) as caught:
        refuse(answer("", 429, retry_after=header), "the request")
    assert caught.value.retry_after == seconds


def test_a_refusal_without_words_says_so() -> None:
    with pytest.raises(ApiError, match="no reason given"):
        refuse(answer(b"", 500), "the request")


@given(JSON)
def test_only_objects_are_objects_and_only_lists_are_lists(value: Any) -> None:
    try:
        found = json_object(answer(value) if not isinstance(value, str | bytes) else answer(b"5"))
    except MalformedAnswerError:
        return
    assert isinstance(found, dict)
    for name in found:
        if isinstance(found[name], list):
            assert json_list(answer(), found, name) is found[name]
        else:
            with pytest.raises(MalformedAnswerError):
                json_list(answer(), found, name)


def read(raw: Any) -> int:
    if raw == "unproven":
        raise VerificationError("unproven")
    if not isinstance(raw, int):
        raise MalformedAnswerError("no number")
    return raw


def test_a_page_reports_what_it_left_out() -> None:
    body = {
        "items": [1, "unproven", {"item_hash": "h"}, {"item_hash": 5}, 2],
        "pagination_page": 3,
        "pagination_total": 9,
        "pagination_per_page": 5,
        "pagination_item": "items",
    }
    page = read_page(answer(body), "items", read, page_size=20)
    assert page.items == (1, 2)
    assert (page.page, page.total, page.per_page, page.next_cursor) == (3, 9, 5, None)
    assert [entry.item_hash for entry in page.invalid] == [None, "h", None]
    assert page.invalid[0].raw == "unproven"
    with pytest.raises(VerificationError):
        read_page(answer(body), "items", read, page_size=20, strict=True)


@pytest.mark.parametrize("value", [-1, True, "5", 1.5, None, [5]])
def test_counts_of_another_form_are_unknown(value: Any) -> None:
    body = {
        "items": [],
        "pagination_page": value,
        "pagination_total": value,
        "pagination_per_page": value,
    }
    page = read_page(answer(body), "items", read, page_size=20)
    assert (page.page, page.total, page.per_page) == (None, None, 20)


@pytest.mark.parametrize(
    ("cursor", "expected"), [("abc", "abc"), ("", None), (None, None), (5, None)]
)
def test_cursors_are_texts(cursor: Any, expected: str | None) -> None:
    page = read_page(answer({"items": [1], "next_cursor": cursor}), "items", read, page_size=1)
    assert page.next_cursor == expected


def test_a_list_without_entries_has_no_further_page() -> None:
    with pytest.raises(MalformedAnswerError, match="without entries"):
        read_page(answer({"items": [], "next_cursor": "more"}), "items", read, page_size=1)


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 200), ({"items": {}}, 200), ([], 200), ("<html>", 200), ({"items": []}, 500), ("x", 422)],
)
def test_what_is_no_page_is_an_error(body: Any, status: int) -> None:
    with pytest.raises(ApiError):
        read_page(answer(body, status), "items", read, page_size=20)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-23T06:47:41.5+00:00", datetime(2026, 11, 23, 6, 47, 41, 500000, UTC)),
        ("2026-11-23T06:47:41Z", datetime(2026, 11, 23, 6, 47, 41, 0, UTC)),
        ("2026-11-23T06:47:41", datetime(2026, 11, 23, 6, 47, 41, 0, UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1.5, datetime(1970, 1, 1, 0, 0, 1, 500000, UTC)),
        ("yesterday", None),
        (None, None),
        (True, None),
        (1e300, None),
        (float("nan"), None),
        (10**400, None),
        ([], None),
    ],
)
def test_times_come_as_text_or_as_seconds(value: Any, moment: datetime | None) -> None:
    assert when(value) == moment


@given(st.text())
def test_a_segment_stays_one_segment(text: str) -> None:
    try:
        encoded = segment(text)
    except UnicodeEncodeError:
        return
    assert not {"/", "?", "#", " "} & set(encoded)


def test_errors_of_a_page_are_of_the_family() -> None:
    with pytest.raises(AlephError):
        json_list(answer(), {}, "items")


ADDRESS = "0x" + "a" * 40


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (calls.accounts.balance(ADDRESS), {}),
        (calls.credits.credit_summary(ADDRESS, CreditFilter()), {}),
        (crn.config(), {"version": 5}),
        (calls.prices.price(HASHES[0], MessageStatus.PROCESSED), {"cost": "1"}),
        (calls.prices.costs(page_size=100), {"summary": []}),
        (scheduler.vm(HASHES[0]), {}),
    ],
)
def test_a_record_that_cannot_be_read_tells_the_answer(call: Call[Any], body: Any) -> None:
    found = answer(body)
    with pytest.raises(MalformedAnswerError) as caught:
        call.parse(found)
    error = caught.value
    assert (error.status, error.node, error.body) == (200, NODE, found.text)
    assert NODE in str(error)
