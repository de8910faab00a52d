"""Messages in the database: reading, writing and showing them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from sqlite3 import Connection, Row
from typing import Any

import attrs

from .envelopes import normalised_content
from .times import iso_zulu, to_microsecond

PENDING, PROCESSED, REJECTED, FORGOTTEN = "pending", "processed", "rejected", "forgotten"

ENVELOPE_FIELDS = (
    "sender",
    "chain",
    "signature",
    "type",
    "item_content",
    "item_type",
    "item_hash",
    "time",
    "channel",
)
SKELETON_FIELDS = (
    "sender",
    "chain",
    "signature",
    "type",
    "item_type",
    "item_hash",
    "time",
    "channel",
    "owner",
)


@attrs.frozen
class Message:
    """Hold a message whose content is at hand."""

    item_hash: str
    item_type: str
    type: str
    chain: str
    sender: str
    signature: str | None
    time: float
    channel: str | None
    item_content: str | None
    content: dict[str, Any]
    size: int

    @property
    def owner(self) -> str:
        return str(self.content["address"])

    @property
    def content_time(self) -> float:
        return to_microsecond(self.content["time"])

    @property
    def payment_type(self) -> str | None:
        payment = self.content.get("payment")
        return payment.get("type") if isinstance(payment, Mapping) else None


def find(connection: Connection, item_hash: str) -> Row | None:
    row: Row | None = connection.execute(
        "SELECT * FROM messages WHERE item_hash = ?", (item_hash,)
    ).fetchone()
    return row


def status_of(connection: Connection, item_hash: str) -> str | None:
    row = connection.execute(
        "SELECT status FROM messages WHERE item_hash = ?", (item_hash,)
    ).fetchone()
    return None if row is None else str(row["status"])


def load(connection: Connection, item_hash: str) -> Message | None:
    """Return a processed message."""
    row = find(connection, item_hash)
    if row is None or row["status"] != PROCESSED:
        return None
    return from_row(row, json.loads(row["content"]), row["size"])


def from_row(row: Row, content: dict[str, Any], size: int) -> Message:
    return Message(
        **{name: row[name] for name in ENVELOPE_FIELDS},
        content=content,
        size=size,
    )


def tags_of(content: Mapping[str, Any]) -> list[str]:
    """Return the tags of STORE content, or those nested in the content of a POST or AGGREGATE."""
    tags = content.get("tags")
    nested = content.get("content")
    if tags is None and isinstance(nested, Mapping):
        tags = nested.get("tags")
    return sorted({tag for tag in tags if isinstance(tag, str)}) if isinstance(tags, list) else []


def mark_processed(connection: Connection, message: Message) -> None:
    content = message.content
    ref = content.get("ref")
    connection.execute(
        "UPDATE messages SET status = ?, content = ?, size = ?, owner = ?, content_type = ?, content_ref = ?,"
        " content_key = ?, content_item_hash = ?, payment_type = ?, waits_for = NULL, submitted = NULL"
        " WHERE item_hash = ?",
        (
            PROCESSED,
            json.dumps(content, ensure_ascii=False),
            message.size,
            message.owner,
            content.get("type") if isinstance(content.get("type"), str) else None,
            ref if isinstance(ref, str) else None,
            content.get("key") if isinstance(content.get("key"), str) else None,
            content.get("item_hash"),
            message.payment_type,
            message.item_hash,
        ),
    )
    connection.executemany(
        "INSERT INTO message_tags VALUES (?, ?)",
        [(message.item_hash, tag) for tag in tags_of(content)],
    )


def mark_forgotten(
    connection: Connection, item_hash: str, *, by: str, at: float, file_size: int | None
) -> None:
    connection.execute(
        "UPDATE messages SET status = ?, forgotten_by = ?, forgotten_at = ?, file_size = ?,"
        " content = NULL, item_content = NULL, payment_type = coalesce(payment_type, 'hold') WHERE item_hash = ?",
        (FORGOTTEN, json.dumps([by]), at, file_size, item_hash),
    )
    connection.execute("DELETE FROM message_tags WHERE item_hash = ?", (item_hash,))


def listed(row: Row, content_format: str = "full") -> dict[str, Any]:
    """Return a message as lists and the websocket history show it, with its content as it was sent."""
    shown = {name: row[name] for name in ENVELOPE_FIELDS}
    shown |= {"size": row["size"], "confirmed": False, "confirmations": []}
    if content_format == "full":
        shown["content"] = json.loads(row["content"])
    elif content_format == "headers":
        shown["content"] = _headers(row)
    return shown


def _headers(row: Row) -> dict[str, Any]:
    columns = {
        "POST": ("type", "ref"),
        "AGGREGATE": ("key",),
        "STORE": ("item_hash", "ref"),
    }.get(row["type"], ())
    found = {name: row[f"content_{name}"] for name in columns}
    return {"address": row["owner"]} | {
        name: value for name, value in found.items() if value is not None
    }


def full(message: Message) -> dict[str, Any]:
    """Return a message as the node shows a single one, with its content rebuilt by the schema."""
    shown = {name: getattr(message, name) for name in ENVELOPE_FIELDS}
    shown["content"] = normalised_content(message.type, message.content)
    return shown | {"confirmed": False, "confirmations": []}


def skeleton(row: Row) -> dict[str, Any]:
    """Return what is left of a forgotten message."""
    shown = {name: row[name] for name in SKELETON_FIELDS}
    return shown | {
        "payment_type": row["payment_type"],
        "size": row["file_size"],
        "forgotten_at": row["forgotten_at"],
    }


def with_status(row: Row) -> dict[str, Any]:
    """Return the answer to a request for one message, whatever its status."""
    status = row["status"]
    shown: dict[str, Any] = status_line(row)
    if status == PROCESSED:
        shown["message"] = full(from_row(row, json.loads(row["content"]), row["size"]))
    elif status == PENDING:
        shown["messages"] = [_pending(row)]
    elif status == REJECTED:
        shown["message"] = json.loads(row["submitted"])
        shown["error_code"] = row["error_code"]
        shown["details"] = None if row["details"] is None else json.loads(row["details"])
    else:
        shown["message"] = skeleton(row)
        shown["forgotten_by"] = json.loads(row["forgotten_by"])
    return shown


def status_line(row: Row) -> dict[str, Any]:
    return {
        "status": row["status"],
        "item_hash": row["item_hash"],
        "reception_time": iso_zulu(row["reception_time"]),
    }


def _pending(row: Row) -> dict[str, Any]:
    shown = {name: row[name] for name in ENVELOPE_FIELDS}
    shown["time"] = iso_zulu(row["time"])
    shown["content"] = None if row["content"] is None else json.loads(row["content"])
    shown["reception_time"] = iso_zulu(row["reception_time"])
    return shown
