"""The published SDK asks the local node's scheduler, list of nodes and compute node, and reads what we do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aleph_devnode import DevNode
from aleph_sync import AlephHttpClient, ETHAccount
from tests.devnode.author import Author
from tests.devnode.machines import EARLY, started
from tests.interop.driving import PublishedSdk
from tests.vm_contents import instance

pytestmark = pytest.mark.interop


@pytest.fixture
def ours(node: DevNode) -> Iterator[AlephHttpClient]:
    with AlephHttpClient(settings=node.client_settings()) as client:
        yield client


@pytest.fixture
def author(node: DevNode) -> Author:
    account = ETHAccount.generate()
    node.fund(account.get_address())
    return Author(node.url, account)


@pytest.fixture
def rootfs(author: Author) -> str:
    return author.store(b"rootfs")


def test_both_find_what_the_scheduler_placed(
    sdk: PublishedSdk, ours: AlephHttpClient, node: DevNode, author: Author, rootfs: str
) -> None:
    held = author.send("INSTANCE", instance(rootfs, payment=None, time=EARLY))
    plan: dict[str, Any] = sdk("scheduler.get_plan")["plan"]
    assert [node_id for node_id, item in plan.items() if held in item["instances"]] == [
        ours.scheduler.get_plan().node_of(held)
    ]
    (known,) = sdk("scheduler.get_nodes")["nodes"]
    assert (known["node_id"], known["url"]) == (*plan, node.url)
    theirs = sdk("scheduler.get_allocation", vm_hash=held)
    allocation = ours.scheduler.get_allocation(held)
    assert theirs["node"]["url"] == allocation.node.url
    assert theirs["vm_ipv6"] == allocation.vm_ipv6


def test_both_find_the_nodes_and_their_machines(
    sdk: PublishedSdk, ours: AlephHttpClient, node: DevNode, author: Author, rootfs: str
) -> None:
    vm = started(author, rootfs)
    (crn,) = sdk("crn.get_crns_list", only_active=False)["crns"]
    (found,) = ours.crn.get_crns_list(only_active=False)
    assert (crn["hash"], crn["address"], crn["version"]) == (
        found.hash,
        found.address,
        sdk("crn.get_last_crn_version"),
    )
    assert found.system_usage is not None
    assert found.system_usage.mem is not None
    assert crn["system_usage"]["mem"]["total_kB"] == found.system_usage.mem.total_kB
    theirs = sdk("crn.get_vm", crn_address=node.url, item_hash=vm)
    machine = ours.crn.get_vm(node.url, vm)
    assert machine is not None
    assert theirs["running"] is machine.running is True
    assert theirs["networking"]["ipv6_ip"] == machine.networking["ipv6_ip"]
    assert sdk("crn.get_vm", crn_address=node.url, item_hash="e" * 64) is None
    older = sdk("crn.get_active_vms_v1", crn_address=node.url)
    assert older[vm]["networking"]["ipv4"] == machine.networking["ipv4_network"]
    (message,) = sdk("instance.get_instances", address=author.address)
    assert [message["item_hash"]] == [
        found.item_hash for found in ours.instance.get_instances(author.address)
    ]
