"""Watching messages: live, from the past, filtered, and across restarts of the node."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    Message,
    MessageFilter,
    SOLAccount,
    WatchInterrupted,
)
from aleph_async._runtime import HttpClient, clock, sleep, start
from aleph_devnode import DevNode

pytestmark = pytest.mark.anyio


async def take(watch: Any, count: int) -> list[Message]:
    """Return the next messages of a watch and leave it open."""
    taken: list[Message] = []
    async for message in watch:
        taken.append(message)
        if len(taken) == count:
            break
    return taken


async def begin(watch: Any, publish: Any) -> Message:
    """Publish until the watch sees something; return the last message it saw of those.

    A watch never sees what was published before it was ready.
    """
    seen: list[Message] = []

    async def keep_publishing() -> list[str]:
        hashes = []
        deadline = clock() + 20
        while not seen and clock() < deadline:
            hashes.append((await publish("begin")).item_hash)
            await sleep(0.05)
        return hashes

    publishing = start(keep_publishing)
    seen += await take(watch, 1)
    hashes = await publishing.result()
    # What was published after the first one comes too; it is taken out of the way.
    later = hashes[hashes.index(seen[0].item_hash) + 1 :]
    taken = await take(watch, len(later)) if later else []
    assert [message.item_hash for message in taken] == later
    return (seen + taken)[-1]


async def connected(requests: list[str]) -> None:
    """Return when a watch has looked for what came before its connection, and is live."""
    deadline = clock() + 10
    while True:
        _, connection, after = "\n".join(requests).partition("GET /api/ws0/messages")
        if connection and "GET /api/v0/messages/hashes" in after:
            return
        assert clock() < deadline, requests
        await sleep(0.01)


@pytest.fixture
def publish(client: AuthenticatedAlephHttpClient, channel: str) -> Any:
    """A function that publishes one post on the channel."""

    async def publish(content: Any, **options: Any) -> Any:
        return await client.create_post(content, "t", channel=channel, sync=True, **options)

    return publish


def contents(messages: list[Message]) -> list[Any]:
    return [message.content["content"] for message in messages]


async def test_messages_come_as_they_are_processed(
    reader: AlephHttpClient, publish: Any, channel: str
) -> None:
    watch: Any = reader.watch_messages(MessageFilter(channels=[channel]))
    await begin(watch, publish)
    results = [await publish(n) for n in range(5)]
    seen = await take(watch, 5)
    assert [message.item_hash for message in seen] == [result.item_hash for result in results]
    assert contents(seen) == list(range(5))
    await watch.aclose()


async def test_a_message_arrives_while_it_is_waited_for(
    reader: AlephHttpClient, publish: Any, channel: str
) -> None:
    watch: Any = reader.watch_messages(channels=channel)
    await begin(watch, publish)
    waiting = start(partial(take, watch, 1))
    await sleep(0.1)
    published = await publish("now")
    (message,) = await waiting.result()
    assert message.item_hash == published.item_hash
    await watch.aclose()


@pytest.mark.parametrize("history", [0, 1, 2, 200])
async def test_the_past_comes_first_oldest_first(
    reader: AlephHttpClient, publish: Any, channel: str, history: int
) -> None:
    for n in range(3):
        await publish(n)
    watch: Any = reader.watch_messages(channels=channel, history=history)
    past = [0, 1, 2][3 - min(history, 3) :]
    assert contents(await take(watch, len(past)) if past else []) == past
    first = await begin(watch, publish)
    assert first.content["content"] == "begin"
    await watch.aclose()


async def test_filters_that_nodes_do_not_apply_to_live_messages_are_applied(
    reader: AlephHttpClient, client: AuthenticatedAlephHttpClient, publish: Any, channel: str
) -> None:
    tagged: Any = reader.watch_messages(channels=channel, tags=["red"])
    typed: Any = reader.watch_messages(channels=channel, message_types=["AGGREGATE", "STORE"])
    posts: Any = reader.watch_messages(channels=channel, post_types="comment")
    paid: Any = reader.watch_messages(channels=channel, payment_types="credit")

    async def publish_all(_: object) -> Any:
        await client.create_post({"n": 0}, "t", tags=["blue"], channel=channel, sync=True)
        return await client.create_post({"n": 1}, "t", tags=["red"], channel=channel, sync=True)

    await begin(tagged, publish_all)
    await begin(typed, lambda _: client.create_aggregate("k", {"a": 1}, channel=channel, sync=True))
    await begin(
        paid, lambda _: client.create_store(b"x", payment="credit", channel=channel, sync=True)
    )
    for number in range(2):
        await publish({"n": number, "tags": ["green", "red"]})
        await publish({"n": number})
        await client.create_aggregate("k", {"n": number}, channel=channel, sync=True)
        await client.create_store(bytes([number]), payment="credit", channel=channel, sync=True)
    assert [m.content["content"]["n"] for m in await take(tagged, 2)] == [0, 1]
    assert [m.content["item_type"] for m in await take(paid, 2)] == ["storage", "storage"]
    found: list[Message] = []
    while [m.content.get("content") for m in found if m.type == "AGGREGATE"][-1:] != [{"n": 1}]:
        found += await take(typed, 1)
    found += await take(typed, 1)
    assert {m.type for m in found} == {"AGGREGATE", "STORE"}
    assert [m.type for m in found[-4:]] == ["AGGREGATE", "STORE", "AGGREGATE", "STORE"]
    for watch in (tagged, typed, posts, paid):
        await watch.aclose()


@pytest.mark.parametrize(
    "name", ["addresses", "owners", "chains", "content_types", "refs", "hashes"]
)
async def test_every_other_filter_holds_live(
    node: DevNode,
    recording: HttpClient,
    requests: list[str],
    publish: Any,
    channel: str,
    name: str,
) -> None:
    sol = SOLAccount.generate()
    async with (
        AuthenticatedAlephHttpClient(sol, node.url) as other,
        AlephHttpClient(node.url, http_client=recording) as reader,
    ):
        wanted = await other.generate_signed_message(
            "POST", {"type": "kind", "ref": "the-ref", "content": "wanted"}, channel
        )
        filters: dict[str, Any] = {
            "addresses": sol.get_address(),
            "owners": sol.get_address(),
            "chains": "SOL",
            "content_types": "kind",
            "refs": "the-ref",
            "hashes": wanted.item_hash,
        }
        watch: Any = reader.watch_messages(MessageFilter(channels=channel, **{name: filters[name]}))
        waiting = start(partial(take, watch, 1))
        await connected(requests)
        await publish("unwanted")
        await other.publish(wanted, sync=True)
        (message,) = await waiting.result()
        assert message.item_hash == wanted.item_hash
        await watch.aclose()


async def test_content_that_lies_outside_the_message_is_fetched(
    reader: AlephHttpClient, publish: Any, channel: str
) -> None:
    watch: Any = reader.watch_messages(channels=channel)
    await begin(watch, publish)
    await publish("far away", inline=False)
    (message,) = await take(watch, 1)
    assert (message.item_type, message.content["content"]) == ("storage", "far away")
    await watch.aclose()


class Restartable:
    """A node with a memory, and a client that publishes on it."""

    def __init__(self, node: DevNode, client: AuthenticatedAlephHttpClient, channel: str) -> None:
        self.node = node
        self.client = client
        self.channel = channel

    async def publish(self, content: Any) -> Any:
        return await self.client.create_post(content, "t", channel=self.channel, sync=True)

    def restart(self) -> None:
        self.node.stop()
        self.node.start()


@pytest.fixture
async def restartable(
    account: ETHAccount, channel: str, tmp_path: Path
) -> AsyncIterator[Restartable]:
    with DevNode(data_dir=tmp_path / "node", retry_delay=300) as node:
        async with AuthenticatedAlephHttpClient(account, node.url) as client:
            yield Restartable(node, client, channel)


async def test_nothing_is_missed_or_repeated_across_restarts_of_the_node(
    restartable: Restartable,
) -> None:
    async with AlephHttpClient(restartable.node.url) as client:
        watch: Any = client.watch_messages(channels=restartable.channel)
        await begin(watch, restartable.publish)
        expected: list[str] = []
        seen: list[str] = []
        for round_ in range(3):
            expected.append((await restartable.publish(f"before {round_}")).item_hash)
            restartable.restart()
            # The watch knows nothing of the new node yet.
            expected += [
                (await restartable.publish(f"between {round_} {n}")).item_hash for n in range(3)
            ]
            seen += [message.item_hash for message in await take(watch, 4)]
            expected.append((await restartable.publish(f"live {round_}")).item_hash)
            seen += [message.item_hash for message in await take(watch, 1)]
        assert seen == expected
        await watch.aclose()


async def test_a_watch_that_waits_survives_a_restart(restartable: Restartable) -> None:
    async with AlephHttpClient(restartable.node.url) as client:
        watch: Any = client.watch_messages(channels=restartable.channel)
        await begin(watch, restartable.publish)
        waiting = start(partial(take, watch, 2))
        await sleep(0.1)
        restartable.restart()
        published = [await restartable.publish(n) for n in range(2)]
        seen = await waiting.result()
        assert [m.item_hash for m in seen] == [result.item_hash for result in published]
        await watch.aclose()


async def test_what_waited_since_before_the_watch_is_not_missed_when_the_gap_processes_it(
    restartable: Restartable,
) -> None:
    client = restartable.client
    original = await client.generate_signed_message(
        "POST", {"type": "t", "content": 1}, restartable.channel
    )
    amend = await client.create_post(
        2, "amend", ref=original.item_hash, channel=restartable.channel, sync=True
    )
    assert amend.status == "pending"
    async with AlephHttpClient(restartable.node.url) as reader:
        watch: Any = reader.watch_messages(channels=restartable.channel)
        await begin(watch, restartable.publish)
        restartable.restart()
        await client.publish(original, sync=True)
        await client.wait_for_message(amend.item_hash)
        seen = {message.item_hash for message in await take(watch, 2)}
        assert seen == {original.item_hash, amend.item_hash}
        await watch.aclose()


async def test_a_watch_looks_once_more_a_while_after_its_connection(
    restartable: Restartable, recording: HttpClient, requests: list[str]
) -> None:
    looks = "GET /api/v0/messages/hashes"
    async with AlephHttpClient(restartable.node.url, http_client=recording) as client:
        watch: Any = client.watch_messages(channels=restartable.channel)
        waiting = start(partial(take, watch, 1))
        await connected(requests)
        before = requests.count(looks)
        deadline = clock() + 20
        while requests.count(looks) == before:
            assert clock() < deadline
            await sleep(0.05)
        published = await restartable.publish("after all")
        (message,) = await waiting.result()
        assert message.item_hash == published.item_hash
        await watch.aclose()


async def test_a_watch_goes_on_with_the_next_node_when_its_own_is_gone(
    restartable: Restartable, node: DevNode, client: AuthenticatedAlephHttpClient
) -> None:
    async with AlephHttpClient([restartable.node.url, node.url]) as reader:
        watch: Any = reader.watch_messages(channels=restartable.channel)
        await begin(watch, restartable.publish)
        restartable.node.stop()
        published = await client.create_post(
            "elsewhere", "t", channel=restartable.channel, sync=True
        )
        (message,) = await take(watch, 1)
        assert message.item_hash == published.item_hash
        live = await client.create_post("live", "t", channel=restartable.channel, sync=True)
        (message,) = await take(watch, 1)
        assert message.item_hash == live.item_hash
        await watch.aclose()
    restartable.node.start()


async def test_a_watch_that_cannot_go_on_ends_with_the_last_message_it_saw(
    restartable: Restartable,
) -> None:
    async with AlephHttpClient(restartable.node.url) as client:
        watch: Any = client.watch_messages(channels=restartable.channel, reconnect_timeout=0.5)
        await begin(watch, restartable.publish)
        published = await restartable.publish("last")
        await take(watch, 1)
        restartable.node.stop()
        begun = clock()
        with pytest.raises(WatchInterrupted) as caught:
            await take(watch, 1)
        assert clock() - begun < 10
        assert caught.value.last_seen.item_hash == published.item_hash
        assert published.item_hash in str(caught.value)
        assert caught.value.node == client.api_server
        assert caught.value.attempts > 1
    restartable.node.start()


async def test_a_client_without_retry_ends_its_watch_at_once(restartable: Restartable) -> None:
    async with AlephHttpClient(restartable.node.url, retry=None) as client:
        watch: Any = client.watch_messages(channels=restartable.channel)
        seen = await begin(watch, restartable.publish)
        restartable.restart()
        with pytest.raises(WatchInterrupted) as caught:
            await take(watch, 1)
        assert caught.value.last_seen.item_hash == seen.item_hash


async def test_leaving_a_watch_leaks_nothing_and_the_client_goes_on(
    reader: AlephHttpClient, publish: Any, channel: str
) -> None:
    await publish("past")
    for _ in range(3):
        async for _message in reader.watch_messages(channels=channel, history=1):
            break
    gc.collect()
    await sleep(0.05)
    gc.collect()
    assert len(await reader.get_messages(channels=channel)) == 1


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"history": -1}, "history"),
        ({"history": 201}, "history"),
        ({"history": True}, "history"),
        ({"message_statuses": "forgotten"}, "message_statuses"),
        ({"message_filter": "x"}, "message_filter"),
        ({"tags": ["a,b"]}, "tags"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
async def test_what_cannot_be_watched_is_named_and_nothing_is_sent(
    node: DevNode,
    recording: HttpClient,
    requests: list[str],
    options: dict[str, Any],
    argument: str,
) -> None:
    async with AlephHttpClient(node.url, http_client=recording) as client:
        with pytest.raises(ArgumentError) as caught:
            await take(client.watch_messages(**options), 1)
    assert caught.value.argument == argument
    assert requests == []
