"""Editing aggregates while others do, too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from aleph_async import (
    AggregateConflictError,
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    Authorization,
    ETHAccount,
    ResourceNotFoundError,
    security_content,
)
from aleph_async._runtime import gather
from aleph_devnode import DevNode

pytestmark = pytest.mark.anyio


def appended(name: str, content: dict[str, Any]) -> Mapping[str, Any]:
    names = content.get("names", [])
    return {"names": names if name in names else [*names, name]}


def removed(name: str, content: dict[str, Any]) -> Mapping[str, Any]:
    return {"names": [other for other in content.get("names", []) if other != name]}


async def test_an_edit_is_processed_when_it_returns(client: AuthenticatedAlephHttpClient) -> None:
    address = client.account.get_address()
    result = await client.edit_aggregate("list", partial(appended, "a"))
    assert result is not None
    assert result.status == "processed"
    assert await client.fetch_aggregate(address, "list") == {"names": ["a"]}


async def test_what_is_there_already_is_not_written_again(
    client: AuthenticatedAlephHttpClient,
) -> None:
    await client.create_aggregate("list", {"names": ["a"], "other": 1}, sync=True)
    assert await client.edit_aggregate("list", partial(appended, "a")) is None
    found = await client.get_messages(owners=client.account.get_address())
    assert len(found) == 1


async def test_other_entries_stay_and_are_not_written_again(
    client: AuthenticatedAlephHttpClient,
) -> None:
    await client.create_aggregate("list", {"names": ["a"], "other": 1}, sync=True)
    result = await client.edit_aggregate("list", partial(appended, "b"))
    assert result is not None
    assert result.content["content"] == {"names": ["a", "b"]}
    address = client.account.get_address()
    assert await client.fetch_aggregate(address, "list") == {"names": ["a", "b"], "other": 1}


async def test_edits_at_once_by_several_clients_lose_nothing(
    node: DevNode, account: ETHAccount
) -> None:
    clients = [AuthenticatedAlephHttpClient(account, node.url) for _ in range(4)]
    await clients[0].create_aggregate("list", {"names": ["old", "kept"]}, sync=True)
    changes = [partial(appended, name) for name in "abc"] + [partial(removed, "old")]

    await gather(
        [
            partial(client.edit_aggregate, "list", change)
            for client, change in zip(clients, changes, strict=True)
        ],
        limit=4,
    )

    found = await clients[0].fetch_aggregate(account.get_address(), "list")
    assert sorted(found["names"]) == ["a", "b", "c", "kept"]
    for client in clients:
        await client.aclose()


async def test_an_edit_is_applied_again_on_what_it_overwrote(
    client: AuthenticatedAlephHttpClient, node: DevNode, account: ETHAccount
) -> None:
    """Between reading and writing another client writes the same entry."""
    others = iter(["x"])

    def change(content: dict[str, Any]) -> Mapping[str, Any]:
        name = next(others, None)
        if name is not None:
            write_elsewhere(node, account, name)
        return appended("mine", content)

    await client.edit_aggregate("list", change)
    found = await client.fetch_aggregate(account.get_address(), "list")
    assert sorted(found["names"]) == ["mine", "x"]


def write_elsewhere(node: DevNode, account: ETHAccount, name: str) -> None:
    import aleph_sync

    with aleph_sync.AuthenticatedAlephHttpClient(account, node.url) as other:
        found = other.get_aggregate(account.get_address(), "list") or {}
        # Whole milliseconds, as browsers sign: by chance, any microseconds may look like a mark.
        time = round(datetime.now(UTC).timestamp(), 3)
        fields = {"key": "list", "content": dict(appended(name, found)), "time": time}
        other.submit(fields, "AGGREGATE", sync=True)


async def test_those_who_never_cease_to_write_end_an_edit(
    client: AuthenticatedAlephHttpClient,
    node: DevNode,
    account: ETHAccount,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aleph_core.edits.pause", lambda _attempt: 0.0)
    count = iter(range(1000))

    def change(content: dict[str, Any]) -> Mapping[str, Any]:
        write_elsewhere(node, account, str(next(count)))
        return appended("mine", content)

    with pytest.raises(AggregateConflictError, match="kept writing") as raised:
        await client.edit_aggregate("list", change)
    assert (raised.value.key, raised.value.attempts) == ("list", 12)


async def test_an_edit_wins_over_an_element_from_the_future(
    client: AuthenticatedAlephHttpClient,
) -> None:
    fields = {"key": "list", "content": {"names": ["a"]}, "time": 4_000_000_000.0}
    await client.submit(fields, "AGGREGATE", sync=True)
    await client.edit_aggregate("list", partial(appended, "b"))
    address = client.account.get_address()
    assert await client.fetch_aggregate(address, "list") == {"names": ["a", "b"]}


async def test_what_a_delegate_wrote_counts_even_after_it_lost_the_right(
    client: AuthenticatedAlephHttpClient, pauper: AuthenticatedAlephHttpClient
) -> None:
    owner, delegate = client.account.get_address(), pauper.account.get_address()
    allowed = security_content([Authorization(delegate, types=["AGGREGATE"])])
    await client.create_aggregate("security", allowed, sync=True)
    await pauper.edit_aggregate("list", partial(appended, "theirs"), address=owner)
    await client.create_aggregate("security", security_content([]), sync=True)

    await client.edit_aggregate("list", partial(appended, "mine"))

    assert await client.fetch_aggregate(owner, "list") == {"names": ["theirs", "mine"]}


class Misled(AuthenticatedAlephHttpClient):
    """A client whose node, or a proxy before it, says that there are no aggregates."""

    async def fetch_aggregates(self, *arguments: Any, **options: Any) -> Any:
        raise ResourceNotFoundError("no aggregates", status=404)


async def test_entries_are_not_lost_when_a_node_says_that_there_are_none(
    node: DevNode, account: ETHAccount, client: AuthenticatedAlephHttpClient
) -> None:
    await client.edit_aggregate("list", partial(appended, "a"))
    async with Misled(account, node.url) as misled:
        await misled.edit_aggregate("list", partial(appended, "b"))
    found = await client.fetch_aggregate(account.get_address(), "list")
    assert found == {"names": ["a", "b"]}


async def test_a_change_that_is_no_function_is_refused(
    client: AuthenticatedAlephHttpClient,
) -> None:
    with pytest.raises(ArgumentError, match="change"):
        await client.edit_aggregate("list", {"names": []})  # type: ignore[arg-type]


async def test_a_change_that_returns_no_entries_is_refused_before_anything_is_written(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient
) -> None:
    with pytest.raises(ArgumentError, match="change"):
        await client.edit_aggregate("list", lambda _content: ["names"])  # type: ignore[arg-type,return-value]
    assert not await reader.get_messages(owners=client.account.get_address())
