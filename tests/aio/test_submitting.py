"""Submitting content of any type, signing without publishing, publishing for another owner, results."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from aleph_message.models import MessageType

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    InvalidMessageError,
    MessageNotFoundError,
    MessageStatus,
    Published,
    RejectedMessage,
    verify_message,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode

pytestmark = pytest.mark.anyio


def post(content: Any = "x", **fields: Any) -> dict[str, Any]:
    return {"type": "t", "content": content, **fields}


async def test_content_of_any_type_is_submitted_with_owner_and_time_filled_in(
    client: AuthenticatedAlephHttpClient, channel: str
) -> None:
    result = await client.submit(
        post({"n": 1}),
        MessageType.post,
        channel=channel,
        storage_engine="storage",
        allow_inlining=True,
        sync=True,
        raise_on_rejected=True,
    )
    message = await client.get_message(result.item_hash)
    assert (message.type, message.channel) == ("POST", channel)
    assert message.content.address == client.account.get_address()
    assert message.content.time == pytest.approx(message.time, abs=1)


async def test_what_the_caller_says_about_owner_and_time_stays(
    client: AuthenticatedAlephHttpClient,
) -> None:
    address = client.account.get_address()
    result = await client.submit(post(address=address, time=1.5), "POST", sync=True)
    assert result.status == "processed"
    assert result.content["time"] == 1.5


async def test_submitted_content_may_be_kept_out_of_the_message(
    client: AuthenticatedAlephHttpClient,
) -> None:
    for engine in ("storage", "ipfs"):
        result = await client.submit(
            post(engine), "POST", allow_inlining=False, storage_engine=engine, sync=True
        )
        assert (result.status, result.message.item_type) == ("processed", engine)
        assert (await client.get_message(result.item_hash)).content["content"] == engine


async def test_a_rejection_is_an_error_or_only_a_status(
    client: AuthenticatedAlephHttpClient,
) -> None:
    stranger = ETHAccount.generate().get_address()
    with pytest.raises(RejectedMessage) as caught:
        await client.submit(post(address=stranger), "POST", sync=True)
    error = caught.value
    assert error.error_code == 2
    assert stranger in str(error.details)
    assert stranger in str(error)
    result = await client.submit(
        post("y", address=stranger), "POST", sync=True, raise_on_rejected=False
    )
    assert result.status is MessageStatus.REJECTED


async def test_signing_alone_sends_nothing_and_publishing_twice_is_harmless(
    node: DevNode, account: ETHAccount, recording: HttpClient, requests: list[str]
) -> None:
    async with AuthenticatedAlephHttpClient(account, node.url, http_client=recording) as client:
        message = await client.generate_signed_message("POST", post({"later": True}))
        assert requests == []
        verify_message(message)
        assert message.item_content is not None
        assert message.item_hash == hashlib.sha256(message.item_content.encode()).hexdigest()
        assert json.loads(message.item_content) == message.content
        with pytest.raises(MessageNotFoundError):
            await client.get_message_status(message.item_hash)

        published = await client.publish(message, sync=True)
        assert (published.status, published.item_hash) == ("processed", message.item_hash)
        again = await client.publish(message)
        assert again.status == "pending"
        assert await client.wait_for_message(message.item_hash) == "processed"


async def test_signing_content_that_cannot_be_inline_stores_it_without_publishing(
    node: DevNode, account: ETHAccount, recording: HttpClient, requests: list[str]
) -> None:
    async with AuthenticatedAlephHttpClient(account, node.url, http_client=recording) as client:
        message = await client.generate_signed_message(
            "POST", post("outside"), channel="C", allow_inlining=False, storage_engine="storage"
        )
        assert requests == ["POST /api/v0/storage/add_file"]
        assert (message.item_type, message.channel) == ("storage", "C")
        with pytest.raises(MessageNotFoundError):
            await client.get_message_status(message.item_hash)
        published = await client.publish(message, sync=True)
        assert published.status == "processed"


async def test_a_message_with_an_altered_signature_is_rejected(
    client: AuthenticatedAlephHttpClient,
) -> None:
    message = await client.generate_signed_message("POST", post())
    other = await client.generate_signed_message("POST", post("other"))
    with pytest.raises(RejectedMessage, match="signature") as caught:
        await client.publish(message.evolve(signature=other.signature), sync=True)
    assert caught.value.error_code == 1
    told = await client.publish(
        other.evolve(signature=message.signature), sync=True, raise_on_rejected=False
    )
    assert told.status is MessageStatus.REJECTED
    # The same content under its own signature is welcome all the same.
    assert (await client.publish(message, sync=True)).status == "processed"


async def test_a_message_that_the_node_cannot_read_is_refused_without_a_trace(
    client: AuthenticatedAlephHttpClient,
) -> None:
    message = await client.generate_signed_message("POST", post())
    with pytest.raises(InvalidMessageError) as caught:
        await client.publish(message.evolve(item_content=json.dumps({"other": "text"})))
    assert caught.value.status == 422
    with pytest.raises(MessageNotFoundError):
        await client.get_message_status(message.item_hash)


@pytest.mark.parametrize("form", ["unpacked", "brackets", "attributes"])
async def test_a_result_is_read_in_three_ways(
    client: AuthenticatedAlephHttpClient, form: str
) -> None:
    result = await client.create_aggregate("the-key", {"a": 1}, sync=True)
    if form == "unpacked":
        message, status = result
        assert (message.item_hash, status) == (result.item_hash, MessageStatus.PROCESSED)
    elif form == "brackets":
        assert result["item_hash"] == result["message"]["item_hash"]
        assert (result["key"], result["status"], result["type"]) == (
            "the-key",
            "processed",
            "AGGREGATE",
        )
        with pytest.raises(KeyError):
            result["nothing"]
    else:
        assert result.message.item_hash == result.item_hash
        assert (result.status, result.content["key"]) == ("processed", "the-key")
    assert isinstance(result, Published)
    assert len(result) == 2


async def grant(owner: AuthenticatedAlephHttpClient, **entry: Any) -> None:
    await owner.create_aggregate("security", {"authorizations": [entry]}, sync=True)


async def test_an_authorized_account_publishes_for_another_owner(
    client: AuthenticatedAlephHttpClient,
    pauper: AuthenticatedAlephHttpClient,
    reader: AlephHttpClient,
) -> None:
    owner, delegate = client.account.get_address(), pauper.account.get_address()
    await grant(client, address=delegate)

    posted = await pauper.create_post({"v": 1}, "t", address=owner, sync=True)
    written = await pauper.create_aggregate("k", {"by": "delegate"}, address=owner, sync=True)
    # The owner pays, so no free way is needed.
    stored = await pauper.create_store(b"theirs", address=owner, sync=True)
    amended = await pauper.create_post(
        {"v": 2}, "amend", ref=posted.item_hash, address=owner, sync=True
    )
    for result in (posted, written, stored, amended):
        assert result.status == "processed"
        message = await reader.get_message(result.item_hash)
        assert (message.sender, message.address) == (delegate, owner)
    assert await reader.fetch_aggregate(owner, "k") == {"by": "delegate"}
    (found,) = await reader.get_posts(addresses=owner)
    assert found.content == {"v": 2}
    forgotten = await pauper.forget(posted.item_hash, address=owner, sync=True)
    assert forgotten.status == "processed"
    assert await reader.get_message_status(posted.item_hash) == "forgotten"


async def test_an_authorization_reaches_as_far_as_it_says(
    client: AuthenticatedAlephHttpClient, pauper: AuthenticatedAlephHttpClient, channel: str
) -> None:
    owner = client.account.get_address()
    await grant(
        client,
        address=pauper.account.get_address(),
        types=["POST"],
        post_types=["comment"],
        channels=[channel],
        chain="ETH",
    )
    allowed = await pauper.create_post("x", "comment", address=owner, channel=channel, sync=True)
    assert allowed.status == "processed"
    for kind, where in (("other", channel), ("comment", "elsewhere")):
        with pytest.raises(RejectedMessage) as caught:
            await pauper.create_post("x", kind, address=owner, channel=where, sync=True)
        assert caught.value.error_code == 2
    with pytest.raises(RejectedMessage):
        await pauper.create_aggregate("k", {}, address=owner, channel=channel, sync=True)


async def test_the_owner_of_the_settings_is_published_for_unless_one_is_named(
    node: DevNode,
    client: AuthenticatedAlephHttpClient,
    pauper: AuthenticatedAlephHttpClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner, delegate = client.account.get_address(), pauper.account.get_address()
    await grant(client, address=delegate)
    monkeypatch.setenv("ALEPH_ADDRESS_TO_USE", owner)
    async with AuthenticatedAlephHttpClient(pauper.account, node.url) as other:
        assert (await other.create_post("x", "t", sync=True)).message.address == owner
        own = await other.create_post("x", "t", address=delegate, sync=True)
        assert own.message.address == delegate
        await other.create_aggregate("users", {"n": 1}, key="ada", sync=True)
        assert await other.fetch_aggregate("users", "ada") == {"n": 1}


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ((["list"], "POST"), "content"),
        ((None, "POST"), "content"),
        (({}, "LETTER"), "message_type"),
        (({"address": "../x"}, "POST"), "content['address']"),
        (({"x": float("nan")}, "POST"), "content['x']"),
    ],
)
async def test_what_can_be_known_to_be_wrong_is_named_and_not_sent(
    node: DevNode,
    account: ETHAccount,
    recording: HttpClient,
    requests: list[str],
    arguments: tuple[Any, ...],
    argument: str,
) -> None:
    async with AuthenticatedAlephHttpClient(account, node.url, http_client=recording) as client:
        with pytest.raises(ArgumentError) as caught:
            await client.submit(*arguments)
    assert caught.value.argument == argument
    assert requests == []
