from __future__ import annotations

from typing import Any

import pytest
from aleph_message.models import Chain, MessageType
from hypothesis import given

from aleph_core.authorizations import Authorization, UnreadableAuthorization
from aleph_core.call import Answer
from aleph_core.calls.authorizations import granted, received
from aleph_core.errors import AlephError, ApiError, ArgumentError, MalformedAnswerError
from aleph_core.models.grant import Grant
from aleph_core.paging import Position
from tests.core.recorded import ANSWERS, OWNER, STORE, answer

OTHER = STORE["sender"]
FIRST: dict[str, Any] = {"position": Position(page=1), "page_size": 20}
BODY = {
    "address": OWNER,
    "authorizations": {OTHER: [{"types": ["POST"], "channels": ["TEST"], "post_types": ["pt"]}]},
    "pagination_page": 1,
    "pagination_per_page": 20,
    "pagination_total": 1,
    "pagination_item": "authorizations",
}


def test_what_an_owner_granted_names_the_grantee() -> None:
    call = granted(OWNER, **FIRST)
    assert call.path == f"/api/v0/authorizations/granted/{OWNER}.json"
    assert dict(call.params) == {"pagination": "20", "page": "1"}
    page = call.parse(answer(BODY))
    entry = Authorization(OTHER, types=["POST"], channels=["TEST"], post_types=["pt"])
    assert (page.items, page.total) == ((Grant(OTHER, (entry,)),), 1)


def test_what_an_address_received_names_that_address() -> None:
    call = received(OWNER, **FIRST)
    assert call.path == f"/api/v0/authorizations/received/{OWNER}.json"
    (grant,) = call.parse(answer(BODY))
    assert grant.address == OTHER
    assert [entry.as_dict()["address"] for entry in grant.authorizations] == [OWNER]


def test_filters_travel_under_the_names_that_nodes_have() -> None:
    options: dict[str, Any] = {
        "types": [MessageType.post, "STORE"],
        "channels": "TEST",
        "post_types": ["a", "b"],
        "chains": Chain.ETH,
        "aggregate_keys": ("k",),
    }
    params = dict(granted(OWNER, grantee=OTHER, **options, **FIRST).params)
    assert params == {
        "pagination": "20",
        "page": "1",
        "grantee": OTHER,
        "types": "POST,STORE",
        "channels": "TEST",
        "postTypes": "a,b",
        "chains": "ETH",
        "aggregateKeys": "k",
    }
    assert dict(received(OWNER, granter=OTHER, **FIRST).params)["granter"] == OTHER


@pytest.mark.parametrize(
    "options",
    [{"types": 5}, {"channels": "a,b"}, {"chains": [None]}, {"grantee": "x/y"}, {"refs": "a"}],
)
def test_filters_that_nodes_would_ignore_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        granted(OWNER, **options, **FIRST)


def test_one_bad_entry_fails_no_list() -> None:
    body = {**BODY, "authorizations": {OTHER: [None, {"types": "POST"}, {}], OWNER: 5}}
    page = granted(OWNER, **FIRST).parse(answer(body))
    (grant,) = page
    assert [type(entry) for entry in grant.authorizations] == [
        UnreadableAuthorization,
        UnreadableAuthorization,
        Authorization,
    ]
    assert [entry.raw for entry in page.invalid] == [(OWNER, 5)]
    with pytest.raises(MalformedAnswerError):
        granted(OWNER, strict=True, **FIRST).parse(answer(body))


def test_what_was_not_asked_for_is_left_out() -> None:
    page = granted(OWNER, grantee=OWNER, **FIRST).parse(answer(BODY))
    assert (len(page), len(page.invalid)) == (0, 1)


@pytest.mark.parametrize(
    "body", [{}, [], {**BODY, "authorizations": []}, {**BODY, "address": OTHER}, "<html>"]
)
def test_answers_of_another_form_are_malformed(body: Any) -> None:
    with pytest.raises(MalformedAnswerError):
        granted(OWNER, **FIRST).parse(answer(body))
    with pytest.raises(ApiError) as caught:
        granted(OWNER, **FIRST).parse(answer(body, 500))
    assert caught.value.status == 500


@given(ANSWERS)
def test_no_answer_leads_to_another_error(found: Answer) -> None:
    try:
        granted(OWNER, **FIRST).parse(found)
    except AlephError:
        pass
