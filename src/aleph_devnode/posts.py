"""POST messages and their amends, merged."""

from __future__ import annotations

import json
from sqlite3 import Connection, Row
from typing import Any

from aleph_message.models import PostContent

from . import processed
from .processed import Message
from .rejections import ErrorCode, Postponed, Rejected, permission_denied
from .times import iso_offset, to_microsecond

MERGED = """
SELECT original.item_hash AS original_item_hash, coalesce(amend.item_hash, original.item_hash) AS item_hash,
    coalesce(amend.content, original.content) AS content, original.owner, original.ref, original.channel,
    original.created, coalesce(amend.created, original.created) AS last_updated,
    original.type AS original_type, coalesce(amend.type, original.type) AS type,
    coalesce(amend.tags, original.tags) AS tags
FROM posts AS original LEFT JOIN posts AS amend ON amend.item_hash = original.latest_amend
WHERE original.amends IS NULL
"""


def ref_of(content: PostContent) -> str | None:
    """Return what a post refers to, as text; a reference may be an object that holds a hash."""
    return (
        content.ref
        if content.ref is None or isinstance(content.ref, str)
        else str(content.ref.item_hash)
    )


def find(connection: Connection, item_hash: str) -> Row | None:
    row: Row | None = connection.execute(
        "SELECT * FROM posts WHERE item_hash = ?", (item_hash,)
    ).fetchone()
    return row


def check_dependencies(connection: Connection, content: PostContent) -> None:
    if content.type != "amend":
        return
    ref = ref_of(content)
    if ref is None:
        raise Rejected(ErrorCode.POST_AMEND_NO_TARGET)
    original = find(connection, ref)
    if original is None:
        raise Postponed(ErrorCode.POST_AMEND_TARGET_NOT_FOUND, waits_for=ref)
    if original["type"] == "amend":
        raise Rejected(ErrorCode.POST_AMEND_AMEND)


def check_amended_owner(connection: Connection, content: PostContent) -> None:
    ref = ref_of(content) if content.type == "amend" else None
    original = find(connection, ref) if ref is not None else None
    if original is not None and original["owner"] != content.address:
        raise permission_denied(
            f"Cannot amend post {ref}: amend message address {content.address} "
            f"does not match original post owner {original['owner']}"
        )


def process(connection: Connection, message: Message, content: PostContent) -> None:
    ref = ref_of(content)
    amended = ref if content.type == "amend" else None
    tags = processed.tags_of(message.content)
    connection.execute(
        "INSERT INTO posts (item_hash, owner, type, ref, amends, channel, content, tags, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            message.item_hash,
            content.address,
            content.type,
            ref,
            amended,
            message.channel,
            json.dumps(message.content.get("content"), ensure_ascii=False),
            json.dumps(tags) if tags else None,
            to_microsecond(content.time),
        ),
    )
    if amended is not None:
        _refresh_latest_amend(connection, amended)


def _refresh_latest_amend(connection: Connection, original: str) -> None:
    connection.execute(
        "UPDATE posts SET latest_amend = (SELECT item_hash FROM posts AS amend WHERE amend.amends = posts.item_hash"
        " AND amend.created > posts.created ORDER BY amend.created DESC, amend.rowid LIMIT 1) WHERE item_hash = ?",
        (original,),
    )


def forget(connection: Connection, message: Message, content: PostContent) -> list[str]:
    """Remove a post and return the hashes of its amends, which are forgotten with it."""
    amends = [row["item_hash"] for row in _amends(connection, message.item_hash)]
    connection.execute(
        "DELETE FROM posts WHERE item_hash = ? OR amends = ?",
        (message.item_hash, message.item_hash),
    )
    if content.type == "amend":
        _refresh_latest_amend(connection, str(ref_of(content)))
    return amends


def _amends(connection: Connection, item_hash: str) -> list[Row]:
    return connection.execute(
        "SELECT item_hash FROM posts WHERE amends = ?", (item_hash,)
    ).fetchall()


def shown_v1(row: Row) -> dict[str, Any]:
    return {
        "item_hash": row["item_hash"],
        "content": json.loads(row["content"]),
        "original_item_hash": row["original_item_hash"],
        "original_type": row["original_type"],
        "address": row["owner"],
        "ref": row["ref"],
        "channel": row["channel"],
        "created": iso_offset(row["created"]),
        "last_updated": iso_offset(row["last_updated"]),
    }


def shown_v0(connection: Connection, row: Row) -> dict[str, Any]:
    """Return the legacy shape: the envelope of the latest version, the owner in place of the signer."""
    latest = processed.find(connection, row["item_hash"])
    original = processed.find(connection, row["original_item_hash"])
    if latest is None or original is None:
        raise LookupError(f"post {row['original_item_hash']} has no message")
    return {
        "chain": latest["chain"],
        "item_hash": row["item_hash"],
        "sender": row["owner"],
        "type": row["type"],
        "channel": row["channel"],
        "confirmed": False,
        "content": json.loads(row["content"]),
        "item_content": latest["item_content"],
        "item_type": latest["item_type"],
        "signature": latest["signature"],
        "size": latest["size"],
        "time": latest["time"],
        "confirmations": [],
        "original_item_hash": row["original_item_hash"],
        "original_signature": original["signature"],
        "original_type": row["original_type"],
        "hash": row["original_item_hash"],
        "address": row["owner"],
        "ref": row["ref"],
    }
