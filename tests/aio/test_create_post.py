"""Posts: every parameter, any JSON, content too large to be inline, amends."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import pytest

from aleph_async import (
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    MessageStatus,
    RejectedMessage,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "content",
    [
        "text",
        "",
        "日本 🌍 \u2028 \\u0041",
        0,
        -1.5,
        True,
        None,
        [],
        [1, [2, {}]],
        {},
        {"a": {"b": None}},
    ],
    ids=repr,
)
async def test_any_json_value_can_be_posted_and_read_back(
    client: AuthenticatedAlephHttpClient, content: Any
) -> None:
    result = await client.create_post(content, "json", sync=True)
    assert result.status == "processed"
    message = await client.get_message(result.item_hash)
    assert message.content["content"] == content
    (post,) = await client.get_posts(hashes=result.item_hash)
    assert post.content == content


async def test_the_parameters_of_a_post_reach_the_message(
    client: AuthenticatedAlephHttpClient, channel: str
) -> None:
    result = await client.create_post(
        post_content={"body": "b"},
        post_type="article",
        ref="some-reference",
        address=client.account.get_address(),
        channel=channel,
        inline=True,
        storage_engine="storage",
        sync=True,
    )
    message = await client.get_message(result.item_hash)
    assert (message.type, message.channel, message.item_type) == ("POST", channel, "inline")
    assert message.content.ref == "some-reference"
    assert message.content.type == "article"
    assert message.address == message.sender == client.account.get_address()
    assert abs(message.time - message.content.time) < 1


async def test_the_channel_is_that_of_the_settings_unless_one_is_named(
    node: DevNode, account: ETHAccount, monkeypatch: pytest.MonkeyPatch, channel: str
) -> None:
    monkeypatch.setenv("ALEPH_DEFAULT_CHANNEL", channel)
    async with AuthenticatedAlephHttpClient(account, node.url) as client:
        message, _ = await client.create_post("x", "t")
        assert message.channel == channel
        message, _ = await client.create_post("x", "t", channel="another")
        assert message.channel == "another"


async def test_tags_are_put_into_an_object_and_leave_the_callers_copy_alone(
    client: AuthenticatedAlephHttpClient,
) -> None:
    content = {"body": "b"}
    result = await client.create_post(content, "t", tags=["one", "two"], sync=True)
    assert content == {"body": "b"}
    message = await client.get_message(result.item_hash)
    assert message.content["content"] == {"body": "b", "tags": ["one", "two"]}
    assert result.item_hash in [m.item_hash for m in await client.get_messages(tags="two")]


async def test_a_post_is_pending_without_sync_and_processed_with_it(
    client: AuthenticatedAlephHttpClient,
) -> None:
    waiting = await client.create_post("x", "t")
    assert waiting.status is MessageStatus.PENDING
    assert await client.wait_for_message(waiting.item_hash) is MessageStatus.PROCESSED
    waited = await client.create_post("x", "t", sync=True)
    assert waited.status is waited.message.status is MessageStatus.PROCESSED


@pytest.mark.parametrize("engine", ["storage", "ipfs"])
async def test_content_kept_out_of_the_message_is_stored_under_the_hash_computed_here(
    node: DevNode,
    account: ETHAccount,
    recording: HttpClient,
    requests: list[str],
    engine: str,
) -> None:
    async with AuthenticatedAlephHttpClient(account, node.url, http_client=recording) as client:
        result = await client.create_post(
            {"body": "outside"}, "t", inline=False, storage_engine=engine, sync=True
        )
        assert requests == [f"POST /api/v0/{engine}/add_file", "POST /api/v0/messages"]
        assert result.status == "processed"
        assert (result.message.item_type, result.message.item_content) == (engine, None)
        data = await client.download_file(result.item_hash)
        message = await client.get_message(result.item_hash)
    assert b'"outside"' in data
    assert message.content["content"] == {"body": "outside"}
    if engine == "storage":
        assert result.item_hash == hashlib.sha256(data).hexdigest()
    else:
        assert result.item_hash.startswith("Qm")


async def test_content_moves_to_storage_by_itself_when_it_is_too_large_to_be_inline(
    client: AuthenticatedAlephHttpClient,
) -> None:
    small = await client.create_post("x" * 199_000, "t", sync=True)
    large = await client.create_post("é" * 300_000, "t", sync=True)
    assert (small.message.item_type, large.message.item_type) == ("inline", "storage")
    assert (small.status, large.status) == ("processed", "processed")
    message = await client.get_message(large.item_hash)
    assert message.content["content"] == "é" * 300_000
    listed = {m.item_hash: m for m in await client.get_messages(addresses=message.sender)}
    assert listed[large.item_hash].content["content"] == "é" * 300_000
    posts = {post.item_hash: post for post in await client.get_posts(addresses=message.sender)}
    assert posts[large.item_hash].content == "é" * 300_000


async def test_an_amend_replaces_the_content_of_the_original(
    client: AuthenticatedAlephHttpClient,
) -> None:
    original = await client.create_post({"v": 1}, "note", sync=True)
    amend = await client.create_post({"v": 2}, "amend", ref=original.item_hash, sync=True)
    assert amend.status == "processed"
    (post,) = await client.get_posts(hashes=[original.item_hash])
    assert post.content == {"v": 2}
    assert (post.item_hash, post.original_item_hash) == (amend.item_hash, original.item_hash)
    assert post.amended
    assert post.original_type == "note"


async def test_an_amend_of_an_amend_is_rejected_with_its_code(
    client: AuthenticatedAlephHttpClient,
) -> None:
    original = await client.create_post({"v": 1}, "note", sync=True)
    amend = await client.create_post({"v": 2}, "amend", ref=original.item_hash, sync=True)
    with pytest.raises(RejectedMessage, match="cannot be amended") as caught:
        await client.create_post({"v": 3}, "amend", ref=amend.item_hash, sync=True)
    assert caught.value.error_code == 102
    assert await client.get_message_status(caught.value.item_hash) == "rejected"


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"post_content": math.nan, "post_type": "t"}, "post_content"),
        ({"post_content": b"bytes", "post_type": "t"}, "post_content"),
        ({"post_content": {"a": {1, 2}}, "post_type": "t"}, "post_content['a']"),
        ({"post_content": "nul \x00", "post_type": "t"}, "post_content"),
        ({"post_content": "x"}, "post_type"),
        ({"post_content": "x", "post_type": ""}, "post_type"),
        ({"post_type": "t"}, "post_content"),
        ({"post_content": "x", "content": "y", "post_type": "t"}, "content"),
        ({"post_content": "x", "post_type": "amend"}, "ref"),
        ({"post_content": "x", "post_type": "amend", "ref": "../etc"}, "ref"),
        ({"post_content": "x", "post_type": "t", "tags": ["a"]}, "tags"),
        ({"post_content": {}, "post_type": "t", "tags": "letters"}, "tags"),
        ({"post_content": {}, "post_type": "t", "tags": ["x"] * 17}, "tags"),
        ({"post_content": "x", "post_type": "t", "address": "../0x"}, "address"),
        ({"post_content": "x", "post_type": "t", "channel": ""}, "channel"),
        ({"post_content": "x", "post_type": "t", "storage_engine": "disk"}, "storage_engine"),
    ],
)
async def test_what_can_be_known_to_be_wrong_is_named_and_not_sent(
    node: DevNode,
    account: ETHAccount,
    recording: HttpClient,
    requests: list[str],
    arguments: dict[str, Any],
    argument: str,
) -> None:
    async with AuthenticatedAlephHttpClient(account, node.url, http_client=recording) as client:
        with pytest.raises(ArgumentError) as caught:
            await client.create_post(**arguments)
    assert caught.value.argument == argument
    assert str(caught.value).startswith(argument)
    assert requests == []
