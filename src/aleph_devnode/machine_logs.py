"""What machines wrote to their consoles: kept after they are gone, as a journal does."""

from __future__ import annotations

from sqlite3 import Connection, Row
from typing import Any

from .times import from_seconds, now

STREAMS = ("stdout", "stderr")
BOOT = ("Linux version 6.1.0-devnode", "systemd[1]: Reached target multi-user.target", "login:")


def write(connection: Connection, vm_hash: str, stream: str, message: str) -> None:
    connection.execute(
        "INSERT INTO machine_logs (vm_hash, stream, time, message) VALUES (?, ?, ?, ?)",
        (vm_hash, stream, now(), message),
    )


def write_boot(connection: Connection, vm_hash: str) -> None:
    """Write what a machine says when it starts."""
    for message in BOOT:
        write(connection, vm_hash, "stdout", message)


def after(connection: Connection, vm_hash: str, last: int = 0, *, limit: int = 1000) -> list[Row]:
    """Return the lines that come after one, oldest first."""
    return connection.execute(
        "SELECT * FROM machine_logs WHERE vm_hash = ? AND id > ? ORDER BY id LIMIT ?",
        (vm_hash, last, limit),
    ).fetchall()


def rotate(connection: Connection, vm_hash: str, keep: int) -> None:
    """Drop all but the newest lines, as a full journal does."""
    connection.execute(
        "DELETE FROM machine_logs WHERE vm_hash = ? AND id NOT IN"
        " (SELECT id FROM machine_logs WHERE vm_hash = ? ORDER BY id DESC LIMIT ?)",
        (vm_hash, vm_hash, keep),
    )


def shown(row: Row) -> dict[str, Any]:
    """Return a line as the list of past lines has it."""
    return {
        "SYSLOG_IDENTIFIER": f"vm-{row['vm_hash']}-{row['stream']}",
        "MESSAGE": row["message"],
        "file": row["stream"],
        "__REALTIME_TIMESTAMP": str(from_seconds(row["time"])),
    }


def remember(connection: Connection, vm_hash: str, owner: str) -> None:
    """Record that a machine ran here."""
    connection.execute(
        "INSERT INTO past_machines VALUES (?, ?) ON CONFLICT DO NOTHING", (vm_hash, owner)
    )


def past_owner(connection: Connection, vm_hash: str) -> str | None:
    """Return the owner of a machine that once ran here, None for one that never did."""
    row = connection.execute(
        "SELECT owner FROM past_machines WHERE vm_hash = ?", (vm_hash,)
    ).fetchone()
    return None if row is None else str(row["owner"])
