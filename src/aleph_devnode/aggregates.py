"""AGGREGATE messages, merged key by key in the order of their content times."""

from __future__ import annotations

import json
from sqlite3 import Connection, Row
from typing import Any

from aleph_message.models import AggregateContent

from .processed import Message
from .rejections import ErrorCode, Postponed
from .times import to_microsecond


def find(connection: Connection, owner: str, key: str) -> Any:
    """Return the merged content of one aggregate, None when there is none."""
    row = connection.execute(
        "SELECT content FROM aggregates WHERE owner = ? AND key = ?", (owner, key)
    ).fetchone()
    return None if row is None else json.loads(row["content"])


def process(connection: Connection, message: Message, content: AggregateContent) -> None:
    if not isinstance(content.key, str):
        # The real node fails on keys of this form, retries, and gives up.
        raise Postponed(ErrorCode.INTERNAL_ERROR)
    owner, key, time = content.address, content.key, to_microsecond(content.time)
    new = message.content["content"]
    connection.execute(
        "INSERT INTO aggregate_elements VALUES (?, ?, ?, ?, ?)",
        (message.item_hash, owner, key, json.dumps(new, ensure_ascii=False), time),
    )
    current = _row(connection, owner, key)
    if current is None or time <= current["last_updated"]:
        _merge(connection, owner, key)
        return
    connection.execute(
        "UPDATE aggregates SET content = ?, last_updated = ?, last_element = ? WHERE owner = ? AND key = ?",
        (
            json.dumps(json.loads(current["content"]) | new, ensure_ascii=False),
            time,
            message.item_hash,
            owner,
            key,
        ),
    )


def forget(connection: Connection, message: Message, content: AggregateContent) -> None:
    connection.execute("DELETE FROM aggregate_elements WHERE item_hash = ?", (message.item_hash,))
    _merge(connection, content.address, str(content.key))


def elements(connection: Connection, owner: str, key: str) -> list[str]:
    """Return the hashes of the messages that make up an aggregate."""
    rows = connection.execute(
        "SELECT item_hash FROM aggregate_elements WHERE owner = ? AND key = ?", (owner, key)
    ).fetchall()
    return [row["item_hash"] for row in rows]


def _row(connection: Connection, owner: str, key: str) -> Row | None:
    row: Row | None = connection.execute(
        "SELECT * FROM aggregates WHERE owner = ? AND key = ?", (owner, key)
    ).fetchone()
    return row


def _merge(connection: Connection, owner: str, key: str) -> None:
    connection.execute("DELETE FROM aggregates WHERE owner = ? AND key = ?", (owner, key))
    merged: dict[str, Any] = {}
    first: Row | None = None
    last: Row | None = None
    for row in connection.execute(
        "SELECT * FROM aggregate_elements WHERE owner = ? AND key = ? ORDER BY created, rowid",
        (owner, key),
    ):
        merged |= json.loads(row["content"])
        first, last = first or row, row
    if first is not None and last is not None:
        connection.execute(
            "INSERT INTO aggregates VALUES (?, ?, ?, ?, ?, ?)",
            (
                owner,
                key,
                json.dumps(merged, ensure_ascii=False),
                first["created"],
                last["created"],
                last["item_hash"],
            ),
        )


def of_owner(connection: Connection, owner: str, keys: list[str] | None) -> list[Row]:
    chosen = "" if keys is None else f" AND key IN ({','.join('?' * len(keys))})"
    return connection.execute(
        f"SELECT * FROM aggregates WHERE owner = ?{chosen} ORDER BY key", [owner, *(keys or ())]
    ).fetchall()


def search(
    connection: Connection,
    *,
    keys: list[str] | None,
    owners: list[str] | None,
    by_creation: bool,
    ascending: bool,
    limit: int,
    offset: int = 0,
    after: tuple[float, str, str] | None = None,
) -> tuple[list[Row], int]:
    """Return one page of aggregates, and how many match in all."""
    conditions: list[str] = ["1"]
    parameters: list[Any] = []
    for column, chosen in (("key", keys), ("owner", owners)):
        if chosen is not None:
            conditions.append(f"{column} IN ({','.join('?' * len(chosen))})")
            parameters += chosen
    (total,) = connection.execute(
        f"SELECT count(*) FROM aggregates WHERE {' AND '.join(conditions)}", parameters
    ).fetchone()
    column = "created" if by_creation else "last_updated"
    if after is not None:
        side = ">" if ascending else "<"
        conditions.append(f"({column} {side} ? OR ({column} = ? AND (key, owner) > (?, ?)))")
        parameters += [after[0], *after]
    order = "ASC" if ascending else "DESC"
    rows = connection.execute(
        f"SELECT * FROM aggregates WHERE {' AND '.join(conditions)}"
        f" ORDER BY {column} {order}, key, owner LIMIT ? OFFSET ?",
        [*parameters, limit, offset],
    ).fetchall()
    return rows, int(total)
