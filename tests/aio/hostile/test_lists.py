from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    InvalidEntry,
    MalformedAnswerError,
    Message,
    RetryPolicy,
    TransportError,
    VerificationError,
)
from tests.hostile import Step, answer, hang_up, unavailable
from tests.scripted import LIST, OWNER, POSTS, listed, message, node, query

pytestmark = pytest.mark.anyio

Make = Callable[..., AlephHttpClient]
GOOD = [message(1), message(2)]
BAD: list[Any] = [
    {**message(3), "type": "NEWS"},
    {**message(4), "item_content": "{}"},
    {**message(5), "item_hash": "../"},
    None,
    "text",
    [],
]


async def collect(entries: AsyncIterator[Message], seen: list[Message]) -> None:
    """Keep what comes before an error."""
    async for entry in entries:
        seen.append(entry)  # noqa: PERF401


def numbers(entries: Any) -> list[int]:
    return [entry.content["content"]["n"] for entry in entries]


async def test_bad_entries_are_left_out_reported_and_logged(
    reading: Make, caplog: pytest.LogCaptureFixture
) -> None:
    with node(
        {LIST: answer(listed(GOOD[0], *BAD, GOOD[1], {**message(6), "future": 1}))}
    ) as server:
        async with reading(server) as client:
            with caplog.at_level(logging.WARNING, "aleph"):
                page = await client.get_messages()
    assert numbers(page) == [1, 2, 6]
    assert [entry.raw for entry in page.invalid] == BAD
    assert page.invalid[0].item_hash == BAD[0]["item_hash"]
    assert len(caplog.records) == len(BAD)
    assert "NEWS" in caplog.text


async def test_bad_entries_are_raised_to_who_wants_it(reading: Make) -> None:
    with node({LIST: answer(listed(GOOD[0], BAD[0]))}) as server:
        async with reading(server) as client:
            with pytest.raises(MalformedAnswerError, match="NEWS"):
                await client.get_messages(ignore_invalid_messages=False)
            with pytest.raises(MalformedAnswerError, match="NEWS"):
                await collect(client.get_messages_iterator(ignore_invalid_messages=False), [])


async def test_an_iterator_reports_what_it_leaves_out(
    reading: Make, caplog: pytest.LogCaptureFixture
) -> None:
    found: list[InvalidEntry] = []
    steps = [
        answer(listed(GOOD[0], BAD[0], next_cursor="more")),
        answer(listed(BAD[1], GOOD[1])),
    ]
    with node({LIST: steps}) as server:
        async with reading(server) as client:
            entries = [e async for e in client.get_messages_iterator(on_invalid=found.append)]
    assert numbers(entries) == [1, 2]
    assert [entry.raw for entry in found] == BAD[:2]
    assert len(caplog.records) == 2


@pytest.mark.parametrize(
    "restriction", [{"tags": "a"}, {"addresses": "0x" + "1" * 40}, {"message_types": "STORE"}]
)
async def test_entries_that_were_not_asked_for_are_left_out(
    reading: Make, restriction: dict[str, Any]
) -> None:
    with node({LIST: answer(listed(*GOOD))}) as server:
        async with reading(server) as client:
            page = await client.get_messages(**restriction)
    assert not page
    assert all(isinstance(entry.error, VerificationError) for entry in page.invalid)
    assert len(page.invalid) == 2


async def test_cursors_that_go_in_a_circle_end_in_an_error(reading: Make) -> None:
    steps: list[Step] = [
        answer(listed(message(number), next_cursor="ABC"[number % 3])) for number in range(50)
    ]
    with node({LIST: steps}) as server:
        async with reading(server) as client:
            seen: list[Message] = []
            with pytest.raises(MalformedAnswerError, match="never end"):
                await collect(client.get_messages_iterator(), seen)
        assert len(server.requests) < 15
    assert 3 <= len(seen) < 15


async def test_a_cursor_behind_nothing_is_an_error(reading: Make) -> None:
    with node({LIST: answer(listed(next_cursor="more"))}) as server:
        async with reading(server) as client:
            with pytest.raises(MalformedAnswerError):
                await collect(client.get_messages_iterator(), [])
        assert len(server.requests) == 1


async def test_the_cursor_of_a_node_is_only_text_to_us(reading: Make) -> None:
    hostile = "a&pagination=0#/../?x=y\r\nX: 1"
    with node({LIST: [answer(listed(GOOD[0], next_cursor=hostile)), answer(listed())]}) as server:
        async with reading(server) as client:
            assert len([m async for m in client.get_messages_iterator()]) == 1
        assert query(server.requests[1])["cursor"] == hostile
        assert query(server.requests[1])["pagination"] == "200"


async def test_a_page_that_fails_ends_the_list_with_its_error(reading: Make) -> None:
    steps = [answer(listed(GOOD[0], next_cursor="more")), hang_up()]
    with node({LIST: steps}) as server:
        async with reading(server) as client:
            seen: list[Message] = []
            with pytest.raises(TransportError):
                await collect(client.get_messages_iterator(), seen)
    assert len(seen) == 1


async def test_a_page_that_fails_for_a_moment_is_fetched_again(reading: Make) -> None:
    steps = [answer(listed(GOOD[0], next_cursor="m")), unavailable(), answer(listed(GOOD[1]))]
    with node({LIST: steps}) as server:
        async with reading(server) as client:
            assert numbers([m async for m in client.get_messages_iterator()]) == [1, 2]


async def test_a_list_that_is_left_early_leaves_nothing_behind(reading: Make) -> None:
    with node({LIST: answer(listed(*GOOD, next_cursor="more"))}) as server:
        async with reading(server, retry=RetryPolicy(attempts=1)) as client:
            async for _ in client.get_messages_iterator():
                break


async def test_a_page_larger_than_asked_for_is_taken(reading: Make) -> None:
    with node({LIST: answer(listed(*map(message, range(300))))}) as server:
        async with reading(server) as client:
            assert len(await client.get_messages(page_size=1)) == 300


async def test_posts_whose_text_is_of_another_post_are_left_out(reading: Make) -> None:
    def post(**changes: Any) -> dict[str, Any]:
        fields = message(1)
        return {
            **fields,
            "original_item_hash": fields["item_hash"],
            "original_type": "t",
            "address": OWNER,
            "content": "forged",
            **changes,
        }

    entries = [
        post(),
        post(address="0x" + "1" * 40),
        post(original_type="x"),
        post(item_content="{}"),
    ]
    with node({POSTS: answer({"posts": entries})}) as server:
        async with reading(server) as client:
            page = await client.get_posts()
            assert [found.content for found in page] == [{"n": 1}]
            assert len(page.invalid) == 3
            with pytest.raises(VerificationError):
                await client.get_posts(ignore_invalid_messages=False)
            assert not await client.get_posts(tags="x")


async def test_a_filter_that_makes_no_url_is_refused(reading: Make) -> None:
    with node({LIST: answer(listed())}) as server:
        async with reading(server) as client:
            for bad in (
                {"tags": "\ud800"},
                {"tags": ["x" * 70_000]},
                {"nonsense": 1},
                {"page_size": 0},
            ):
                with pytest.raises(ArgumentError):
                    await client.get_messages(**bad)
        assert server.requests == []
