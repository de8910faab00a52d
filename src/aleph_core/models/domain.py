"""Custom domains, and the DNS records that lead from one to what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import attrs

from .record import Record, named

__all__ = ["DnsRecord", "DnsRecordCheck", "Domain", "DomainCheck", "TargetType"]


class TargetType(StrEnum):
    """What a domain can lead to."""

    IPFS = "ipfs"
    PROGRAM = "program"
    INSTANCE = "instance"


@attrs.frozen(kw_only=True)
class Domain(Record):
    """One domain of an owner; ``message_id`` is the hash of what it shows, empty when detached."""

    name: str
    type: str = ""
    message_id: str = ""
    updated_at: datetime | None = None
    options: Mapping[str, Any] = attrs.field(factory=dict)
    program_type: str | None = named("programType", default=None)


@attrs.frozen
class DnsRecord:
    """A record that a domain needs; ``role`` is address, delegation or ownership.

    An ``ALIAS`` stands for a CNAME at the root of a zone, where DNS allows none; providers call it
    ALIAS, ANAME or flattening.
    """

    type: str
    name: str
    value: str
    role: str


@attrs.frozen
class DnsRecordCheck:
    """What was found in the place of a required record."""

    record: DnsRecord
    found: tuple[str, ...]
    ok: bool


@attrs.frozen
class DomainCheck:
    """What DNS says of a domain, record by record."""

    domain: str
    records: tuple[DnsRecordCheck, ...]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.records)

    @property
    def missing(self) -> tuple[DnsRecord, ...]:
        """The records that are still to be made or changed."""
        return tuple(check.record for check in self.records if not check.ok)
