from __future__ import annotations

import asyncio
import json
from sqlite3 import Connection
from typing import Any

from aleph_message.models import AggregateContent
from hypothesis import given
from hypothesis import strategies as st

from aleph_devnode import aggregates
from aleph_devnode.database import Database
from aleph_devnode.processed import Message
from tests.devnode.author import Author

OWNER = "0xowner"


def _message(number: int, time: int, content: dict[str, Any]) -> Message:
    return Message(
        item_hash=f"{number:064x}",
        item_type="inline",
        type="AGGREGATE",
        chain="ETH",
        sender=OWNER,
        signature="0x",
        time=float(time),
        channel=None,
        item_content="",
        content={"address": OWNER, "time": time, "key": "k", "content": content},
        size=0,
    )


@given(
    elements=st.lists(
        st.tuples(
            st.integers(0, 5), st.dictionaries(st.sampled_from("abc"), st.integers(), max_size=3)
        ),
        min_size=1,
        max_size=8,
    ),
    forgotten=st.sets(st.integers(0, 7)),
)
def test_merging_in_any_order_and_forgetting_equals_merging_what_is_left_by_time(
    elements: list[tuple[int, dict[str, int]]], forgotten: set[int]
) -> None:
    messages = [_message(number, *element) for number, element in enumerate(elements)]

    def work(connection: Connection) -> Any:
        for message in messages:
            aggregates.process(connection, message, AggregateContent(**message.content))
        for number in forgotten & set(range(len(messages))):
            message = messages[number]
            aggregates.forget(connection, message, AggregateContent(**message.content))
        rows = aggregates.of_owner(connection, OWNER, ["k"])
        return [json.loads(row["content"]) for row in rows]

    database = Database(None)
    try:
        found = asyncio.run(database.run(work))
    finally:
        database.close()
    left = [element for number, element in enumerate(elements) if number not in forgotten]
    merged: dict[str, int] = {}
    for _, content in sorted(left, key=lambda element: element[0]):
        merged |= content
    assert found == ([merged] if left else [])


def test_a_delegate_writes_the_keys_it_was_allowed(author: Author) -> None:
    delegate = author.another()
    grant = {"address": delegate.address.upper().replace("0X", "0x"), "aggregate_keys": ["open"]}
    author.aggregate("security", {"authorizations": [grant]})
    delegate.aggregate("open", {"by": "delegate"}, address=author.address)
    assert author.merged_aggregate("open") == {"by": "delegate"}
    refused = delegate.aggregate("closed", {}, address=author.address, status=422)
    assert author.error(refused)[0] == 2
    author.aggregate("security", {"authorizations": "nobody"})
    refused = delegate.aggregate("open", {}, address=author.address, status=422)
    assert author.error(refused)[0] == 2


def test_forgetting_whole_aggregates_takes_keys_that_look_like_hashes(author: Author) -> None:
    key = "ab" * 32
    elements = [author.aggregate(key, {"a": 1}), author.aggregate(key, {"b": 2})]
    author.forget(aggregates=[key])
    assert author.merged_aggregate(key) is None
    assert {author.status(element) for element in elements} == {"forgotten"}
    missing = author.forget(aggregates=[key], status=202)
    assert author.error(missing) == (501, {"errors": [{"aggregate": key}]})


def test_aggregates_are_listed_by_either_time_and_by_cursor(author: Author) -> None:
    other = author.another()
    author.aggregate("a", {}, time=1_780_000_001)
    author.aggregate("b", {}, time=1_780_000_002)
    other.aggregate("a", {}, time=1_780_000_002)
    author.aggregate("a", {}, time=1_780_000_003)
    both = f"{author.address},{other.address}"

    def listed(**query: Any) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        cursor: str | None = ""
        while cursor is not None:
            page = author.get(
                "/api/v0/aggregates", addresses=both, pagination=1, cursor=cursor, **query
            ).json
            found += [(entry["address"], entry["key"]) for entry in page["aggregates"]]
            cursor = page["next_cursor"]
        return found

    mine, theirs = author.address, other.address
    assert listed() == [(mine, "a"), (theirs, "a"), (mine, "b")]
    assert listed(sortOrder=1) == [(theirs, "a"), (mine, "b"), (mine, "a")]
    assert listed(sortBy="creation_time", sortOrder=1) == [(mine, "a"), (theirs, "a"), (mine, "b")]
    assert listed(keys="b") == [(mine, "b")]
    assert author.get("/api/v0/aggregates", cursor="xyz").status == 422


def test_authorizations_are_filtered_like_permissions(author: Author) -> None:
    one, two = author.another(), author.another()
    author.aggregate(
        "security",
        {
            "authorizations": [
                {"address": one.address, "types": ["POST"], "chain": "ETH"},
                {"address": two.address},
                {"address": ""},
            ]
        },
    )

    def granted(**query: Any) -> list[str]:
        path = f"/api/v0/authorizations/granted/{author.address}.json"
        return list(author.get(path, **query).json["authorizations"])

    assert granted() == [one.address, two.address]
    assert granted(types="STORE") == [two.address]
    assert granted(chains="ETH,SOL") == [one.address, two.address]
    assert granted(chains="SOL", channels="x", postTypes="y", aggregateKeys="z") == [two.address]
    assert granted(grantee=one.address) == [one.address]
    path = f"/api/v0/authorizations/received/{two.address}.json"
    assert author.get(path).json["authorizations"] == {author.address: [{}]}
    assert author.get(path, granter="0xelse").json["authorizations"] == {}
    bad = author.get(path, pagination=0)
    assert (bad.status, bad.headers["content-type"]) == (422, "application/json")
