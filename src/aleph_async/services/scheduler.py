"""Where the network's scheduler places machines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import TypeVar

from aleph_core.call import Call
from aleph_core.calls import scheduler as calls
from aleph_core.filters import check_paging
from aleph_core.models.page import Page
from aleph_core.models.scheduler import (
    AllocationItem,
    SchedulerNode,
    SchedulerNodes,
    SchedulerPlan,
    SchedulerVm,
)
from aleph_core.nodes import service_url
from aleph_core.paging import Position, next_counted

from .._pages import OnInvalid, each, report
from ._service import Service

__all__ = ["Scheduler"]

T = TypeVar("T")


class Scheduler(Service):
    """Where the network's scheduler places machines.

    It places persistent programs, and instances that are neither bound to a node nor paid in another
    way than by holding tokens. Its host is the setting ``ALEPH_SCHEDULER_URL``.
    """

    async def get_plan(self) -> SchedulerPlan:
        """Return which machines belong on which nodes at present."""
        return await self._ask(calls.plan())

    async def get_nodes(self) -> SchedulerNodes:
        """Return the nodes that the scheduler places machines on."""
        return await self._ask(calls.scheduler_nodes())

    async def get_scheduler_node(self) -> SchedulerNodes:
        """The same as ``get_nodes``, under the name that a guide gives it."""
        return await self.get_nodes()

    async def get_allocation(self, vm_hash: str) -> AllocationItem:
        """Return where the scheduler placed a machine; raises ``ResourceNotFoundError`` if nowhere."""
        return await self._ask(calls.allocation(vm_hash))

    async def get_vm(self, vm_hash: str) -> SchedulerVm:
        """Return what the scheduler knows of a machine; raises ``ResourceNotFoundError``."""
        return await self._ask(calls.vm(vm_hash))

    async def get_vms(
        self,
        *,
        owner: str | None = None,
        sender: str | None = None,
        vm_hash: str | None = None,
        page: int = 1,
        page_size: int = calls.LARGEST_PAGE,
    ) -> Page[SchedulerVm]:
        """Return one page of machines, of an owner, of a sender, or whose hashes begin with ``vm_hash``.

        The scheduler may put fewer than ``page_size`` on a page before the last one.
        """
        check_paging(page, page_size)
        found = await self._vm_page(owner, sender, vm_hash, page_size, Position(page=page))
        report(found)
        return found

    async def get_vms_iterator(
        self,
        *,
        owner: str | None = None,
        sender: str | None = None,
        vm_hash: str | None = None,
        page_size: int = calls.LARGEST_PAGE,
        on_invalid: OnInvalid | None = None,
    ) -> AsyncIterator[SchedulerVm]:
        """Yield every machine of an owner, of a sender, or whose hash begins with ``vm_hash``."""
        check_paging(None, page_size)
        fetch = partial(self._vm_page, owner, sender, vm_hash, page_size)
        first = Position(page=1)
        async for vm in each(fetch, first, on_invalid=on_invalid, follow=next_counted):
            yield vm

    async def _vm_page(
        self,
        owner: str | None,
        sender: str | None,
        vm_hash: str | None,
        page_size: int,
        position: Position,
    ) -> Page[SchedulerVm]:
        call = calls.vms(position, page_size, owner=owner, sender=sender, vm_hash=vm_hash)
        return await self._ask(call)

    async def get_node(self, node_hash: str) -> SchedulerNode:
        """Return what the scheduler knows of a node; raises ``ResourceNotFoundError``."""
        return await self._ask(calls.node(node_hash))

    async def find_nodes(
        self, node_hash: str | None = None, *, on_invalid: OnInvalid | None = None
    ) -> list[SchedulerNode]:
        """Return the nodes whose hashes begin or end with ``node_hash``, or all of them."""
        fetch = partial(self._node_page, node_hash)
        first = Position(page=1)
        return [
            node async for node in each(fetch, first, on_invalid=on_invalid, follow=next_counted)
        ]

    async def _node_page(self, node_hash: str | None, position: Position) -> Page[SchedulerNode]:
        return await self._ask(calls.nodes(position, calls.LARGEST_PAGE, node_hash=node_hash))

    async def _ask(self, call: Call[T]) -> T:
        return await self._send(call, service_url(self._settings, "SCHEDULER_URL"))
