"""Compute nodes: the network's list of them, what they tell, and the machines on them."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    ApiError,
    ArgumentError,
    CrnExecutionV1,
    CrnExecutionV2,
    InvalidItemHashError,
    MalformedAnswerError,
    RateLimited,
    RetryPolicy,
    Settings,
    TransportError,
    UnsupportedByNode,
    VmNotFound,
    VmResources,
)
from aleph_devnode import DevNode, NodeSettings
from tests.core.compute import CRN, EXECUTION, EXECUTION_V1, H100, OTHER_VM, USAGE, VM
from tests.core.recorded import altered
from tests.devnode.author import Author
from tests.devnode.machines import CONFIDENTIAL, started
from tests.hostile import answer, hang_up, rate_limited, unavailable
from tests.scripted import node as scripted
from tests.scripted import paths, query
from tests.vm_contents import instance

pytestmark = pytest.mark.anyio

HERE = NodeSettings().node_hash
V2 = "/v2/about/executions/list"
V1 = "/about/executions/list"
UPDATE = f"/control/machine/{VM}/update"
NO_SUCH_PATH = answer({"error": "404: Invalid message reference"}, status=404)


def asking(**settings: Any) -> AlephHttpClient:
    """Return a hasty client with a node that nobody listens on."""
    quick = RetryPolicy(attempts=2, initial_delay=0.01)
    return AlephHttpClient("http://127.0.0.1:1", settings=Settings(**settings), retry=quick)


async def test_the_list_of_nodes_leads_to_each_of_them(
    services: AlephHttpClient, node: DevNode
) -> None:
    nodes = await services.crn.get_crns_list()
    (crn,) = nodes
    assert (crn.hash, crn.address) == (HERE, node.url)
    assert nodes["crns"][0] is crn
    assert crn["address"] == crn.get("address") == node.url
    for name in (HERE, node.url, node.url + "/"):
        assert await services.crn.find_crn(name) == crn
    assert await services.crn.find_crn("https://crn.example") is None
    assert await services.crn.filter_crn(
        crn_version="latest",
        ipv6=True,
        stream_address=True,
        confidential=True,
        vm_resources=VmResources(vcpus=1, memory=2048, disk_mib=20480),
    ) == [crn]
    assert await services.crn.filter_crn(gpu=True) == []
    assert await services.crn.filter_crn("1.14.1") == []
    assert (await services.crn.fetch_gpu_on_network()).total_gpu_count == 0


async def test_active_nodes_are_asked_for_unless_all_are_wanted() -> None:
    bad = altered(CRN, address=None)
    with scripted({"/crns.json": answer({"crns": [CRN, bad]})}) as server:
        async with asking(CRN_LIST_URL=f"{server.url}/crns.json") as client:
            found = await client.crn.get_crns_list()
            await client.crn.get_crns_list(only_active=False)
            await client.crn.find_crn(CRN["hash"])
            gpus = await client.crn.fetch_gpu_on_network(only_active=False)
    assert [query(request)["filter_inactive"] for request in server.requests] == [
        "true",
        "false",
        "false",
        "false",
    ]
    assert [entry.raw for entry in found.invalid] == [bad]
    assert (gpus.total_gpu_count, gpus.available_gpu_count, dict(gpus.used_gpu_list)) == (1, 1, {})
    assert gpus.available_gpu_list["https://crn.example"][0].model == H100["model"]


async def test_a_bad_node_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with scripted({"/crns.json": answer({"crns": [None]})}) as server:
        async with asking(CRN_LIST_URL=f"{server.url}/crns.json") as client:
            with caplog.at_level(logging.WARNING, "aleph"):
                assert len(await client.crn.get_crns_list()) == 0
    assert "left out of the list of compute nodes" in caplog.text


async def test_the_last_version_is_that_of_the_last_release(services: AlephHttpClient) -> None:
    assert await services.crn.get_last_crn_version() == NodeSettings().compute_version
    with scripted({"/releases/latest": rate_limited(after=300, status=403)}) as server:
        async with asking(CRN_VERSION_URL=f"{server.url}/releases/latest") as client:
            with pytest.raises(ApiError) as caught:
                await client.crn.get_last_crn_version()
    assert caught.value.status == 403
    with scripted({"/releases/latest": rate_limited(after=300)}) as server:
        async with asking(CRN_VERSION_URL=f"{server.url}/releases/latest") as client:
            with pytest.raises(RateLimited) as limited:
                await client.crn.get_last_crn_version()
    assert limited.value.retry_after == 300


async def test_the_machines_of_a_node_are_those_that_it_has(
    services: AlephHttpClient, node: DevNode, owner: Author, rootfs: str
) -> None:
    running, waiting = started(owner, rootfs), started(owner, rootfs, **CONFIDENTIAL)
    machines = await services.crn.get_active_vms(node.url)
    assert machines.root[running] == machines[running]
    assert machines[running].running
    machine = await services.crn.get_vm(node.url, running)
    assert isinstance(machine, CrnExecutionV2)
    assert machine == machines[running]
    assert machine.status.started_at is not None
    assert machine.networking.mapped_ports["22"].tcp
    other = await services.crn.get_vm(crn_address=node.url + "/", item_hash=waiting)
    assert other is not None
    assert (other.running, other.awaiting_confidential_init) == (False, True)
    published = owner.send("INSTANCE", instance(rootfs))
    assert await services.crn.get_vm(node.url, published) is None


async def test_an_older_node_is_asked_for_its_older_list() -> None:
    with scripted({V2: NO_SUCH_PATH, V1: answer({VM: EXECUTION_V1})}) as server:
        async with asking() as client:
            machine = await client.crn.get_vm(server.url, VM)
            assert await client.crn.get_vm(server.url, OTHER_VM) is None
    assert isinstance(machine, CrnExecutionV1)
    assert machine.networking.ipv4 == "172.16.8.0/24"
    assert paths(server) == [V2, V1] * 2


async def test_one_odd_machine_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    creating = altered(EXECUTION, networking={}, running=False)
    table = {VM: creating, "c" * 64: EXECUTION, OTHER_VM: ["odd"]}
    with scripted({V2: answer(table)}) as server:
        async with asking() as client:
            with caplog.at_level(logging.WARNING, "aleph"):
                machine = await client.crn.get_vm(server.url, VM)
            with pytest.raises(MalformedAnswerError, match=OTHER_VM):
                await client.crn.get_vm(server.url, OTHER_VM)
            machines = await client.crn.get_active_vms(server.url)
    assert isinstance(machine, CrnExecutionV2)
    assert machine.networking.ipv6_ip is None
    assert set(machines) == {VM, "c" * 64}
    assert OTHER_VM in caplog.text


async def test_a_node_that_fails_is_an_error_and_not_a_node_without_machines() -> None:
    with scripted({V2: answer({"error": "No network"}, status=500)}) as server:
        async with asking() as client:
            with pytest.raises(ApiError, match="No network"):
                await client.crn.get_vm(server.url, VM)
    assert paths(server) == [V2]
    for body in ([], "text", None):
        with scripted({V2: answer(body)}) as server:
            async with asking() as client:
                with pytest.raises(MalformedAnswerError):
                    await client.crn.get_active_vms(server.url)
    with scripted({V2: hang_up()}) as server:
        async with asking() as client:
            with pytest.raises(TransportError):
                await client.crn.get_active_vms(server.url)


async def test_a_server_that_is_no_compute_node_is_told_apart() -> None:
    with scripted({}) as server:
        async with asking() as client:
            for call in (
                client.crn.get_active_vms,
                client.crn.get_system_usage,
                client.crn.get_capability,
                client.crn.get_config,
                client.crn.check_host,
                client.crn.check_fastapi,
            ):
                with pytest.raises(UnsupportedByNode, match="URL of a compute node") as caught:
                    await call(server.url)
                assert caught.value.node == server.url


async def test_an_update_has_the_node_read_the_ports(
    services: AlephHttpClient, node: DevNode, owner: Author, rootfs: str
) -> None:
    vm = started(owner, rootfs)
    owner.aggregate("port-forwarding", {vm: {"ports": {"80": {"tcp": True, "udp": False}}}})
    assert await services.crn.update_instance_config(crn_address=node.url, item_hash=vm) == {}
    machine = await services.crn.get_vm(node.url, vm)
    assert isinstance(machine, CrnExecutionV2)
    assert set(machine.networking.mapped_ports) == {"22", "80"}
    with pytest.raises(VmNotFound) as caught:
        await services.crn.update_instance_config(node.url, "e" * 64)
    assert caught.value.item_hash == "e" * 64
    owner.aggregate("port-forwarding", {vm: {"ports": {"80": {"tcp": True}}}})
    with pytest.raises(ApiError, match="both flags") as failed:
        await services.crn.update_instance_config(node.url, vm)
    assert failed.value.status == 500


async def test_an_update_is_repeated_and_an_older_node_has_none() -> None:
    with scripted({UPDATE: [unavailable(), answer({})]}) as server:
        async with asking() as client:
            assert await client.crn.update_instance_config(server.url, VM) == {}
    assert paths(server, "POST") == [UPDATE] * 2
    with scripted({UPDATE: NO_SUCH_PATH}) as server:
        async with asking() as client:
            with pytest.raises(UnsupportedByNode, match="newer one"):
                await client.crn.update_instance_config(server.url, VM)


async def test_bad_arguments_are_found_before_anything_is_sent() -> None:
    async with asking() as client:
        with pytest.raises(InvalidItemHashError):
            await client.crn.get_vm("crn.example", "nothash")
        with pytest.raises(InvalidItemHashError):
            await client.crn.update_instance_config("crn.example", "../x")
        for address in ("", "ftp://crn.example", "crn.example?a=b"):
            with pytest.raises(ArgumentError, match="crn_address"):
                await client.crn.get_active_vms(address)


async def test_a_node_tells_what_it_has_and_how_it_is(
    services: AlephHttpClient, node: DevNode
) -> None:
    crn = services.crn
    usage = await crn.get_system_usage(node.url)
    assert usage.cpu is not None
    assert usage.cpu.count == NodeSettings().cpus
    assert (await crn.get_capability(node.url)).cpu.count == NodeSettings().cpus
    config = await crn.get_config(node.url)
    assert (config.domain_name, config.node_hash) == ("127.0.0.1", HERE)
    assert config.payment_receiver_address == NodeSettings().reward_address
    for check in (crn.check_fastapi, crn.check_host, crn.check_ipv6):
        assert await check(node.url)
    assert await crn.check_fastapi(node.url, legacy=True)
    assert await crn.check_version(node.url, "1.14.0")
    assert not await crn.check_version(node.url, "1.15.0")
    with pytest.raises(ApiError, match="Invalid version"):
        await crn.check_version(node.url, "newest")


async def test_a_check_that_fails_is_an_answer_that_is_not_asked_for_again() -> None:
    failed = {"ipv4": {"egress": True}, "ipv6": {"egress": False}}
    with scripted({"/status/check/host": answer(failed, status=503)}) as server:
        async with asking() as client:
            check = await client.crn.check_host(server.url)
    assert not check
    assert check.results == failed
    assert len(server.requests) == 1


async def test_usage_is_read_whatever_is_missing() -> None:
    sparse = altered(USAGE, gpu=..., cpu={"count": 4}, future=[1])
    with scripted({"/about/usage/system": answer(sparse)}) as server:
        async with asking() as client:
            usage = await client.crn.get_system_usage(server.url)
    assert usage.cpu is not None
    assert usage.cpu.free == 4
    assert usage.gpu.devices == ()
    assert usage["future"] == [1]
