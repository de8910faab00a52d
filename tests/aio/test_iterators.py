"""Iterating over every page, to the end or not."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    MessageFilter,
    PostFilter,
)
from aleph_async._runtime import HttpClient, sleep
from aleph_devnode import DevNode

pytestmark = pytest.mark.anyio

COUNT = 7


@pytest.fixture
async def hashes(client: AuthenticatedAlephHttpClient, channel: str) -> list[str]:
    """Seven posts on one channel, oldest first."""
    results = [
        await client.create_post({"n": n}, "t", channel=channel, tags=["it"], sync=True)
        for n in range(COUNT)
    ]
    return [result.item_hash for result in results]


@pytest.mark.parametrize("page_size", [1, 2, 6, 7, 8, 200])
async def test_every_message_comes_once_whatever_the_size_of_the_pages(
    reader: AlephHttpClient, channel: str, hashes: list[str], page_size: int
) -> None:
    found = [
        message.item_hash
        async for message in reader.get_messages_iterator(
            MessageFilter(channels=channel, sort_order=1), page_size=page_size
        )
    ]
    assert found == hashes
    found = [
        message.item_hash
        async for message in reader.get_messages_iterator(
            channels=channel, tags="it", post_types="t", page_size=page_size
        )
    ]
    assert found == hashes[::-1]


@pytest.mark.parametrize("page_size", [1, 3, 7, 200])
async def test_every_post_comes_once_whatever_the_size_of_the_pages(
    reader: AlephHttpClient, channel: str, hashes: list[str], page_size: int
) -> None:
    found = [
        post.content["n"]
        async for post in reader.get_posts_iterator(
            PostFilter(channels=channel), sort_order=1, page_size=page_size
        )
    ]
    assert found == list(range(COUNT))


async def test_messages_that_arrive_meanwhile_neither_repeat_nor_hide_others(
    reader: AlephHttpClient,
    client: AuthenticatedAlephHttpClient,
    channel: str,
    hashes: list[str],
) -> None:
    found = []
    async for message in reader.get_messages_iterator(channels=channel, page_size=2):
        found.append(message.item_hash)
        if len(found) in (1, 4):
            await client.create_post("new", "t", channel=channel, sync=True)
    assert found == hashes[::-1]


async def test_nothing_is_yielded_when_nothing_matches(
    reader: AlephHttpClient, channel: str
) -> None:
    assert [m async for m in reader.get_messages_iterator(channels=channel)] == []
    assert [p async for p in reader.get_posts_iterator(channels=channel)] == []


async def test_the_next_page_is_fetched_while_the_present_one_is_consumed(
    node: DevNode, channel: str, hashes: list[str], recording: HttpClient, requests: list[str]
) -> None:
    async with AlephHttpClient(node.url, http_client=recording) as client:
        count = 0
        iterator: Any = client.get_messages_iterator(channels=channel, page_size=3)
        async for _ in iterator:
            count += 1
            if count == 1:
                for _ in range(500):
                    if len(requests) == 2:
                        break
                    await sleep(0.01)
                assert len(requests) == 2
            if count == 5:
                break
        await iterator.aclose()


async def test_forgotten_messages_are_iterated_by_page_numbers(
    client: AuthenticatedAlephHttpClient, channel: str, hashes: list[str]
) -> None:
    await client.forget(hashes, sync=True)
    found = [
        message.item_hash
        async for message in client.get_messages_iterator(
            channels=channel, message_statuses="forgotten", page_size=2
        )
    ]
    assert sorted(found) == sorted(hashes)
    assert [m async for m in client.get_messages_iterator(channels=channel)] == []


@pytest.mark.parametrize("kind", ["messages", "posts"])
@pytest.mark.parametrize("after", [1, 2, 3])
async def test_leaving_early_leaks_nothing_and_the_client_goes_on(
    node: DevNode, channel: str, hashes: list[str], kind: str, after: int
) -> None:
    async def leave(client: AlephHttpClient) -> None:
        iterate = client.get_messages_iterator if kind == "messages" else client.get_posts_iterator
        count = 0
        async for _ in iterate(channels=channel, page_size=2):
            count += 1
            if count == after:
                break

    async with AlephHttpClient(node.url) as client:
        for _ in range(3):
            await leave(client)
        gc.collect()
        await sleep(0)
        assert len(await client.get_messages(channels=channel)) == COUNT


async def test_leaving_early_and_closing_the_client_at_once_is_quiet(
    node: DevNode, channel: str, hashes: list[str]
) -> None:
    client = AlephHttpClient(node.url)
    async for _ in client.get_messages_iterator(channels=channel, page_size=2):
        break
    await client.aclose()
    gc.collect()
    await sleep(0.05)
    gc.collect()


async def test_an_error_in_the_loop_comes_out_as_it_is(
    reader: AlephHttpClient, channel: str, hashes: list[str]
) -> None:
    async def divide() -> None:
        async for message in reader.get_messages_iterator(channels=channel, page_size=2):
            _ = message.content["content"]["n"] / 0

    with pytest.raises(ZeroDivisionError):
        await divide()


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"page_size": 0}, "page_size"),
        ({"page_size": 201}, "page_size"),
        ({"sort_by": "tx-time"}, "sort_by"),
    ],
)
async def test_what_nodes_would_refuse_is_named_and_not_sent(
    node: DevNode,
    recording: HttpClient,
    requests: list[str],
    arguments: dict[str, Any],
    argument: str,
) -> None:
    async with AlephHttpClient(node.url, http_client=recording) as client:
        for iterate in (client.get_messages_iterator, client.get_posts_iterator):
            with pytest.raises(ArgumentError) as caught:
                _ = [entry async for entry in iterate(**arguments)]
            assert caught.value.argument == argument
    assert requests == []
