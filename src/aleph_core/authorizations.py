"""Who may publish for an owner, as data: the entries of its ``security`` aggregate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

import attrs

from .errors import ArgumentError
from .item_hash import check_address
from .models.message import MESSAGE_TYPES
from .permissions import is_authorized

__all__ = [
    "Authorization",
    "AuthorizationBuilder",
    "UnreadableAuthorization",
    "read_authorizations",
    "security_content",
]

_TYPE: Final = re.compile("[A-Z][A-Z-]*")
_LISTS: Final = ("channels", "types", "post_types", "aggregate_keys")


def _text(value: object, argument: str) -> str:
    if not isinstance(value, str) or not value:
        raise ArgumentError(argument, f"{value!r:.100} is no text, or is empty")
    # Members of string enumerations count by their value.
    return str.__str__(value)


def _chain(value: object) -> str | None:
    return None if value is None else _text(value, "chain")


def _listed(values: Iterable[str]) -> tuple[str, ...]:
    # What is no list stays as it is, to be refused under the name of its field.
    unfit: Any = values
    return unfit if isinstance(values, str) or not isinstance(values, Iterable) else tuple(values)


@attrs.frozen
class Authorization:
    """One entry: ``address`` may publish for the owner what all restrictions let through.

    An empty restriction lets everything through. ``post_types`` restricts posts alone,
    ``aggregate_keys`` aggregates alone. ``extra`` are fields that this version does not know: they
    are written back as they came. Raises ``ArgumentError`` for values that nodes would not read.
    """

    address: str = attrs.field(converter=check_address)
    chain: str | None = attrs.field(default=None, kw_only=True, converter=_chain)
    channels: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=_listed)
    types: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=_listed)
    post_types: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=_listed)
    aggregate_keys: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=_listed)
    extra: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True)

    def __attrs_post_init__(self) -> None:
        for name in _LISTS:
            values = getattr(self, name)
            if not isinstance(values, tuple):
                raise ArgumentError(name, f"{values!r:.100} is no list of texts")
            object.__setattr__(self, name, tuple(_text(value, name) for value in values))
        # Types that later versions of the network have must survive being read and written back.
        for kind in self.types:
            if not _TYPE.fullmatch(kind):
                raise ArgumentError("types", f"{kind!r:.100} is none of {', '.join(MESSAGE_TYPES)}")

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Self:
        """Read an entry of the aggregate; raise ``ArgumentError`` for one that grants nothing."""
        if not isinstance(entry, Mapping):
            raise ArgumentError("authorization", f"{entry!r:.100} is no object")
        known = {name: entry[name] for name in _LISTS if name in entry}
        extra = {k: v for k, v in entry.items() if k not in ("address", "chain", *_LISTS)}
        chain = entry.get("chain")
        # Nodes take an empty text for no restriction; any other value that is no text grants nothing.
        chain = None if chain == "" else chain
        return cls(entry.get("address", ""), chain=chain, extra=extra, **known)

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as the aggregate holds it, without empty restrictions."""
        entry: dict[str, Any] = {**self.extra, "address": self.address}
        if self.chain is not None:
            entry["chain"] = self.chain
        return entry | {name: list(getattr(self, name)) for name in _LISTS if getattr(self, name)}

    def allows(
        self,
        *,
        sender: str,
        chain: str,
        channel: str | None,
        message_type: str,
        post_type: str | None = None,
        aggregate_key: str | None = None,
    ) -> bool:
        """Tell whether this entry alone lets ``sender`` publish such a message for the owner."""
        return is_authorized(
            security_content([self]),
            sender=sender,
            chain=chain,
            channel=channel,
            message_type=message_type,
            post_type=post_type,
            aggregate_key=aggregate_key,
        )


@attrs.frozen
class UnreadableAuthorization:
    """An entry that is no ``Authorization``: it is written back as it came, for its owner to mend."""

    entry: Any

    def as_dict(self) -> Any:
        """Return the entry as the aggregate holds it, which need not be an object."""
        return self.entry


class AuthorizationBuilder:
    """Builds an ``Authorization`` step by step; every step returns the builder."""

    def __init__(self, address: str) -> None:
        self._authorization = Authorization(address)

    def chain(self, chain: str) -> Self:
        """Restrict to one chain; the last one counts."""
        return self._with(chain=chain)

    def channel(self, channel: str) -> Self:
        """Let through a channel, and no longer every one."""
        return self._with(channels=(*self._authorization.channels, channel))

    def message_type(self, message_type: str) -> Self:
        """Let through a type of message, and no longer every one."""
        return self._with(types=(*self._authorization.types, message_type))

    def post_type(self, post_type: str) -> Self:
        """Let through posts of a type; the message type POST must have been let through before."""
        self._require("POST", "post_type")
        return self._with(post_types=(*self._authorization.post_types, post_type))

    def aggregate_key(self, aggregate_key: str) -> Self:
        """Let through a key of aggregates; AGGREGATE must have been let through before."""
        self._require("AGGREGATE", "aggregate_key")
        return self._with(aggregate_keys=(*self._authorization.aggregate_keys, aggregate_key))

    def build(self) -> Authorization:
        """Return the authorization built so far."""
        return self._authorization

    def _with(self, **changes: Any) -> Self:
        self._authorization = attrs.evolve(self._authorization, **changes)
        return self

    def _require(self, message_type: str, argument: str) -> None:
        if message_type not in self._authorization.types:
            raise ArgumentError(
                argument, f"restricts {message_type} messages; call message_type() with it first"
            )


def read_authorizations(content: object) -> list[Authorization | UnreadableAuthorization]:
    """Return the entries in the content of a ``security`` aggregate; None is an empty aggregate.

    Malformed entries are among them, as ``UnreadableAuthorization``: writing the list back loses
    nothing.
    """
    entries = content.get("authorizations") if isinstance(content, Mapping) else None
    found: list[Authorization | UnreadableAuthorization] = []
    for entry in entries if isinstance(entries, list | tuple) else ():
        try:
            found.append(Authorization.from_dict(entry))
        except ArgumentError:
            found.append(UnreadableAuthorization(entry))
    return found


def security_content(
    authorizations: Iterable[Authorization | UnreadableAuthorization],
) -> dict[str, Any]:
    """Return the content of a ``security`` aggregate; published, it replaces the whole list."""
    return {"authorizations": [entry.as_dict() for entry in authorizations]}
