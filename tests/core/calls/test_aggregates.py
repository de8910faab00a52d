from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from aleph_core.call import Answer
from aleph_core.calls.aggregates import aggregates, aggregates_of, check_keys
from aleph_core.errors import (
    ApiError,
    ArgumentError,
    MalformedAnswerError,
    ResourceNotFoundError,
    VerificationError,
)
from aleph_core.filters import SortOrder
from aleph_core.models.aggregate import Aggregate
from aleph_core.models.page import Page
from aleph_core.paging import Position
from tests.core.recorded import ANSWERS, NODE, OWNER, STORE, answer

BODY = {"address": OWNER, "data": {"a": {"x": 1}, "b": {}}, "info": {}}
ENTRY = {
    "address": OWNER, "key": "a", "content": {"x": 1},
    "created": "2026-11-23T06:47:41+00:00", "last_updated": None,
}  # fmt: skip


def page_of(*entries: Any, **options: Any) -> Page[Aggregate]:
    call = aggregates(position=Position(page=1), page_size=20, **options)
    return call.parse(answer({"aggregates": [*entries]}))


def test_aggregates_of_an_owner_come_by_key() -> None:
    call = aggregates_of(OWNER, ["a", "b"])
    assert call.path == f"/api/v0/aggregates/{OWNER}.json"
    assert list(call.params) == [("keys", "a,b")]
    assert call.parse(answer(BODY)) == {"a": {"x": 1}, "b": {}}
    assert aggregates_of(OWNER).parse(answer({"data": {"a": {}}})) == {"a": {}}


def test_keys_that_were_not_asked_for_are_dropped() -> None:
    assert aggregates_of(OWNER, ["b"]).parse(answer(BODY)) == {"b": {}}


def test_an_owner_without_aggregates_is_not_found() -> None:
    with pytest.raises(ResourceNotFoundError, match="a, b") as caught:
        aggregates_of(OWNER, ["a", "b"]).parse(answer("No aggregate found", 404))
    assert (caught.value.status, caught.value.node, caught.value.attempts) == (404, NODE, 2)
    with pytest.raises(ResourceNotFoundError, match=OWNER):
        aggregates_of(OWNER).parse(answer("", 404))


def test_a_page_of_html_does_not_mean_that_there_is_no_aggregate() -> None:
    with pytest.raises(MalformedAnswerError, match="check the URL of the node"):
        aggregates_of(OWNER).parse(answer("<html>404 Not Found</html>", 404))


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"data": []}, {"data": {"a": 5}}, {"data": {"a": None}}, [], "<html>", "5"),
        {**BODY, "address": STORE["sender"]},
        {**BODY, "address": None},
    ],
)
def test_answers_of_another_form_are_malformed(body: Any) -> None:
    with pytest.raises(MalformedAnswerError):
        aggregates_of(OWNER).parse(answer(body))


def test_a_list_across_owners() -> None:
    call = aggregates(
        addresses=OWNER, keys=["a"], sort_by="last_modified", sort_order=SortOrder.ASCENDING,
        position=Position(), page_size=5,
    )  # fmt: skip
    assert dict(call.params) == {
        "pagination": "5", "cursor": "", "addresses": OWNER, "keys": "a",
        "sortBy": "last_modified", "sortOrder": "1",
    }  # fmt: skip
    (found,) = page_of(ENTRY)
    assert (found.address, found.key, found.content) == (OWNER, "a", {"x": 1})
    assert found.created is not None
    assert found.last_updated is None


@pytest.mark.parametrize(
    "entry",
    [None, 5, {}, {**ENTRY, "content": None}, {**ENTRY, "key": 5}, {**ENTRY, "address": None}],
)
def test_what_is_no_aggregate_is_left_out(entry: Any) -> None:
    page = page_of(entry, ENTRY)
    assert len(page) == len(page.invalid) == 1
    with pytest.raises(MalformedAnswerError):
        page_of(entry, strict=True)


@pytest.mark.parametrize("options", [{"addresses": STORE["sender"]}, {"keys": ["b", "c"]}])
def test_entries_that_were_not_asked_for_are_left_out(options: dict[str, Any]) -> None:
    page = page_of(ENTRY, **options)
    assert not page
    assert "not asked for" in str(page.invalid[0].error)


@pytest.mark.parametrize("keys", ["", "a,b", ["a", ""], [5], 5, None, "\x00", "\ud800"])
def test_keys_that_cannot_be_asked_for_are_refused(keys: Any) -> None:
    with pytest.raises(ArgumentError, match="keys"):
        check_keys(keys)


def test_one_key_is_one_key() -> None:
    assert check_keys("users") == ["users"]
    assert check_keys(("a", "b")) == ["a", "b"]


@pytest.mark.parametrize(
    "options", [{"sort_by": "name"}, {"addresses": "../"}, {"addresses": 5}, {"keys": 5}]
)
def test_bad_lists_are_refused_before_anything_is_sent(options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        page_of(**options)
    with pytest.raises(ArgumentError):
        aggregates_of("../../etc")


@given(ANSWERS)
def test_any_answer_is_read_or_a_typed_error(given_answer: Answer) -> None:
    for call in (aggregates_of(OWNER), aggregates(position=Position(), page_size=1, strict=True)):
        try:
            call.parse(given_answer)  # type: ignore[attr-defined]
        except (ApiError, VerificationError):
            continue
        assert given_answer.status == 200
