"""The ``domains`` aggregate: which domains an owner has, and what each of them shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from .errors import ArgumentError, ResourceNotFoundError
from .excerpts import shown
from .item_hash import check_item_hash
from .json_text import check_json
from .models.domain import Domain, TargetType
from .structuring import structure

__all__ = [
    "KEY",
    "add",
    "attach",
    "check_domain",
    "check_options",
    "check_target",
    "detach",
    "entry",
    "move",
    "read_all",
    "remove",
]

KEY: Final = "domains"

# Names of hosts as in RFC 1123, at least two labels.
_LABEL: Final = "(?!-)[a-z0-9-]{1,63}(?<!-)"
_DOMAIN: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})+")
# What the network's console and other tools write for sites; it is served for paths that are none.
_CATCH_ALL: Final = "/404.html"


def check_domain(domain: object) -> str:
    """Return the domain in lower case, without a dot at its end; raise ``ArgumentError`` for none."""
    if isinstance(domain, str):
        name = str.__str__(domain).lower().removesuffix(".")
        if _DOMAIN.fullmatch(name):
            return name
    raise ArgumentError(
        "domain",
        f"{shown(domain)} is no domain name like shop.example.org; "
        "write names in other letters in their xn-- form",
    )


def check_target(target: object) -> str:
    """Return what kind of thing a domain leads to; raise ``ArgumentError`` for another."""
    for kind in TargetType:
        if target == kind:
            return kind.value
    raise ArgumentError("target", f"{shown(target)} is none of {', '.join(TargetType)}")


def read_all(content: Mapping[str, Any] | None) -> dict[str, Domain]:
    """Return the domains by name; those that were removed, and what is no object, are none."""
    return {
        name: structure({**raw, "name": name}, Domain)
        for name, raw in (content or {}).items()
        if isinstance(raw, Mapping)
    }


def entry(
    *, target: str, item_hash: str, updated_at: datetime, options: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the entry of a domain; sites get the catch-all path that other tools give them."""
    kind = check_target(target)
    fields: dict[str, Any] = {
        "type": kind,
        "programType": kind,
        "message_id": check_item_hash(item_hash),
        "updated_at": _text(updated_at),
    }
    if options is None and kind == TargetType.IPFS:
        options = {"catch_all_path": _CATCH_ALL}
    if options:
        fields["options"] = check_options(options)
    return fields


def check_options(options: object) -> dict[str, Any]:
    if not isinstance(options, Mapping):
        raise ArgumentError("options", f"expected an object, not {shown(options)}")
    check_json(dict(options), "options")
    path = options.get("catch_all_path")
    if path is not None and not (isinstance(path, str) and path.startswith("/")):
        raise ArgumentError("options", f"catch_all_path {shown(path)} does not begin with a slash")
    return dict(options)


def add(content: Mapping[str, Any], *, domain: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the new entry; raises ``ArgumentError`` when the domain has another one already."""
    present = content.get(domain)
    if present == entry:
        return {}
    if present is not None:
        raise ArgumentError("domain", f"{domain} is there already; attach() changes what it shows")
    return {domain: dict(entry)}


def attach(
    content: Mapping[str, Any],
    *,
    domain: str,
    item_hash: str,
    updated_at: datetime,
    target: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the entry showing something else; raises ``ResourceNotFoundError`` when there is none.

    ``target`` and ``options`` stay as they are unless they are given.
    """
    changes: dict[str, Any] = {"message_id": item_hash}
    if target is not None:
        changes |= {"type": target, "programType": target}
    if options is not None:
        changes["options"] = dict(options)
    return _changed(content, domain, changes, updated_at)


def detach(content: Mapping[str, Any], *, domain: str, updated_at: datetime) -> dict[str, Any]:
    """Return the entry showing nothing; raises ``ResourceNotFoundError`` when there is none."""
    return _changed(content, domain, {"message_id": ""}, updated_at)


def remove(content: Mapping[str, Any], *, domain: str) -> dict[str, Any]:
    """Return null in the place of an entry, for none can be deleted."""
    return {domain: None} if content.get(domain) is not None else {}


def move(
    content: Mapping[str, Any], *, item_hash: str, to: str, updated_at: datetime
) -> dict[str, Any]:
    """Return the entries of all domains that show the one, showing the other."""
    return {
        name: {**raw, "message_id": to, "updated_at": _text(updated_at)}
        for name, raw in content.items()
        if isinstance(raw, Mapping) and raw.get("message_id") == item_hash and item_hash != to
    }


def _changed(
    content: Mapping[str, Any], domain: str, changes: Mapping[str, Any], updated_at: datetime
) -> dict[str, Any]:
    present = content.get(domain)
    if not isinstance(present, Mapping):
        raise ResourceNotFoundError(
            f"{domain} is no domain of this owner; add() makes it one", status=404
        )
    if all(present.get(name) == value for name, value in changes.items()):
        return {}
    return {domain: {**present, **changes, "updated_at": _text(updated_at)}}


def _text(moment: datetime) -> str:
    """Return a time in UTC as the network's console writes it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
