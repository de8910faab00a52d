"""The instances of an address, where they are allocated, and what runs there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from aleph_core.allocations import (
    bound_allocation,
    check_messages,
    execution_at,
    listed_allocation,
    name_of,
)
from aleph_core.errors import AlephError, ArgumentError, NotFoundError
from aleph_core.filters import MessageFilter
from aleph_core.item_hash import check_address
from aleph_core.models.allocations import (
    AllocationFailed,
    ExecutionFailed,
    InstanceAllocation,
    InstanceAllocationsInfo,
    InstancesExecutionList,
    InstanceWithScheduler,
)
from aleph_core.models.compute_nodes import CrnList
from aleph_core.models.executions import CrnExecutions
from aleph_core.models.message import Message, MessageStatus

from .._pages import OnInvalid
from .._runtime import gather
from ._service import Service

__all__ = ["Instances"]

# Messages whose machines are still paid for.
_LIVE = (MessageStatus.PROCESSED, MessageStatus.REMOVING)


class Instances(Service):
    """The instances of an address, where they are allocated, and what runs there."""

    async def get_instances(
        self, address: str, *, on_invalid: OnInvalid | None = None
    ) -> list[Message]:
        """Return the messages of all instances that the address owns and that are not forgotten or removed.

        Messages that do not hold are left out, logged, and given to ``on_invalid``.
        """
        wanted = MessageFilter(
            message_types=["INSTANCE"],
            owners=[check_address(address)],
            message_statuses=_LIVE,
        )
        found = self._client.get_messages_iterator(wanted, on_invalid=on_invalid)
        return [message async for message in found]

    async def get_instances_allocations(
        self, messages_list: Iterable[Message], only_processed: bool = True
    ) -> InstanceAllocationsInfo:
        """Return where instances are, by their hashes.

        One that is bound to a node is looked up in the network's list of nodes, another is asked of
        the scheduler. With ``only_processed`` those whose messages are forgotten, removed, rejected or
        pending are left out. What could not be found out has an entry with its error.
        """
        messages = check_messages(messages_list)
        if not messages:
            return InstanceAllocationsInfo({})
        nodes = await self._client.crn.get_crns_list(only_active=False)
        found = await gather(
            [partial(self._allocation, message, nodes, only_processed) for message in messages]
        )
        return InstanceAllocationsInfo(
            {
                message.item_hash: allocation
                for message, allocation in zip(messages, found, strict=True)
                if allocation is not None
            }
        )

    async def _allocation(
        self, message: Message, nodes: CrnList, only_processed: bool
    ) -> InstanceAllocation | None:
        try:
            if only_processed and not await self._is_live(message):
                return None
            return await self.get_instance_allocation_info(message, nodes)
        except AlephError as error:
            return AllocationFailed(error)

    async def _is_live(self, message: Message) -> bool:
        try:
            status = await self._client.get_message_status(message.item_hash)
        except NotFoundError:
            return False
        return status in _LIVE

    async def get_instance_allocation_info(
        self, message: Message, crn_list: CrnList
    ) -> InstanceAllocation:
        """Return where one instance is, by a list of nodes and by the scheduler."""
        bound = bound_allocation(message, crn_list)
        if bound is not None:
            return bound
        scheduler = self._client.scheduler
        try:
            return InstanceWithScheduler(await scheduler.get_allocation(message.item_hash))
        except NotFoundError:
            pass
        try:
            vm = await scheduler.get_vm(message.item_hash)
        except NotFoundError:
            return InstanceWithScheduler(None)
        return listed_allocation(vm.allocated_node, crn_list) or InstanceWithScheduler(None)

    async def get_instance_executions_info(
        self, instances: InstanceAllocationsInfo
    ) -> InstancesExecutionList:
        """Return what runs, by the hashes of instances; each node is asked once.

        None for an instance that has no place or is not on its node. One whose node could not be
        asked has an entry with the error.
        """
        if not isinstance(instances, Mapping):
            raise ArgumentError("instances", "expected what get_instances_allocations returns")
        urls = sorted({place.crn_url for place in instances.values() if place.crn_url})
        answers = await gather([partial(self._machines, url) for url in urls])
        machines = dict(zip(urls, answers, strict=True))
        return InstancesExecutionList(
            {
                vm_hash: execution_at(vm_hash, place, machines)
                for vm_hash, place in instances.items()
            }
        )

    async def _machines(self, crn_url: str) -> CrnExecutions | ExecutionFailed:
        try:
            return await self._client.crn.get_active_vms(crn_url)
        except AlephError as error:
            return ExecutionFailed(error, crn_url)

    async def get_name_of_executable(self, item_hash: str) -> str | None:
        """Return the name in the metadata of a program or instance, None when it has none.

        Raises as ``get_message`` does.
        """
        return name_of(await self._client.get_message(item_hash))
