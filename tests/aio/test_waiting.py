"""``wait=`` of everything that publishes: until the network has processed it, but not for ever."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from aleph_async import (
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    MessageStatus,
    ProcessingTimeout,
    RejectedMessage,
    TransportError,
)
from aleph_async._runtime import HttpClient, clock
from aleph_devnode import DevNode
from tests import scripted
from tests.hostile import HostileServer, Peer, answer, hang_up

pytestmark = pytest.mark.anyio


@pytest.fixture
async def noted(
    node: DevNode, account: ETHAccount, recording: HttpClient
) -> AsyncIterator[AuthenticatedAlephHttpClient]:
    """A client whose requests are noted."""
    async with AuthenticatedAlephHttpClient(account, node.url, http_client=recording) as client:
        yield client


def publishing(client: AuthenticatedAlephHttpClient) -> list[Any]:
    """Everything that publishes, but for deployments, as calls that take ``wait``."""
    return [
        partial(client.create_post, {"a": 1}, "t"),
        partial(client.create_aggregate, "key", {"a": 1}),
        partial(client.create_store, b"bytes"),
        partial(client.create_store, b"bytes", storage_engine="ipfs"),
        partial(client.submit, {"type": "t", "content": 1}, "POST"),
    ]


async def test_everything_that_is_published_can_be_waited_for(
    client: AuthenticatedAlephHttpClient,
) -> None:
    for publish in publishing(client):
        for wait in (True, 30, 30.0):
            result = await publish(wait=wait)
            assert result.status is result.message.status is MessageStatus.PROCESSED
            forgotten = await client.forget(result.item_hash, wait=wait)
            assert forgotten.status is MessageStatus.PROCESSED


async def test_nothing_is_signed_or_sent_with_a_bad_time_to_wait(
    noted: AuthenticatedAlephHttpClient, requests: list[str]
) -> None:
    message = await noted.generate_signed_message("POST", {"type": "t"})
    calls = [*publishing(noted), partial(noted.forget, "ab" * 32), partial(noted.publish, message)]
    for publish in calls:
        for wait in (-1, float("inf"), "yes", None):
            with pytest.raises(ArgumentError) as caught:
                await publish(wait=wait)
            assert caught.value.argument == "wait"
    assert requests == []


async def test_a_message_is_published_once_and_then_asked_for(
    noted: AuthenticatedAlephHttpClient, requests: list[str]
) -> None:
    post = await noted.create_post("x", "t", sync=True, wait=True)
    assert requests[0] == "POST /api/v0/messages"
    assert set(requests[1:]) == {f"GET /api/v0/messages/{post.item_hash}/status"}


async def test_a_message_that_the_node_knows_is_not_waited_for_half_a_minute(
    client: AuthenticatedAlephHttpClient,
) -> None:
    message = await client.generate_signed_message("POST", {"type": "t"})
    begun = clock()
    for _ in range(3):
        assert (await client.publish(message, wait=True)).status is MessageStatus.PROCESSED
    assert clock() - begun < 10


async def test_a_rejection_is_raised_or_told(client: AuthenticatedAlephHttpClient) -> None:
    content = {"address": ETHAccount.generate().get_address(), "type": "t"}
    with pytest.raises(RejectedMessage) as caught:
        await client.submit(content, "POST", wait=True)
    assert caught.value.error_code == 2
    told = await client.submit(content, "POST", raise_on_rejected=False, wait=True)
    assert told.status is MessageStatus.REJECTED


async def test_what_takes_too_long_is_an_error_that_names_the_message(
    client: AuthenticatedAlephHttpClient,
) -> None:
    begun = clock()
    with pytest.raises(ProcessingTimeout) as caught:
        await client.create_post("v", "amend", ref=os.urandom(32).hex(), wait=0.2)
    assert clock() - begun < 5
    assert caught.value.timeout == 0.2
    assert await client.get_message_status(caught.value.item_hash) == "pending"


async def test_a_client_that_does_not_wait_is_told_that_the_message_is_pending(
    noted: AuthenticatedAlephHttpClient, requests: list[str]
) -> None:
    result = await noted.create_post("x", "t", wait=0)
    assert result.status is MessageStatus.PENDING
    assert requests == ["POST /api/v0/messages"]


async def test_a_node_that_falls_silent_leaves_a_note_of_what_was_published(
    account: ETHAccount,
) -> None:
    table = {scripted.MESSAGES: answer(scripted.published("pending"), status=202)}

    def play(peer: Peer) -> None:
        (scripted.routes(table) if peer.request.method == "POST" else hang_up())(peer)

    with HostileServer(play) as server:
        async with AuthenticatedAlephHttpClient(account, server.url, retry=None) as client:
            with pytest.raises(TransportError) as caught:
                await client.create_post("x", "t", wait=True)
    (note,) = caught.value.__notes__
    assert "was published" in note


async def test_a_node_that_drops_a_message_is_not_believed_to_have_it(account: ETHAccount) -> None:
    table = {
        scripted.MESSAGES: answer(scripted.published("pending"), status=202),
        f"{scripted.MESSAGES}/": answer("404: Not Found", status=404, content_type="text/plain"),
    }
    with scripted.node(table) as server:
        async with AuthenticatedAlephHttpClient(account, server.url) as client:
            with pytest.raises(ProcessingTimeout, match="is unknown after") as caught:
                await client.create_post("x", "t", wait=0.3)
    assert caught.value.status is None
