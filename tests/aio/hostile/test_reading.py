from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from aleph_async import (
    AlephError,
    AlephHttpClient,
    ApiError,
    ContentMismatchError,
    MalformedAnswerError,
    MessageNotFoundError,
    MessageRejection,
    PendingMessageError,
    RejectedMessage,
    TransportError,
    VerificationError,
)
from tests.hostile import (
    HostileServer,
    answer,
    hang_up,
    html_error,
    longer_than_announced,
    rate_limited,
    redirect,
    reset_before_request,
    unavailable,
    wrong_content_type,
)
from tests.scripted import MESSAGES, RAW, message, node, paths, processed

pytestmark = pytest.mark.anyio

Make = Callable[..., AlephHttpClient]
WANTED = message(1)
HASH = WANTED["item_hash"]
PATH = f"{MESSAGES}/{HASH}"


async def test_another_message_than_asked_for_is_refused_even_without_verification(
    reading: Make,
) -> None:
    with node({PATH: answer(processed(message(2)))}) as server:
        for level in ("off", "content"):
            async with reading(server, verify=level) as client:
                with pytest.raises(VerificationError, match="asked for") as caught:
                    await client.get_message(HASH)
                assert (caught.value.item_hash, caught.value.node) == (HASH, server.url)


async def test_the_content_comes_from_the_text_and_not_from_the_nodes_copy(reading: Make) -> None:
    forged = {**WANTED, "content": {"address": WANTED["sender"], "content": "forged"}}
    with node({PATH: answer(processed(forged))}) as server:
        async with reading(server) as client:
            found = await client.get_message(HASH)
        assert found.content["content"] == {"n": 1}
        async with reading(server, verify="off") as client:
            assert (await client.get_message(HASH)).content["content"] == {"n": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"item_content": message(2)["item_content"]},
        {"item_content": None},
        {"item_type": "storage"},
    ],
)
async def test_altered_text_does_not_hold(reading: Make, changes: dict[str, Any]) -> None:
    with node({PATH: answer(processed({**WANTED, **changes}))}) as server:
        async with reading(server) as client:
            with pytest.raises(VerificationError) as caught:
                await client.get_message(HASH)
    assert caught.value.item_hash == HASH


async def test_a_forged_signature_does_not_hold_where_signatures_count(reading: Make) -> None:
    with node({PATH: answer(processed(WANTED))}) as server:
        async with reading(server, verify="signature") as client:
            with pytest.raises(VerificationError):
                await client.get_message(HASH)


async def test_content_that_lies_outside_is_held_against_the_hash(reading: Make) -> None:
    outside = {**WANTED, "item_type": "storage", "item_content": None}
    file = RAW + HASH
    good = answer(WANTED["item_content"], content_type="application/octet-stream")
    with node({PATH: answer(processed(outside)), file: good}) as server:
        async with reading(server) as client:
            assert (await client.get_message(HASH)).content["content"] == {"n": 1}
    with node({PATH: answer(processed(outside)), file: answer(b'{"address": "x"}')}) as server:
        async with reading(server) as client:
            with pytest.raises(ContentMismatchError):
                await client.get_message(HASH)


async def test_the_content_type_does_not_matter(reading: Make) -> None:
    with node({PATH: wrong_content_type(processed(WANTED), "text/plain")}) as server:
        async with reading(server) as client:
            assert (await client.get_message(HASH)).item_hash == HASH


@pytest.mark.parametrize("status", [200, 500])
async def test_a_page_of_html_is_an_error_that_shows_it(reading: Make, status: int) -> None:
    with node({PATH: html_error(status)}) as server:
        async with reading(server) as client:
            with pytest.raises(ApiError, match="<html>") as caught:
                await client.get_message(HASH)
    assert (caught.value.status, caught.value.node) == (status, server.url)
    assert isinstance(caught.value, MalformedAnswerError) == (status == 200)


async def test_a_redirect_is_not_followed(reading: Make) -> None:
    with HostileServer(answer(processed(WANTED))) as elsewhere:
        with node({PATH: redirect(elsewhere.url + "/")}) as server:
            async with reading(server) as client:
                with pytest.raises(MalformedAnswerError, match="check the URL") as caught:
                    await client.get_message(HASH)
        assert elsewhere.requests == []
    assert caught.value.status == 302


async def test_what_follows_an_answer_cannot_pass_for_the_next_one(reading: Make) -> None:
    other = json.dumps(processed(message(2))).encode()
    smuggled = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(other), other)
    step = longer_than_announced(processed(WANTED), excess=smuggled)
    with node({PATH: [step, answer(processed(WANTED))]}) as server:
        async with reading(server) as client:
            for _ in range(2):
                try:
                    found = await client.get_message(HASH)
                except AlephError:
                    continue
                assert found.item_hash == HASH


async def test_busy_nodes_are_asked_again(reading: Make) -> None:
    steps = [unavailable(status=503), rate_limited(0.01), answer(processed(WANTED))]
    with node({PATH: steps}) as server:
        async with reading(server) as client:
            assert (await client.get_message(HASH)).item_hash == HASH
        assert len(server.requests) == 3


@pytest.mark.parametrize("status", [503, 429, 502, 504])
async def test_a_node_that_stays_busy_is_given_up(reading: Make, status: int) -> None:
    with node({PATH: html_error(status)}) as server:
        async with reading(server) as client:
            with pytest.raises(ApiError) as caught:
                await client.get_message(HASH)
        assert len(server.requests) == 3
    assert (caught.value.status, caught.value.attempts) == (status, 3)


async def test_without_retry_nothing_is_repeated(reading: Make) -> None:
    for step in (unavailable(), rate_limited(0.01), hang_up()):
        with node({PATH: step}) as server:
            async with reading(server, retry=None) as client:
                with pytest.raises((ApiError, TransportError)) as caught:
                    await client.get_message(HASH)
            assert caught.value.attempts == 1
            assert len(server.requests) == 1


async def test_the_next_node_answers_when_one_fails(reading: Make) -> None:
    for step in (reset_before_request(), hang_up(), unavailable()):
        with HostileServer(step) as bad, node({PATH: answer(processed(WANTED))}) as good:
            async with reading(bad, good) as client:
                assert (await client.get_message(HASH)).item_hash == HASH
                # The node that worked is asked first from now on.
                assert client.api_server == good.url


async def test_when_all_nodes_fail_every_attempt_is_told(reading: Make) -> None:
    with HostileServer(hang_up()) as one, HostileServer(hang_up()) as two:
        async with reading(one, two) as client:
            with pytest.raises(TransportError) as caught:
                await client.get_message(HASH)
    assert caught.value.attempts == len(caught.value.causes) == 3
    assert any(one.url in cause for cause in caught.value.causes)
    assert any(two.url in cause for cause in caught.value.causes)


async def test_an_unknown_message_is_not_looked_for_twice(reading: Make) -> None:
    with node({}) as server:
        async with reading(server) as client:
            with pytest.raises(MessageNotFoundError) as caught:
                await client.get_message(HASH)
        assert paths(server) == [PATH]
    assert (caught.value.status, caught.value.node, caught.value.item_hash) == (
        404,
        server.url,
        HASH,
    )


async def test_nothing_is_sent_for_what_can_be_no_hash(reading: Make) -> None:
    with node({}) as server:
        async with reading(server) as client:
            for bad in ("", "../", "x/y", "a?b", None, 5):
                for read in (client.get_message, client.get_message_status, client.download_file):
                    with pytest.raises(ValueError, match=r"_hash"):
                        await read(bad)  # type: ignore[arg-type, operator]
        assert server.requests == []


async def test_a_pending_message_that_is_another_does_not_hold(reading: Make) -> None:
    body = {**processed(WANTED, "pending"), "messages": [message(2)]}
    with node({PATH: answer(body)}) as server:
        async with reading(server) as client:
            with pytest.raises(VerificationError):
                await client.get_message(HASH, with_status=True)
    with node({PATH: answer({**body, "messages": [WANTED]})}) as server:
        async with reading(server) as client:
            with pytest.raises(PendingMessageError):
                await client.get_message(HASH)


async def test_a_rejection_with_odd_details_is_told(reading: Make) -> None:
    body = {
        **processed(WANTED, "rejected"),
        "message": "?",
        "error_code": 2,
        "details": {"errors": 7},
    }
    with node({PATH: answer(body)}) as server:
        async with reading(server) as client:
            with pytest.raises(RejectedMessage, match="may not publish") as caught:
                await client.get_message(HASH, with_status=True)
            error = await client.get_message_error(HASH)
    assert caught.value.error_code == 2
    assert isinstance(error, MessageRejection)


@pytest.mark.parametrize("data", [[], {"k": 5}, {"other": {}}, {}])
async def test_an_aggregate_that_was_not_asked_for_is_no_answer(reading: Make, data: Any) -> None:
    owner = WANTED["sender"]
    with node(
        {f"/api/v0/aggregates/{owner}.json": answer({"address": owner, "data": data})}
    ) as server:
        async with reading(server) as client:
            with pytest.raises(ApiError):
                await client.fetch_aggregate(owner, "k")


async def test_passwords_of_a_node_are_never_shown(reading: Make) -> None:
    with node({PATH: html_error(500)}) as server:
        url = server.url.replace("http://", "http://me:secret@")
        async with AlephHttpClient(url, retry=None, timeout=2) as client:
            assert "secret" not in repr(client)
            with pytest.raises(ApiError) as caught:
                await client.get_message(HASH)
        assert server.requests[0].headers["authorization"].startswith("Basic ")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(vars(caught.value))
