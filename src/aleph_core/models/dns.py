"""The public names of instances."""

from __future__ import annotations

import attrs

from .record import Record

__all__ = ["IPV4", "Dns"]


@attrs.frozen(kw_only=True)
class IPV4(Record):
    """``public`` is the address of the host, ``local`` one behind it, or a network in CIDR notation."""

    public: str | None = None
    local: str | None = None


@attrs.frozen(kw_only=True)
class Dns(Record):
    """A name and the instance that it leads to."""

    name: str
    item_hash: str
    ipv4: IPV4 | None = None
    ipv6: str | None = None
