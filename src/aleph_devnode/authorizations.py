"""Who may publish for whom, by the owner's ``security`` aggregate."""

from __future__ import annotations

from sqlite3 import Connection
from typing import Any

from aleph_message.models import PostContent

from aleph_core.permissions import is_authorized

from . import aggregates, processed
from .envelopes import parse_content
from .posts import ref_of
from .processed import Message
from .rejections import Rejected, permission_denied

KEY = "security"


def may_create(connection: Connection, sender: str, message: Message) -> bool:
    """Tell whether ``sender`` could publish ``message`` for the owner it names."""
    if sender.lower() == message.owner.lower():
        return True
    content = message.content
    return is_authorized(
        aggregates.find(connection, message.owner, KEY),
        sender=sender,
        chain=message.chain,
        channel=message.channel,
        message_type=message.type,
        post_type=content.get("type") if message.type == "POST" else None,
        aggregate_key=content.get("key") if message.type == "AGGREGATE" else None,
    )


def check(connection: Connection, message: Message) -> None:
    """Raise ``Rejected`` unless the sender may publish the message; amends count as the post they change."""
    judged = message
    if message.type == "POST" and message.content.get("type") == "amend":
        content = parse_content("POST", message.content)
        ref = ref_of(content) if isinstance(content, PostContent) else None
        original = processed.load(connection, ref) if ref is not None else None
        if original is not None and _same_owner(original, message):
            judged = original
        elif original is not None and message.sender.lower() != message.owner.lower():
            raise _denied(message)
    if message.sender.lower() != message.owner.lower() and not may_create(
        connection, message.sender, judged
    ):
        raise _denied(message)


def _same_owner(one: Message, other: Message) -> bool:
    return one.owner.lower() == other.owner.lower()


def _denied(message: Message) -> Rejected:
    return permission_denied(
        f"Sender {message.sender} is not authorized to post on behalf of address {message.owner}"
    )


def entries_of(content: Any) -> list[dict[str, Any]]:
    """Return the entries of a ``security`` aggregate that name an address."""
    found = content.get("authorizations") if isinstance(content, dict) else None
    entries = found if isinstance(found, list) else []
    return [
        entry
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("address"), str)
    ]


def granted(connection: Connection, owner: str) -> dict[str, list[dict[str, Any]]]:
    """Return what an address allows, by the address it allows it to."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for entry in entries_of(aggregates.find(connection, owner, KEY)):
        if entry["address"]:
            grouped.setdefault(entry["address"], []).append(_without_address(entry))
    return grouped


def received(connection: Connection, address: str) -> dict[str, list[dict[str, Any]]]:
    """Return what an address is allowed, by the address that allows it."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in connection.execute(
        "SELECT owner FROM aggregates WHERE key = ? ORDER BY owner", (KEY,)
    ).fetchall():
        for entry in entries_of(aggregates.find(connection, row["owner"], KEY)):
            if entry["address"] == address:
                grouped.setdefault(row["owner"], []).append(_without_address(entry))
    return grouped


def _without_address(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "address"}


def matches(entry: dict[str, Any], wanted: dict[str, list[str] | None]) -> bool:
    """Tell whether an entry allows any of the wanted values; what it does not restrict it allows."""
    for name, values in wanted.items():
        limits = entry.get(name) or []
        limits = [limits] if isinstance(limits, str) else limits
        if values and limits and not set(values) & set(limits):
            return False
    return True
