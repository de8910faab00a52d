"""Messages as they are read and published, and the statuses they go through."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from ..errors import ArgumentError

if TYPE_CHECKING:
    from aleph_message.models import AlephMessage

__all__ = [
    "MESSAGE_TYPES",
    "Content",
    "Message",
    "MessageRejection",
    "MessageStatus",
    "Published",
]

MESSAGE_TYPES = ("POST", "AGGREGATE", "STORE", "PROGRAM", "INSTANCE", "V-PROGRAM", "FORGET")


class MessageStatus(StrEnum):
    """Where a message stands on a node; equal to the plain string and to aleph-message's status."""

    PENDING = "pending"
    PROCESSED = "processed"
    REJECTED = "rejected"
    FORGOTTEN = "forgotten"
    REMOVING = "removing"
    REMOVED = "removed"


class Content(dict[str, Any]):
    """The content of a message: a dictionary whose keys can also be read as attributes."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            if name.startswith("__"):
                # Names that Python and its tools look up; a content must not answer for them.
                raise KeyError(name)
            value = self[name]
        except KeyError:
            raise AttributeError(f"the content has no field {name!r}") from None
        return Content(value) if type(value) is dict else value


@attrs.frozen
class Message:
    """One message; its fields can be read as attributes and as items, ``message["item_hash"]``.

    ``time`` is the sender's claim in seconds since 1970. The signature covers neither it, except a
    Tezos signature of Micheline text, nor ``channel``; it covers ``content["time"]``. ``status`` is
    set where the node said it.
    """

    chain: str
    sender: str
    type: str
    item_type: str
    item_hash: str
    time: float
    content: Content = attrs.field(factory=Content)
    channel: str | None = None
    item_content: str | None = attrs.field(default=None, repr=False)
    signature: str | None = attrs.field(default=None, repr=False)
    size: int | None = None
    confirmed: bool | None = None
    confirmations: tuple[Mapping[str, Any], ...] = ()
    status: MessageStatus | None = None
    extra: Mapping[str, Any] = attrs.field(factory=dict, repr=False)

    def __hash__(self) -> int:
        return hash(self.item_hash)

    @property
    def datetime(self) -> datetime:
        """The time as a moment; raises ``ArgumentError`` for a claim outside of the calendar."""
        try:
            return datetime.fromtimestamp(self.time, UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise ArgumentError("time", f"{self.time!r} is outside of the calendar") from error

    @property
    def address(self) -> str:
        """The owner: the address that the content names, which need not be the sender."""
        owner = self.content.get("address")
        if owner is None and self.status in (MessageStatus.FORGOTTEN, MessageStatus.REMOVED):
            # Nothing of the content is left but what the node says of it.
            owner = self.extra.get("owner")
        return owner if isinstance(owner, str) else self.sender

    def __getitem__(self, name: str) -> Any:
        if name in _MESSAGE_FIELDS:
            return getattr(self, name)
        try:
            return self.extra[name]
        except KeyError:
            raise KeyError(name) from None

    def get(self, name: str, default: Any = None) -> Any:
        """Return the field of this name, or the default when there is none."""
        try:
            return self[name]
        except KeyError:
            return default

    def evolve(self, **changes: Any) -> Message:
        """Return a copy with other values."""
        return attrs.evolve(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """Return the message in its JSON form, content included."""
        fields: dict[str, Any] = {
            name: getattr(self, name)
            for name in (
                "chain", "sender", "type", "channel", "time", "item_type", "item_hash",
                "item_content", "signature", "size", "confirmed",
            )
        }  # fmt: skip
        fields["content"] = dict(self.content)
        fields["confirmations"] = [dict(entry) for entry in self.confirmations]
        return fields

    def to_aleph_message(self) -> AlephMessage:
        """Return the message as an aleph-message model; raises pydantic's ``ValidationError``."""
        from aleph_message import parse_message

        fields = {name: value for name, value in self.as_dict().items() if value is not None}
        fields.setdefault("signature", None)
        if self.confirmed and not self.confirmations:
            del fields["confirmed"]
        return parse_message(fields)


_MESSAGE_FIELDS = frozenset(field.name for field in attrs.fields(Message)) - {"extra"}


@attrs.frozen
class MessageRejection:
    """Why the network rejected a message: a code and its details, readable as items too."""

    error_code: int
    details: Any = None
    reason: str = ""

    def __getitem__(self, name: str) -> Any:
        if name in ("error_code", "details", "reason"):
            return getattr(self, name)
        raise KeyError(name)


class Published(NamedTuple):
    """What publishing gave: ``message, status = result``, ``result["item_hash"]``, ``result.status``.

    ``status`` is ``pending`` unless the node was asked to wait. A name in brackets is looked up in the
    message first and then in its content, so ``result["key"]`` is the key of an aggregate.
    """

    message: Message
    status: MessageStatus

    @property
    def item_hash(self) -> str:
        return self.message.item_hash

    @property
    def content(self) -> Content:
        return self.message.content

    # A pair that is a mapping too: a name gives a field, a number one of the two.
    def __getitem__(self, name: str | int) -> Any:  # type: ignore[override]
        if not isinstance(name, str):
            return tuple.__getitem__(self, name)
        if name in ("message", "status"):
            return getattr(self, name)
        try:
            return self.message[name]
        except KeyError:
            return self.message.content[name]
