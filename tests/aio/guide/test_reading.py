"""Reading messages, aggregates and posts, as the guide shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aleph_message.models import MessageType

from aleph_async import (
    AlephHttpClient,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    Message,
    MessageFilter,
    MessageStatus,
    PostFilter,
)
from aleph_async._runtime import clock, sleep, start

pytestmark = pytest.mark.anyio


@pytest.fixture
async def author(private_key: str) -> AsyncIterator[AuthenticatedAlephHttpClient]:
    async with AuthenticatedAlephHttpClient(account=ETHAccount(private_key)) as author:
        yield author


@pytest.fixture
async def client() -> AsyncIterator[AlephHttpClient]:
    async with AlephHttpClient() as client:
        yield client


async def test_get_messages_with_a_filter(
    client: AlephHttpClient, author: AuthenticatedAlephHttpClient
) -> None:
    published = await author.create_post({"n": 1}, post_type="testtype", sync=True)
    await author.create_aggregate("k", {"n": 1}, sync=True)

    messages_response = await client.get_messages(
        page_size=200,
        page=1,
        message_filter=MessageFilter(message_types=[MessageType.post]),
        ignore_invalid_messages=True,
    )

    assert published.item_hash in [message.item_hash for message in messages_response.messages]
    assert {message.type for message in messages_response} == {"POST"}


async def test_get_message_with_and_without_its_status(
    client: AlephHttpClient, author: AuthenticatedAlephHttpClient
) -> None:
    published = await author.create_post({"n": 2}, post_type="testtype", sync=True)

    message = await client.get_message(item_hash=published.item_hash)
    assert message.content["content"] == {"n": 2}

    message, status = await client.get_message(item_hash=published.item_hash, with_status=True)
    assert message["item_hash"] == published.item_hash
    assert status == MessageStatus.PROCESSED


async def test_watch_messages(
    client: AlephHttpClient, author: AuthenticatedAlephHttpClient, channel: str
) -> None:
    class EnoughError(Exception):
        pass

    seen: list[Message] = []

    def process_message(message: Message) -> None:
        seen.append(message)
        raise EnoughError

    async def publish() -> None:
        deadline = clock() + 20
        while not seen and clock() < deadline:
            await author.create_post("watch me", post_type="testtype", channel=channel)
            await sleep(0.05)

    async def watch() -> None:
        async for message in client.watch_messages(
            message_filter=MessageFilter(channels=[channel])
        ):
            process_message(message)

    publishing = start(publish)
    with pytest.raises(EnoughError):
        await watch()
    await publishing.result()
    assert seen[0].content["content"] == "watch me"


async def test_fetch_aggregates(
    client: AlephHttpClient, author: AuthenticatedAlephHttpClient
) -> None:
    address = author.account.get_address()
    for key in ("corechannel", "key1", "key2"):
        await author.create_aggregate(key, {"of": key}, sync=True)

    data = await client.fetch_aggregate(address=address, key="corechannel")
    assert data == {"of": "corechannel"}

    data = await client.fetch_aggregates(address=address, keys=["key1", "key2"])
    assert data == {"key1": {"of": "key1"}, "key2": {"of": "key2"}}


async def test_get_posts_with_a_filter(
    client: AlephHttpClient, author: AuthenticatedAlephHttpClient, channel: str
) -> None:
    for tags in (["tag1"], ["tag1", "other"], ["other"]):
        await author.create_post(
            {"body": "…"}, post_type="testtype", tags=tags, channel=channel, sync=True
        )

    posts_response = await client.get_posts(
        page_size=200,
        page=1,
        post_filter=PostFilter(channels=channel, tags=["tag1"]),
        ignore_invalid_messages=True,
    )

    assert [post.content["tags"] for post in posts_response.posts] == [["tag1", "other"], ["tag1"]]


async def test_message_status_error_and_stored_content(
    client: AlephHttpClient, author: AuthenticatedAlephHttpClient
) -> None:
    stored = await author.create_store(b"stored", sync=True)
    stranger = ETHAccount.generate().get_address()
    refused = await author.submit(
        {"address": stranger, "type": "testtype", "content": "for another"},
        "POST",
        sync=True,
        raise_on_rejected=False,
    )

    status = await client.get_message_status(item_hash=stored.item_hash)
    assert status == "processed"

    error = await client.get_message_error(item_hash=refused.item_hash)
    assert error is not None
    assert error.error_code == 2
    assert stranger in error["details"]["errors"][0]
    assert await client.get_message_error(item_hash=stored.item_hash) is None

    content = await client.get_stored_content(item_hash=stored.item_hash)
    assert content.hash == stored.content["item_hash"]
    assert content.url == f"{client.api_server}/api/v0/storage/raw/{content.hash}"
