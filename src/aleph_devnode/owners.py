"""Who may control a machine: its owner, and whom the owner's ``security`` aggregate lets do so."""

from __future__ import annotations

from sqlite3 import Connection

from . import aggregates
from .authorizations import KEY, entries_of

TYPE = "INSTANCE"


def may_control(connection: Connection, address: str, owner: str) -> bool:
    """Tell whether an address controls the machines of an owner.

    Unlike for messages, restrictions other than those of the type do not count.
    """
    if address.lower() == owner.lower():
        return True
    return any(
        entry["address"].lower() == address.lower() and _allows(entry.get("types"))
        for entry in entries_of(aggregates.find(connection, owner, KEY))
    )


def _allows(types: object) -> bool:
    return not types or (isinstance(types, list) and TYPE in types)
