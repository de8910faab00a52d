"""The scheduler's plan, its nodes, and the machines it knows."""

from __future__ import annotations

from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    ApiError,
    ArgumentError,
    ResourceNotFoundError,
    RetryPolicy,
    Settings,
    TransportError,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode, NodeSettings
from tests.core.compute import NODE_ITEM, PLAN, SCHEDULER_NODE, SCHEDULER_VM
from tests.devnode.author import Author
from tests.devnode.machines import EARLY, notify, persistent_program
from tests.hostile import answer, unavailable
from tests.scripted import node as scripted
from tests.scripted import paths, query
from tests.vm_contents import instance

pytestmark = pytest.mark.anyio

HERE = NodeSettings().node_hash
ABSENT = "e" * 64


def asking(url: str, **options: Any) -> AlephHttpClient:
    """Return a client of this scheduler, with a node that nobody listens on."""
    settings = Settings(API_HOST="http://127.0.0.1:1", SCHEDULER_URL=f"{url}/")
    return AlephHttpClient(settings=settings, **options)


async def test_what_the_scheduler_places_is_in_its_plan(
    services: AlephHttpClient, node: DevNode, owner: Author, rootfs: str
) -> None:
    held = owner.send("INSTANCE", instance(rootfs, payment=None, time=EARLY))
    persistent = owner.send("PROGRAM", persistent_program(rootfs))
    plan = await services.scheduler.get_plan()
    assert held in plan.plan[HERE].instances
    assert persistent in plan.plan[HERE].persistent_vms
    assert plan.node_of(held) == plan.node_of(persistent) == HERE
    assert plan.period is not None
    nodes = await services.scheduler.get_nodes()
    assert nodes == await services.scheduler.get_scheduler_node()
    assert nodes.get_url(HERE) == node.url
    allocation = await services.scheduler.get_allocation(held)
    assert (allocation.vm_hash, allocation.vm_type) == (held, "instance")
    assert allocation.node.url == node.url
    machine = await services.crn.get_vm(allocation.node.url, held)
    assert machine is not None
    assert machine.running


async def test_what_it_does_not_place_is_an_error_and_no_empty_answer(
    services: AlephHttpClient, owner: Author, rootfs: str
) -> None:
    vm = owner.send("INSTANCE", instance(rootfs))
    for call in (services.scheduler.get_allocation, services.scheduler.get_vm):
        with pytest.raises(ResourceNotFoundError, match=ABSENT) as caught:
            await call(ABSENT)
        assert caught.value.status == 404
    with pytest.raises(ResourceNotFoundError):
        await services.scheduler.get_allocation(vm)
    with pytest.raises(ResourceNotFoundError):
        await services.scheduler.get_node(ABSENT)
    known = await services.scheduler.get_vm(vm)
    assert (known.status, known.allocated_node) == ("unscheduled", None)
    notify(owner, vm)
    known = await services.scheduler.get_vm(vm)
    assert (known.status, known.allocated_node) == ("dispatched", HERE)


async def test_machines_are_listed_by_owner_sender_and_beginning(
    services: AlephHttpClient, owner: Author, rootfs: str
) -> None:
    vms = [owner.send("INSTANCE", instance(rootfs)) for _ in range(3)]
    page = await services.scheduler.get_vms(owner=owner.address, page_size=2)
    assert ([vm.vm_hash for vm in page], page.total) == (vms[:0:-1], 3)
    last = await services.scheduler.get_vms(sender=owner.address, page=2, page_size=2)
    assert [vm.vm_hash for vm in last] == vms[:1]
    everything = [
        vm.vm_hash
        async for vm in services.scheduler.get_vms_iterator(owner=owner.address, page_size=1)
    ]
    assert everything == vms[::-1]
    begun = services.scheduler.get_vms_iterator(vm_hash=vms[1][:30])
    assert [vm.vm_hash async for vm in begun] == vms[1:2]
    for part in (HERE[:8], HERE[-8:], None):
        (found,) = await services.scheduler.find_nodes(part)
        assert (found.node_hash, found.status) == (HERE, "healthy")
    assert await services.scheduler.find_nodes("beef") == []
    assert (await services.scheduler.get_node(HERE)).address


def pages(*sizes: int, total: int) -> list[Any]:
    """Return pages of so many machines each."""
    numbers = iter(range(sum(sizes)))
    return [
        answer(
            {
                "items": [
                    {**SCHEDULER_VM, "vm_hash": f"{next(numbers):064x}"} for _ in range(size)
                ],
                "pagination": {"page_size": 200, "total_items": total},
            }
        )
        for size in sizes
    ]


async def test_short_pages_do_not_end_a_list_before_its_total() -> None:
    with scripted({"/api/v1/vms": pages(100, 100, 50, total=250)}) as server:
        async with asking(server.url) as client:
            found = [vm async for vm in client.scheduler.get_vms_iterator(owner="0x" + "1" * 40)]
    assert len({vm.vm_hash for vm in found}) == 250
    assert [query(request)["page"] for request in server.requests] == ["1", "2", "3"]
    assert {query(request)["page_size"] for request in server.requests} == {"200"}


async def test_a_total_that_is_never_reached_does_not_go_on_for_ever() -> None:
    with scripted({"/api/v1/vms": pages(2, 0, total=9)}) as server:
        async with asking(server.url) as client:
            found = [vm async for vm in client.scheduler.get_vms_iterator()]
    assert len(found) == 2


async def test_odd_entries_are_reported_and_cost_only_themselves() -> None:
    bad_vm = {**SCHEDULER_VM, "vm_hash": None}
    items = {"items": [bad_vm, SCHEDULER_VM], "pagination": {"total_items": 2}}
    with scripted(
        {
            "/api/v1/vms": answer(items),
            "/api/v1/nodes": answer({"items": [SCHEDULER_NODE, 5]}),
            "/api/v0/plan": answer({**PLAN, "plan": {**PLAN["plan"], "odd": []}}),
            "/api/v0/nodes": answer({"nodes": [NODE_ITEM, None], "future": 1}),
        }
    ) as server:
        seen: list[Any] = []
        async with asking(server.url) as client:
            page = await client.scheduler.get_vms()
            again = client.scheduler.get_vms_iterator(on_invalid=seen.append)
            assert [vm.vm_hash async for vm in again] == [SCHEDULER_VM["vm_hash"]]
            plan = await client.scheduler.get_plan()
            nodes = await client.scheduler.get_nodes()
    assert [entry.raw for entry in page.invalid] == [entry.raw for entry in seen] == [bad_vm]
    assert list(plan.plan) == list(PLAN["plan"])
    assert len(nodes.nodes) == 1


async def test_a_scheduler_that_fails_is_an_error_that_names_it() -> None:
    with scripted({"/api/v0/plan": answer(b"<html>down", status=500)}) as server:
        async with asking(server.url) as client:
            with pytest.raises(ApiError, match="down") as caught:
                await client.scheduler.get_plan()
    assert (caught.value.status, caught.value.node) == (500, server.url)
    with scripted({"/api/v0/plan": [unavailable(), answer(PLAN)]}) as server:
        quick = RetryPolicy(attempts=2, initial_delay=0.01)
        async with asking(server.url, retry=quick) as client:
            assert (await client.scheduler.get_plan()).plan
    assert paths(server) == ["/api/v0/plan"] * 2
    async with asking("http://127.0.0.1:1", retry=None) as client:
        with pytest.raises(TransportError, match=r"127\.0\.0\.1:1"):
            await client.scheduler.get_nodes()


async def test_the_clients_own_connections_are_used(
    recording: HttpClient, requests: list[str], node: DevNode
) -> None:
    settings = node.client_settings()
    async with AlephHttpClient(settings=settings, http_client=recording) as client:
        await client.scheduler.get_nodes()
    assert requests == ["GET /api/v0/nodes"]


async def test_a_host_that_is_no_url_is_found_before_anything_is_sent() -> None:
    async with AlephHttpClient(settings=Settings(SCHEDULER_URL="scheduler")) as client:
        with pytest.raises(ArgumentError, match="ALEPH_SCHEDULER_URL"):
            await client.scheduler.get_plan()
        with pytest.raises(ArgumentError, match="page_size"):
            await client.scheduler.get_vms(page_size=0)
