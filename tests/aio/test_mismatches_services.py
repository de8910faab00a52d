"""What the services of the published SDK 2.4.0 get wrong, row by row: it holds here.

The numbers are those of the rows in which the differences from compute nodes and from the services
beside them were recorded; those of machine control and confidential machines are in modules of
their own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    ExecutionFailed,
    InstanceManual,
    InstanceWithScheduler,
    PortFlags,
    Ports,
    RetryPolicy,
    Settings,
    VmResources,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode
from tests.core.compute import CRN, EXECUTION, NODE_HASH, OTHER_VM, USAGE, VM
from tests.core.recorded import altered
from tests.devnode.author import Author
from tests.devnode.machines import CONFIDENTIAL, EARLY, started
from tests.hostile import answer, hang_up
from tests.scripted import node as scripted
from tests.scripted import paths
from tests.vm_contents import instance

pytestmark = pytest.mark.anyio

V2 = "/v2/about/executions/list"
ONE_TRY = RetryPolicy(attempts=1)


@pytest.fixture
async def owner_client(node: DevNode, account: ETHAccount) -> AsyncIterator[Any]:
    """A client of the owner of the machines, all of whose services are the local node's."""
    client = AuthenticatedAlephHttpClient(account, settings=node.client_settings())
    yield client
    await client.aclose()


def asking(**settings: Any) -> AlephHttpClient:
    """Return a client of services at other places, with a node that nobody listens on."""
    return AlephHttpClient("http://127.0.0.1:1", settings=Settings(**settings), retry=ONE_TRY)


async def test_row_1_a_node_is_told_at_the_path_that_it_serves(
    services: AlephHttpClient, node: DevNode, owner: Author, rootfs: str
) -> None:
    machine = started(owner, rootfs)
    assert await services.crn.update_instance_config(node.url, machine) == {}


async def test_row_2_deleted_ports_are_gone(
    owner_client: AuthenticatedAlephHttpClient, owner: Author, rootfs: str
) -> None:
    machine = owner.send("INSTANCE", instance(rootfs))
    forwarder = owner_client.port_forwarder
    await forwarder.create_ports(machine, Ports({80: PortFlags(tcp=True, udp=False)}))
    await forwarder.delete_ports(machine)
    address = owner_client.account.get_address()
    assert (await owner_client.fetch_aggregate(address, "port-forwarding"))[machine] is None
    await forwarder.delete_ports(OTHER_VM)
    await forwarder.delete_ports(machine)


async def test_row_3_creating_a_port_keeps_the_others_and_ports_are_texts(
    owner_client: AuthenticatedAlephHttpClient, owner: Author, rootfs: str
) -> None:
    machine = owner.send("INSTANCE", instance(rootfs))
    forwarder = owner_client.port_forwarder
    await forwarder.create_ports(machine, Ports({80: PortFlags(tcp=True, udp=False)}))
    created, _ = await forwarder.create_ports(machine, Ports({443: PortFlags(tcp=True, udp=True)}))
    assert sorted(created.content.content[machine]["ports"]) == ["443", "80"]


async def test_row_4_a_machine_without_a_network_hides_no_other() -> None:
    bare = altered(EXECUTION, networking={})
    with scripted({V2: answer({VM: EXECUTION, OTHER_VM: bare})}) as server:
        async with asking() as client:
            machines = await client.crn.get_active_vms(server.url)
            assert set(machines) == {VM, OTHER_VM}
            assert await client.crn.get_vm(server.url, OTHER_VM) is not None


async def test_row_5_a_machine_that_waits_for_its_owner_is_seen_to_wait(
    services: AlephHttpClient, node: DevNode, owner: Author, rootfs: str
) -> None:
    machine = started(owner, rootfs, **CONFIDENTIAL)
    found = await services.crn.get_vm(node.url, machine)
    assert found is not None
    assert (found.awaiting_confidential_init, found.vm_type) == (True, "instance")


async def test_rows_6_and_7_a_node_with_an_unlisted_gpu_or_without_receiver_is_kept() -> None:
    plain = {"hash": NODE_HASH, "name": "plain", "address": "https://plain.example"}
    busy = altered(CRN, system_usage=USAGE)
    with scripted({"/crns.json": answer({"crns": [busy, plain]})}) as server:
        async with asking(CRN_LIST_URL=f"{server.url}/crns.json") as client:
            nodes = await client.crn.get_crns_list()
            gpus = await client.crn.fetch_gpu_on_network()
    assert [crn.name for crn in nodes] == [CRN["name"], "plain"]
    usage = nodes[0].system_usage
    assert usage is not None
    assert usage.gpu is not None
    assert usage.gpu.devices[0].model is None
    assert (gpus.total_gpu_count, gpus.available_gpu_count) == (1, 1)


@pytest.mark.parametrize("encode", [lambda names: names, json.dumps])
async def test_row_21_names_are_read_from_an_array_and_from_a_text_that_holds_one(
    encode: Any,
) -> None:
    names = [{"name": "a.example", "item_hash": VM, "ipv4": None, "ipv6": "fc00::1"}]
    with scripted({"/instances/list": answer(encode(names))}) as server:
        async with asking(DNS_API=f"{server.url}/instances/list") as client:
            found = await client.dns.get_dns_for_instance(item_hash=VM)
    assert found is not None
    assert (found.name, found.ipv4) == ("a.example", None)


async def test_row_22_only_active_nodes_are_what_the_argument_says(
    services: AlephHttpClient,
) -> None:
    doc = type(services.crn).get_crns_list.__doc__ or ""
    assert "or those alone that are active" in doc


async def test_row_23_what_is_free_counts_and_a_kb_has_1000_bytes() -> None:
    busy = altered(USAGE["cpu"], count=8, load_average={"load1": 7.5, "load5": 7.5, "load15": 7.5})
    # So many kB are 2000 MiB.
    usage = altered(USAGE, cpu=busy, mem={"total_kB": 4_000_000, "available_kB": 2_097_152})
    wanted = [
        VmResources(vcpus=1, memory=2000),
        VmResources(vcpus=2, memory=2000),
        VmResources(vcpus=1, memory=2001),
    ]
    with scripted({"/crns.json": answer({"crns": [altered(CRN, system_usage=usage)]})}) as server:
        async with asking(CRN_LIST_URL=f"{server.url}/crns.json") as client:
            fitting = [len(await client.crn.filter_crn(vm_resources=one)) for one in wanted]
    assert fitting == [1, 0, 0]


async def test_row_24_the_url_of_a_node_is_a_text(services: AlephHttpClient, node: DevNode) -> None:
    nodes = await services.scheduler.get_nodes()
    assert nodes.get_url(nodes.nodes[0].node_id) == node.url


async def test_row_25_services_use_the_connections_of_their_client(
    node: DevNode, recording: HttpClient, requests: list[str]
) -> None:
    settings = node.client_settings()
    async with AlephHttpClient(settings=settings, http_client=recording) as client:
        await client.scheduler.get_plan()
        await client.crn.get_crns_list()
        await client.dns.get_public_dns()
        await client.crn.get_active_vms(node.url)
    assert requests == [
        "GET /api/v0/plan",
        "GET /crns.json",
        "GET /instances/list",
        "GET /v2/about/executions/list",
    ]


async def test_row_26_an_instance_is_found_where_it_is_and_a_failing_node_is_told(
    node: DevNode, owner: Author, rootfs: str
) -> None:
    placed = owner.send("INSTANCE", instance(rootfs, payment=None, time=EARLY))
    tied = owner.send("INSTANCE", instance(rootfs, requirements={"node": {"node_hash": NODE_HASH}}))
    with (
        scripted({V2: hang_up()}) as failing,
        scripted(
            {"/crns.json": answer({"crns": [altered(CRN, hash=NODE_HASH, address=failing.url)]})}
        ) as crns,
    ):
        settings = node.client_settings().evolve(CRN_LIST_URL=f"{crns.url}/crns.json")
        async with AlephHttpClient(settings=settings, retry=ONE_TRY) as client:
            messages = await client.utils.get_instances(owner.address)
            allocations = await client.utils.get_instances_allocations(messages)
            executions = await client.utils.get_instance_executions_info(allocations)
        assert paths(failing)
    assert isinstance(allocations[placed], InstanceWithScheduler)
    assert isinstance(allocations[tied], InstanceManual)
    assert allocations[tied].crn_url == failing.url
    assert isinstance(executions[tied], ExecutionFailed)
    assert executions[placed] is not None
