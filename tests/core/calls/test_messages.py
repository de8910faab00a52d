from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.call import Answer
from aleph_core.calls import messages as calls
from aleph_core.errors import (
    AlephError,
    ApiError,
    ForgottenMessageError,
    MalformedAnswerError,
    MessageNotFoundError,
    PendingMessageError,
    RateLimited,
    RejectedMessage,
    RemovedMessageError,
    VerificationError,
)
from aleph_core.filters import MessageFilter
from aleph_core.models.message import MessageStatus
from aleph_core.paging import Position
from aleph_core.verification import Verify
from tests.core.recorded import (
    ANSWERS,
    FORGOTTEN,
    HASHES,
    NODE,
    PENDING,
    POST,
    REJECTED,
    STORE,
    altered,
    answer,
)

LEVELS: tuple[Verify, ...] = get_args(Verify)
PROCESSED = {
    "status": "processed", "item_hash": POST["item_hash"], "reception_time": "x", "message": POST,
}  # fmt: skip


def found(
    body: Any, item_hash: str | None = None, *, verify: Verify = "signature"
) -> calls.FoundMessage:
    asked = item_hash or body["item_hash"]
    return calls.message(asked, verify=verify).parse(answer(body))


def test_the_path_holds_the_hash() -> None:
    call = calls.message(HASHES[0], verify="off")
    assert (call.method, call.path) == ("GET", f"/api/v0/messages/{HASHES[0]}")
    assert call.idempotent
    assert calls.message_status(HASHES[0]).path == f"/api/v0/messages/{HASHES[0]}/status"


@pytest.mark.parametrize("status", ["processed", "removing"])
def test_a_message_that_holds_is_given(status: str) -> None:
    result = found({**PROCESSED, "status": status})
    message = result.require(MessageStatus.PROCESSED, MessageStatus.REMOVING)
    assert message.item_hash == POST["item_hash"]
    assert message.status == status


def test_a_pending_message_is_given_only_to_those_who_take_it() -> None:
    result = found(PENDING)
    assert result.require(MessageStatus.PENDING).time == 1790000001.25
    with pytest.raises(PendingMessageError, match="wait_for_message") as caught:
        result.require(MessageStatus.PROCESSED)
    assert (caught.value.item_hash, caught.value.message_status) == (
        PENDING["item_hash"],
        "pending",
    )
    assert (caught.value.status, caught.value.node) == (200, NODE)


def test_a_rejected_message_tells_its_code() -> None:
    result = found(REJECTED)
    assert result.rejection is not None
    assert result.rejection.error_code == 102
    assert "amend" in result.rejection.reason
    assert result.require(MessageStatus.REJECTED).item_hash == REJECTED["item_hash"]
    with pytest.raises(RejectedMessage, match="an amend cannot be amended") as caught:
        result.require(MessageStatus.PROCESSED)
    assert caught.value.error_code == 102


@pytest.mark.parametrize(
    "message",
    [None, {}, "x", {"sender": 5}, altered(REJECTED["message"], item_content="forged"), POST],
)
def test_a_rejected_message_may_be_shown_in_any_form(message: Any) -> None:
    result = found({**REJECTED, "message": message})
    assert result.message is None
    with pytest.raises(RejectedMessage):
        result.require(MessageStatus.REJECTED)


def test_a_rejected_message_may_have_a_bad_signature() -> None:
    bad = altered(REJECTED["message"], signature="0x00")
    assert found({**REJECTED, "message": bad}).message is not None


@pytest.mark.parametrize(
    ("code", "expected"), [(5, 5), (None, -1), ("5", -1), (True, -1), (10**400, 10**400)]
)
def test_codes_of_another_form_are_an_internal_error(code: Any, expected: int) -> None:
    rejection = found({**REJECTED, "error_code": code}).rejection
    assert rejection is not None
    assert rejection.error_code == expected


def test_a_forgotten_message_tells_by_whom() -> None:
    result = found(FORGOTTEN)
    with pytest.raises(ForgottenMessageError, match=FORGOTTEN["forgotten_by"][0]) as caught:
        result.require(MessageStatus.PROCESSED)
    assert caught.value.forgotten_by == tuple(FORGOTTEN["forgotten_by"])
    odd = found({**FORGOTTEN, "forgotten_by": "abc"})
    with pytest.raises(ForgottenMessageError, match="unnamed"):
        odd.require(MessageStatus.PROCESSED)


@pytest.mark.parametrize(
    ("reason", "words"),
    [("balance_insufficient", "balance_insufficient"), (["x"], "no reason given")],
)
def test_a_removed_message_tells_why(reason: Any, words: str) -> None:
    skeleton = {**FORGOTTEN, "status": "removed", "reason": reason}
    with pytest.raises(RemovedMessageError, match=words):
        found(skeleton).require(MessageStatus.PROCESSED)


@pytest.mark.parametrize("status", [404, 410])
def test_an_unknown_message_is_named(status: int) -> None:
    for call in (calls.message(HASHES[0], verify="off"), calls.message_status(HASHES[0])):
        with pytest.raises(MessageNotFoundError) as caught:
            call.parse(answer("404: Not Found", status))
        assert (caught.value.item_hash, caught.value.status) == (HASHES[0], status)
        assert (caught.value.node, caught.value.attempts) == (NODE, 2)


@pytest.mark.parametrize(
    "body",
    [
        {**PROCESSED, "status": "done"},
        {**PROCESSED, "status": None},
        {**PROCESSED, "status": ["processed"]},
        {**PROCESSED, "message": None},
        {**PROCESSED, "message": [POST]},
        {**PENDING, "messages": []},
        {**PENDING, "messages": {}},
        {"message": POST},
    ],
)
def test_answers_of_another_form_are_malformed(body: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswerError) as caught:
        found({"item_hash": POST["item_hash"], **body})
    assert caught.value.node == NODE


def test_another_message_does_not_hold() -> None:
    for body in (PROCESSED, PENDING, FORGOTTEN):
        with pytest.raises(VerificationError, match="asked for"):
            found(body, STORE["item_hash"])


def test_the_status_is_read_with_its_time() -> None:
    parse = calls.message_status(POST["item_hash"]).parse
    status = parse(answer({**PENDING, "status": "pending"}))
    assert status.status is MessageStatus.PENDING
    assert status.reception_time == datetime(2026, 11, 23, 7, 54, 3, 256674, UTC)
    assert parse(answer({"status": "removed", "reception_time": "x"})).reception_time is None
    with pytest.raises(MalformedAnswerError):
        parse(answer({"status": 5}))
    with pytest.raises(RateLimited):
        parse(answer("", 429))


def page_of(*entries: Any, message_filter: MessageFilter | None = None, **options: Any) -> Any:
    given = {"verify": "content", **options}
    call = calls.messages(message_filter or MessageFilter(), Position(page=1), 20, **given)
    return call.parse(answer({"messages": [*entries], "pagination_per_page": 20}))


def test_a_list_is_asked_for_with_filter_and_position() -> None:
    call = calls.messages(MessageFilter(tags="a"), Position(), 50, verify="content")
    assert call.path == "/api/v0/messages.json"
    assert list(call.params) == [("tags", "a"), ("pagination", "50"), ("cursor", "")]


def test_bad_entries_are_left_out_and_reported() -> None:
    page = page_of(
        POST,
        altered(STORE, type="NEWS"),
        altered(STORE, item_content="forged"),
        None,
        altered(STORE, future=1),
    )
    assert [message.item_hash for message in page] == [POST["item_hash"], STORE["item_hash"]]
    assert [type(entry.error).__name__ for entry in page.invalid] == [
        "MalformedAnswerError",
        "ContentMismatchError",
        "MalformedAnswerError",
    ]
    with pytest.raises(AlephError):
        page_of(POST, None, strict=True)


@pytest.mark.parametrize("sender", ["", "a\nb", "\ud800", "x" * 5000])
def test_a_sender_that_signs_nothing_fails_its_entry_alone(sender: str) -> None:
    page = page_of(altered(POST, sender=sender), STORE, verify="signature")
    assert [message.item_hash for message in page] == [STORE["item_hash"]]
    assert len(page.invalid) == 1


def test_entries_that_were_not_asked_for_are_left_out() -> None:
    page = page_of(POST, STORE, message_filter=MessageFilter(message_types="STORE"))
    assert [message.type for message in page] == ["STORE"]
    (entry,) = page.invalid
    assert "not asked for" in str(entry.error)
    everything = page_of(POST, message_filter=MessageFilter(message_types="STORE"), verify="off")
    assert len(everything) == 1


def test_skeletons_are_listed_when_asked_for() -> None:
    chosen = MessageFilter(message_statuses="forgotten")
    page = page_of(FORGOTTEN["message"], message_filter=chosen, verify="signature")
    assert page[0].status is MessageStatus.FORGOTTEN
    assert not page_of(FORGOTTEN["message"]).items


def test_hashes_are_listed() -> None:
    call = calls.message_hashes(5.5, page=2, page_size=0)
    assert dict(call.params) == {
        "startDate": "5.5",
        "sortOrder": "1",
        "pagination": "0",
        "page": "2",
    }
    page = call.parse(answer({"hashes": [*HASHES, "abc", 5, None], "pagination_per_page": 0}))
    assert page.items == tuple(HASHES)
    assert len(page.invalid) == 3
    newest = calls.newest_hash()
    assert dict(newest.params) == {"sortOrder": "-1", "pagination": "1"}
    assert newest.parse(answer({"hashes": HASHES[:1]}))[0] == HASHES[0]


@given(
    ANSWERS,
    st.sampled_from(LEVELS),
    st.sampled_from([MessageFilter(), MessageFilter(message_statuses="removed", tags="a")]),
)
def test_any_answer_is_read_or_a_typed_error(
    given_answer: Answer, level: Verify, chosen: MessageFilter
) -> None:
    for call in (
        calls.message(HASHES[0], verify=level),
        calls.message_status(HASHES[0]),
        calls.messages(chosen, Position(), 20, verify=level),
        calls.messages(chosen, Position(), 20, verify=level, strict=True),
        calls.message_hashes(0, page=1, page_size=1),
        calls.newest_hash(),
    ):
        try:
            result: Any = call.parse(given_answer)
            if isinstance(result, calls.FoundMessage):
                result.require(MessageStatus.PROCESSED)
        except (ApiError, VerificationError):
            continue
        assert given_answer.status == 200
