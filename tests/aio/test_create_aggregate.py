"""Aggregates: both spellings, entries, merging, what the node gives back."""

from __future__ import annotations

from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ConfigurationError,
    ETHAccount,
    ResourceNotFoundError,
    create_key_file,
    settings,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode

pytestmark = pytest.mark.anyio


async def test_an_aggregate_is_written_by_position_or_by_keyword(
    client: AuthenticatedAlephHttpClient, channel: str
) -> None:
    address = client.account.get_address()
    one = await client.create_aggregate("settings", {"a": 1}, sync=True)
    two = await client.create_aggregate(
        key="settings",
        content={"b": 2},
        address=address,
        channel=channel,
        inline=True,
        sync=True,
    )
    assert (one["key"], two["key"]) == ("settings", "settings")
    assert two.message.channel == channel
    assert await client.fetch_aggregate(address, "settings") == {"a": 1, "b": 2}


async def test_the_merge_is_by_top_level_entry_and_null_is_a_value(
    client: AuthenticatedAlephHttpClient,
) -> None:
    address = client.account.get_address()
    await client.create_aggregate("k", {"a": {"x": 1}, "b": 1, "c": 1}, sync=True)
    await client.create_aggregate("k", {"a": {"y": 2}, "b": None}, sync=True)
    assert await client.fetch_aggregate(address, "k") == {"a": {"y": 2}, "b": None, "c": 1}


async def test_a_name_and_a_key_write_one_entry_of_the_aggregate(
    client: AuthenticatedAlephHttpClient,
) -> None:
    await client.create_aggregate("users", {"name": "Ada"}, key="ada@example.org", sync=True)
    await client.create_aggregate("users", {"name": "Bob"}, key="bob@example.org", sync=True)
    users = await client.fetch_aggregate(client.account.get_address(), "users")
    assert users == {"ada@example.org": {"name": "Ada"}, "bob@example.org": {"name": "Bob"}}
    assert await client.fetch_aggregate("users", "ada@example.org") == {"name": "Ada"}
    assert await client.get_aggregate("users", "bob@example.org") == {"name": "Bob"}
    assert await client.get_aggregate("users", "eve@example.org") is None
    with pytest.raises(ResourceNotFoundError, match=r"eve@example\.org"):
        await client.fetch_aggregate("users", "eve@example.org")


async def test_ones_own_aggregates_are_found_without_an_account_by_address_or_key_file(
    node: DevNode,
    client: AuthenticatedAlephHttpClient,
    reader: AlephHttpClient,
    monkeypatch: pytest.MonkeyPatch,
    account: ETHAccount,
) -> None:
    await client.create_aggregate("users", {"name": "Ada"}, key="ada@example.org", sync=True)
    with pytest.raises(ConfigurationError, match="ALEPH_ADDRESS_TO_USE"):
        await reader.fetch_aggregate("users", "ada@example.org")

    create_key_file(settings.PRIVATE_KEY_FILE, bytes.fromhex(account.export_private_key()[2:]))
    async with AlephHttpClient(node.url) as keyed:
        assert await keyed.fetch_aggregate("users", "ada@example.org") == {"name": "Ada"}

    settings.PRIVATE_KEY_FILE.unlink()
    monkeypatch.setenv("ALEPH_ADDRESS_TO_USE", account.get_address())
    async with AlephHttpClient(node.url) as addressed:
        assert await addressed.fetch_aggregate("users", "ada@example.org") == {"name": "Ada"}


async def test_a_large_aggregate_goes_through_storage(
    client: AuthenticatedAlephHttpClient,
) -> None:
    result = await client.create_aggregate("big", {"text": "x" * 250_000}, sync=True)
    assert (result.status, result.message.item_type) == ("processed", "storage")
    small = await client.create_aggregate("big", {"n": 1}, inline=False, sync=True)
    assert (small.status, small.message.item_type) == ("processed", "storage")
    content = await client.fetch_aggregate(client.account.get_address(), "big")
    assert content == {"text": "x" * 250_000, "n": 1}


async def test_missing_aggregates_are_errors_for_fetch_and_nothing_for_get(
    client: AuthenticatedAlephHttpClient,
) -> None:
    address = client.account.get_address()
    with pytest.raises(ResourceNotFoundError):
        await client.fetch_aggregates(address)
    assert await client.get_aggregates(address) is None
    assert await client.get_aggregate(address, "k") is None

    await client.create_aggregate("k", {"a": 1}, sync=True)
    with pytest.raises(ResourceNotFoundError) as caught:
        await client.fetch_aggregate(address, "other")
    assert caught.value.status == 404
    assert await client.get_aggregate(address, "other") is None
    assert await client.get_aggregates(address, ["other"]) is None
    # Beside an existing one, the node leaves a missing one out without a word.
    with pytest.raises(ResourceNotFoundError, match="keys other"):
        await client.fetch_aggregates(address, ["k", "other"])
    assert await client.get_aggregates(address, ["k", "other"]) == {"k": {"a": 1}}


async def test_several_or_all_aggregates_of_an_owner_are_fetched(
    client: AuthenticatedAlephHttpClient,
) -> None:
    address = client.account.get_address()
    for key in ("one", "two", "three"):
        await client.create_aggregate(key, {"is": key}, sync=True)
    assert await client.fetch_aggregates(address, ["one", "two"]) == {
        "one": {"is": "one"},
        "two": {"is": "two"},
    }
    # One text is one key.
    assert await client.fetch_aggregates(address, "three") == {"three": {"is": "three"}}
    assert set(await client.fetch_aggregates(address)) == {"one", "two", "three"}
    assert set(await client.get_aggregates(address) or ()) == {"one", "two", "three"}


async def test_aggregates_are_listed_across_owners_in_the_order_asked_for(
    node: DevNode, client: AuthenticatedAlephHttpClient, pauper: AuthenticatedAlephHttpClient
) -> None:
    mine, theirs = client.account.get_address(), pauper.account.get_address()
    await client.create_aggregate("first", {"n": 1}, sync=True)
    await pauper.create_aggregate("second", {"n": 2}, sync=True)
    await client.create_aggregate("third", {"n": 3}, sync=True)
    await client.create_aggregate("first", {"n": 4}, sync=True)

    async def keys(**options: Any) -> list[str]:
        page = await client.list_aggregates(addresses=[mine, theirs], **options)
        return [aggregate.key for aggregate in page]

    assert await keys(sort_by="last_modified", sort_order=-1) == ["first", "third", "second"]
    assert await keys(sort_by="creation_time", sort_order="1") == ["first", "second", "third"]
    assert await keys(keys=["second", "third"], sort_by="creation_time", sort_order=1) == [
        "second",
        "third",
    ]
    assert await keys(page=2, page_size=2, sort_by="creation_time", sort_order=1) == ["third"]
    (first,) = await client.list_aggregates(addresses=mine, keys="first")
    assert (first.address, first["content"]) == (mine, {"n": 4})
    assert first.created is not None
    assert first.last_updated is not None
    assert first.created < first.last_updated


async def test_aggregates_are_iterated_page_after_page(
    client: AuthenticatedAlephHttpClient,
) -> None:
    keys = [f"key{n}" for n in range(5)]
    for key in keys:
        await client.create_aggregate(key, {"n": 1}, sync=True)
    found = [
        aggregate.key
        async for aggregate in client.list_aggregates_iterator(
            addresses=client.account.get_address(),
            sort_by="creation_time",
            sort_order=1,
            page_size=2,
        )
    ]
    assert found == keys


@pytest.mark.parametrize(
    ("arguments", "options", "argument"),
    [
        ((), {"content": {}}, "key"),
        (("k",), {}, "content"),
        (("k", ["list"]), {}, "content"),
        (("k", {}), {"content": {}}, "content"),
        (("", {}), {}, "key"),
        (("k", {}), {"key": ""}, "key"),
        (("k", {"x": float("inf")}), {}, "content['x']"),
        (("k", {}), {"address": "a/b"}, "address"),
    ],
)
async def test_what_can_be_known_to_be_wrong_is_named_and_not_sent(
    node: DevNode,
    account: ETHAccount,
    recording: HttpClient,
    requests: list[str],
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    argument: str,
) -> None:
    async with AuthenticatedAlephHttpClient(account, node.url, http_client=recording) as client:
        with pytest.raises(ArgumentError) as caught:
            await client.create_aggregate(*arguments, **options)
    assert caught.value.argument == argument
    assert requests == []


@pytest.mark.parametrize("address", ["", "../up", "a/b", "a?b", "0x" + "1" * 40 + "/x", None])
async def test_no_request_is_made_for_an_address_that_can_be_none(
    node: DevNode, recording: HttpClient, requests: list[str], address: Any
) -> None:
    async with AlephHttpClient(node.url, http_client=recording) as client:
        with pytest.raises(ArgumentError):
            await client.fetch_aggregates(address)
        with pytest.raises(ArgumentError):
            await client.get_aggregates(address, ["k"])
    assert requests == []


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"sort_by": "size"}, "sort_by"),
        ({"sort_order": "up"}, "sort_order"),
        ({"addresses": "a/b"}, "addresses[0]"),
        ({"keys": ["a,b"]}, "keys"),
        ({"page": 0}, "page"),
        ({"page_size": 501}, "page_size"),
    ],
    ids=str,
)
async def test_no_list_is_asked_for_that_nodes_would_refuse(
    node: DevNode,
    recording: HttpClient,
    requests: list[str],
    options: dict[str, Any],
    argument: str,
) -> None:
    async with AlephHttpClient(node.url, http_client=recording) as client:
        with pytest.raises(ArgumentError) as caught:
            await client.list_aggregates(**options)
    assert caught.value.argument == argument
    assert requests == []


@pytest.mark.parametrize("keys", ["", ["a,b"], [""], [1]])
async def test_no_request_is_made_for_keys_that_cannot_be_asked_for(
    node: DevNode, recording: HttpClient, requests: list[str], keys: Any, account: ETHAccount
) -> None:
    async with AlephHttpClient(node.url, http_client=recording) as client:
        with pytest.raises(ArgumentError):
            await client.fetch_aggregates(account.get_address(), keys)
    assert requests == []
