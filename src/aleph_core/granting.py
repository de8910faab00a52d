"""Changes of an owner's ``security`` aggregate: each keeps what it is not about, malformed entries too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .authorizations import (
    Authorization,
    UnreadableAuthorization,
    read_authorizations,
    security_content,
)
from .errors import ArgumentError, ResourceNotFoundError
from .item_hash import check_address

__all__ = ["add", "check_all", "check_target", "replace_all", "revoke", "update"]

Entry = Authorization | UnreadableAuthorization


def add(content: Mapping[str, Any], *, authorization: Authorization) -> dict[str, Any]:
    """Return the list with the entry at its end, unless an equal one is there."""
    present = read_authorizations(content)
    return {} if authorization in present else security_content([*present, authorization])


def update(
    content: Mapping[str, Any], *, address: str, authorizations: Iterable[Entry]
) -> dict[str, Any]:
    """Return the list with these entries in the place of all those of the address.

    Raises ``ResourceNotFoundError`` when it has none: one that was revoked meanwhile stays revoked.
    """
    present = read_authorizations(content)
    places = [index for index, entry in enumerate(present) if _is_of(entry, address)]
    if not places:
        raise ResourceNotFoundError(
            f"{address} has no authorization to update; it was revoked, or add() must come first",
            status=404,
        )
    kept = [entry for entry in present if not _is_of(entry, address)]
    return security_content([*kept[: places[0]], *authorizations, *kept[places[0] :]])


def revoke(content: Mapping[str, Any], *, target: str | Authorization) -> dict[str, Any]:
    """Return the list without the entries of an address, or without one entry."""
    present = read_authorizations(content)
    if isinstance(target, Authorization):
        kept = [entry for entry in present if entry != target]
    else:
        kept = [entry for entry in present if not _is_of(entry, target)]
    return {} if len(kept) == len(present) else security_content(kept)


def replace_all(content: Mapping[str, Any], *, authorizations: Iterable[Entry]) -> dict[str, Any]:
    """Return a list of these entries alone; nothing for an empty list where there is none."""
    entries = list(authorizations)
    return {} if not entries and not content.get("authorizations") else security_content(entries)


def check_all(authorizations: object, *, address: str | None = None) -> tuple[Entry, ...]:
    """Return one entry or several as a tuple; raise ``ArgumentError`` for what is none or of another."""
    if isinstance(authorizations, Entry) or not isinstance(authorizations, Iterable):
        authorizations = [authorizations]
    entries: list[Entry] = []
    for entry in authorizations:
        if not isinstance(entry, Entry):
            raise ArgumentError("authorizations", f"expected an Authorization, not {entry!r:.100}")
        if address is not None and not _is_of(entry, address):
            raise ArgumentError("authorizations", f"{entry!r:.100} is not of {address}")
        entries.append(entry)
    return tuple(entries)


def check_target(target: object) -> str | Authorization:
    """Return whom or what to revoke; raise ``ArgumentError`` for what is neither."""
    return target if isinstance(target, Authorization) else check_address(target)


def _is_of(entry: object, address: str) -> bool:
    """Tell whether nodes count an entry as one of the address: they compare without case."""
    if isinstance(entry, UnreadableAuthorization):
        # It grants nothing as it stands, but revoking an address must leave nothing to be mended.
        entry = entry.entry
        named = entry.get("address") if isinstance(entry, Mapping) else None
    else:
        named = getattr(entry, "address", None)
    return isinstance(named, str) and named.lower() == address.lower()
