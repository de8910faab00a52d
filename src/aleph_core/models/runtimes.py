"""Runtimes, root file systems and firmware that the network recommends: aggregate ``runtimes``."""

from __future__ import annotations

from enum import StrEnum

import attrs

from .record import Record

__all__ = ["RuntimeEntry", "RuntimeType", "RuntimesAggregate"]


class RuntimeType(StrEnum):
    """What an entry is for; the aggregate may have others."""

    PROGRAM = "program"
    INSTANCE = "instance"
    RESCUE = "rescue"
    FIRMWARE = "firmware"


@attrs.frozen(kw_only=True)
class RuntimeEntry(Record):
    """One runtime; ``item_hash`` is that of the STORE message, ``sha256`` that of the file."""

    item_hash: str
    id: str = ""
    name: str = ""
    type: str = ""
    default: bool = False
    sha256: str | None = None
    firmware_hash: str | None = None


@attrs.frozen(kw_only=True)
class RuntimesAggregate(Record):
    """All entries, in the order of the aggregate."""

    entries: tuple[RuntimeEntry, ...] = ()

    def of_type(self, runtime_type: str | None) -> tuple[RuntimeEntry, ...]:
        """Return the entries of one type, all of them for None."""
        return tuple(
            entry for entry in self.entries if runtime_type is None or entry.type == runtime_type
        )
