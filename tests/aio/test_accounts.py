"""Balances, credits and where they went, files, counts of messages, channels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from aleph_message.models import Chain

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    MalformedAnswerError,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode
from tests.hostile import HostileServer, answer

pytestmark = pytest.mark.anyio


@pytest.fixture
def another() -> str:
    """An address that nobody used."""
    return ETHAccount.generate().get_address()


@pytest.fixture
def wealth() -> Iterator[tuple[DevNode, dict[str, int]]]:
    """A node on which three addresses hold something, and how much."""
    with DevNode() as node:
        owners = {ETHAccount.generate().get_address(): 10 * number for number in (1, 2, 3)}
        for address, amount in owners.items():
            node.fund(address, aleph=amount, credits=amount * 5)
        yield node, owners


async def transfer(
    client: AuthenticatedAlephHttpClient, *entries: dict[str, Any]
) -> dict[str, Any]:
    content: dict[str, Any] = {"transfer": {"credits": list(entries)}}
    await client.create_post(content, "aleph_credit_transfer", channel="ALEPH_CREDIT", sync=True)
    return content


async def test_what_an_address_holds(
    node: DevNode, pauper: AuthenticatedAlephHttpClient, reader: AlephHttpClient
) -> None:
    address = pauper.account.get_address()
    node.fund(address, aleph="1.25", credits=70)
    await pauper.create_store(os.urandom(1024 * 1024), sync=True)
    balance = await reader.get_balances(address)
    assert (balance.address, balance.balance) == (address, Decimal("1.25"))
    assert balance.details == {"ETH": Decimal("1.25")}
    assert balance.locked_amount == Decimal("0.333333333")
    assert balance.credit_balance == 70
    assert balance.credit_balance_details == ()
    assert balance["balance"] == balance.balance
    assert await reader.get_balance(address) == balance


@pytest.mark.parametrize("chain", ["ETH", Chain.ETH])
async def test_what_an_address_holds_on_one_chain(
    node: DevNode, another: str, reader: AlephHttpClient, chain: Any
) -> None:
    node.fund(another, aleph=3, credits=1)
    assert (await reader.get_balances(another, chain)).details == {"ETH": Decimal(3)}
    elsewhere = await reader.get_balances(another, chain="SOL")
    assert (elsewhere.balance, elsewhere.details) == (0, {"SOL": Decimal(0)})


async def test_an_address_that_nobody_used_holds_nothing(
    reader: AlephHttpClient, another: str
) -> None:
    balance = await reader.get_balances(another, include_credit_details=True)
    assert (balance.balance, balance.locked_amount, balance.credit_balance) == (0, 0, 0)
    assert (balance.details, balance.credit_balance_details) == ({}, ())


async def test_credits_are_told_by_their_expiration(
    client: AuthenticatedAlephHttpClient, another: str
) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    await transfer(
        client, {"address": another, "amount": 30, "expiration": int(soon.timestamp() * 1000)}
    )
    await transfer(client, {"address": another, "amount": 12})
    balance = await client.get_balances(another, include_credit_details=True)
    details = {part.expiration_date: part.amount for part in balance.credit_balance_details}
    assert details == {None: 12, soon: 30}


async def test_balances_of_all_addresses(wealth: tuple[DevNode, dict[str, int]]) -> None:
    node, owners = wealth
    async with AlephHttpClient(node.url) as reader:
        page = await reader.get_chain_balances()
        assert {entry.address: entry.balance for entry in page} == owners
        assert {entry.chain for entry in page} == {"ETH"}
        assert page.total == 3
        second = await reader.get_chain_balances(2, 2)
        assert len(second) == 1
        for page_size in (1, 2, 3, 200):
            found = [
                entry async for entry in reader.get_chain_balances_iterator(page_size=page_size)
            ]
            assert {entry.address: entry.balance for entry in found} == owners
            assert len(found) == 3
        richer = await reader.get_chain_balances(chains=Chain.ETH, min_balance=15)
        assert sorted(entry.balance for entry in richer) == [20, 30]
        assert [e async for e in reader.get_chain_balances_iterator(chains=["SOL"])] == []


async def test_credits_of_all_addresses(wealth: tuple[DevNode, dict[str, int]]) -> None:
    node, owners = wealth
    expected = {address: amount * 5 for address, amount in owners.items()}
    async with AlephHttpClient(node.url) as reader:
        page = await reader.get_credit_balances()
        assert {entry.address: entry.credits for entry in page} == expected
        richer = await reader.get_credit_balances(min_balance=100)
        assert sorted(entry.credits for entry in richer) == [100, 150]
        found = [entry async for entry in reader.get_credit_balances_iterator(page_size=1)]
        assert {entry.address: entry.credits for entry in found} == expected


async def test_where_credits_came_from_and_went(
    client: AuthenticatedAlephHttpClient, another: str
) -> None:
    sender = client.account.get_address()
    begun = datetime.now(UTC)
    for amount in (3, 1, 2):
        await transfer(client, {"address": another, "amount": amount})
    page = await client.get_credit_history(another)
    assert [entry.amount for entry in page] == [2, 1, 3]
    assert page.total == 3
    entry = page[0]
    assert (entry.origin, entry.payment_method, entry.provider) == (
        sender,
        "credit_transfer",
        "ALEPH",
    )
    assert (entry.expiration_date, entry.price, entry.credit_index) == (None, None, 0)
    assert entry.message_timestamp is not None
    assert abs(entry.message_timestamp - begun) < timedelta(minutes=5)
    for page_size in (1, 2, 3, 200):
        found = [
            entry
            async for entry in client.get_credit_history_iterator(another, page_size=page_size)
        ]
        # Times and numbers are written in another way there, and are the same.
        assert found == list(page)
    assert len(await client.get_credit_history(another, 2, 2)) == 1


async def test_every_filter_of_a_credit_history(
    client: AuthenticatedAlephHttpClient, another: str
) -> None:
    sender = client.account.get_address()
    expiration = int((datetime.now(UTC).timestamp() + 86400) * 1000)
    await transfer(client, {"address": another, "amount": 3})
    await transfer(client, {"address": another, "amount": 1, "expiration": expiration})

    async def amounts(address: str = another, **filters: Any) -> list[int]:
        page = await client.get_credit_history(address, **filters)
        walked = [
            entry
            async for entry in client.get_credit_history_iterator(address, page_size=1, **filters)
        ]
        summary = await client.get_credit_history_summary(address, **filters)
        assert list(page) == walked
        assert summary.total_amount == sum(entry.amount for entry in page)
        assert summary.entry_count == len(page)
        return [int(entry.amount) for entry in page]

    now = datetime.now(UTC)
    assert await amounts(sort_order=1) == [3, 1]
    assert await amounts(sort_by="amount") == [3, 1]
    assert await amounts(sort_by="amount", sort_order=1) == [1, 3]
    assert await amounts(has_expiration=True) == [1]
    assert await amounts(has_expiration=False) == [3]
    assert await amounts(direction="outgoing") == []
    assert sorted(await amounts(direction="incoming")) == [1, 3]
    assert sorted(await amounts(sender, direction="outgoing")) == [-3, -1]
    assert await amounts(start_date=now + timedelta(days=1)) == []
    assert sorted(await amounts(start_date=now - timedelta(days=1), end_date=now)) == [1, 3]
    assert await amounts(end_date=now - timedelta(days=1)) == []
    assert sorted(await amounts(provider="ALEPH", origin=sender)) == [1, 3]
    assert await amounts(origin=another) == []
    assert sorted(await amounts(payment_method="credit_transfer")) == [1, 3]
    assert await amounts(exclude_payment_method=["credit_transfer", "x"]) == []
    for name in ("token", "chain", "tx_hash", "origin_ref", "resource", "resource_types"):
        assert await amounts(**{name: "NOPE"}) == []


async def test_a_history_without_entries(reader: AlephHttpClient, another: str) -> None:
    page = await reader.get_credit_history(another)
    assert (page.items, page.total) == ((), 0)
    assert [entry async for entry in reader.get_credit_history_iterator(another)] == []
    summary = await reader.get_credit_history_summary(another)
    assert (summary.entry_count, summary.total_amount, summary.total_incoming) == (0, 0, 0)


async def test_consumed_credits(client: AuthenticatedAlephHttpClient) -> None:
    post = await client.create_post("x", "t", sync=True)
    for item_hash in (post.item_hash, os.urandom(32).hex()):
        consumed = await client.get_consumed_credits(item_hash)
        assert (type(consumed), consumed) == (Decimal, 0)


async def test_files_of_an_address(client: AuthenticatedAlephHttpClient) -> None:
    address = client.account.get_address()
    stored = [await client.create_store(bytes(size), sync=True) for size in (5, 6, 7)]
    page = await client.get_account_files(address)
    assert [file.size for file in page] == [7, 6, 5]
    assert [file.item_hash for file in page] == [store.item_hash for store in stored[::-1]]
    assert (page.total_size, page.total) == (18, 3)
    newest = page[0]
    assert (newest.file_hash, newest.type) == (stored[2].content["item_hash"], "file")
    assert newest.created is not None
    assert newest.created.timestamp() == pytest.approx(stored[2].content["time"], abs=0.001)
    oldest = await client.get_account_files(address, 2, sort_order="1")
    assert [file.size for file in oldest] == [5, 6]
    for page_size in (1, 2, 200):
        walked = [
            file async for file in client.get_account_files_iterator(address, page_size=page_size)
        ]
        assert walked == list(page)
    ascending = [file async for file in client.get_account_files_iterator(address, sort_order=1)]
    assert ascending == list(page)[::-1]
    one = await client.get_account_files(address, file_hash=newest.file_hash)
    assert one.items == (newest,)
    assert (one.total, one.total_size) == (None, 18)


async def test_an_address_without_files(reader: AlephHttpClient, another: str) -> None:
    page = await reader.get_account_files(another)
    assert (page.items, page.total, page.total_size) == ((), 0, 0)
    assert [file async for file in reader.get_account_files_iterator(another)] == []


async def test_behind_the_last_page_there_is_nothing(
    client: AuthenticatedAlephHttpClient,
) -> None:
    address = client.account.get_address()
    await client.create_store(b"x", sync=True)
    assert (await client.get_account_files(address, page=5)).items == ()


async def test_how_much_addresses_published(
    client: AuthenticatedAlephHttpClient, pauper: AuthenticatedAlephHttpClient, another: str
) -> None:
    ours, theirs = client.account.get_address(), pauper.account.get_address()
    for number in range(2):
        await client.create_post(number, "t", sync=True)
    await client.create_aggregate("k", {}, sync=True)
    await pauper.create_post("x", "t", sync=True)
    named = await client.get_address_stats(addresses=[ours, theirs, another])
    counts = {entry.address: (entry.messages, entry.post, entry.aggregate) for entry in named}
    assert counts == {ours: (3, 2, 1), theirs: (1, 1, 0)}
    (found,) = await client.get_address_stats(address_contains=ours.lower()[2:])
    assert found == next(entry for entry in named if entry.address == ours)
    assert found["store"] == 0
    assert (await client.get_address_stats(address_contains="zzzz")).items == ()
    everyone = await client.get_address_stats(sort_by="post", sort_order=-1)
    posts = [entry.post for entry in everyone]
    assert posts == sorted(posts, key=lambda count: -(count or 0))
    walked = [entry async for entry in client.get_address_stats_iterator(sort_by="post")]
    assert len(walked) >= 2
    pieces = [
        entry.address
        async for entry in client.get_address_stats_iterator(address_contains=theirs, page_size=1)
    ]
    assert pieces == [theirs]
    with pytest.raises(ArgumentError) as caught:
        await client.get_address_stats(addresses=ours, sort_by="post")
    assert caught.value.argument == "addresses"


async def test_every_address_is_counted_once_whatever_the_size_of_the_pages() -> None:
    with DevNode() as fresh:
        senders = [ETHAccount.generate() for _ in range(4)]
        for number, account in enumerate(senders):
            async with AuthenticatedAlephHttpClient(account, fresh.url) as client:
                for _ in range(number % 2 + 1):
                    await client.create_post("x", "t", sync=True)
        async with AlephHttpClient(fresh.url) as reader:
            page = await reader.get_address_stats()
            assert sorted(entry.address for entry in page) == sorted(
                account.get_address() for account in senders
            )
            assert [entry.messages for entry in page] == [2, 2, 1, 1]
            for page_size in (1, 3, 4):
                walked = [
                    entry async for entry in reader.get_address_stats_iterator(page_size=page_size)
                ]
                assert walked == list(page)


async def test_channels_and_types_of_posts(
    client: AuthenticatedAlephHttpClient, another: str, channel: str
) -> None:
    address = client.account.get_address()
    for post_type in ("b", "a"):
        await client.create_post("x", post_type, channel=channel, sync=True)
    assert await client.get_post_types(address) == ["a", "b"]
    assert await client.get_channels(address) == [channel]
    assert await client.get_post_types(another) == []
    assert await client.get_channels(another) == []
    async with AlephHttpClient(client.api_server) as reader:
        everywhere = await reader.get_channels()
    assert all(isinstance(name, str) for name in everywhere)


async def test_addresses_that_are_none_are_not_asked_for(
    node: DevNode, recording: HttpClient, requests: list[str]
) -> None:
    async with AlephHttpClient(node.url, http_client=recording) as reader:
        for method in (
            reader.get_balances,
            reader.get_credit_history,
            reader.get_credit_history_summary,
            reader.get_account_files,
            reader.get_post_types,
            reader.get_channels,
        ):
            ask: Any = method
            with pytest.raises(ArgumentError) as caught:
                await ask("../no address")
            assert caught.value.argument == "address"
        walk: Any
        for walk in (reader.get_credit_history_iterator, reader.get_account_files_iterator):
            with pytest.raises(ArgumentError):
                _ = [entry async for entry in walk("x")]
        with pytest.raises(ArgumentError, match="is no restriction"):
            await reader.get_credit_history(ETHAccount.generate().get_address(), tokn="x")
    assert requests == []


async def test_the_balance_of_somebody_else_is_no_answer(another: str) -> None:
    body = {"address": "0x" + "1" * 40, "balance": 1}
    with HostileServer(answer(body)) as server:
        async with AlephHttpClient(server.url) as reader:
            with pytest.raises(MalformedAnswerError, match=another):
                await reader.get_balances(another)


async def test_an_odd_entry_is_left_out_and_told(another: str) -> None:
    body = {"credit_history": [{"amount": 5}, {"amount": "much"}, 7], "next_cursor": None}
    told: list[Any] = []
    with HostileServer(answer(body)) as server:
        async with AlephHttpClient(server.url) as reader:
            page = await reader.get_credit_history(another)
            assert [entry.amount for entry in page] == [5]
            assert len(page.invalid) == 2
            iterator = reader.get_credit_history_iterator(another, on_invalid=told.append)
            assert [entry.amount async for entry in iterator] == [5]
    assert [entry.raw for entry in told] == [{"amount": "much"}, 7]
