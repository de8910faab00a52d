"""Ports of a machine that its compute node forwards from the internet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from ..errors import ArgumentError
from ..excerpts import shown
from .record import Record

__all__ = ["PortFlags", "Ports"]

_LARGEST_PORT: Final = 65535


def _check_flag(_: PortFlags, field: attrs.Attribute[bool], value: object) -> None:
    if not isinstance(value, bool):
        raise ArgumentError(field.name, f"expected True or False, not {shown(value)}")


def _port(value: object) -> int:
    # JSON has no other keys than texts, so the aggregate's own spelling is taken too.
    if isinstance(value, str) and value.isascii() and value.isdigit() and value[0] != "0":
        value = int(value) if len(value) < 6 else 0
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LARGEST_PORT:
        raise ArgumentError("ports", f"expected port numbers from 1 to 65535, not {shown(value)}")
    return value


def _ports(value: object) -> dict[int, PortFlags | None]:
    if not isinstance(value, Mapping):
        raise ArgumentError("ports", f"expected flags by port number, not {shown(value)}")
    ports: dict[int, PortFlags | None] = {}
    for key, flags in value.items():
        port = _port(key)
        if port in ports:
            raise ArgumentError("ports", f"port {port} is given twice")
        ports[port] = _flags(flags, port)
    return dict(sorted(ports.items()))


def _flags(value: object, port: int) -> PortFlags | None:
    if value is None or isinstance(value, PortFlags):
        return value
    if isinstance(value, Mapping) and set(value) == {"tcp", "udp"}:
        return PortFlags(tcp=value["tcp"], udp=value["udp"])
    raise ArgumentError(f"ports[{port}]", f"expected PortFlags or None, not {shown(value)}")


@attrs.frozen
class PortFlags(Record):
    """The protocols in which a port is forwarded; with neither, a port is closed, 22 too."""

    tcp: bool = attrs.field(default=False, validator=_check_flag)
    udp: bool = attrs.field(default=False, validator=_check_flag)

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> PortFlags:
        """Read the flags of an aggregate; one that is missing or no boolean counts as closed."""
        return cls(
            **{name: isinstance(raw.get(name), int) and bool(raw[name]) for name in ("tcp", "udp")},
            extra={name: value for name, value in raw.items() if name not in ("tcp", "udp")},
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the flags as the aggregate holds them: compute nodes fail where one is missing."""
        return {**self.extra, "tcp": self.tcp, "udp": self.udp}


@attrs.frozen
class Ports(Record):
    """Flags by port of the machine: ``Ports({80: PortFlags(tcp=True), 22: None})``.

    None removes a port from those that are there already. Raises ``ArgumentError`` for what would
    make compute nodes drop every port of the machine. As read, ``extra`` keeps what is no port.
    """

    ports: Mapping[int, PortFlags | None] = attrs.field(factory=dict, converter=_ports)

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Ports:
        """Read the entry of one machine; what compute nodes cannot read is left out of ``ports``."""
        ports: dict[int, PortFlags] = {}
        odd: dict[str, Any] = {}
        listed = raw.get("ports")
        for key, flags in listed.items() if isinstance(listed, Mapping) else ():
            try:
                port = _port(key)
            except ArgumentError:
                port = 0
            if port and isinstance(flags, Mapping):
                ports[port] = PortFlags.read(flags)
            else:
                odd[key] = flags
        extra = {name: value for name, value in raw.items() if name != "ports"}
        if odd or not isinstance(listed, Mapping | None):
            extra["ports"] = odd or listed
        return cls(ports, extra=extra)

    def merged_into(self, present: Ports) -> Ports:
        """Return the ports of ``present`` with these set and those that are None removed."""
        ports = {**present.ports, **self.ports}
        return attrs.evolve(
            present, ports={port: flags for port, flags in ports.items() if flags is not None}
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as the aggregate holds it, without ports that are None."""
        kept = {name: value for name, value in self.extra.items() if name != "ports"}
        return kept | {
            "ports": {
                str(port): flags.as_dict()
                for port, flags in self.ports.items()
                if flags is not None
            }
        }
