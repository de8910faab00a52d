from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from aleph_core.call import Answer, JsonBody
from aleph_core.calls.publishing import NODE_WAIT, publish, read_publication
from aleph_core.errors import (
    AlephError,
    ApiError,
    ArgumentError,
    BroadcastError,
    FileTooLarge,
    InvalidMessageError,
    MalformedAnswerError,
    RateLimited,
    SigningError,
    TransportError,
)
from aleph_core.models.message import MessageStatus
from aleph_core.retry import is_lost
from tests.core.recorded import ANSWERS, HASHES, NODE, POST, answer, signed

DONE = {"publication_status": {"status": "success", "failed": []}}


def body(message_status: Any, **publication: Any) -> dict[str, Any]:
    return {
        "publication_status": {"status": "success", "failed": [], **publication},
        "message_status": message_status,
    }


def test_the_envelope_is_sent_as_it_was_signed() -> None:
    call = publish(signed(), sync=False)
    assert (call.method, call.path) == ("POST", "/api/v0/messages")
    assert isinstance(call.body, JsonBody)
    assert json.loads(call.body.text) == {"sync": False, "message": POST}
    assert call.idempotent
    assert call.minimum_timeout == 0


def test_a_waiting_call_outlasts_the_node_and_is_not_repeated_blindly() -> None:
    call = publish(signed(), sync=True)
    assert not call.idempotent
    assert call.minimum_timeout > NODE_WAIT


@pytest.mark.parametrize(
    ("status", "found", "expected"),
    [
        (200, body("processed"), MessageStatus.PROCESSED),
        (202, body("pending"), MessageStatus.PENDING),
        (422, body("rejected"), MessageStatus.REJECTED),
        (200, body("processed", status="warning", failed=["p2p"]), MessageStatus.PROCESSED),
    ],
)
def test_what_became_of_the_message(status: int, found: Any, expected: MessageStatus) -> None:
    assert read_publication(answer(found, status), HASHES[0]) is expected


@pytest.mark.parametrize(
    ("status", "found", "kind"),
    [
        (500, body(None, status="error", failed=["p2p", "ipfs"]), BroadcastError),
        (200, body("pending", status="error"), BroadcastError),
        (503, body("processed"), BroadcastError),
        (200, body(None), MalformedAnswerError),
        (200, body("done"), MalformedAnswerError),
        (200, body(["processed"]), MalformedAnswerError),
        (200, DONE, MalformedAnswerError),
        (200, {"message_status": "processed"}, MalformedAnswerError),
        (
            200,
            {"publication_status": "success", "message_status": "processed"},
            MalformedAnswerError,
        ),
        (200, b"", MalformedAnswerError),
        (200, "<html>welcome</html>", MalformedAnswerError),
        (302, b"", MalformedAnswerError),
        (422, "InvalidMessageFormat", InvalidMessageError),
        (422, [{"type": "missing", "loc": ["message"]}], InvalidMessageError),
        (422, b"", InvalidMessageError),
        (413, "Maximum request body size 1048576 exceeded.", FileTooLarge),
        (429, b"", RateLimited),
        (500, "500: Internal Server Error", ApiError),
        (502, "<html>Bad Gateway</html>", ApiError),
    ],
)
def test_every_refusal_is_a_typed_error(status: int, found: Any, kind: type[ApiError]) -> None:
    with pytest.raises(kind) as caught:
        read_publication(answer(found, status), HASHES[0])
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.node, error.attempts) == (status, NODE, 2)
    assert HASHES[0] in str(error) or status in (413, 429)


def test_networks_that_failed_are_named() -> None:
    with pytest.raises(BroadcastError, match=r"ipfs.*publish it through another node"):
        read_publication(answer(body(None, status="error", failed=["ipfs"]), 500), HASHES[0])


def test_a_message_too_large_for_a_request_is_refused_here() -> None:
    with pytest.raises(FileTooLarge) as caught:
        publish(signed().evolve(item_content="é" * 600_000), sync=False)
    assert caught.value.limit == 1024 * 1024
    assert caught.value.size is not None
    assert caught.value.size > 1_200_000


@pytest.mark.parametrize("changes", [{"channel": "\ud800"}, {"time": float("nan")}])
def test_a_message_that_cannot_be_written_is_a_bad_argument(changes: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="message"):
        publish(signed().evolve(**changes), sync=False)


def test_an_unsigned_message_is_not_sent() -> None:
    with pytest.raises(SigningError):
        publish(signed().evolve(signature=None), sync=False)


@given(ANSWERS)
def test_any_answer_is_a_status_or_a_typed_error(given_answer: Answer) -> None:
    try:
        status = read_publication(given_answer, HASHES[0])
    except ApiError:
        return
    assert isinstance(status, MessageStatus)


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (TransportError("cut"), True),
        (TransportError("not there", sent=False), False),
        (ApiError("busy", status=503), True),
        (RateLimited("slow down", status=429), True),
        (ApiError("broken", status=500), False),
        (ArgumentError("ref", "is empty"), False),
    ],
)
def test_an_answer_is_lost_when_the_message_may_have_arrived(error: AlephError, lost: bool) -> None:
    assert is_lost(error) is lost
