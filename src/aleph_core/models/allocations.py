"""Where the instances of an address are, and what runs there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, TypeVar

import attrs

from ..errors import AlephError
from .executions import Execution
from .scheduler import AllocationItem

__all__ = [
    "AllocationFailed",
    "ExecutionFailed",
    "InstanceAllocation",
    "InstanceAllocationsInfo",
    "InstanceManual",
    "InstanceWithScheduler",
    "InstancesExecutionList",
]

V = TypeVar("V")


@attrs.frozen
class InstanceManual:
    """An instance that is bound to a node; ``crn_url`` is empty when the network does not list the node."""

    source: ClassVar[str] = "manual"
    crn_url: str
    node_hash: str | None = None


@attrs.frozen
class InstanceWithScheduler:
    """An instance whose place the scheduler knows; ``allocations`` is None for one that has none."""

    source: ClassVar[str] = "scheduler"
    allocations: AllocationItem | None

    @property
    def crn_url(self) -> str:
        return "" if self.allocations is None else self.allocations.node.url.rstrip("/")


@attrs.frozen
class AllocationFailed:
    """An instance whose place could not be found out, and why."""

    source: ClassVar[str] = "failed"
    error: AlephError
    crn_url: ClassVar[str] = ""


InstanceAllocation = InstanceManual | InstanceWithScheduler | AllocationFailed


@attrs.frozen
class ExecutionFailed:
    """An instance whose node could not be asked, and why."""

    error: AlephError
    crn_url: str = ""


@attrs.frozen(eq=False)
class _ByHash(Mapping[str, V]):
    root: Mapping[str, V]

    def __getitem__(self, vm_hash: str) -> V:
        return self.root[vm_hash]

    def __iter__(self) -> Iterator[str]:
        return iter(self.root)

    def __len__(self) -> int:
        return len(self.root)


class InstanceAllocationsInfo(_ByHash[InstanceAllocation]):
    """The places of instances by their hashes."""


class InstancesExecutionList(_ByHash[Execution | ExecutionFailed | None]):
    """What runs, by the hashes of instances.

    None for an instance that has no place, or that its node does not have.
    """

    @property
    def failed(self) -> dict[str, ExecutionFailed]:
        """The instances whose place or node could not be asked."""
        return {
            vm_hash: entry
            for vm_hash, entry in self.root.items()
            if isinstance(entry, ExecutionFailed)
        }
