"""Messages as they are submitted: the checks of a node before it looks anything up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import attrs
from aleph_message.exceptions import UnknownHashError
from aleph_message.models import (
    AggregateContent,
    BaseContent,
    Chain,
    ForgetContent,
    InstanceContent,
    ItemType,
    MessageType,
    PostContent,
    ProgramContent,
    StoreContent,
    VerifiableProgramContent,
)
from pydantic import ValidationError

from .rejections import Rejected, invalid_format
from .times import to_microsecond

CONTENT_MODELS: Mapping[str, type[BaseContent]] = {
    MessageType.post.value: PostContent,
    MessageType.aggregate.value: AggregateContent,
    MessageType.store.value: StoreContent,
    MessageType.program.value: ProgramContent,
    MessageType.instance.value: InstanceContent,
    MessageType.v_program.value: VerifiableProgramContent,
    MessageType.forget.value: ForgetContent,
}
CHAINS = frozenset(chain.value for chain in Chain)


class InvalidEnvelope(Exception):
    """What was submitted is no message."""


@attrs.frozen
class Envelope:
    """Hold a well-formed message; ``content`` is None until it is fetched."""

    item_hash: str
    item_type: str
    type: str
    chain: str
    sender: str
    signature: str | None
    time: float
    channel: str | None
    item_content: str | None
    content: dict[str, Any] | None

    @property
    def signed_text(self) -> bytes:
        return f"{self.chain}\n{self.sender}\n{self.type}\n{self.item_hash}".encode()

    def as_submitted(self) -> dict[str, Any]:
        """Return the form in which a rejected message is kept."""
        return {**attrs.asdict(self), "origin": "p2p"}


def parse_json(text: str | bytes) -> Any:
    """Parse JSON, without the NaN and infinities that Python's parser lets through; raises ValueError."""
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def hash_kind(item_hash: str) -> ItemType | None:
    """Return ``storage`` or ``ipfs`` as the form of the hash says, None when it is no hash."""
    try:
        return ItemType.from_hash(item_hash)
    except UnknownHashError:
        return None


def parse_envelope(message: Mapping[str, Any], *, max_inline_characters: int) -> Envelope:
    """Check a submitted message; raises InvalidEnvelope, or TypeError where the real node fails too."""
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in CONTENT_MODELS:
        raise InvalidEnvelope(f"Invalid message_type: {kind!r}")
    item_hash = _text(message, "item_hash")
    chain = _text(message, "chain")
    if chain not in CHAINS:
        raise InvalidEnvelope(f"unknown chain {chain!r}")
    if "time" not in message:
        raise InvalidEnvelope("time is missing")
    item_content = _optional_text(message, "item_content", measured=True)
    item_type = _item_type(message.get("item_type"), item_hash, item_content)
    content = None
    if item_type == "inline":
        content = _inline_content(kind, item_hash, item_content, max_inline_characters)
    return Envelope(
        item_hash=item_hash,
        item_type=item_type,
        type=kind,
        chain=chain,
        sender=_text(message, "sender"),
        signature=_optional_text(message, "signature"),
        time=_time(message["time"]),
        channel=_optional_text(message, "channel"),
        item_content=item_content,
        content=content,
    )


def parse_content(kind: str, content: Any) -> BaseContent:
    """Check content against the network's schema; raises ``Rejected`` with the schema's errors."""
    try:
        return CONTENT_MODELS[kind].model_validate(content)
    except ValidationError as error:
        raise invalid_format(*json.loads(error.json())) from error


def normalised_content(kind: str, content: Any) -> Any:
    """Return the content as the schema rebuilds it: absent fields are null, unknown ones gone."""
    return parse_content(kind, content).model_dump(mode="json")


def _text(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str):
        raise InvalidEnvelope(f"{name} must be a string")
    return value


def _optional_text(message: Mapping[str, Any], name: str, *, measured: bool = False) -> str | None:
    value = message.get(name)
    if value is None or isinstance(value, str):
        return value
    if measured:
        len(value)
    raise InvalidEnvelope(f"{name} must be a string or null")


def _time(value: Any) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"time must be a number, not {type(value).__name__}")
    try:
        return to_microsecond(value)
    except (OSError, ValueError) as error:
        raise InvalidEnvelope(f"time is out of range: {error}") from error


def _item_type(given: Any, item_hash: str, item_content: str | None) -> str:
    kind = hash_kind(item_hash)
    if item_content is None and kind is None:
        raise InvalidEnvelope(f"Unexpected hash type: {item_hash!r}")
    if given is None:
        given = "inline" if item_content is not None else str(getattr(kind, "value", None))
    if given not in ("inline", "storage", "ipfs"):
        raise InvalidEnvelope(f"unknown item type {given!r}")
    if given != "inline":
        if item_content is not None:
            raise InvalidEnvelope(f"{given} messages cannot define item_content")
        if kind is None or kind.value != given:
            raise InvalidEnvelope(f"item_hash is not of item type {given}")
    return str(given)


def _inline_content(
    kind: str, item_hash: str, item_content: str | None, limit: int
) -> dict[str, Any] | None:
    if item_content is None:
        raise InvalidEnvelope("Item content not specified for inline item type")
    if len(item_content) > limit:
        raise InvalidEnvelope("Message too long")
    try:
        content = parse_json(item_content)
        encoded = item_content.encode()
    except ValueError as error:
        raise InvalidEnvelope("Message content is not valid JSON data") from error
    if sha256(encoded).hexdigest() != item_hash:
        raise InvalidEnvelope("'item_hash' does not match 'sha256(item_content)'")
    if content is None:
        return None
    try:
        parse_content(kind, content)
    except Rejected as error:
        raise InvalidEnvelope(f"content: {error.errors}") from error
    checked: dict[str, Any] = content
    return checked
