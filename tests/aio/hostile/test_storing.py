from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aleph_async import (
    AlephError,
    ApiError,
    AuthenticatedAlephHttpClient,
    BadSignatureError,
    ContentMismatchError,
    FileTooLarge,
    InsufficientFundsError,
    InvalidMessageError,
    MalformedAnswerError,
    MessageStatus,
    RejectedMessage,
    TransportError,
)
from tests.hostile import (
    HostileServer,
    answer,
    early_refusal,
    hang_up,
    html_error,
    reset_after_head,
    reset_after_request,
    unavailable,
)
from tests.scripted import LIMITS, MESSAGES, STORAGE, node, paths, published, sha256

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hold_plan")]

Make = Callable[..., AuthenticatedAlephHttpClient]
DATA = b"file content"
STORED = {"status": "success", "hash": sha256(DATA)}
ANY = f"{MESSAGES}/"
UNKNOWN = answer("404: Not Found", status=404)
LARGE = 2 << 20
ESTIMATE = "/api/v0/price/estimate"


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (answer({"status": "success", "hash": "0" * 64}), ContentMismatchError),
        (answer({"status": "success"}), ContentMismatchError),
        (answer("403: Forbidden", status=403), BadSignatureError),
        (answer("422: Unprocessable Entity", status=422), InvalidMessageError),
        (answer({"error": "bad metadata"}, status=422), InvalidMessageError),
        (answer("too large", status=413), FileTooLarge),
        (early_refusal(413), FileTooLarge),
        (html_error(200), MalformedAnswerError),
        (html_error(500), ApiError),
    ],
)
async def test_every_refusal_is_told_and_nothing_is_published(
    publishing: Make, step: Any, kind: type[AlephError]
) -> None:
    with node({STORAGE: step}) as server:
        async with publishing(server) as client:
            with pytest.raises(kind) as caught:
                await client.create_store(DATA)
        assert paths(server) == [STORAGE]
    assert type(caught.value) is kind
    assert caught.value.node == server.url  # type: ignore[attr-defined]


async def test_a_stored_file_whose_message_was_rejected_is_a_rejection(publishing: Make) -> None:
    with node({STORAGE: answer(STORED, status=422), ANY: UNKNOWN}) as server:
        async with publishing(server) as client:
            with pytest.raises(RejectedMessage):
                await client.create_store(DATA, sync=True)
        assert paths(server, "POST") == [STORAGE]


async def test_a_want_of_funds_is_told_when_the_free_way_is_closed(publishing: Make) -> None:
    refusal = answer("402: Payment Required", status=402)
    limits = answer({"storage": {"max_unauthenticated_upload_file_size": 5}})
    with node({STORAGE: refusal, LIMITS: limits}) as server:
        async with publishing(server) as client:
            with pytest.raises(InsufficientFundsError) as caught:
                await client.create_store(DATA)
            with pytest.raises(InsufficientFundsError):
                await client.create_store(DATA, payment="credit")
        assert [path for path in paths(server, "POST") if path != ESTIMATE] == [STORAGE, STORAGE]
    assert caught.value.status == 402
    assert caught.value.required is None


@pytest.mark.parametrize("stored", [sha256(DATA), "0" * 64])
async def test_the_free_way_holds_the_nodes_hash_against_ours(
    publishing: Make, stored: str
) -> None:
    steps = [answer("", status=402), answer({"status": "success", "hash": stored})]
    with node({STORAGE: steps, f"POST {MESSAGES}": answer(published())}) as server:
        async with publishing(server) as client:
            if stored == STORED["hash"]:
                assert (await client.create_store(DATA)).status is MessageStatus.PROCESSED
                assert paths(server, "POST") == [STORAGE, STORAGE, MESSAGES]
            else:
                with pytest.raises(ContentMismatchError):
                    await client.create_store(DATA)
                assert paths(server, "POST") == [STORAGE, STORAGE]


async def test_a_file_that_the_node_will_not_take_is_not_sent(publishing: Make) -> None:
    limits = answer({"storage": {"max_file_size": LARGE - 1}})
    with node({LIMITS: limits}) as server:
        async with publishing(server) as client:
            with pytest.raises(FileTooLarge, match="nothing was sent") as caught:
                await client.create_store(bytes(LARGE))
        assert paths(server) == [LIMITS]
    assert (caught.value.size, caught.value.limit) == (LARGE, LARGE - 1)


@pytest.mark.parametrize("step", [hang_up(), reset_after_request(), unavailable()])
async def test_a_lost_upload_without_waiting_is_sent_again_whole(
    publishing: Make, step: Any, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    with node({STORAGE: [step, answer(STORED, status=202)]}) as server:
        async with publishing(server) as client:
            result = await client.create_store(file_path=path)
        first, second = (request.body for request in server.requests)
    assert result.status is MessageStatus.PENDING
    assert DATA in first
    assert first == second


@pytest.mark.parametrize("step", [hang_up(), reset_after_request(), unavailable()])
async def test_a_lost_answer_is_looked_for_and_the_file_not_sent_twice(
    publishing: Make, step: Any
) -> None:
    with node({STORAGE: step, ANY: answer({"status": "processed"})}) as server:
        async with publishing(server) as client:
            result = await client.create_store(DATA, sync=True)
        assert paths(server, "POST") == [STORAGE]
    assert result.status is MessageStatus.PROCESSED


async def test_what_nobody_has_is_sent_again(publishing: Make) -> None:
    steps = [hang_up(), answer(STORED, status=202)]
    known = [UNKNOWN, answer({"status": "processed"})]
    with node({STORAGE: steps, ANY: known}) as server:
        async with publishing(server) as client:
            result = await client.create_store(DATA, sync=True)
        assert paths(server, "POST") == [STORAGE, STORAGE]
    assert result.status is MessageStatus.PROCESSED


async def test_the_free_way_is_open_after_a_lost_answer_too(publishing: Make) -> None:
    steps = [hang_up(), answer("", status=402), answer(STORED)]
    with node({STORAGE: steps, ANY: UNKNOWN, f"POST {MESSAGES}": answer(published())}) as server:
        async with publishing(server) as client:
            result = await client.create_store(DATA, sync=True)
    assert result.status is MessageStatus.PROCESSED


async def test_a_connection_cut_while_sending_is_a_typed_error(publishing: Make) -> None:
    limits = answer({})
    with node({STORAGE: reset_after_head(), LIMITS: limits}) as server:
        async with publishing(server, retry=None) as client:
            with pytest.raises(TransportError) as caught:
                await client.create_store(bytes(8 << 20))
    assert caught.value.node == server.url


async def test_names_of_files_cannot_break_the_request(publishing: Make, tmp_path: Path) -> None:
    for name in ('a"\r\nX-Evil: 1\r\n\r\n', "no-text-\udcff", "é" * 50):
        path = tmp_path / name
        path.write_bytes(DATA)
        with node({STORAGE: answer(STORED)}) as server:
            async with publishing(server) as client:
                await client.create_store(file_path=path, guess_mime_type=True)
            (request,) = server.requests
        assert b"\r\nX-Evil" not in request.body
        assert request.body.count(b"Content-Disposition") == 2


async def test_the_next_node_takes_the_file(publishing: Make) -> None:
    with HostileServer(hang_up()) as bad, node({STORAGE: answer(STORED)}) as good:
        async with publishing(bad, good) as client:
            result = await client.create_store(DATA)
    assert result.status is MessageStatus.PROCESSED
