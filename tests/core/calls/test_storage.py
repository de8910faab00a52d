from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from aleph_core.call import Answer, Call, MultipartBody, RawBody
from aleph_core.calls import storage as calls
from aleph_core.errors import (
    ApiError,
    BadSignatureError,
    ContentMismatchError,
    FileTooLarge,
    InsufficientFundsError,
    InvalidItemHashError,
    InvalidMessageError,
    MalformedAnswerError,
    RateLimited,
    ResourceNotFoundError,
    UnpaidMessageError,
    VerificationError,
)
from aleph_core.models.files import StorageLimits
from aleph_core.models.message import MessageStatus
from tests.core.recorded import ANSWERS, HASHES, NODE, STORE, answer, signed

FILE = "b7fa5e2dae723e973343bb99b1a7bd3b37d60d5db6a3d5468682103756391fc3"
STORED = {"status": "success", "hash": FILE}


def upload(*, sync: bool = True, engine: str = "storage") -> Call[MessageStatus]:
    return calls.upload_signed(
        signed(STORE), file_hash=FILE, engine=engine, size=14, filename="a.txt", sync=sync
    )


def test_file_and_message_go_in_one_request() -> None:
    call = upload()
    assert (call.method, call.path) == ("POST", "/api/v0/storage/add_file")
    assert isinstance(call.body, MultipartBody)
    (part,) = call.body.parts
    assert part.name == "metadata"
    assert json.loads(part.data) == {"message": STORE, "sync": True}
    assert (call.body.file.name, call.body.file.filename) == ("file", "a.txt")
    assert not call.idempotent
    assert call.minimum_timeout > 30
    assert upload(sync=False).idempotent
    assert upload(engine="ipfs").path == "/api/v0/ipfs/add_file"


def test_boundaries_differ() -> None:
    bodies = [upload().body for _ in range(2)]
    assert bodies[0] != bodies[1]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, MessageStatus.PROCESSED),
        (202, MessageStatus.PENDING),
        (422, MessageStatus.REJECTED),
    ],
)
def test_the_code_tells_what_became_of_the_message(status: int, expected: MessageStatus) -> None:
    assert upload().parse(answer(STORED, status)) is expected


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (402, "402: Payment Required", UnpaidMessageError),
        (413, "Maximum request body size 26214400 exceeded.", FileTooLarge),
        (422, "422: Unprocessable Entity", InvalidMessageError),
        (422, {"errors": ["x"]}, InvalidMessageError),
        (422, [1], InvalidMessageError),
        (200, "<html>", MalformedAnswerError),
        (200, b"", MalformedAnswerError),
        (200, [1], MalformedAnswerError),
        (302, b"", MalformedAnswerError),
        (429, b"", RateLimited),
        (500, "500: Internal Server Error", ApiError),
    ],
)
def test_every_refusal_of_an_upload_is_typed(status: int, body: Any, kind: type[ApiError]) -> None:
    with pytest.raises(kind) as caught:
        upload().parse(answer(body, status))
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.node) == (status, NODE)


def test_a_want_of_funds_names_the_payer_and_the_way_out() -> None:
    with pytest.raises(InsufficientFundsError, match="credits") as caught:
        upload().parse(answer("402: Payment Required", 402))
    assert STORE["sender"] in str(caught.value)
    assert caught.value.item_hash == STORE["item_hash"]


def test_a_refused_signature() -> None:
    with pytest.raises(BadSignatureError, match="403: Forbidden") as caught:
        upload().parse(answer("403: Forbidden", 403))
    assert caught.value.node == NODE


@pytest.mark.parametrize("stored", [HASHES[0], None, 5, ["x"], ""])
@pytest.mark.parametrize("status", [200, 202, 422])
def test_a_node_that_stored_something_else_is_caught(stored: Any, status: int) -> None:
    body = {"status": "success", "hash": stored}
    if status == 422 and not isinstance(stored, str):
        with pytest.raises(InvalidMessageError):
            upload().parse(answer(body, status))
        return
    with pytest.raises(ContentMismatchError) as caught:
        upload().parse(answer(body, status))
    assert (caught.value.item_hash, caught.value.node) == (FILE, NODE)


def plain() -> list[Call[None]]:
    return [
        calls.upload_unsigned(file_hash=FILE, engine="storage", size=14, filename="a"),
        calls.store_content_bytes(b"content", item_hash=FILE),
    ]


def test_plain_uploads_hold_the_nodes_hash_against_ours() -> None:
    for call in plain():
        call.parse(answer(STORED))
        with pytest.raises(ContentMismatchError):
            call.parse(answer({**STORED, "hash": HASHES[0]}))
        with pytest.raises(FileTooLarge) as caught:
            call.parse(answer("too large", 413))
        assert caught.value.size in (7, 14)
        with pytest.raises(ApiError):
            call.parse(answer(STORED, 202))
        with pytest.raises(MalformedAnswerError):
            call.parse(answer("<html>"))


def test_content_is_sent_as_it_is() -> None:
    body = plain()[1].body
    assert isinstance(body, RawBody)
    assert body.data == b"content"


def test_limits_are_those_of_the_node_or_the_defaults() -> None:
    parse = calls.limits().parse
    body = {
        "storage": {"max_file_size": 1, "max_unauthenticated_upload_file_size": 2},
        "ipfs": {"max_upload_file_size": 3, "max_unauthenticated_upload_file_size": 4},
    }
    assert parse(answer(body)) == StorageLimits(1, 2, 3, 4)
    assert parse(answer("", 404)) == StorageLimits()
    odd = {"storage": {"max_file_size": True}, "ipfs": {"max_upload_file_size": -1}}
    for strange in ({}, {"storage": []}, odd, {"ipfs": {"max_upload_file_size": "big"}}):
        assert parse(answer(strange)) == StorageLimits()
    with pytest.raises(ApiError):
        parse(answer("", 500))


def test_the_path_of_a_file_is_safe() -> None:
    assert calls.raw_file_path(FILE) == f"/api/v0/storage/raw/{FILE}"
    with pytest.raises(InvalidItemHashError, match="file_hash"):
        calls.raw_file_path("../../etc/passwd")


def test_a_download_that_does_not_begin() -> None:
    with pytest.raises(ResourceNotFoundError, match=f"{FILE}.*get_stored_content"):
        calls.refuse_download(answer("Not found", 404), FILE)
    with pytest.raises(ApiError):
        calls.refuse_download(answer("", 500), FILE)


@given(ANSWERS)
def test_any_answer_is_read_or_a_typed_error(given_answer: Answer) -> None:
    for call in (upload(), upload(sync=False), *plain(), calls.limits()):
        try:
            call.parse(given_answer)
        except (ApiError, VerificationError):
            continue
        assert given_answer.status in (200, 202, 404, 422)
    with pytest.raises(ApiError):
        calls.refuse_download(given_answer, FILE)
