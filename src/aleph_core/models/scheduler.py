"""What the scheduler tells: its plan, the nodes it knows, and where a machine belongs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from .record import Record

__all__ = [
    "AllocationItem",
    "NodeItem",
    "Period",
    "PlanItem",
    "SchedulerNode",
    "SchedulerNodes",
    "SchedulerPlan",
    "SchedulerVm",
]


@attrs.frozen(kw_only=True)
class Period(Record):
    """The time that something holds for, in seconds from its start."""

    start_timestamp: datetime | None = None
    duration_seconds: float | None = None


@attrs.frozen(kw_only=True)
class PlanItem(Record):
    """What the plan gives to one node, by item hashes."""

    persistent_vms: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    on_demand_vms: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class SchedulerPlan(Record):
    """Which machines belong on which nodes, by the nodes' ids."""

    plan: Mapping[str, PlanItem]
    period: Period | None = None

    def node_of(self, vm_hash: str) -> str | None:
        """Return the id of the node that the plan gives a machine to, None for one that is not planned."""
        for node_id, item in self.plan.items():
            if vm_hash in (*item.instances, *item.persistent_vms, *item.on_demand_vms):
                return node_id
        return None


@attrs.frozen(kw_only=True)
class NodeItem(Record):
    """A node as the scheduler knows it."""

    node_id: str
    url: str
    ipv6: str | None = None
    supports_ipv6: bool = False


@attrs.frozen(kw_only=True)
class SchedulerNodes(Record):
    """The nodes that the scheduler knows."""

    nodes: tuple[NodeItem, ...]

    def get_url(self, node_id: str) -> str | None:
        """Return the URL of a node, None for one that the scheduler does not know."""
        return next((node.url for node in self.nodes if node.node_id == node_id), None)


@attrs.frozen(kw_only=True)
class AllocationItem(Record):
    """Where the scheduler put a machine."""

    vm_hash: str
    node: NodeItem
    vm_type: str | None = None
    vm_ipv6: str | None = None
    period: Period | None = None


@attrs.frozen(kw_only=True)
class SchedulerVm(Record):
    """A machine in the scheduler's newer API, placed or not.

    ``status`` is what the scheduler sees: scheduled, dispatched, duplicated, misplaced, missing,
    orphaned, migrating, unknown, unscheduled, unschedulable or removed.
    """

    vm_hash: str
    vm_type: str | None = None
    allocated_node: str | None = None
    status: str | None = None
    scheduling_status: str | None = None
    migration_target: str | None = None
    owner: str | None = None
    sender: str | None = None


@attrs.frozen(kw_only=True)
class SchedulerNode(Record):
    """A node in the scheduler's newer API; ``address`` is its URL, None while it is not known."""

    node_hash: str
    name: str | None = None
    address: str | None = None
    status: str | None = None
