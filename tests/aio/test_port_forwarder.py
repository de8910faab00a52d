"""Ports of machines: published as compute nodes read them, and forwarded by the one that has the machine."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from aleph_async import (
    AlephError,
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    Authorization,
    ConfigurationError,
    CrnExecutionV2,
    ETHAccount,
    PortFlags,
    PortForwardingError,
    Ports,
    ResourceNotFoundError,
    TransportError,
    VmNotFound,
)
from aleph_async._runtime import HttpClient, gather
from aleph_devnode import DevNode, NodeSettings
from tests.devnode.author import Visitor
from tests.hostile import answer
from tests.scripted import listed, message, sha256
from tests.scripted import node as scripted

pytestmark = pytest.mark.anyio

VM, OTHER = "a" * 64, "b" * 64
HERE = NodeSettings().node_hash
EARLY = 1_770_000_000
TCP, UDP, BOTH = PortFlags(tcp=True), PortFlags(udp=True), PortFlags(tcp=True, udp=True)


@pytest.fixture
def address(account: ETHAccount) -> str:
    return account.get_address()


async def published(client: AuthenticatedAlephHttpClient, **fields: Any) -> str:
    """Publish an instance that is bound to the local node."""
    rootfs = await client.create_store(b"rootfs", sync=True)
    content = {
        "allow_amend": False,
        "environment": {"internet": True, "aleph_api": True},
        "resources": {"vcpus": 1, "memory": 2048, "seconds": 30},
        "rootfs": {
            "parent": {"ref": rootfs.item_hash, "use_latest": True},
            "persistence": "host",
            "size_mib": 20480,
        },
        "volumes": [],
        "payment": {"type": "credit"},
        "requirements": {"node": {"node_hash": HERE}},
        **fields,
    }
    return (await client.submit(content, "INSTANCE", sync=True)).item_hash


async def started(client: AuthenticatedAlephHttpClient, node: DevNode) -> str:
    vm = await published(client)
    answer = Visitor(node.url).post("/control/allocation/notify", {"instance": vm})
    assert answer.status == 200, answer.text
    return vm


async def forwarded(
    client: AlephHttpClient, node: DevNode, vm: str
) -> dict[str, tuple[bool, bool]]:
    """Return what the local compute node forwards: tcp and udp by port."""
    machine = await client.crn.get_vm(node.url, vm)
    assert isinstance(machine, CrnExecutionV2)
    mapped = machine.networking.mapped_ports
    return {port: (mapping.tcp, mapping.udp) for port, mapping in mapped.items()}


async def test_create_update_and_delete_end_with_exactly_what_was_asked(
    client: AuthenticatedAlephHttpClient, address: str
) -> None:
    message, status = await client.port_forwarder.create_ports(
        VM, Ports({80: TCP, 22: TCP, 443: TCP})
    )
    assert (message.type, status) == ("AGGREGATE", "processed")
    assert await client.fetch_aggregate(address, "port-forwarding") == {
        VM: {
            "ports": {
                "22": {"tcp": True, "udp": False},
                "80": {"tcp": True, "udp": False},
                "443": {"tcp": True, "udp": False},
            }
        }
    }
    message, status = await client.port_forwarder.update_ports(VM, Ports({80: UDP, 22: None}))
    assert status == "processed"
    assert await client.fetch_aggregate(address, "port-forwarding") == {
        VM: {"ports": {"80": {"tcp": False, "udp": True}, "443": {"tcp": True, "udp": False}}}
    }
    assert await client.port_forwarder.get_port(VM) == Ports({80: UDP, 443: TCP})
    message, status = await client.port_forwarder.delete_ports(item_hash=VM)
    assert status == "processed"
    assert await client.fetch_aggregate(address, "port-forwarding") == {VM: None}
    assert await client.port_forwarder.get_port(VM) is None


async def test_creating_leaves_other_ports_and_other_machines(
    client: AuthenticatedAlephHttpClient, address: str
) -> None:
    await client.port_forwarder.create_ports(VM, {80: TCP})
    await client.port_forwarder.create_ports(OTHER, {22: BOTH})
    await client.port_forwarder.create_ports(VM, {443: TCP})
    assert await client.port_forwarder.get_ports() == {
        VM: Ports({80: TCP, 443: TCP}),
        OTHER: Ports({22: BOTH}),
    }


async def test_changes_at_once_lose_no_port(node: DevNode, account: ETHAccount) -> None:
    clients = [AuthenticatedAlephHttpClient(account, node.url) for _ in range(3)]
    await gather(
        [
            partial(client.port_forwarder.create_ports, VM, {port: TCP})
            for client, port in zip(clients, (80, 443, 8080), strict=True)
        ],
        limit=3,
    )
    assert await clients[0].port_forwarder.get_port(VM) == Ports({80: TCP, 443: TCP, 8080: TCP})
    for client in clients:
        await client.aclose()


async def test_what_is_there_already_is_not_published_again(
    client: AuthenticatedAlephHttpClient, address: str
) -> None:
    first, _ = await client.port_forwarder.create_ports(VM, {80: TCP})
    await client.port_forwarder.create_ports(OTHER, {80: TCP})
    again, status = await client.port_forwarder.create_ports(VM, {80: TCP, 22: None})
    assert (again.item_hash, status) == (first.item_hash, "processed")
    assert len(await client.get_messages(owners=address)) == 2


async def test_deleting_what_is_not_there_is_answered_as_well(
    client: AuthenticatedAlephHttpClient, address: str
) -> None:
    message, status = await client.port_forwarder.delete_ports(VM)
    assert (message.content["content"], status) == ({VM: None}, "processed")
    again, _ = await client.port_forwarder.delete_ports(VM)
    assert again.item_hash == message.item_hash


async def test_ports_are_read_in_every_spelling(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient, address: str
) -> None:
    await client.port_forwarder.create_ports(VM, {80: TCP})
    ports = Ports({80: TCP})
    for forwarder in (client.port_forwarder, reader.port_forwarder):
        assert await forwarder.get_ports(address) == {VM: ports}
        assert await forwarder.get_ports(address=address) == {VM: ports}
        assert await forwarder.get_address_ports(address) == {VM: ports}
        assert await forwarder.get_ports(VM, address) == ports
        assert await forwarder.get_ports(item_hash=VM, address=address) == ports
        assert await forwarder.get_ports(item_hash=OTHER, address=address) == Ports()
        assert await forwarder.get_port(address, VM) == ports
        assert await forwarder.get_port(address, OTHER) is None
    assert await client.port_forwarder.get_ports() == {VM: ports}
    assert await client.port_forwarder.get_ports(item_hash=VM) == ports
    assert await client.port_forwarder.get_port(VM) == ports
    with pytest.raises(ConfigurationError, match="ALEPH_ADDRESS_TO_USE"):
        await reader.port_forwarder.get_ports()
    with pytest.raises(ArgumentError, match="item_hash"):
        await client.port_forwarder.get_port(address)


async def test_a_delegate_forwards_ports_of_its_owner(
    client: AuthenticatedAlephHttpClient, pauper: AuthenticatedAlephHttpClient, address: str
) -> None:
    delegate = pauper.account.get_address()
    allowed = Authorization(delegate, types=["AGGREGATE"], aggregate_keys=["port-forwarding"])
    await client.authorizations.add(allowed)
    await pauper.port_forwarder.create_ports(VM, {80: TCP}, address=address)
    assert await client.port_forwarder.get_port(VM) == Ports({80: TCP})
    assert await pauper.port_forwarder.get_ports() == {}


@pytest.mark.parametrize(
    ("item_hash", "ports", "options"),
    [
        (VM, {0: TCP}, {}),
        (VM, {"http": TCP}, {}),
        (VM, {80: {"tcp": True}}, {}),
        (VM, None, {}),
        ("nothash", {80: TCP}, {}),
        (VM, {80: TCP}, {"crn_address": "https://crn.example"}),
        (VM, {80: TCP}, {"address": "a/b"}),
    ],
)
async def test_nothing_is_sent_that_would_cost_a_machine_its_ports(
    node: DevNode,
    account: ETHAccount,
    recording: HttpClient,
    requests: list[str],
    item_hash: str,
    ports: Any,
    options: dict[str, Any],
) -> None:
    async with AuthenticatedAlephHttpClient(account, node.url, http_client=recording) as client:
        with pytest.raises(ArgumentError):
            await client.port_forwarder.create_ports(item_hash, ports, **options)
        with pytest.raises(ArgumentError):
            await client.port_forwarder.delete_ports("nothash")
    assert requests == []


async def test_the_compute_node_forwards_what_is_applied(
    client: AuthenticatedAlephHttpClient, node: DevNode
) -> None:
    vm = await started(client, node)
    result = await client.port_forwarder.create_ports(
        vm, {80: TCP, 443: BOTH}, apply=True, crn_address=node.url
    )
    assert result.status == "processed"
    assert await forwarded(client, node, vm) == {
        "22": (True, False),
        "80": (True, False),
        "443": (True, True),
    }
    await client.port_forwarder.update_ports(
        vm, {22: PortFlags(), 80: None}, apply=True, crn_address=node.url
    )
    assert await forwarded(client, node, vm) == {"22": (False, False), "443": (True, True)}
    await client.port_forwarder.delete_ports(vm, apply=True, crn_address=node.url)
    assert await forwarded(client, node, vm) == {"22": (True, False)}


async def test_what_somebody_else_broke_is_mended(
    client: AuthenticatedAlephHttpClient, node: DevNode
) -> None:
    """With these entries the compute node fails, or drops every port, that of SSH too."""
    vm = await started(client, node)
    for broken in ({"ports": {"http": None}}, {"ports": None}, {"ports": {"80": {"tcp": True}}}):
        await client.create_aggregate("port-forwarding", {vm: broken}, sync=True)
        Visitor(node.url).ask("POST", f"/control/machine/{vm}/update")
        await client.port_forwarder.create_ports(vm, {443: TCP}, apply=True, crn_address=node.url)
        found = await forwarded(client, node, vm)
        assert found.pop("80", (True, False)) == (True, False)
        assert found == {"22": (True, False), "443": (True, False)}


async def test_the_compute_node_is_found_by_the_machine(node: DevNode, account: ETHAccount) -> None:
    async with AuthenticatedAlephHttpClient(account, settings=node.client_settings()) as client:
        vm = await started(client, node)
        await client.port_forwarder.create_ports(vm, {80: TCP}, apply=True)
        assert set(await forwarded(client, node, vm)) == {"22", "80"}
        mapped = await client.port_forwarder.apply_ports(vm)
        assert mapped[80].host is not None
        stranger = ETHAccount.generate().get_address()
        with pytest.raises(ArgumentError, match=f"belongs to {account.get_address()}"):
            await client.port_forwarder.create_ports(vm, {80: TCP}, apply=True, address=stranger)
        unlisted = {"node": {"node_hash": OTHER}}
        elsewhere = await published(client, requirements=unlisted)
        with pytest.raises(ResourceNotFoundError, match="crn_address"):
            await client.port_forwarder.create_ports(elsewhere, {80: TCP}, apply=True)
        assert await client.port_forwarder.get_port(elsewhere) is None


async def test_a_machine_without_ports_yet_is_told_of(account: ETHAccount) -> None:
    with DevNode(boot_seconds=60) as node:
        node.fund(account.get_address())
        async with AuthenticatedAlephHttpClient(account, settings=node.client_settings()) as client:
            # The scheduler starts what is paid by holding tokens, as it was allowed at this time.
            vm = await published(client, payment=None, requirements=None, time=EARLY)
            with pytest.raises(PortForwardingError, match="closed instead of tcp") as caught:
                await client.port_forwarder.apply_ports(vm, timeout=0)
    assert caught.value.item_hash == vm
    assert caught.value.differing == {22: "closed instead of tcp"}


async def test_ports_stay_published_when_they_cannot_be_applied(
    client: AuthenticatedAlephHttpClient, node: DevNode
) -> None:
    with pytest.raises(VmNotFound):
        await client.port_forwarder.create_ports(VM, {80: TCP}, apply=True, crn_address=node.url)
    assert await client.port_forwarder.get_port(VM) == Ports({80: TCP})
    nobody = "http://127.0.0.1:1"
    with pytest.raises(TransportError):
        await client.port_forwarder.apply_ports(VM, crn_address=nobody)


@pytest.mark.parametrize("entries", [5, None, [VM], VM])
async def test_an_element_that_holds_no_entries_made_no_ports(
    account: ETHAccount, address: str, entries: Any
) -> None:
    """Which a node could make up, since nothing is signed of what is only shown."""
    content = {"address": address, "time": 1, "key": "port-forwarding", "content": entries}
    text = json.dumps(content)
    odd = message(
        type="AGGREGATE",
        sender=address,
        item_content=text,
        item_hash=sha256(text.encode()),
        content=content,
    )
    table = {
        f"/api/v0/aggregates/{address}.json": answer({"error": "none"}, status=404),
        "/api/v0/messages.json": answer(listed(odd)),
        "/api/v0/messages": answer({"status": "rejected"}, status=422),
    }
    with scripted(table) as server:
        async with AuthenticatedAlephHttpClient(account, server.url, retry=None) as client:
            # What is wanted of such a node is null in the place of the ports, which it refuses.
            with pytest.raises(AlephError):
                await client.port_forwarder.delete_ports(VM)
