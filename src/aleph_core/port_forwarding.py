"""The ``port-forwarding`` aggregate of a machine's owner, and what compute nodes make of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .errors import ArgumentError, InvalidItemHashError, PortForwardingError, UnsupportedByNode
from .item_hash import check_address, check_item_hash, same_address
from .machine_errors import VmNotFound
from .models.executions import CrnExecutionV2, Execution, PortMapping
from .models.message import Message
from .models.ports import PortFlags, Ports
from .waiting import Pauses

__all__ = [
    "KEY",
    "NONE",
    "ApplyWaiting",
    "check_owner",
    "check_ports",
    "mappings",
    "merge",
    "not_applied",
    "ports_asked_for",
    "read_all",
    "remove",
    "unmapped",
]

KEY: Final = "port-forwarding"
NONE: Final = Ports()
# Compute nodes forward SSH whether it is listed or not.
_SSH: Final = 22


def check_ports(ports: object) -> Ports:
    """Return ports given as ``Ports`` or as flags by port; raise ``ArgumentError`` for anything else."""
    return ports if isinstance(ports, Ports) else Ports(ports)


def read_all(content: Mapping[str, Any] | None) -> dict[str, Ports]:
    """Return the ports of each machine; entries that are null or no objects are none."""
    return {
        item_hash: Ports.read(entry)
        for item_hash, entry in (content or {}).items()
        if isinstance(entry, Mapping)
    }


def merge(content: Mapping[str, Any], *, item_hash: str, ports: Ports) -> dict[str, Any]:
    """Return the entry of a machine with these ports, and the others it has, set as nodes need it."""
    entry = content.get(item_hash)
    present = Ports.read(entry) if isinstance(entry, Mapping) else None
    merged = ports.merged_into(NONE if present is None else present)
    if present is None and not merged.ports:
        return {}
    return {item_hash: merged.as_dict()}


def remove(content: Mapping[str, Any], *, item_hash: str) -> dict[str, Any]:
    """Return the entry that leaves a machine without ports of its own: null, for none can be deleted."""
    return {item_hash: None} if content.get(item_hash) is not None else {}


def ports_asked_for(
    arguments: tuple[str, ...], item_hash: str | None, address: str | None
) -> tuple[str | None, str | None]:
    """Return item hash and address from arguments in any of the orders that guide and SDK have.

    No address of any chain looks like an item hash, so each argument tells what it is.
    """
    hashes = [] if item_hash is None else [check_item_hash(item_hash)]
    addresses = [] if address is None else [check_address(address)]
    for argument in arguments:
        try:
            hashes.append(check_item_hash(argument))
        except InvalidItemHashError:
            addresses.append(check_address(argument))
    for name, values in (("item_hash", hashes), ("address", addresses)):
        if len(values) > 1:
            raise ArgumentError(name, "is given twice")
    return next(iter(hashes), None), next(iter(addresses), None)


def check_owner(message: Message, owner: str) -> None:
    """Raise ``ArgumentError`` unless the machine is the owner's: compute nodes read no other's ports."""
    if not same_address(message.address, owner):
        raise ArgumentError(
            "address",
            f"machine {message.item_hash} belongs to {message.address}, whose ports alone its "
            f"compute node reads, not those of {owner}",
        )


def mappings(vm: Execution | None, *, item_hash: str, node: str) -> dict[int, PortMapping]:
    """Return what a compute node forwards to a machine, by the machine's port; nothing before it boots."""
    if vm is None:
        raise VmNotFound(f"{node} does not list machine {item_hash}", item_hash=item_hash)
    if not isinstance(vm, CrnExecutionV2):
        raise UnsupportedByNode(f"{node} is too old to tell which ports it forwards", node=node)
    return {
        int(port): mapping
        for port, mapping in vm.networking.mapped_ports.items()
        if port.isascii() and port.isdigit() and len(port) < 6
    }


def unmapped(ports: Ports | None, mapped: Mapping[int, PortMapping]) -> dict[int, str]:
    """Return what a compute node forwards otherwise than the aggregate says, by port and in words."""
    wanted = {} if ports is None else {p: f for p, f in ports.ports.items() if f is not None}
    wanted.setdefault(_SSH, PortFlags(tcp=True))
    found = {port: (mapping.tcp, mapping.udp) for port, mapping in mapped.items()}
    differing: dict[int, str] = {}
    for port in sorted({*wanted, *found}):
        flags = wanted.get(port, PortFlags())
        there = found.get(port, (False, False))
        if there != (flags.tcp, flags.udp):
            differing[port] = f"{_words(*there)} instead of {_words(flags.tcp, flags.udp)}"
    return differing


class ApplyWaiting:
    """The wait until a compute node forwards what is published."""

    def __init__(self, item_hash: str, node: str, timeout: float) -> None:
        self._item_hash = item_hash
        self._node = node
        self._pauses = Pauses(timeout, first=0.5, longest=5.0)

    def pause(self, differing: Mapping[int, str], *, elapsed: float) -> float:
        """Return the seconds until the node is told again; raise ``PortForwardingError`` in the end."""
        pause = self._pauses.next(elapsed=elapsed)
        if pause is None:
            raise not_applied(differing, item_hash=self._item_hash, node=self._node)
        return pause


def not_applied(differing: Mapping[int, str], *, item_hash: str, node: str) -> PortForwardingError:
    """Return the error for a node that goes on forwarding other ports than it should."""
    told = "; ".join(f"port {port}: {how}" for port, how in differing.items())
    return PortForwardingError(
        f"{node} forwards other ports to machine {item_hash} than were published: {told}. What was "
        "published stands; the node may lag behind, so apply_ports can be called again later",
        item_hash=item_hash,
        node=node,
        differing=differing,
    )


def _words(tcp: bool, udp: bool) -> str:
    return " and ".join(name for name, on in (("tcp", tcp), ("udp", udp)) if on) or "closed"
