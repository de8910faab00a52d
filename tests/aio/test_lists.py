"""Pages of messages and posts: every filter, paging, order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aleph_message.models import Chain, MessageType

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    MessageFilter,
    PostFilter,
    SOLAccount,
    SortBy,
    SortOrder,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode

pytestmark = pytest.mark.anyio


class World:
    """What was published, by name, and by whom."""

    def __init__(self, channel: str, ada: str, sol: str) -> None:
        self.channel = channel
        self.ada = ada
        self.sol = sol
        self.hashes: dict[str, str] = {}
        self.file_hash = ""
        self.times: dict[str, float] = {}
        self.content_times: dict[str, float] = {}

    def names(self, entries: Any) -> list[str]:
        known = {item_hash: name for name, item_hash in self.hashes.items()}
        return [known[entry.item_hash] for entry in entries]


@pytest.fixture
async def world(node: DevNode, client: AuthenticatedAlephHttpClient, channel: str) -> World:
    """A few messages of every kind on one channel."""
    sol = SOLAccount.generate()
    ada = client.account.get_address()
    world = World(channel, ada, sol.get_address())
    async with AuthenticatedAlephHttpClient(sol, node.url) as other:
        await client.create_aggregate(
            "security", {"authorizations": [{"address": world.sol}]}, sync=True
        )
        published = {
            "note": await client.create_post(
                {"n": 1}, "note", tags=["red", "blue"], channel=channel, sync=True
            ),
            "letter": await client.create_post(
                "dear", "letter", ref="the-ref", channel=channel, sync=True
            ),
            "solana": await other.create_post(
                {"n": 2}, "note", tags=["red"], channel=channel, sync=True
            ),
            "for ada": await other.create_post(
                {"n": 3}, "note", address=ada, channel=channel, sync=True
            ),
            "file": await client.create_store(
                b"a file", payment="credit", tags=["green"], channel=channel, sync=True
            ),
            "entries": await client.create_aggregate("k", {"a": 1}, channel=channel, sync=True),
        }
    for name, result in published.items():
        assert result.status == "processed"
        world.hashes[name] = result.item_hash
        world.times[name] = result.message.time
        world.content_times[name] = result.content["time"]
    world.file_hash = published["file"].content["item_hash"]
    return world


ALL = ["note", "letter", "solana", "for ada", "file", "entries"]


async def test_each_filter_of_messages_finds_what_it_says(
    reader: AlephHttpClient, world: World
) -> None:
    async def found(**filters: Any) -> list[str]:
        page = await reader.get_messages(
            message_filter=MessageFilter(
                **{"channels": world.channel, "sort_order": SortOrder.ASCENDING, **filters}
            )
        )
        assert page.invalid == ()
        return world.names(page)

    assert await found() == ALL
    assert await found(message_types="STORE") == ["file"]
    assert await found(message_types=[MessageType.store, "AGGREGATE"]) == ["file", "entries"]
    assert await found(addresses=world.sol) == ["solana", "for ada"]
    assert await found(owners=[world.sol]) == ["solana"]
    assert await found(owners=world.ada, message_types="POST") == ["note", "letter", "for ada"]
    assert await found(content_types="letter") == ["letter"]
    assert await found(content_types={"letter", "note"}, addresses=world.ada) == ["note", "letter"]
    assert await found(refs=["the-ref"]) == ["letter"]
    assert await found(content_hashes=world.file_hash) == ["file"]
    assert await found(content_hashes=["0x" + world.file_hash]) == ["file"]
    assert await found(tags="red") == ["note", "solana"]
    assert await found(tags=["blue", "green"]) == ["note", "file"]
    assert await found(hashes=[world.hashes["note"], world.hashes["file"]]) == ["note", "file"]
    assert await found(chains=Chain.SOL) == ["solana", "for ada"]
    assert await found(chains=["ETH"]) == ["note", "letter", "file", "entries"]
    assert await found(payment_types="credit") == ["file"]
    assert await found(channels=[world.channel, "other"]) == ALL
    assert await found(message_statuses=["processed", "removing"]) == ALL
    assert await found(message_statuses="forgotten") == []
    assert await found(start_block=0) == ALL


async def test_dates_are_moments_or_numbers_start_included_end_not(
    reader: AlephHttpClient, world: World
) -> None:
    middle = world.times["solana"]
    moment = datetime.fromtimestamp(middle, UTC)

    async def found(**filters: Any) -> list[str]:
        return world.names(
            await reader.get_messages(channels=world.channel, sort_order=1, **filters)
        )

    assert await found(start_date=middle) == ALL[2:]
    assert await found(end_date=middle) == ALL[:2]
    assert (
        await found(start_date=moment - timedelta(seconds=600), end_date=int(middle) + 600) == ALL
    )
    assert await found(start_date=moment.replace(tzinfo=None) + timedelta(days=2)) == []
    assert await found(start_date=moment + timedelta(hours=1)) == []


async def test_messages_come_newest_first_unless_asked_otherwise(
    reader: AlephHttpClient, world: World
) -> None:
    async def found(**filters: Any) -> list[str]:
        return world.names(await reader.get_messages(channels=world.channel, **filters))

    assert await found() == ALL[::-1]
    assert await found(sort_order=SortOrder.DESCENDING) == ALL[::-1]
    for order in (SortOrder.ASCENDING, 1, "1"):
        assert await found(sort_by=SortBy.TIME, sort_order=order) == ALL
    assert await found(sort_by="tx-time", sort_order=1) == ALL


async def test_pages_are_numbered_from_one_and_end_short(
    reader: AlephHttpClient, world: World
) -> None:
    pages = [
        await reader.get_messages(page_size=4, page=number, channels=world.channel, sort_order=1)
        for number in (1, 2, 3)
    ]
    assert [world.names(page) for page in pages] == [ALL[:4], ALL[4:], []]
    first = pages[0]
    assert (first.page, first.per_page, first.total) == (1, 4, 6)
    assert (first.pagination_page, first.pagination_per_page, first.pagination_total) == (1, 4, 6)
    assert (first.kind, first.pagination_item, first.next_cursor) == ("messages", "messages", None)
    assert first.messages == tuple(first) == first.items
    assert first[0].item_hash == world.hashes["note"]
    assert len(first) == 4
    assert not pages[2]
    limited = await reader.get_messages(limit=2, channels=world.channel)
    assert len(limited) == limited.per_page == 2


async def test_a_filter_and_single_restrictions_add_up(
    reader: AlephHttpClient, world: World
) -> None:
    page = await reader.get_messages(
        message_filter=MessageFilter(channels=world.channel), tags=["red"], addresses=world.sol
    )
    assert world.names(page) == ["solana"]
    page = await reader.get_messages(post_types=["letter"], channels=world.channel)
    assert world.names(page) == ["letter"]
    page = await reader.get_messages(post_types="note", channels=world.channel, sort_order=1)
    assert world.names(page) == ["note", "solana", "for ada"]


async def test_each_filter_of_posts_finds_what_it_says(
    reader: AlephHttpClient, world: World
) -> None:
    async def found(**filters: Any) -> list[str]:
        page = await reader.get_posts(
            post_filter=PostFilter(
                **{"channels": world.channel, "sort_order": SortOrder.ASCENDING, **filters}
            )
        )
        assert page.invalid == ()
        return world.names(page)

    posts = ["note", "letter", "solana", "for ada"]
    assert await found() == posts
    assert await found(types="note") == ["note", "solana", "for ada"]
    assert await found(types=["letter", "other"]) == ["letter"]
    # Of posts, an address is the owner and not the signer.
    assert await found(addresses=world.ada) == ["note", "letter", "for ada"]
    assert await found(refs="the-ref") == ["letter"]
    assert await found(tags="red") == ["note", "solana"]
    assert await found(hashes=world.hashes["letter"]) == ["letter"]
    # Nodes know no chains for posts: this one is applied here.
    assert await found(chains="SOL") == ["solana", "for ada"]
    assert await found(start_date=world.content_times["solana"]) == ["solana", "for ada"]
    assert await found(end_date=world.content_times["solana"]) == ["note", "letter"]
    assert await found(sort_order=-1, sort_by="time") == posts[::-1]


async def test_posts_come_in_pages_too(reader: AlephHttpClient, world: World) -> None:
    page = await reader.get_posts(page_size=3, page=2, channels=world.channel)
    assert world.names(page) == ["note"]
    assert (page.total, page.per_page, page.page, page.kind) == (4, 3, 2, "posts")
    assert page.posts == page.items
    (post,) = page
    assert (post["content"]["n"], post.address, post.sender) == (1, world.ada, world.ada)
    assert (post.hash, post.original_type, post.type, post.amended) == (
        world.hashes["note"],
        "note",
        "note",
        False,
    )
    assert post.get("nothing") is None
    assert post.time == pytest.approx(world.times["note"], abs=1)
    assert post.created == post.last_updated or post.created is None


async def test_a_post_moves_up_when_it_is_amended(
    client: AuthenticatedAlephHttpClient, channel: str
) -> None:
    one = await client.create_post("one", "t", channel=channel, sync=True)
    await client.create_post("two", "t", channel=channel, sync=True)
    await client.create_post("one again", "amend", ref=one.item_hash, channel=channel, sync=True)
    page = await client.get_posts(channels=channel)
    assert [post.content for post in page] == ["one again", "two"]
    first = page[0]
    assert first.amended
    assert first.created is None or first.last_updated is None or first.last_updated > first.created


@pytest.mark.parametrize(
    ("filters", "argument"),
    [
        ({"tags": ["a,b"]}, "tags"),
        ({"tags": [""]}, "tags"),
        ({"tags": [1]}, "tags"),
        ({"hashes": "../x"}, "hashes[0]"),
        ({"addresses": "a/b"}, "addresses[0]"),
        ({"owners": ["x?y"]}, "owners[0]"),
        ({"content_hashes": "xyz"}, "content_hashes[0]"),
        ({"content_keys": "settings"}, "content_keys"),
        ({"message_statuses": "lost"}, "message_statuses"),
        ({"message_statuses": ["forgotten", "processed"]}, "message_statuses"),
        ({"sort_by": "size"}, "sort_by"),
        ({"sort_order": "ASC"}, "sort_order"),
        ({"start_date": "yesterday"}, "start_date"),
        ({"start_date": 10, "end_date": 5}, "end_date"),
        ({"start_block": -1}, "start_block"),
        ({"colour": "red"}, "colour"),
        ({"message_filter": {"tags": "x"}}, "message_filter"),
        ({"page": 0}, "page"),
        ({"page_size": 0}, "page_size"),
        ({"limit": True}, "page_size"),
    ],
    ids=str,
)
async def test_what_nodes_would_refuse_or_ignore_is_named_and_not_sent(
    node: DevNode,
    recording: HttpClient,
    requests: list[str],
    filters: dict[str, Any],
    argument: str,
) -> None:
    async with AlephHttpClient(node.url, http_client=recording) as client:
        with pytest.raises(ArgumentError) as caught:
            await client.get_messages(**filters)
    assert caught.value.argument == argument
    assert requests == []


async def test_the_same_holds_for_posts(
    node: DevNode, recording: HttpClient, requests: list[str], account: ETHAccount
) -> None:
    async with AlephHttpClient(node.url, http_client=recording) as client:
        for filters, argument in (
            ({"owners": account.get_address()}, "owners"),
            ({"post_filter": MessageFilter()}, "post_filter"),
            ({"types": [""]}, "types"),
            ({"page_size": -1}, "page_size"),
        ):
            with pytest.raises(ArgumentError) as caught:
                await client.get_posts(**filters)
            assert caught.value.argument == argument
    assert requests == []
