"""STORE messages: which files are known, who pins them, and which names they go by."""

from __future__ import annotations

from sqlite3 import Connection, Row
from typing import Any

from aleph_message.models import StoreContent

from .envelopes import hash_kind
from .processed import Message
from .rejections import (
    ErrorCode,
    Postponed,
    Rejected,
    invalid_format,
    not_found,
    permission_denied,
)
from .times import now

FILE, DIRECTORY = "file", "directory"
UNCLAIMED, CLAIMED, CONTENT = "grace_period", "message", "content"


def find(connection: Connection, file_hash: str) -> Row | None:
    """Return ``hash, size, type`` of a known file."""
    row: Row | None = connection.execute(
        "SELECT * FROM files WHERE hash = ?", (file_hash,)
    ).fetchone()
    return row


def register(connection: Connection, file_hash: str, size: int, kind: str = FILE) -> None:
    connection.execute(
        "INSERT INTO files VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (file_hash, size, kind)
    )


def keep_unclaimed(connection: Connection, file_hash: str) -> None:
    """Pin a file that no message names yet, once."""
    pinned = connection.execute(
        "SELECT 1 FROM file_pins WHERE file_hash = ? AND kind = ?", (file_hash, UNCLAIMED)
    ).fetchone()
    if pinned is None:
        _pin(connection, file_hash, UNCLAIMED, created=now())


def pin_content(connection: Connection, message: Message) -> None:
    """Pin the file that holds the content of a message."""
    register(connection, message.item_hash, message.size)
    _pin(
        connection,
        message.item_hash,
        CONTENT,
        item_hash=message.item_hash,
        owner=message.sender,
        created=message.content_time,
    )


def _pin(
    connection: Connection,
    file_hash: str,
    kind: str,
    *,
    created: float,
    item_hash: str | None = None,
    owner: str | None = None,
    ref: str | None = None,
) -> None:
    connection.execute(
        "INSERT INTO file_pins (file_hash, kind, item_hash, owner, ref, created) VALUES (?, ?, ?, ?, ?, ?)",
        (file_hash, kind, item_hash, owner, ref, created),
    )


def pin_of_message(connection: Connection, item_hash: str) -> Row | None:
    """Return the pin of a STORE with the size of its file."""
    row: Row | None = connection.execute(
        "SELECT file_pins.*, files.size, files.type FROM file_pins JOIN files ON files.hash = file_hash"
        " WHERE item_hash = ? AND kind = ?",
        (item_hash, CLAIMED),
    ).fetchone()
    return row


def tagged(connection: Connection, tag: str) -> Row | None:
    """Return the latest file under a tag, with its size."""
    row: Row | None = connection.execute(
        "SELECT file_tags.*, files.size FROM file_tags JOIN files ON files.hash = file_hash WHERE tag = ?",
        (tag,),
    ).fetchone()
    return row


def count_pins(connection: Connection, file_hash: str) -> int:
    (count,) = connection.execute(
        "SELECT count(*) FROM file_pins WHERE file_hash = ?", (file_hash,)
    ).fetchone()
    return int(count)


def tag_of(content: StoreContent, item_hash: str) -> str:
    """Return the name a STORE's file is found under: its own hash, the original's, or ``owner/ref``."""
    if content.ref is None:
        return item_hash
    return content.ref if hash_kind(content.ref) else f"{content.address}/{content.ref}"


def fetch(connection: Connection, content: StoreContent) -> None:
    """Make sure that the file of a STORE is here; raises ``Postponed`` while it is not."""
    kind = hash_kind(content.item_hash)
    if kind != content.item_type:
        raise invalid_format(
            f"Item hash '{content.item_hash}' is not of the expected type ('{content.item_type}')"
        )
    if find(connection, content.item_hash) is None:
        raise Postponed(
            ErrorCode.FILE_UNAVAILABLE,
            [not_found(content.item_hash, "could not retrieve file from storage at this time")],
            waits_for=content.item_hash,
        )


def check_dependencies(connection: Connection, content: StoreContent) -> None:
    if content.ref is None or not hash_kind(content.ref):
        return
    original = pin_of_message(connection, content.ref)
    if original is None:
        raise Postponed(ErrorCode.STORE_REF_NOT_FOUND, [content.ref], waits_for=content.ref)
    if original["ref"] is not None:
        raise Rejected(ErrorCode.STORE_UPDATE_UPDATE)


def check_tag_owner(connection: Connection, content: StoreContent, item_hash: str) -> None:
    if content.ref is None:
        return
    row = tagged(connection, tag_of(content, item_hash))
    if row is not None and row["owner"] != content.address:
        raise permission_denied(
            f"{item_hash} attempts to update a file tag belonging to another user"
        )


def process(connection: Connection, message: Message, content: StoreContent) -> None:
    _pin(
        connection,
        content.item_hash,
        CLAIMED,
        item_hash=message.item_hash,
        owner=content.address,
        ref=content.ref,
        created=content.time,
    )
    connection.execute(
        "INSERT INTO file_tags VALUES (?, ?, ?, ?) ON CONFLICT (tag) DO UPDATE SET"
        " owner = excluded.owner, file_hash = excluded.file_hash, last_updated = excluded.last_updated"
        " WHERE excluded.last_updated > file_tags.last_updated",
        (tag_of(content, message.item_hash), content.address, content.item_hash, content.time),
    )


def forget(connection: Connection, message: Message, content: StoreContent) -> None:
    connection.execute(
        "DELETE FROM file_pins WHERE item_hash = ? AND kind = ?", (message.item_hash, CLAIMED)
    )
    tag = tag_of(content, message.item_hash)
    connection.execute("DELETE FROM file_tags WHERE tag = ?", (tag,))
    if content.ref is None or hash_kind(content.ref):
        owned, values = "(item_hash = ? OR ref = ?)", [tag, tag]
    else:
        owned, values = "(owner = ? AND ref = ?)", [content.address, content.ref]
    connection.execute(
        "INSERT INTO file_tags SELECT ?, owner, file_hash, created FROM file_pins"
        f" WHERE kind = ? AND {owned} ORDER BY created DESC LIMIT 1",
        [tag, CLAIMED, *values],
    )
    if count_pins(connection, content.item_hash) == 0:
        keep_unclaimed(connection, content.item_hash)


def owned(connection: Connection, owner: str) -> tuple[int, int]:
    """Return how many files an address pins and their total size in bytes."""
    count, size = connection.execute(
        "SELECT count(*), coalesce(sum(size), 0) FROM file_pins JOIN files ON files.hash = file_hash"
        " WHERE owner = ? AND kind = ?",
        (owner, CLAIMED),
    ).fetchone()
    return int(count), int(size)


def list_owned(
    connection: Connection,
    owner: str,
    *,
    file_hash: str | None,
    ascending: bool,
    limit: int,
    offset: int = 0,
    after: tuple[float, str] | None = None,
) -> list[Row]:
    """Return the pins of an address by time, then item hash; ``limit`` 0 returns all."""
    conditions, values = ["owner = ?", "kind = ?"], [owner, CLAIMED]
    parameters: list[Any] = list(values)
    if file_hash is not None:
        conditions.append("file_hash = ?")
        parameters.append(file_hash)
    if after is not None:
        side = ">" if ascending else "<"
        conditions.append(f"(created {side} ? OR (created = ? AND item_hash > ?))")
        parameters += [after[0], after[0], after[1]]
    order = "ASC" if ascending else "DESC"
    return connection.execute(
        "SELECT file_hash, size, type, created, item_hash FROM file_pins JOIN files ON files.hash = file_hash"
        f" WHERE {' AND '.join(conditions)} ORDER BY created {order}, item_hash ASC LIMIT ? OFFSET ?",
        [*parameters, limit or -1, offset],
    ).fetchall()
