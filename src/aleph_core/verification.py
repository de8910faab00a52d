"""Is this the message that was asked for, does its content match its hash, did its sender sign it."""

from __future__ import annotations

import hmac
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, cast

from .errors import (
    ArgumentError,
    ContentMismatchError,
    MalformedAnswerError,
    VerificationError,
)
from .excerpts import shown
from .hashing import Hasher, hasher_for, sha256_hex
from .item_hash import is_cid, is_item_hash
from .json_text import parse_json
from .models.message import MESSAGE_TYPES, Content, Message, MessageStatus
from .signatures import verify_message_signature

__all__ = [
    "Verify",
    "check_verify",
    "hasher_to_verify",
    "needs_content",
    "parse_content",
    "read_message",
    "verify_digest",
    "verify_message",
    "with_content",
]

Verify = Literal["off", "content", "signature"]
_LEVELS = ("off", "content", "signature")

_KNOWN = frozenset(
    [
        "chain",
        "sender",
        "type",
        "item_type",
        "item_hash",
        "time",
        "content",
        "channel",
        "item_content",
        "signature",
        "size",
        "confirmed",
        "confirmations",
    ]
)


def check_verify(level: object) -> Verify:
    if level not in _LEVELS:
        raise ArgumentError("verify", f"{level!r} is none of {', '.join(_LEVELS)}")
    return cast(Verify, level)


def hasher_to_verify(file_hash: str, level: Verify) -> Hasher | None:
    """Return what recomputes the hash of a file while it streams, or None at the level ``off``.

    Raises ``UnverifiableContentError`` for a CID that cannot be recomputed here.
    """
    return None if level == "off" else hasher_for(file_hash)


def verify_digest(computed: str, expected: str, *, what: str = "file", node: str = "") -> None:
    if not hmac.compare_digest(computed.encode(), expected.encode()):
        raise ContentMismatchError(
            f"the bytes that {node or 'the node'} sent for {what} {expected} hash to {computed}; "
            "nothing of them was kept",
            item_hash=expected,
            node=node or None,
        )


def parse_content(text: str | bytes, item_hash: str, *, node: str = "") -> Content:
    """Return the content that the hashed text holds; raise ``VerificationError`` unless it is an object."""
    try:
        value = parse_json(text)
    except ValueError as error:
        raise VerificationError(
            f"the content of message {item_hash} is no JSON", item_hash=item_hash, node=node or None
        ) from error
    if not isinstance(value, dict):
        raise VerificationError(
            f"the content of message {item_hash} is no object",
            item_hash=item_hash,
            node=node or None,
        )
    return Content(value)


def read_message(
    raw: object,
    *,
    verify: Verify,
    expected_hash: str | None = None,
    status: MessageStatus | None = None,
    node: str = "",
) -> Message:
    """Turn a node's JSON into a message that holds at the given level.

    ``status`` is what is known about it: only forgotten and removed messages may come without content.
    Raises ``MalformedAnswerError`` for what has not the form of a message, ``VerificationError`` for
    what does not hold. Content that lies outside the message is left empty, see ``needs_content``.
    """
    if not isinstance(raw, Mapping):
        raise MalformedAnswerError(f"expected a message, not {type(raw).__name__}", node=node)
    message = _structure(raw, node).evolve(status=status)
    if expected_hash is not None and message.item_hash != expected_hash:
        raise VerificationError(
            f"asked for message {expected_hash}, {node or 'the node'} answered with "
            f"{message.item_hash}",
            item_hash=expected_hash,
            node=node or None,
        )
    if verify == "off":
        if message.item_content is not None:
            content = parse_content(message.item_content, message.item_hash, node=node)
            return message.evolve(content=content)
        parsed = raw.get("content")
        return message.evolve(content=Content(parsed)) if isinstance(parsed, dict) else message
    if message.item_content is not None:
        if message.item_type != "inline":
            raise VerificationError(
                f"message {message.item_hash} has inline content but item type {message.item_type}",
                item_hash=message.item_hash,
                node=node or None,
            )
        data = _encode(message.item_content, message.item_hash, node)
        verify_digest(sha256_hex(data), message.item_hash, what="message", node=node)
        message = message.evolve(
            content=parse_content(message.item_content, message.item_hash, node=node)
        )
    elif message.item_type == "inline" and not _is_skeleton(message):
        raise VerificationError(
            f"message {message.item_hash} came without the text of its content",
            item_hash=message.item_hash,
            node=node or None,
        )
    if verify == "signature":
        verify_message_signature(message)
    return message


def needs_content(message: Message) -> bool:
    """Tell whether the content must still be fetched by the message's own hash."""
    return message.item_type != "inline" and not message.content and not _is_skeleton(message)


def with_content(message: Message, data: bytes, *, node: str = "") -> Message:
    """Return the message with content from bytes whose hash was checked."""
    return message.evolve(content=parse_content(data, message.item_hash, node=node))


def verify_message(message: Message) -> None:
    """Raise unless the sender signed the message, and its inline text is its content and has its hash.

    Content that lies outside the message is not looked at here; clients check it when they fetch it.

    Raises ``ContentMismatchError``, ``BadSignatureError``, or ``UnverifiableChainError``.
    """
    if message.item_content is not None:
        data = _encode(message.item_content, message.item_hash, "")
        verify_digest(sha256_hex(data), message.item_hash, what="message")
        if message.content != parse_content(data, message.item_hash):
            raise ContentMismatchError(
                f"the content of message {message.item_hash} is not that of its hashed text",
                item_hash=message.item_hash,
            )
    verify_message_signature(message)


def _is_skeleton(message: Message) -> bool:
    return message.status in (MessageStatus.FORGOTTEN, MessageStatus.REMOVED)


def _encode(text: str, item_hash: str, node: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise VerificationError(
            f"the content of message {item_hash} is no Unicode text",
            item_hash=item_hash,
            node=node or None,
        ) from error


def _structure(raw: Mapping[str, Any], node: str) -> Message:
    def text(name: str, *, optional: bool = False) -> Any:
        value = raw.get(name)
        if isinstance(value, str) or (optional and value is None):
            return value
        raise MalformedAnswerError(
            f"a message came with {name} = {shown(value)}", node=node, body=shown(raw, 2000)
        )

    item_hash = text("item_hash")
    if not is_item_hash(item_hash):
        raise MalformedAnswerError(
            f"a message came with the item hash {shown(item_hash)}", node=node
        )
    message_type = text("type")
    if message_type not in MESSAGE_TYPES:
        raise MalformedAnswerError(
            f"message {item_hash} is of the unknown type {shown(message_type)}", node=node
        )
    item_content = text("item_content", optional=True)
    item_type = raw.get("item_type")
    if item_type is None:
        item_type = "inline" if item_content is not None else _engine(item_hash)
    if item_type not in ("inline", "storage", "ipfs"):
        raise MalformedAnswerError(f"a message came with item type {shown(item_type)}", node=node)
    confirmations = raw.get("confirmations")
    size = raw.get("size")
    confirmed = raw.get("confirmed")
    return Message(
        chain=text("chain"),
        sender=text("sender"),
        type=message_type,
        item_type=item_type,
        item_hash=item_hash,
        time=_seconds(raw.get("time"), node),
        channel=text("channel", optional=True),
        item_content=item_content,
        signature=text("signature", optional=True),
        size=size if isinstance(size, int) else None,
        confirmed=confirmed if isinstance(confirmed, bool) else None,
        confirmations=tuple(
            entry
            for entry in (confirmations if isinstance(confirmations, list) else ())
            if isinstance(entry, Mapping)
        ),
        extra={name: value for name, value in raw.items() if name not in _KNOWN},
    )


def _engine(item_hash: str) -> str:
    return "ipfs" if is_cid(item_hash) else "storage"


def _seconds(value: object, node: str) -> float:
    """Read a time that nodes give as a number, or as an ISO text for pending messages."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            pass
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            if math.isfinite(value):
                return float(value)
        except OverflowError:
            pass
    raise MalformedAnswerError(f"a message came with the time {shown(value)}", node=node)
