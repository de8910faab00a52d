from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from aleph_async import (
    AlephError,
    ApiError,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    BroadcastError,
    ContentMismatchError,
    FileTooLarge,
    InvalidMessageError,
    MalformedAnswerError,
    MessageStatus,
    RateLimited,
    RejectedMessage,
    TransportError,
)
from aleph_async._runtime import clock
from tests.hostile import (
    HostileServer,
    answer,
    early_refusal,
    hang_up,
    html_error,
    never,
    rate_limited,
    reset_after_request,
    reset_before_request,
    unavailable,
)
from tests.scripted import MESSAGES, STORAGE, node, paths, published

pytestmark = pytest.mark.anyio

Make = Callable[..., AuthenticatedAlephHttpClient]
POST = f"POST {MESSAGES}"
ANY = f"{MESSAGES}/"
PROCESSED = answer({"status": "processed"})
PENDING = answer({"status": "pending"})
UNKNOWN = answer("404: Not Found", status=404)


def sent(server: HostileServer) -> list[dict[str, Any]]:
    """Return the bodies of the messages that the server got."""
    return [json.loads(request.body) for request in server.requests if request.method == "POST"]


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (answer(published(None, status="error", failed=["p2p"]), status=500), BroadcastError),
        (answer("500: Internal Server Error", status=500), ApiError),
        (answer("InvalidMessageFormat", status=422), InvalidMessageError),
        (answer([{"type": "missing", "loc": ["message"]}], status=422), InvalidMessageError),
        (answer(published(None)), MalformedAnswerError),
        (answer(published("done")), MalformedAnswerError),
        (answer({"message_status": "processed"}), MalformedAnswerError),
        (answer(b""), MalformedAnswerError),
        (html_error(200), MalformedAnswerError),
        (html_error(403), ApiError),
        (early_refusal(413), FileTooLarge),
    ],
)
@pytest.mark.parametrize("sync", [False, True])
async def test_every_refusal_is_told_and_not_repeated(
    publishing: Make, step: Any, kind: type[ApiError], sync: bool
) -> None:
    with node({POST: step}) as server:
        async with publishing(server) as client:
            with pytest.raises(kind) as caught:
                await client.create_post("x", "t", sync=sync)
        assert paths(server) == [MESSAGES]
    assert type(caught.value) is kind
    assert caught.value.node == server.url
    assert caught.value.status >= 200


async def test_a_rejection_without_reason_is_still_a_rejection(publishing: Make) -> None:
    for reason in (html_error(500), hang_up(), answer({"status": "rejected", "message": None})):
        with node({POST: answer(published("rejected"), status=422), ANY: reason}) as server:
            async with publishing(server) as client:
                with pytest.raises(RejectedMessage) as caught:
                    await client.create_post("x", "t", sync=True)
        assert caught.value.item_hash == sent(server)[0]["message"]["item_hash"]
        assert caught.value.node == server.url


async def test_a_rejection_can_be_taken_as_a_status(publishing: Make) -> None:
    with node({POST: answer(published("rejected"), status=422)}) as server:
        async with publishing(server) as client:
            content = {"type": "t", "content": 1}
            result = await client.submit(content, "POST", sync=True, raise_on_rejected=False)
    assert result.status is MessageStatus.REJECTED


@pytest.mark.parametrize(
    "step", [hang_up(), reset_after_request(), unavailable(), rate_limited(0.01)]
)
async def test_a_message_without_waiting_is_sent_again_as_it_was(
    publishing: Make, step: Any
) -> None:
    with node({POST: [step, answer(published("pending"), status=202)]}) as server:
        async with publishing(server) as client:
            result = await client.create_post("x", "t")
        first, second = sent(server)
    assert first == second
    assert result.status is MessageStatus.PENDING


@pytest.mark.parametrize("step", [hang_up(), reset_after_request(), unavailable()])
async def test_a_lost_answer_is_looked_for_and_not_published_twice(
    publishing: Make, step: Any
) -> None:
    begun = clock()
    with node({POST: step, ANY: [PENDING, PROCESSED]}) as server:
        async with publishing(server) as client:
            result = await client.create_post("x", "t", sync=True)
        assert len(sent(server)) == 1
    assert result.status is MessageStatus.PROCESSED
    assert clock() - begun < 5


async def test_what_nobody_knows_is_sent_again_without_waiting(publishing: Make) -> None:
    steps = [hang_up(), answer(published("pending"), status=202)]
    with node({POST: steps, ANY: [UNKNOWN, UNKNOWN, PROCESSED]}) as server:
        async with publishing(server) as client:
            result = await client.create_post("x", "t", sync=True)
        first, second = sent(server)
    assert (first["sync"], second["sync"]) == (True, False)
    assert first["message"] == second["message"]
    assert result.status is MessageStatus.PROCESSED


async def test_a_node_that_is_busy_for_a_moment_publishes_in_the_end(publishing: Make) -> None:
    steps = [rate_limited(0.01), unavailable(), answer(published("pending"), status=202)]
    with node({POST: steps, ANY: [UNKNOWN, PROCESSED]}) as server:
        async with publishing(server) as client:
            result = await client.create_post("x", "t", sync=True)
    assert result.status is MessageStatus.PROCESSED


@pytest.mark.parametrize("sync", [False, True])
async def test_a_node_that_falls_silent_is_no_success(publishing: Make, sync: bool) -> None:
    with node({POST: hang_up(), ANY: never()}) as server:
        async with publishing(server, timeout=0.2) as client:
            with pytest.raises(TransportError) as caught:
                await client.create_post("x", "t", sync=sync)
    assert "may have been published" in " ".join(caught.value.__notes__)
    assert caught.value.attempts == 3


async def test_without_retry_a_lost_answer_is_told_at_once(publishing: Make) -> None:
    with node({POST: hang_up(), ANY: PROCESSED}) as server:
        async with publishing(server, retry=None) as client:
            for sync in (False, True):
                with pytest.raises(TransportError) as caught:
                    await client.create_post("x", "t", sync=sync)
                assert "get_message_status" in " ".join(caught.value.__notes__)
        assert len(server.requests) == 2


async def test_a_limit_on_requests_is_told_with_its_time(publishing: Make) -> None:
    with node({POST: rate_limited(1000)}) as server:
        async with publishing(server) as client:
            with pytest.raises(RateLimited, match="1000 s") as caught:
                await client.create_post("x", "t")
    assert (caught.value.retry_after, caught.value.status) == (1000.0, 429)
    assert not hasattr(caught.value, "__notes__")


async def test_the_next_node_publishes_when_one_is_not_there(publishing: Make) -> None:
    for step in (reset_before_request(), hang_up()):
        good = node({POST: answer(published()), ANY: UNKNOWN})
        with HostileServer(step) as bad, good:
            async with publishing(bad, good) as client:
                result = await client.create_post("x", "t")
            assert result.status is MessageStatus.PROCESSED


async def test_content_that_a_node_stored_under_another_hash_is_not_published(
    publishing: Make,
) -> None:
    other = answer({"status": "success", "hash": "0" * 64})
    with node({STORAGE: other, POST: answer(published())}) as server:
        async with publishing(server) as client:
            with pytest.raises(ContentMismatchError):
                await client.create_post("x", "t", inline=False)
        assert paths(server) == [STORAGE]


async def test_nothing_is_sent_or_signed_for_a_bad_argument(publishing: Make) -> None:
    with node({POST: answer(published())}) as server:
        async with publishing(server) as client:
            calls: list[Callable[[], Any]] = [
                lambda: client.create_post({"a": float("nan")}, "t"),
                lambda: client.create_post(b"bytes", "t"),
                lambda: client.create_post({1, 2}, "t"),
                lambda: client.create_post("x", ""),
                lambda: client.create_post("x", None),
                lambda: client.create_post("x", "t", ref=""),
                lambda: client.create_post("x", "amend", ref="x"),
                lambda: client.create_post("x", "t", address="../"),
                lambda: client.create_post("x", "t", channel="\ud800"),
                lambda: client.create_post("x", "t", storage_engine="tape"),
                lambda: client.create_post("x", "t", content="y"),
                lambda: client.create_aggregate("k", 5),
                lambda: client.create_aggregate("", {}),
                lambda: client.forget([]),
                lambda: client.forget(None),  # type: ignore[arg-type]
                lambda: client.forget("abc"),
                lambda: client.submit({"time": "now"}, "POST"),
                lambda: client.submit([], "POST"),  # type: ignore[arg-type]
                lambda: client.submit({}, "NEWS"),
                lambda: client.create_store(),
                lambda: client.create_store(b"x", file_hash="0" * 64),
                lambda: client.create_store(b"x", extra_fields="text"),  # type: ignore[arg-type]
                lambda: client.create_store(b"x", storage_engine="tape"),
                lambda: client.create_store(file_path="/"),
                lambda: client.create_store(file_path="/does/not/exist"),
                lambda: client.create_store(file_hash="../"),
                lambda: client.create_store(b"x", payment="superfluid"),
                lambda: client.create_store(b"x", extra_fields={"x": "x" * 250_000}),
            ]
            for call in calls:
                with pytest.raises(ArgumentError) as caught:
                    await call()
                assert caught.value.argument
        assert server.requests == []


async def test_the_key_is_in_no_error(publishing: Make) -> None:
    with HostileServer(html_error(500)) as server:
        async with publishing(server) as client:
            with pytest.raises(AlephError) as caught:
                await client.create_post("x", "t")
            shown = (
                repr(client) + repr(client.account) + repr(caught.value) + repr(vars(caught.value))
            )
    assert "0101" * 8 not in shown
