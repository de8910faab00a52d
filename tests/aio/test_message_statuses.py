"""One message in every status: pending, processed, rejected, forgotten; and waiting for it."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import pytest
from aleph_message.models import MessageType, PostMessage

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    ForgottenMessageError,
    Message,
    MessageNotFoundError,
    MessageStatus,
    PendingMessageError,
    ProcessingTimeout,
    Published,
    RejectedMessage,
    VerificationError,
)
from aleph_async._runtime import HttpClient, clock, start
from aleph_devnode import DevNode

pytestmark = pytest.mark.anyio


@pytest.fixture
async def rejected(client: AuthenticatedAlephHttpClient) -> Published:
    return await client.submit(
        {"address": ETHAccount.generate().get_address(), "type": "t", "content": "not mine"},
        "POST",
        sync=True,
        raise_on_rejected=False,
    )


@pytest.fixture
async def original(client: AuthenticatedAlephHttpClient) -> Message:
    """A signed post that is not published yet."""
    return await client.generate_signed_message("POST", {"type": "t", "content": {"v": 1}})


@pytest.fixture
async def pending(client: AuthenticatedAlephHttpClient, original: Message) -> Published:
    """An amend that waits for its original."""
    return await client.create_post({"v": 2}, "amend", ref=original.item_hash, sync=True)


async def test_a_processed_message_is_read_in_every_style(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient
) -> None:
    published = await client.create_post({"a": {"b": 1}}, "t", tags=["x"], sync=True)
    message, status = await reader.get_message(published.item_hash, with_status=True)
    assert status is MessageStatus.PROCESSED
    assert message.item_hash == message["item_hash"] == published["item_hash"]
    assert message["content"]["content"]["a"] == {"b": 1}
    assert message.content.content.a.b == 1
    assert message.get("nothing", "else") == "else"
    assert message.sender == client.account.get_address()
    assert (message.chain, message.item_type, message.type) == ("ETH", "inline", "POST")
    assert message.confirmed is False
    assert abs(message.datetime.timestamp() - message.time) < 0.001
    model = message.to_aleph_message()
    assert isinstance(model, PostMessage)
    assert model.item_hash == message.item_hash
    assert model.content.content == {"a": {"b": 1}, "tags": ["x"]}


async def test_the_hash_may_be_spelled_with_a_prefix_or_in_capitals(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient
) -> None:
    published = await client.create_post("x", "t", sync=True)
    for spelling in ("0x" + published.item_hash, published.item_hash.upper()):
        assert (await reader.get_message(spelling)).item_hash == published.item_hash
        assert await reader.get_message_status(spelling) == "processed"


@pytest.mark.parametrize("kind", ["POST", MessageType.post])
async def test_the_type_of_a_message_is_held_against_the_one_expected(
    client: AuthenticatedAlephHttpClient, kind: Any
) -> None:
    post = await client.create_post("x", "t", sync=True)
    aggregate = await client.create_aggregate("k", {}, sync=True)
    assert (await client.get_message(post.item_hash, kind)).type == "POST"
    with pytest.raises(VerificationError, match="AGGREGATE"):
        await client.get_message(aggregate.item_hash, message_type=kind)


async def test_a_pending_message_is_an_error_unless_its_status_is_asked_for(
    reader: AlephHttpClient, pending: Published
) -> None:
    assert pending.status is MessageStatus.PENDING
    assert await reader.get_message_status(pending.item_hash) is MessageStatus.PENDING
    with pytest.raises(PendingMessageError) as caught:
        await reader.get_message(pending.item_hash)
    assert caught.value.item_hash == pending.item_hash
    assert caught.value.message_status == "pending"
    message, status = await reader.get_message(pending.item_hash, with_status=True)
    assert status is MessageStatus.PENDING
    assert message.content["content"] == {"v": 2}
    assert message.time == pytest.approx(pending.message.time, abs=0.001)
    assert await reader.get_message_error(pending.item_hash) is None


async def test_a_pending_message_whose_content_is_elsewhere_is_shown_without_it(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient
) -> None:
    message = await client.generate_signed_message("POST", {"type": "t", "content": 1})
    lost = message.evolve(item_type="storage", item_content=None, item_hash=os.urandom(32).hex())
    signed = client.account.sign_message(
        {"chain": lost.chain, "sender": lost.sender, "type": lost.type, "item_hash": lost.item_hash}
    )
    await client.publish(lost.evolve(signature=signed["signature"]))
    found, status = await reader.get_message(lost.item_hash, with_status=True)
    assert (found.item_type, found.content, status) == ("storage", {}, "pending")


async def test_a_rejected_message_is_an_error_with_its_reason_unless_its_status_is_asked_for(
    reader: AlephHttpClient, rejected: Published
) -> None:
    assert await reader.get_message_status(rejected.item_hash) is MessageStatus.REJECTED
    with pytest.raises(RejectedMessage, match="may not publish for this address") as caught:
        await reader.get_message(rejected.item_hash)
    assert caught.value.error_code == 2
    assert caught.value.item_hash == rejected.item_hash
    message, status = await reader.get_message(rejected.item_hash, with_status=True)
    assert status is MessageStatus.REJECTED
    assert message.content["content"] == "not mine"
    error = await reader.get_message_error(rejected.item_hash)
    assert error is not None
    assert (error.error_code, error["error_code"]) == (2, 2)
    assert "not authorized" in str(error.details)
    assert error.reason


async def test_a_forgotten_message_is_always_an_error(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient
) -> None:
    post = await client.create_post("x", "t", sync=True)
    forget = await client.forget(post.item_hash, sync=True)
    assert await reader.get_message_status(post.item_hash) is MessageStatus.FORGOTTEN
    for with_status in (False, True):
        with pytest.raises(ForgottenMessageError) as caught:
            await reader.get_message(post.item_hash, with_status=with_status)
        assert caught.value.forgotten_by == (forget.item_hash,)
    assert await reader.get_message_error(post.item_hash) is None


async def test_an_unknown_message_is_not_found(reader: AlephHttpClient) -> None:
    unknown = os.urandom(32).hex()
    with pytest.raises(MessageNotFoundError) as caught:
        await reader.get_message(unknown)
    assert (caught.value.status, caught.value.item_hash) == (404, unknown)
    assert caught.value.node == reader.api_server
    with pytest.raises(MessageNotFoundError):
        await reader.get_message_status(unknown)
    with pytest.raises(MessageNotFoundError):
        await reader.get_message_error(unknown)


@pytest.mark.parametrize(
    "item_hash", ["", "../", "a/b", "x?y=1", "ab" * 31, 5, None, "Qm" + "0" * 44]
)
async def test_no_request_is_made_for_what_is_no_hash(
    node: DevNode, recording: HttpClient, requests: list[str], item_hash: Any
) -> None:
    async with AlephHttpClient(node.url, http_client=recording) as client:
        for call in (
            client.get_message,
            client.get_message_status,
            client.get_message_error,
            client.get_stored_content,
            client.wait_for_message,
            client.wait_until_processed,
        ):
            with pytest.raises(ArgumentError) as caught:
                await call(item_hash)
            assert caught.value.argument == "item_hash"
            # For the guide's sake it is a message that does not exist, too.
            assert isinstance(caught.value, MessageNotFoundError)
    assert requests == []


async def test_waiting_ends_when_the_message_is_processed(
    client: AuthenticatedAlephHttpClient,
    reader: AlephHttpClient,
    original: Message,
    pending: Published,
) -> None:
    waiting = start(partial(reader.wait_for_message, pending.item_hash, timeout=30))
    await client.publish(original, sync=True)
    assert await waiting.result() is MessageStatus.PROCESSED
    (post,) = await reader.get_posts(hashes=original.item_hash)
    assert post.content == {"v": 2}


async def test_a_message_the_node_does_not_know_yet_is_waited_for(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient, original: Message
) -> None:
    waiting = start(partial(reader.wait_for_message, original.item_hash, timeout=30))
    await client.publish(original)
    assert await waiting.result() is MessageStatus.PROCESSED


async def test_waiting_gives_up_in_time(reader: AlephHttpClient, pending: Published) -> None:
    begun = clock()
    with pytest.raises(ProcessingTimeout, match="is pending after") as caught:
        await reader.wait_for_message(pending.item_hash, timeout=0.3)
    assert (caught.value.item_hash, caught.value.status) == (pending.item_hash, "pending")
    assert (caught.value.timeout, caught.value.node) == (0.3, reader.api_server)
    with pytest.raises(ProcessingTimeout, match="is unknown after") as caught:
        await reader.wait_until_processed(os.urandom(32).hex(), timeout=0.1)
    assert caught.value.status is None
    assert clock() - begun < 5


async def test_waiting_for_a_rejected_message_tells_why(
    reader: AlephHttpClient, rejected: Published
) -> None:
    with pytest.raises(RejectedMessage) as caught:
        await reader.wait_for_message(rejected.item_hash)
    assert caught.value.error_code == 2
    status = await reader.wait_for_message(rejected.item_hash, raise_on_rejected=False)
    assert status is MessageStatus.REJECTED


async def test_a_message_that_was_forgotten_is_never_processed_again(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient
) -> None:
    post = await client.create_post("x", "t", wait=True)
    assert await reader.wait_until_processed(post.item_hash) is MessageStatus.PROCESSED
    forget = await client.forget(post.item_hash, wait=True)
    assert await reader.wait_for_message(post.item_hash) is MessageStatus.FORGOTTEN
    with pytest.raises(ForgottenMessageError) as caught:
        await reader.wait_until_processed(post.item_hash)
    assert caught.value.forgotten_by == (forget.item_hash,)


async def test_a_message_that_was_rejected_is_not_waited_for(
    reader: AlephHttpClient, rejected: Published
) -> None:
    with pytest.raises(RejectedMessage, match="may not publish for this address"):
        await reader.wait_until_processed(rejected.item_hash)


@pytest.mark.parametrize("timeout", [-1, float("nan"), "1", True])
async def test_a_time_to_wait_that_is_none_is_named(reader: AlephHttpClient, timeout: Any) -> None:
    for wait in (reader.wait_for_message, reader.wait_until_processed):
        with pytest.raises(ArgumentError) as caught:
            await wait("ab" * 32, timeout=timeout)
        assert caught.value.argument == "timeout"


async def test_what_waits_in_vain_is_rejected_in_the_end(account: ETHAccount) -> None:
    with DevNode(max_retries=2, retry_delay=0.1) as hasty:
        async with AuthenticatedAlephHttpClient(account, hasty.url) as client:
            amend = await client.create_post("v", "amend", ref=os.urandom(32).hex())
            with pytest.raises(RejectedMessage, match="was not found") as caught:
                await client.wait_for_message(amend.item_hash)
            assert caught.value.error_code == 101
            forget = await client.forget(os.urandom(32).hex())
            with pytest.raises(RejectedMessage) as caught:
                await client.wait_for_message(forget.item_hash)
            assert caught.value.error_code == 501
