"""Who may publish for whom: the rules that nodes apply to an owner's ``security`` aggregate."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["SECURITY_KEY", "is_authorized"]

SECURITY_KEY = "security"
"""The key of the aggregate in which an owner lists those who may publish for it."""

_RESTRICTIONS = ("channels", "types", "post_types", "aggregate_keys")


def is_authorized(
    authorizations: object,
    *,
    sender: str,
    chain: str,
    channel: str | None,
    message_type: str,
    post_type: str | None = None,
    aggregate_key: str | None = None,
) -> bool:
    """Tell whether the content of an owner's ``security`` aggregate lets ``sender`` publish this.

    ``authorizations`` is that content as the network gave it, or None when the owner has none; an
    entry of it that is malformed grants nothing. For an amend give the type, channel and chain of
    the original post, for a FORGET those of each target. That an owner may publish for itself is
    for the caller to see.
    """
    entries = authorizations.get("authorizations") if isinstance(authorizations, Mapping) else None
    if not isinstance(entries, list | tuple):
        return False
    return any(
        isinstance(entry, Mapping)
        and _names(entry, sender)
        and _covers(entry, chain, channel, message_type, post_type, aggregate_key)
        for entry in entries
    )


def _names(entry: Mapping[object, object], sender: str) -> bool:
    address = entry.get("address")
    return isinstance(address, str) and address != "" and address.lower() == sender.lower()


def _covers(
    entry: Mapping[object, object],
    chain: str,
    channel: str | None,
    message_type: str,
    post_type: str | None,
    aggregate_key: str | None,
) -> bool:
    only_chain = entry.get("chain")
    if only_chain is not None and not isinstance(only_chain, str):
        return False
    if only_chain and only_chain != chain:
        return False
    restrictions: dict[str, list[str]] = {}
    for name in _RESTRICTIONS:
        allowed = entry.get(name, [])
        if not isinstance(allowed, list | tuple) or not all(isinstance(a, str) for a in allowed):
            return False
        restrictions[name] = list(allowed)
    if message_type != "POST":
        restrictions["post_types"] = []
    if message_type != "AGGREGATE":
        restrictions["aggregate_keys"] = []
    values = (channel, message_type, post_type, aggregate_key)
    return all(
        not restrictions[name] or value in restrictions[name]
        for name, value in zip(_RESTRICTIONS, values, strict=True)
    )
