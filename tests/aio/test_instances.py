"""The instances of an address, where they are, and what runs there."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

from aleph_async import (
    AlephHttpClient,
    AllocationFailed,
    ApiError,
    ArgumentError,
    CrnExecutionV2,
    ExecutionFailed,
    InstanceAllocationsInfo,
    InstanceManual,
    InstanceWithScheduler,
    MalformedAnswerError,
    Message,
    MessageNotFoundError,
    RetryPolicy,
    TransportError,
)
from aleph_devnode import DevNode, NodeSettings
from tests.core.compute import CRN, EXECUTION
from tests.core.recorded import altered
from tests.devnode.author import Author
from tests.devnode.machines import EARLY, notify, persistent_program, started
from tests.hostile import HostileServer, answer, hang_up
from tests.scripted import node as scripted
from tests.scripted import paths
from tests.vm_contents import instance

pytestmark = pytest.mark.anyio

HERE = NodeSettings().node_hash
RECEIVER = NodeSettings().reward_address
GOOD, FAILING, GONE = "a" * 64, "b" * 64, "c" * 64
V2 = "/v2/about/executions/list"


def bound(node_hash: str) -> dict[str, Any]:
    return {"requirements": {"node": {"node_hash": node_hash}}}


@attrs.define
class Network:
    """A client, and compute nodes beside the local one: one that is well and one that fails."""

    client: AlephHttpClient
    good: HostileServer
    failing: HostileServer
    machines: dict[str, Any]


@pytest.fixture
async def network(node: DevNode) -> AsyncIterator[Network]:
    machines: dict[str, Any] = {}

    def list_machines(peer: Any) -> None:
        answer(machines)(peer)

    with (
        scripted({V2: list_machines}) as good,
        scripted({V2: answer({"error": "no network"}, status=500)}) as failing,
        scripted(
            {
                "/crns.json": answer(
                    {
                        "crns": [
                            altered(CRN, hash=GOOD, address=good.url + "/"),
                            altered(CRN, hash=FAILING, address=failing.url),
                            altered(
                                CRN, hash=HERE, address=node.url, payment_receiver_address=RECEIVER
                            ),
                            None,
                        ]
                    }
                )
            }
        ) as crns,
    ):
        settings = node.client_settings().evolve(CRN_LIST_URL=f"{crns.url}/crns.json")
        retry = RetryPolicy(attempts=2, initial_delay=0.01)
        async with AlephHttpClient(settings=settings, retry=retry) as client:
            yield Network(client, good, failing, machines)


async def found(client: AlephHttpClient, *hashes: str) -> list[Message]:
    return [await client.get_message(item_hash) for item_hash in hashes]


async def test_all_instances_that_an_address_owns_are_found(
    services: AlephHttpClient, owner: Author, rootfs: str
) -> None:
    vms = [owner.send("INSTANCE", instance(rootfs)) for _ in range(3)]
    friend = owner.another()
    owner.aggregate("security", {"authorizations": [{"address": friend.address, "types": []}]})
    vms.append(friend.send("INSTANCE", instance(rootfs, address=owner.address)))
    owner.send("PROGRAM", persistent_program(rootfs))
    forgotten = owner.send("INSTANCE", instance(rootfs))
    owner.forget(forgotten)
    instances = await services.instance.get_instances(owner.address)
    assert {message.item_hash for message in instances} == set(vms)
    assert {message.address for message in instances} == {owner.address}
    assert await services.utils.get_instances(friend.address) == []
    with pytest.raises(ArgumentError, match="address"):
        await services.instance.get_instances("me")


async def test_more_instances_than_a_page_holds_are_found(
    services: AlephHttpClient, owner: Author, rootfs: str
) -> None:
    vms = set()
    for number in range(201):
        message = owner.sign("INSTANCE", instance(rootfs, metadata={"name": str(number)}))
        assert owner.publish(message, sync=False).status in (200, 202)
        vms.add(message["item_hash"])
    owner.send("INSTANCE", instance(rootfs))
    instances = await services.instance.get_instances(owner.address)
    assert len({message.item_hash for message in instances} & vms) == 201
    assert len(instances) == 202


async def test_each_instance_is_where_its_payment_and_requirements_put_it(
    network: Network, node: DevNode, owner: Author, rootfs: str
) -> None:
    stream = {"type": "superfluid", "chain": "AVAX", "receiver": RECEIVER}
    held = owner.send("INSTANCE", instance(rootfs, payment=None, time=EARLY))
    credit = owner.send("INSTANCE", instance(rootfs))
    moved = started(owner, rootfs)
    named = owner.send("INSTANCE", instance(rootfs, **bound(GOOD)))
    gone = owner.send("INSTANCE", instance(rootfs, **bound(GONE)))
    paid = owner.send("INSTANCE", instance(rootfs, payment=stream, time=EARLY))
    messages = await found(network.client, held, credit, moved, named, gone, paid)
    places = await network.client.instance.get_instances_allocations(messages)
    assert set(places) == {held, credit, moved, named, gone, paid}
    assert places[named] == InstanceManual(network.good.url, GOOD)
    assert places[gone] == InstanceManual("", GONE)
    assert places[paid] == InstanceManual(node.url, HERE)
    assert places[moved] == InstanceManual(node.url, HERE)
    assert places[credit] == InstanceWithScheduler(None)
    placed = places[held]
    assert isinstance(placed, InstanceWithScheduler)
    assert placed.allocations is not None
    assert (placed.source, placed.allocations.node.url) == ("scheduler", node.url)


async def test_what_runs_is_found_on_every_node_and_a_failing_one_is_told(
    network: Network, node: DevNode, owner: Author, rootfs: str
) -> None:
    here = started(owner, rootfs, **bound(HERE))
    there, waiting = (owner.send("INSTANCE", instance(rootfs, **bound(GOOD))) for _ in range(2))
    odd = owner.send("INSTANCE", instance(rootfs, **bound(GOOD)))
    lost = owner.send("INSTANCE", instance(rootfs, **bound(FAILING)))
    gone = owner.send("INSTANCE", instance(rootfs, **bound(GONE)))
    network.machines.update({there: EXECUTION, odd: "odd"})
    messages = await network.client.utils.get_instances(owner.address)
    places = await network.client.utils.get_instances_allocations(messages)
    executions = await network.client.utils.get_instance_executions_info(places)
    assert set(executions) == {here, there, waiting, odd, lost, gone}
    for vm in (here, there):
        machine = executions[vm]
        assert isinstance(machine, CrnExecutionV2)
        assert machine.running
    assert executions[waiting] is executions[gone] is None
    assert set(executions.failed) == {lost, odd}
    assert executions.failed[lost].crn_url == network.failing.url
    assert isinstance(executions.failed[lost].error, ApiError)
    assert isinstance(executions.failed[odd].error, MalformedAnswerError)
    assert paths(network.good) == [V2]


async def test_what_is_no_longer_processed_is_left_out_unless_wanted(
    network: Network, owner: Author, rootfs: str
) -> None:
    kept, forgotten = (owner.send("INSTANCE", instance(rootfs, **bound(GOOD))) for _ in range(2))
    messages = await found(network.client, kept, forgotten)
    owner.forget(forgotten)
    places = await network.client.instance.get_instances_allocations(messages)
    assert set(places) == {kept}
    every = await network.client.instance.get_instances_allocations(messages, only_processed=False)
    assert set(every) == {kept, forgotten}
    assert dict(await network.client.instance.get_instances_allocations([])) == {}


async def test_a_scheduler_that_fails_is_told_for_each_instance_that_needs_it(
    network: Network, owner: Author, rootfs: str
) -> None:
    named = owner.send("INSTANCE", instance(rootfs, **bound(GOOD)))
    credit = owner.send("INSTANCE", instance(rootfs))
    messages = await found(network.client, named, credit)
    with scripted({"/api/v0/allocation/": hang_up()}) as scheduler:
        settings = network.client.settings.evolve(SCHEDULER_URL=scheduler.url)
        async with AlephHttpClient(settings=settings, retry=None) as client:
            places = await client.instance.get_instances_allocations(messages)
            executions = await client.instance.get_instance_executions_info(places)
    assert isinstance(places[named], InstanceManual)
    failed = places[credit]
    assert isinstance(failed, AllocationFailed)
    assert isinstance(failed.error, TransportError)
    assert executions[credit] == ExecutionFailed(failed.error)
    assert executions[named] is None


async def test_a_list_of_nodes_that_fails_fails_the_question(owner: Author, rootfs: str) -> None:
    vm = owner.send("INSTANCE", instance(rootfs))
    with scripted({}) as server:
        async with AlephHttpClient(owner.url, retry=None) as plain:
            messages = await found(plain, vm)
            settings = plain.settings.evolve(CRN_LIST_URL=server.url)
        async with AlephHttpClient(owner.url, settings=settings, retry=None) as client:
            with pytest.raises(ApiError):
                await client.instance.get_instances_allocations(messages)


async def test_nodes_are_asked_side_by_side_but_not_all_at_once() -> None:
    together = threading.Barrier(8)
    inside: list[int] = []
    most: list[int] = []

    def list_nothing(peer: Any) -> None:
        inside.append(1)
        most.append(len(inside))
        together.wait(timeout=30)
        inside.pop()
        answer({})(peer)

    hashes = [f"{number:064x}" for number in range(24)]
    with scripted({f"/crn{number}{V2}": list_nothing for number in range(16)}) as server:
        places = InstanceAllocationsInfo(
            {
                vm: InstanceManual(f"{server.url}/crn{number % 16}")
                for number, vm in enumerate(hashes)
            }
        )
        async with AlephHttpClient("http://127.0.0.1:1", retry=None) as client:
            executions = await client.instance.get_instance_executions_info(places)
    assert dict(executions) == dict.fromkeys(hashes)
    assert len(server.requests) == 16
    assert max(most) == 8


async def test_programs_and_instances_have_names(
    services: AlephHttpClient, owner: Author, rootfs: str
) -> None:
    named = owner.send("INSTANCE", instance(rootfs, metadata={"name": "web"}))
    plain = owner.send("PROGRAM", persistent_program(rootfs))
    assert await services.instance.get_name_of_executable(named) == "web"
    assert await services.instance.get_name_of_executable(plain) is None
    with pytest.raises(MessageNotFoundError):
        await services.instance.get_name_of_executable("e" * 64)


async def test_a_machine_that_was_notified_late_is_found_later(
    services: AlephHttpClient, owner: Author, rootfs: str
) -> None:
    vm = owner.send("INSTANCE", instance(rootfs, **bound(HERE)))
    places = await services.instance.get_instances_allocations(await found(services, vm))
    assert (await services.instance.get_instance_executions_info(places))[vm] is None
    notify(owner, vm)
    machine = (await services.instance.get_instance_executions_info(places))[vm]
    assert isinstance(machine, CrnExecutionV2)
    assert machine.running


@pytest.mark.parametrize("instances", [None, ["ab" * 32], "ab" * 32])
async def test_places_that_are_none_are_refused(reader: AlephHttpClient, instances: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        await reader.instance.get_instance_executions_info(instances)
    assert caught.value.argument == "instances"
