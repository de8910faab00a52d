"""Scheduler, compute nodes, instances and names, as the guide shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aleph_message.models import ItemHash

from aleph_async import (
    AlephHttpClient,
    AllocationItem,
    CrnExecutionV1,
    CrnExecutionV2,
    Dns,
    ETHAccount,
    Message,
    SchedulerNodes,
    SchedulerPlan,
)
from aleph_devnode import DevNode
from tests.devnode.author import Author
from tests.devnode.machines import EARLY, started
from tests.vm_contents import instance

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client() -> AsyncIterator[AlephHttpClient]:
    async with AlephHttpClient() as client:
        yield client


@pytest.fixture
def author(node: DevNode, private_key: str) -> Author:
    return Author(node.url, ETHAccount(private_key))


@pytest.fixture
def running(author: Author) -> str:
    """An instance that runs on the local node."""
    return started(author, author.store(b"rootfs"))


@pytest.fixture
def held(author: Author) -> str:
    """An instance that the scheduler placed."""
    return author.send("INSTANCE", instance(author.store(b"rootfs"), payment=None, time=EARLY))


async def test_get_the_scheduler_plan(client: AlephHttpClient, held: str) -> None:
    data: SchedulerPlan = await client.scheduler.get_plan()

    assert data.node_of(held) is not None


async def test_get_the_nodes_used_by_the_scheduler(client: AlephHttpClient, node: DevNode) -> None:
    node_info: SchedulerNodes = await client.scheduler.get_scheduler_node()

    assert [item.url for item in node_info.nodes] == [node.url]


async def test_get_the_allocation_of_a_hold_instance(client: AlephHttpClient, held: str) -> None:
    allocation: AllocationItem = await client.scheduler.get_allocation(ItemHash(held))

    assert allocation.vm_hash == held


async def test_get_the_last_version_and_the_list_of_compute_nodes(
    client: AlephHttpClient, node: DevNode
) -> None:
    crn_version = await client.crn.get_last_crn_version()
    crn_list = await client.crn.get_crns_list(only_active=False)

    (crn,) = crn_list["crns"]
    assert (crn["version"], crn["address"]) == (crn_version, node.url)


async def test_get_the_execution_of_a_machine_and_update_its_configuration(
    client: AlephHttpClient, node: DevNode, running: str
) -> None:
    vm: CrnExecutionV1 | CrnExecutionV2 | None = await client.crn.get_vm(
        crn_address=node.url, item_hash=ItemHash(running)
    )
    await client.crn.update_instance_config(crn_address=node.url, item_hash=running)

    assert vm is not None
    assert vm.running


async def test_get_instances_allocations_and_executions(
    client: AlephHttpClient, node: DevNode, author: Author, running: str, held: str
) -> None:
    instances: list[Message] = await client.utils.get_instances(author.address)
    allocations = await client.utils.get_instances_allocations(instances)
    executions = await client.utils.get_instance_executions_info(allocations)

    assert {place.crn_url for place in allocations.values()} == {node.url}
    assert set(executions) == {running, held}
    assert not executions.failed


async def test_get_the_names_of_instances(
    client: AlephHttpClient, node: DevNode, running: str
) -> None:
    dns_list: list[Dns] = await client.dns.get_public_dns()
    dns: Dns | None = await client.dns.get_dns_for_instance(item_hash=ItemHash(running))

    assert dns in dns_list

    of_host = await client.dns.get_public_dns_by_host(node.url)

    assert dns in of_host
