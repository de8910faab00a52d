"""Where the scheduler places machines; the one node it knows is this one."""

from __future__ import annotations

from sqlite3 import Connection
from typing import Any

from . import processed
from .machines import Machine, is_confidential, required_node, wanted_gpus
from .processed import Message
from .times import from_seconds, now

PERIOD = 3600


def is_placed(message: Message, node_hash: str) -> bool:
    """Tell whether the scheduler places the machine of a message, and here.

    It places persistent programs, and instances on the hold plan that need neither a GPU nor
    confidential computing; others are started by whoever notifies a node of them.
    """
    content = message.content
    if message.type == "PROGRAM":
        return bool(content["on"].get("persistent"))
    if message.type != "INSTANCE" or required_node(content) not in (None, node_hash):
        return False
    on_hold = message.payment_type in (None, "hold")
    return on_hold and not is_confidential(content) and not wanted_gpus(content)


def period() -> dict[str, Any]:
    """Return the hour that the present plan is made for."""
    start = from_seconds(now() // PERIOD * PERIOD)
    return {
        "start_timestamp": start.isoformat().replace("+00:00", "Z"),
        "duration_seconds": PERIOD,
    }


def vms(
    connection: Connection,
    machines: dict[str, Machine],
    node_hash: str,
    *,
    owner: str | None,
    sender: str | None,
    prefix: str,
) -> list[dict[str, Any]]:
    """Return what the newer API tells of machines, running or not, the newest first."""
    conditions = ["status = ?", "substr(item_hash, 1, ?) = ?"]
    parameters: list[Any] = [processed.PROCESSED, len(prefix), prefix]
    for column, value in (("owner", owner), ("sender", sender)):
        if value is not None:
            conditions.append(f"{column} = ? COLLATE NOCASE")
            parameters.append(value)
    rows = connection.execute(
        f"SELECT * FROM messages WHERE type IN ('INSTANCE', 'PROGRAM') AND {' AND '.join(conditions)}"
        " ORDER BY time DESC, item_hash",
        parameters,
    ).fetchall()
    messages = [
        message for row in rows if (message := processed.load(connection, row["item_hash"]))
    ]
    return [
        _entry(message, machines.get(message.item_hash), node_hash)
        for message in messages
        if message.type == "INSTANCE" or message.content["on"].get("persistent")
    ]


def _entry(message: Message, machine: Machine | None, node_hash: str) -> dict[str, Any]:
    return {
        "vm_hash": message.item_hash,
        "vm_type": "instance" if message.type == "INSTANCE" else "persistent_program",
        "allocated_node": None if machine is None else node_hash,
        "status": "unscheduled" if machine is None else "dispatched",
        "scheduling_status": "unscheduled" if machine is None else "scheduled",
        "migration_target": None,
        "owner": message.owner,
        "sender": message.sender,
        "payment_type": message.payment_type or "hold",
    }
