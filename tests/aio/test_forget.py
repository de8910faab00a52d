"""Forgetting messages."""

from __future__ import annotations

from typing import Any

import pytest

from aleph_async import (
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    ForgottenMessageError,
    RejectedMessage,
    ResourceNotFoundError,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode

pytestmark = pytest.mark.anyio


async def test_a_forgotten_message_tells_who_forgot_it(
    client: AuthenticatedAlephHttpClient, channel: str
) -> None:
    post = await client.create_post({"secret": 1}, "t", sync=True)
    forget = await client.forget(
        [post.item_hash],
        reason="no longer needed",
        address=client.account.get_address(),
        channel=channel,
        sync=True,
    )
    assert forget.status == "processed"
    assert (forget.message.type, forget.message.channel) == ("FORGET", channel)
    assert forget.content == forget.message.content
    assert forget.content["hashes"] == [post.item_hash]
    assert forget.content["reason"] == "no longer needed"
    with pytest.raises(ForgottenMessageError) as caught:
        await client.get_message(post.item_hash)
    assert caught.value.forgotten_by == (forget.item_hash,)
    assert caught.value.item_hash == post.item_hash
    assert caught.value.message_status == "forgotten"
    with pytest.raises(ForgottenMessageError):
        await client.get_message(post.item_hash, with_status=True)


async def test_one_hash_may_be_given_as_plain_text_and_repeats_count_once(
    client: AuthenticatedAlephHttpClient,
) -> None:
    one = await client.create_post("one", "t", sync=True)
    two = await client.create_post("two", "t", sync=True)
    first = await client.forget(one.item_hash, sync=True)
    second = await client.forget((h for h in [two.item_hash, two.item_hash.upper()]), sync=True)
    assert first.content["hashes"] == [one.item_hash]
    assert second.content["hashes"] == [two.item_hash]
    assert await client.get_message_status(two.item_hash) == "forgotten"


async def test_forgetting_a_post_forgets_its_amends(client: AuthenticatedAlephHttpClient) -> None:
    post = await client.create_post({"v": 1}, "t", sync=True)
    amend = await client.create_post({"v": 2}, "amend", ref=post.item_hash, sync=True)
    await client.forget_message(post.item_hash, sync=True)
    assert await client.get_message_status(amend.item_hash) == "forgotten"
    assert list(await client.get_posts(hashes=post.item_hash)) == []


async def test_the_list_of_forgotten_messages_shows_them_without_content(
    client: AuthenticatedAlephHttpClient, channel: str
) -> None:
    post = await client.create_post({"secret": 1}, "t", channel=channel, sync=True)
    forget = await client.forget(post.item_hash, sync=True)
    page = await client.get_messages(channels=channel, message_statuses="forgotten")
    (skeleton,) = page
    assert page.invalid == ()
    assert (skeleton.item_hash, skeleton.content) == (post.item_hash, {})
    assert skeleton.status == "forgotten"
    assert skeleton.address == client.account.get_address()
    assert forget.item_hash in skeleton["forgotten_by"]


async def test_a_file_nobody_claims_any_more_is_gone(client: AuthenticatedAlephHttpClient) -> None:
    stored = await client.create_store(b"to be forgotten", sync=True)
    await client.forget(stored.item_hash, sync=True)
    with pytest.raises(ForgottenMessageError):
        await client.get_stored_content(stored.item_hash)


async def test_the_elements_of_an_aggregate_are_forgotten_by_their_hashes(
    client: AuthenticatedAlephHttpClient,
) -> None:
    address = client.account.get_address()
    one = await client.create_aggregate("k", {"a": 1}, sync=True)
    two = await client.create_aggregate("k", {"b": 2}, sync=True)
    await client.forget(one.item_hash, sync=True)
    assert await client.fetch_aggregate(address, "k") == {"b": 2}
    await client.forget(two.item_hash, sync=True)
    with pytest.raises(ResourceNotFoundError):
        await client.fetch_aggregate(address, "k")


async def test_a_forget_cannot_be_forgotten(client: AuthenticatedAlephHttpClient) -> None:
    post = await client.create_post("x", "t", sync=True)
    forget = await client.forget(post.item_hash, sync=True)
    with pytest.raises(RejectedMessage, match="cannot be forgotten") as caught:
        await client.forget(forget.item_hash, sync=True)
    assert caught.value.error_code == 502


async def test_strangers_cannot_forget(
    client: AuthenticatedAlephHttpClient, pauper: AuthenticatedAlephHttpClient
) -> None:
    post = await client.create_post("mine", "t", sync=True)
    with pytest.raises(RejectedMessage) as caught:
        await pauper.forget(post.item_hash, sync=True)
    assert caught.value.error_code == 2
    assert await client.get_message_status(post.item_hash) == "processed"


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"hashes": []}, "hashes"),
        ({"hashes": ""}, "hashes[0]"),
        ({"hashes": ["ab" * 32, "../x"]}, "hashes[1]"),
        ({"hashes": [b"x"]}, "hashes[0]"),
        ({"hashes": [f"{n:064x}" for n in range(1001)]}, "hashes"),
        ({"hashes": "ab" * 32, "reason": "x" * 1001}, "reason"),
        ({"hashes": "ab" * 32, "aggregates": ["settings"]}, "aggregates[0]"),
    ],
    ids=str,
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
            await client.forget(**arguments)
    assert caught.value.argument == argument
    assert requests == []
