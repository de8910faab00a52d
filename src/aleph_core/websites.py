"""The ``websites`` aggregate: which static sites an owner has, in which version."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from .errors import ArgumentError, ResourceNotFoundError
from .excerpts import shown
from .item_hash import as_list
from .models.message import Message
from .models.website import Website
from .structuring import structure

__all__ = [
    "KEY",
    "check_framework",
    "check_name",
    "check_texts",
    "content_hash",
    "create",
    "delete",
    "read_all",
    "time_after",
    "update",
    "version_of",
]

KEY: Final = "websites"

# The console shows sites at paths and beside domains, so their names have neither dots nor slashes.
_NAME: Final = re.compile(r"[^\s./\\?#%]{1,128}")


def check_name(name: object) -> str:
    """Return the name of a site; raise ``ArgumentError`` for what other tools would not take."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or not name.isprintable():
        raise ArgumentError(
            "name", f"{shown(name)} is no name like my-site, without spaces, dots and slashes"
        )
    return str.__str__(name)


def check_framework(framework: object) -> str:
    """Return the name of the software that made a site; raise ``ArgumentError`` for no text."""
    if not isinstance(framework, str) or not framework:
        raise ArgumentError("framework", f"expected a text like nextjs, not {shown(framework)}")
    return str.__str__(framework)


def check_texts(values: object, argument: str) -> list[str]:
    """Return texts as a list; a single text is one."""
    texts = as_list(values, argument)
    for text in texts:
        if not isinstance(text, str) or not text:
            raise ArgumentError(argument, f"expected texts, not {shown(text)}")
    return [str(text) for text in texts]


def content_hash(message: Message) -> str:
    """Return the CID of the files that a STORE message names; raise ``ArgumentError`` for no site."""
    cid = message.content.get("item_hash")
    if message.content.get("item_type") != "ipfs" or not isinstance(cid, str):
        raise ArgumentError(
            "volume",
            f"message {message.item_hash} stores nothing on IPFS, from where sites are shown; "
            "store the folder of the site there",
        )
    return cid


def read_all(content: Mapping[str, Any] | None) -> dict[str, Website]:
    """Return the sites by name; those that were deleted, and what is no object, are none."""
    return {
        name: structure({**raw, "name": name}, Website)
        for name, raw in (content or {}).items()
        if isinstance(raw, Mapping)
    }


def create(
    content: Mapping[str, Any],
    *,
    name: str,
    volume_id: str,
    time: float,
    payment: Mapping[str, Any],
    framework: str = "none",
    tags: Sequence[str] = (),
    ens: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the entry of a new site; raises ``ArgumentError`` when there is one of the name."""
    if content.get(name) is not None:
        raise ArgumentError("name", f"there is a site {name!r} already; update() changes it")
    return {
        name: {
            "metadata": {"name": name, "tags": list(tags), "framework": framework},
            "payment": dict(payment),
            "version": 1,
            "volume_id": volume_id,
            "history": {},
            "ens": list(ens),
            "created_at": time,
            "updated_at": time,
        }
    }


def version_of(site: Website) -> int:
    """Return the version that a site shows: later than all in its history, whatever it says itself."""
    return max(site.version, *(_number(version) + 1 for version in site.history), 0)


def time_after(site: Website, now: float) -> float:
    """Return the time of an update of a site: now, but after what the site says of itself."""
    return now if site.updated_at is None else max(now, site.updated_at.timestamp() + 0.001)


def update(
    content: Mapping[str, Any],
    *,
    name: str,
    since: int,
    time: float,
    volume_id: str | None = None,
    framework: str | None = None,
    tags: Sequence[str] | None = None,
    ens: Sequence[str] | None = None,
    replaced: set[str] | None = None,
) -> dict[str, Any]:
    """Return the entry of a site with a further version, or with other labels alone.

    What is None stays as it is; ``replaced`` gets the volume that the new one takes the place of. Of
    two updates at once the later one, by ``time``, is what the site shows, and the other is in its
    history, in whatever order they are applied. One that is applied again, on top of what the other
    made of it, makes no further version: ``since`` is the one that it was meant to follow. Raises
    ``ResourceNotFoundError`` when there is no site of the name.
    """
    raw = content.get(name)
    if not isinstance(raw, Mapping):
        raise ResourceNotFoundError(
            f"there is no site {name!r} of this owner; create() makes one", status=404
        )
    site = structure({**raw, "name": name}, Website)
    entry = dict(raw)
    last = 0.0 if site.updated_at is None else site.updated_at.timestamp()
    overtaken = (time, volume_id or "") < (last, site.volume_id)
    recorded = _recorded_since(site, since)
    if volume_id not in (None, site.volume_id, *recorded):
        versions = [site.volume_id, volume_id]
        older, entry["volume_id"] = reversed(versions) if overtaken else versions
        if replaced is not None and site.volume_id and not overtaken:
            replaced.add(site.volume_id)
        if older not in recorded:
            number = version_of(site)
            entry["version"] = number + 1
            entry["history"] = {**site.history, str(number): older}
    old = raw.get("metadata")
    metadata: dict[str, Any] = dict(old) if isinstance(old, Mapping) else {"name": name}
    if framework is not None:
        metadata["framework"] = framework
    if tags is not None:
        metadata["tags"] = list(tags)
    if metadata != old:
        entry["metadata"] = metadata
    if ens is not None and list(ens) != raw.get("ens"):
        entry["ens"] = list(ens)
    if entry == raw:
        return {}
    return {name: entry if overtaken else {**entry, "updated_at": time}}


def delete(content: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """Return null in the place of an entry, for none can be deleted."""
    return {name: None} if content.get(name) is not None else {}


def _recorded_since(site: Website, since: int) -> list[str]:
    """Return what the history of a site has of the time after a version."""
    return [volume for version, volume in site.history.items() if _number(version) > since]


def _number(version: str) -> int:
    return int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0
