"""Who knows where an instance is: the list of nodes, for one that is bound to a node, or the scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from .errors import ArgumentError, MalformedAnswerError
from .excerpts import shown
from .item_hash import as_list, same_address
from .models.allocations import (
    AllocationFailed,
    ExecutionFailed,
    InstanceAllocation,
    InstanceManual,
)
from .models.compute_nodes import CRN, CrnList
from .models.executions import CrnExecutions, Execution
from .models.message import Message

__all__ = [
    "bound_allocation",
    "check_messages",
    "execution_at",
    "listed_allocation",
    "name_of",
]


def check_messages(messages: object) -> list[Message]:
    """Return messages as a list; raise ``ArgumentError`` for anything else, their hashes for one."""
    found = as_list(messages, "messages_list")
    for message in found:
        # What is published has what is asked of a message here, too.
        if not hasattr(message, "item_hash") or not hasattr(message, "content"):
            raise ArgumentError("messages_list", f"expected messages, not {shown(message)}")
    return cast("list[Message]", found)


def bound_allocation(message: Message, nodes: CrnList) -> InstanceManual | None:
    """Return the place of an instance that its own content tells, None when only a scheduler can know.

    A payment stream goes to the address of a node, which tells the node too if it is the only one
    with this address.
    """
    node_hash = _at(message.content, "requirements", "node", "node_hash")
    if isinstance(node_hash, str) and node_hash:
        return _manual(nodes.find_crn(crn_hash=node_hash), node_hash)
    receiver = _at(message.content, "payment", "receiver")
    if _at(message.content, "payment", "type") == "superfluid" and isinstance(receiver, str):
        paid = [
            crn
            for crn in nodes
            if crn.payment_receiver_address is not None
            and same_address(crn.payment_receiver_address, receiver)
        ]
        if len(paid) == 1:
            return _manual(paid[0], paid[0].hash)
    return None


def listed_allocation(node_hash: str | None, nodes: CrnList) -> InstanceManual | None:
    """Return the place on a node that the scheduler named."""
    return None if not node_hash else _manual(nodes.find_crn(crn_hash=node_hash), node_hash)


def execution_at(
    vm_hash: str,
    place: InstanceAllocation,
    machines: Mapping[str, CrnExecutions | ExecutionFailed],
) -> Execution | ExecutionFailed | None:
    """Return what runs of an instance, by the machines of each node's URL."""
    if isinstance(place, AllocationFailed):
        return ExecutionFailed(place.error)
    there = machines.get(place.crn_url)
    if there is None or isinstance(there, ExecutionFailed):
        return there
    try:
        return there.get(vm_hash)
    except MalformedAnswerError as error:
        return ExecutionFailed(error, place.crn_url)


def name_of(message: Message) -> str | None:
    """Return the name in the metadata of a program or instance, if it has one."""
    name = _at(message.content, "metadata", "name")
    return name if isinstance(name, str) else None


def _manual(crn: CRN | None, node_hash: str) -> InstanceManual:
    return InstanceManual(crn_url="" if crn is None else crn.address, node_hash=node_hash)


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
