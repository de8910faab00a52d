"""Searching messages and posts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from sqlite3 import Connection, Row
from typing import Any

import attrs

from . import posts
from .queries import HashesQuery, MessageFilter, PostsQuery, SortOrder, Status

After = tuple[float, str] | None


@attrs.define
class Conditions:
    """Collect the conditions of a search and their values."""

    clauses: list[str] = attrs.field(factory=lambda: ["1"])
    values: list[Any] = attrs.field(factory=list)

    def one_of(self, column: str, chosen: Iterable[Any] | None) -> None:
        """Want one of the values; no list, or an empty one, wants nothing in particular."""
        values = [getattr(value, "value", value) for value in chosen or ()]
        if values:
            self.clauses.append(f"{column} IN ({','.join('?' * len(values))})")
            self.values += values

    def between(self, column: str, start: float, end: float) -> None:
        """Want a time from ``start`` up to but without ``end``; zero is no limit."""
        if start:
            self.add(f"{column} >= ?", start)
        if end:
            self.add(f"{column} < ?", end)

    def after(self, time_column: str, hash_column: str, mark: After, order: SortOrder) -> None:
        """Want what comes after a mark in a list by time, then hash."""
        if mark is not None:
            side = ">" if order == SortOrder.ASCENDING else "<"
            self.add(
                f"({time_column} {side} ? OR ({time_column} = ? AND {hash_column} > ?))",
                mark[0],
                mark[0],
                mark[1],
            )

    def add(self, clause: str, *values: Any) -> None:
        self.clauses.append(clause)
        self.values += values

    def __str__(self) -> str:
        return " AND ".join(self.clauses)


def _direction(order: SortOrder) -> str:
    return "ASC" if order == SortOrder.ASCENDING else "DESC"


def _message_conditions(query: MessageFilter) -> Conditions:
    found = Conditions()
    found.one_of("status", query.message_statuses)
    found.one_of("type", query.message_types)
    found.one_of("type", [query.message_type] if query.message_type else None)
    found.one_of("item_hash", query.hashes)
    found.one_of("sender", query.addresses)
    found.one_of("owner", query.owners)
    found.one_of("chain", query.chains)
    found.one_of("channel", query.channels)
    found.one_of("payment_type", query.payment_types)
    return found


def messages(
    connection: Connection,
    query: MessageFilter,
    *,
    limit: int,
    offset: int = 0,
    after: After = None,
) -> tuple[list[Row], int]:
    """Return one page of processed messages and how many match in all; ``limit`` 0 returns all."""
    # Nothing is ever confirmed here: the order by confirmation is that by time, and any end block excludes all.
    found = _message_conditions(query)
    live = {status.value for status in query.message_statuses or ()} & {"processed", "removing"}
    if query.message_statuses is not None and not live:
        return [], 0
    found.add("status = 'processed'")
    found.between("time", query.start_date, query.end_date)
    found.one_of("content_ref", query.refs)
    found.one_of("content_type", query.content_types)
    found.one_of("content_item_hash", query.content_hashes)
    found.one_of("content_key", query.content_keys)
    if query.tags:
        marks = ",".join("?" * len(query.tags))
        found.add(
            f"item_hash IN (SELECT item_hash FROM message_tags WHERE tag IN ({marks}))", *query.tags
        )
    if query.end_block:
        found.add("0")
    (total,) = connection.execute(
        f"SELECT count(*) FROM messages WHERE {found}", found.values
    ).fetchone()
    found.after("time", "item_hash", after, query.sort_order)
    rows = connection.execute(
        f"SELECT * FROM messages WHERE {found} ORDER BY time {_direction(query.sort_order)}, item_hash"
        " LIMIT ? OFFSET ?",
        [*found.values, limit or -1, offset],
    ).fetchall()
    return rows, int(total)


def forgotten(
    connection: Connection, query: MessageFilter, *, limit: int, offset: int
) -> tuple[list[Row], int]:
    """Return one page of forgotten messages by the time they were forgotten, and how many match in all."""
    found = _message_conditions(query)
    found.between("forgotten_at", query.start_date, query.end_date)
    (total,) = connection.execute(
        f"SELECT count(*) FROM messages WHERE {found}", found.values
    ).fetchone()
    rows = connection.execute(
        f"SELECT * FROM messages WHERE {found} ORDER BY forgotten_at {_direction(query.sort_order)}, item_hash"
        " LIMIT ? OFFSET ?",
        [*found.values, limit or -1, offset],
    ).fetchall()
    return rows, int(total)


def hashes(connection: Connection, query: HashesQuery) -> tuple[list[str], int]:
    """Return one page of the hashes of processed messages by reception, and how many match in all."""
    found = Conditions()
    found.add("status = 'processed'")
    if query.status not in (None, Status.PROCESSED):
        found.add("0")
    found.between("reception_time", query.start_date, query.end_date)
    (total,) = connection.execute(
        f"SELECT count(*) FROM messages WHERE {found}", found.values
    ).fetchone()
    rows = connection.execute(
        f"SELECT item_hash FROM messages WHERE {found}"
        f" ORDER BY reception_time {_direction(query.sort_order)}, item_hash LIMIT ? OFFSET ?",
        [*found.values, query.pagination or -1, query.offset],
    ).fetchall()
    return [row["item_hash"] for row in rows], int(total)


def merged_posts(
    connection: Connection, query: PostsQuery, *, limit: int, offset: int = 0, after: After = None
) -> tuple[list[Row], int]:
    """Return one page of posts with their amends merged, and how many match in all."""
    found = Conditions()
    found.one_of("original_item_hash", query.hashes)
    found.one_of("owner", query.addresses)
    found.one_of("ref", query.refs)
    found.one_of("original_type", query.post_types)
    found.one_of("channel", query.channels)
    found.between("last_updated", query.start_date, query.end_date)
    if query.tags:
        found.add(
            "EXISTS (SELECT 1 FROM json_each(tags) WHERE value IN (SELECT value FROM json_each(?)))",
            json.dumps(query.tags),
        )
    source = f"({posts.MERGED})"
    (total,) = connection.execute(
        f"SELECT count(*) FROM {source} WHERE {found}", found.values
    ).fetchone()
    found.after("last_updated", "original_item_hash", after, query.sort_order)
    rows = connection.execute(
        f"SELECT * FROM {source} WHERE {found} ORDER BY last_updated {_direction(query.sort_order)},"
        " original_item_hash LIMIT ? OFFSET ?",
        [*found.values, limit or -1, offset],
    ).fetchall()
    return rows, int(total)
