"""What to list: filters as data, checked before they are sent and again on what comes back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any, Self, TypeVar

import attrs

from .errors import ArgumentError
from .excerpts import shown
from .item_hash import check_addresses, check_item_hashes, is_item_hash
from .models.message import MESSAGE_TYPES, Message, MessageStatus
from .models.post import Post
from .paging import Position

__all__ = ["MessageFilter", "PostFilter", "SortBy", "SortOrder", "check_paging"]

Time = datetime | int | float
Texts = str | Iterable[str]
E = TypeVar("E", bound=Enum)
F = TypeVar("F", bound=attrs.AttrsInstance)

# The single-status lists of pyaleph: their entries are skeletons, and they have no cursors.
TERMINAL = (MessageStatus.FORGOTTEN, MessageStatus.REMOVED)
# Accepted by pyaleph in a list, but never found.
_UNLISTED = (MessageStatus.PENDING, MessageStatus.REJECTED)

PAYMENT_TYPES = ("hold", "superfluid", "credit")


class SortBy(StrEnum):
    TIME = "time"
    TX_TIME = "tx-time"


class SortOrder(StrEnum):
    ASCENDING = "1"
    DESCENDING = "-1"

    @classmethod
    def read(cls, value: SortOrder | str | int | None) -> SortOrder | None:
        """Return the order for a member, ``1`` or ``-1``, as a number or as text."""
        return choice(
            cls, "sort_order", None if value is None else str(getattr(value, "value", value))
        )


def as_texts(value: Texts | None) -> tuple[str, ...]:
    """Convert to a tuple; one string is one value, never its letters. The entries are checked later."""
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Iterable):
        return (value,)
    return tuple(value)


def as_seconds(value: Time | None) -> float | None:
    """Convert to seconds since 1970; a naive datetime is local time, as in the standard library."""
    if not isinstance(value, datetime):
        return value
    try:
        return value.astimezone(UTC).timestamp()
    except (OverflowError, ValueError, OSError):
        # The first and last moments of the calendar have no time in every zone.
        return value.replace(tzinfo=UTC).timestamp()


def _sorted_by(value: SortBy | str | None) -> SortBy | None:
    return choice(SortBy, "sort_by", value)


def _ordered(value: SortOrder | str | int | None) -> SortOrder | None:
    return SortOrder.read(value)


def choice(kind: type[E], name: str, value: object) -> E | None:
    if value is None:
        return None
    try:
        return kind(getattr(value, "value", value))
    except ValueError:
        names = ", ".join(str(member.value) for member in kind)
        raise ArgumentError(name, f"{shown(value)} is none of {names}") from None


def merged(kind: type[F], given: object, argument: str, restrictions: Mapping[str, Any]) -> F:
    """Return a filter of this kind with further restrictions, given as single arguments."""
    if given is not None and not isinstance(given, kind):
        raise ArgumentError(argument, f"expected a {kind.__name__}, not {given!r:.80}")
    known = {field.name for field in attrs.fields(kind)}
    for name in restrictions:
        if name not in known:
            raise ArgumentError(name, f"is no restriction; there are {', '.join(sorted(known))}")
    base: Any = kind() if given is None else given
    changed: F = attrs.evolve(base, **restrictions)
    return changed


@attrs.frozen
class _Filter:
    refs: tuple[str, ...] = attrs.field(default=(), converter=as_texts, kw_only=True)
    addresses: tuple[str, ...] = attrs.field(default=(), converter=as_texts, kw_only=True)
    tags: tuple[str, ...] = attrs.field(default=(), converter=as_texts, kw_only=True)
    hashes: tuple[str, ...] = attrs.field(default=(), converter=as_texts, kw_only=True)
    channels: tuple[str, ...] = attrs.field(default=(), converter=as_texts, kw_only=True)
    chains: tuple[str, ...] = attrs.field(default=(), converter=as_texts, kw_only=True)
    start_date: float | None = attrs.field(default=None, converter=as_seconds, kw_only=True)
    end_date: float | None = attrs.field(default=None, converter=as_seconds, kw_only=True)
    sort_by: SortBy | None = attrs.field(default=None, converter=_sorted_by, kw_only=True)
    sort_order: SortOrder | None = attrs.field(default=None, converter=_ordered, kw_only=True)

    def _check(self) -> None:
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                object.__setattr__(self, field.name, check_texts(value, field.name))
            elif field.name.endswith("_date") and value is not None:
                object.__setattr__(self, field.name, check_seconds(value, field.name))
            elif field.name.endswith("_block") and value is not None:
                check_count(value, field.name)
        check_addresses(self.addresses, "addresses")
        object.__setattr__(self, "hashes", tuple(check_item_hashes(self.hashes, "hashes")))
        start, end = self.start_date, self.end_date
        if start is not None and end is not None and end < start:
            raise ArgumentError("end_date", "is before start_date")

    def first_position(self) -> Position:
        """Return where a walk through all pages begins."""
        if self.sort_by is SortBy.TX_TIME:
            raise ArgumentError(
                "sort_by", "nodes refuse tx-time after the first page; ask for single pages"
            )
        return Position()

    def evolve(self, **changes: Any) -> Self:
        """Return a copy with other restrictions, checked like the first ones."""
        return attrs.evolve(self, **changes)

    def _common(self) -> list[tuple[str, str]]:
        params = [
            (name, ",".join(values))
            for name, values in (
                ("refs", self.refs),
                ("addresses", self.addresses),
                ("tags", self.tags),
                ("hashes", self.hashes),
                ("channels", self.channels),
            )
            if values
        ]
        params += number_params(startDate=self.start_date, endDate=self.end_date)
        if self.sort_by is not None:
            params.append(("sortBy", self.sort_by.value))
        if self.sort_order is not None:
            params.append(("sortOrder", self.sort_order.value))
        return params


@attrs.frozen
class MessageFilter(_Filter):
    """Which messages to list; every restriction given must hold, one of its values suffices.

    ``addresses`` are senders, ``owners`` the addresses in the content. Dates are datetimes or seconds
    since 1970, start inclusive, end exclusive, and compare with the time that the sender claims.
    ``message_statuses`` may be ``forgotten`` or ``removed`` alone; those entries have no content.
    Raises ``ArgumentError`` for what nodes would refuse or silently ignore.
    """

    message_types: tuple[str, ...] = attrs.field(default=(), converter=as_texts, kw_only=True)
    message_statuses: tuple[str, ...] = attrs.field(default=(), converter=as_texts, kw_only=True)
    content_types: tuple[str, ...] = attrs.field(default=(), converter=as_texts, kw_only=True)
    content_keys: tuple[str, ...] = attrs.field(default=(), converter=as_texts, kw_only=True)
    content_hashes: tuple[str, ...] = attrs.field(default=(), converter=as_texts, kw_only=True)
    owners: tuple[str, ...] = attrs.field(default=(), converter=as_texts, kw_only=True)
    payment_types: tuple[str, ...] = attrs.field(default=(), converter=as_texts, kw_only=True)
    start_block: int | None = attrs.field(default=None, kw_only=True)
    end_block: int | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        self._check()
        check_addresses(self.owners, "owners")
        object.__setattr__(
            self, "content_hashes", tuple(check_item_hashes(self.content_hashes, "content_hashes"))
        )
        for key in self.content_keys:
            if not is_item_hash(key):
                raise ArgumentError(
                    "content_keys",
                    f"{key!r}: nodes take only keys that look like item hashes here; "
                    "list_aggregates(keys=…) finds the others",
                )
        for status in self.message_statuses:
            if choice(MessageStatus, "message_statuses", status) in _UNLISTED:
                raise ArgumentError(
                    "message_statuses",
                    f"nodes list no {status} messages; get_message_status tells of a single one",
                )
        check_known(self.message_types, MESSAGE_TYPES, "message_types")
        check_known(self.payment_types, PAYMENT_TYPES, "payment_types")
        if self.skeletons and len(self.message_statuses) > 1:
            raise ArgumentError(
                "message_statuses", "forgotten and removed can each be asked for alone only"
            )

    @classmethod
    def from_arguments(
        cls, given: Self | None, restrictions: Mapping[str, Any], *, post_types: Any = None
    ) -> Self:
        """Merge a filter with restrictions given as single arguments."""
        if post_types is not None:
            restrictions = {"message_types": "POST", **restrictions, "content_types": post_types}
        return merged(cls, given, "message_filter", restrictions)

    def first_position(self) -> Position:
        # The lists of forgotten and removed messages have no cursors.
        return super().first_position() if self.skeletons is None else Position(page=1)

    @property
    def skeletons(self) -> MessageStatus | None:
        """The status of the entries when they are forgotten or removed ones, without content."""
        return next((status for status in TERMINAL if status.value in self.message_statuses), None)

    def params(self) -> list[tuple[str, str]]:
        """Return the query parameters, not yet encoded."""
        params = self._common()
        params += [
            (name, ",".join(values))
            for name, values in (
                ("msgTypes", self.message_types),
                ("msgStatuses", self.message_statuses),
                ("contentTypes", self.content_types),
                ("contentKeys", self.content_keys),
                ("contentHashes", self.content_hashes),
                ("owners", self.owners),
                ("paymentTypes", self.payment_types),
                ("chains", self.chains),
            )
            if values
        ]
        if self.start_block is not None:
            params.append(("startBlock", str(self.start_block)))
        if self.end_block is not None:
            params.append(("endBlock", str(self.end_block)))
        return params

    def live_params(self) -> list[tuple[str, str]]:
        """Return what a websocket applies to live messages as it should; the rest is for ``matches``.

        pyaleph 0.10 ignores ``msgTypes`` there and drops every message when ``tags`` is given.
        """
        kept = (
            "addresses",
            "owners",
            "hashes",
            "chains",
            "channels",
            "refs",
            "contentTypes",
            "contentHashes",
        )
        params = [(name, value) for name, value in self.params() if name in kept]
        if len(self.message_types) == 1:
            params.append(("msgType", self.message_types[0]))
        # History is read from the list, which applies every restriction.
        return [*params, ("history", "0")]

    def matches(self, message: Message) -> bool:
        """Tell whether the message is one that was asked for, as far as its own data can tell."""
        content = message.content
        inner = content.get("content")
        tags = inner.get("tags") if isinstance(inner, dict) else content.get("tags")
        payment = content.get("payment")
        paid = payment.get("type", "hold") if isinstance(payment, dict) else "hold"
        return (
            _among(message.type, self.message_types)
            and _among(message.sender, self.addresses)
            and _among(message.chain, self.chains)
            and _among(message.channel, self.channels)
            and _among(message.item_hash, self.hashes)
            and _in_range(message.time, self.start_date, self.end_date, bool(self.skeletons))
            and _among(message.address, self.owners)
            and (
                bool(self.skeletons)
                or (
                    _among(content.get("ref"), self.refs)
                    and _among(content.get("type"), self.content_types)
                    and _among(content.get("key"), self.content_keys)
                    and _among(content.get("item_hash"), self.content_hashes)
                    and _among(paid, self.payment_types)
                    and (
                        not self.tags
                        or (isinstance(tags, list) and bool(set(self.tags) & _hashable(tags)))
                    )
                )
            )
        )


@attrs.frozen
class PostFilter(_Filter):
    """Which posts to list; ``addresses`` are owners, ``types`` and ``hashes`` those of the original post.

    Dates compare with the last update. Nodes know no ``chains`` for posts, so that one is applied to
    the answer and a page may come out shorter.
    """

    types: tuple[str, ...] = attrs.field(default=(), converter=as_texts, kw_only=True)

    def __attrs_post_init__(self) -> None:
        self._check()

    @classmethod
    def from_arguments(cls, given: Self | None, restrictions: Mapping[str, Any]) -> Self:
        """Merge a filter with restrictions given as single arguments."""
        return merged(cls, given, "post_filter", restrictions)

    def params(self) -> list[tuple[str, str]]:
        """Return the query parameters, not yet encoded."""
        params = self._common()
        if self.types:
            params.append(("types", ",".join(self.types)))
        return params

    def matches(self, post: Post) -> bool:
        """Tell whether the post is one that was asked for, as far as its own data can tell."""
        tags = post.content.get("tags") if isinstance(post.content, dict) else None
        return (
            _among(post.original_type, self.types)
            and _among(post.address, self.addresses)
            and _among(post.original_item_hash, self.hashes)
            and (
                not self.tags or (isinstance(tags, list) and bool(set(self.tags) & _hashable(tags)))
            )
        )

    def is_on_chain(self, post: Post) -> bool:
        """Tell whether the post is on one of the ``chains``, which nodes leave to their clients."""
        return _among(post.chain, self.chains)


def check_known(values: Sequence[str], known: Sequence[str], argument: str) -> None:
    for value in values:
        if value not in known:
            raise ArgumentError(argument, f"{value!r:.80} is none of {', '.join(known)}")


def _among(value: Any, wanted: Sequence[str]) -> bool:
    return not wanted or (isinstance(value, str) and value in wanted)


def _in_range(time: float, start: float | None, end: float | None, skeleton: bool) -> bool:
    # The lists of forgotten and removed messages compare another time, that of the termination.
    if skeleton:
        return True
    return (start is None or time >= start) and (end is None or time < end)


def _hashable(values: list[Any]) -> set[str]:
    return {value for value in values if isinstance(value, str)}


def number_params(**values: float | None) -> list[tuple[str, str]]:
    return [
        (name, str(int(value)) if value == int(value) else repr(value))
        for name, value in values.items()
        if value is not None
    ]


def check_texts(values: Sequence[object], argument: str) -> tuple[str, ...]:
    return tuple(check_listed(_plain(value, argument), argument) for value in values)


def check_text(value: object, argument: str) -> str:
    """Return what can be the one value of a query parameter; raise ``ArgumentError`` for the rest."""
    text = _plain(value, argument)
    if not text or "\x00" in text:
        raise ArgumentError(
            argument, f"{text!r:.80} is empty or holds a character that nodes refuse"
        )
    return _encodable(text, argument)


def _plain(value: object, argument: str) -> str:
    """Return text, also that of a member of an enumeration."""
    text = getattr(value, "value", value)
    if not isinstance(text, str):
        raise ArgumentError(argument, f"expected text, not {type(value).__name__}")
    return str.__str__(text)


def check_listed(text: str, argument: str) -> str:
    """Return what can be one of several values in a query; raise ``ArgumentError`` for the rest."""
    if not text or "," in text or "\x00" in text:
        raise ArgumentError(
            argument, f"{text!r:.80} is empty or holds a comma, and lists travel comma-separated"
        )
    return _encodable(text, argument)


def _encodable(text: str, argument: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ArgumentError(argument, f"{text!r:.80} is no Unicode text") from None
    return text


def check_seconds(value: object, argument: str) -> float:
    try:
        if not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise ArgumentError(argument, f"expected a datetime or seconds, not {shown(value)}")


def check_count(value: object, argument: str, least: int = 0, most: int | None = None) -> int:
    """Return a whole number within its bounds, or raise ``ArgumentError``."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or value < least
        or (most is not None and value > most)
    ):
        bounds = f"from {least}" + ("" if most is None else f" to {most}")
        raise ArgumentError(argument, f"expected a whole number {bounds}, not {shown(value)}")
    return value


def check_paging(page: int | None, page_size: int, *, largest: int | None = None) -> None:
    """Raise ``ArgumentError`` for page numbers and sizes that nodes refuse."""
    if page is not None:
        check_count(page, "page", 1)
    check_count(page_size, "page_size", 1, largest)
