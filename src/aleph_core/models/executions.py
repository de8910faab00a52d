"""Machines on a compute node, as its two lists of executions show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import attrs

from ..errors import MalformedAnswerError
from .page import InvalidEntry
from .record import Record

__all__ = [
    "CrnExecutionV1",
    "CrnExecutionV2",
    "CrnExecutions",
    "Execution",
    "Networking",
    "NetworkingV2",
    "PortMapping",
    "VmStatus",
]


@attrs.frozen(kw_only=True)
class Networking(Record):
    """The networks of a machine, in CIDR notation."""

    ipv4: str | None = None
    ipv6: str | None = None


@attrs.frozen(kw_only=True)
class CrnExecutionV1(Record):
    """A machine in the older list, which holds running ones, and confidential ones that wait for their owner."""

    networking: Networking = Networking()
    vm_type: str | None = None
    awaiting_confidential_init: bool = False

    @property
    def running(self) -> bool:
        return not self.awaiting_confidential_init


@attrs.frozen(kw_only=True)
class PortMapping(Record):
    """A forwarded port: ``host`` is the public port, None where the node told none."""

    host: int | None = None
    tcp: bool = False
    udp: bool = False


@attrs.frozen(kw_only=True)
class NetworkingV2(Record):
    """Where a machine is reached; nothing is known before it has a network.

    ``mapped_ports`` go from the machine's ports, as text, to those of ``host_ipv4``.
    """

    ipv4_network: str | None = None
    host_ipv4: str | None = None
    ipv6_network: str | None = None
    ipv6_ip: str | None = None
    ipv4_ip: str | None = None
    mapped_ports: Mapping[str, PortMapping] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class VmStatus(Record):
    """The moments in the life of a machine; None for those that have not come."""

    defined_at: datetime | None = None
    preparing_at: datetime | None = None
    prepared_at: datetime | None = None
    starting_at: datetime | None = None
    started_at: datetime | None = None
    stopping_at: datetime | None = None
    stopped_at: datetime | None = None


@attrs.frozen(kw_only=True)
class CrnExecutionV2(Record):
    """A machine that a node knows, running or not.

    One with ``awaiting_confidential_init`` is alive although it does not run: its owner has to
    start it. ``vm_type`` is ``instance``, ``persistent_program`` or ``microvm``.
    """

    networking: NetworkingV2 = NetworkingV2()
    status: VmStatus = VmStatus()
    running: bool = False
    awaiting_confidential_init: bool = False
    vm_type: str | None = None


Execution = CrnExecutionV1 | CrnExecutionV2


@attrs.frozen(eq=False)
class CrnExecutions(Mapping[str, Execution]):
    """The machines of one node by their hashes; all are ``CrnExecutionV2``, or V1 on an older node.

    ``invalid`` are the machines that the node described in a form that cannot be read; asking for
    one of these raises ``MalformedAnswerError`` instead of KeyError.
    """

    root: Mapping[str, Execution]
    node: str = ""
    invalid: tuple[InvalidEntry, ...] = ()

    @property
    def kind(self) -> str:
        """What is in the list, in words."""
        return f"machines of {self.node}"

    def __getitem__(self, vm_hash: str) -> Execution:
        for entry in self.invalid:
            if entry.item_hash == vm_hash and isinstance(entry.error, MalformedAnswerError):
                raise entry.error
        return self.root[vm_hash]

    def __iter__(self) -> Iterator[str]:
        return iter(self.root)

    def __len__(self) -> int:
        return len(self.root)

    def __contains__(self, vm_hash: object) -> bool:
        return vm_hash in self.root
