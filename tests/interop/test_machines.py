"""The published SDK controls machines of the local node, which judges its signatures and ours alike."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from aleph_devnode import DevNode, disk_images
from aleph_sync import AuthenticatedAlephHttpClient, ETHAccount, SOLAccount, VmClient
from tests.devnode.author import Author
from tests.devnode.machines import started
from tests.interop.driving import PublishedSdk
from tests.vm_contents import instance

pytestmark = pytest.mark.interop

ABSENT = "e" * 64


@pytest.fixture(params=["ETH", "SOL"])
def chain(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ours(node: DevNode, chain: str, eth: ETHAccount, sol: SOLAccount) -> Iterator[VmClient]:
    """Our client, of the same account as the SDK's."""
    with VmClient(eth if chain == "ETH" else sol, node.url, raise_on_error=True) as client:
        yield client


@pytest.fixture
def vm(sdk: PublishedSdk, node: DevNode, ours: VmClient) -> str:
    """A machine of the account, which does not run."""
    with AuthenticatedAlephHttpClient(ours.account, node.url) as client:
        rootfs = client.create_store(os.urandom(16), sync=True)
        content = {"address": ours.account.get_address(), **instance(rootfs.item_hash)}
        return client.submit(content, "INSTANCE", sync=True).item_hash


def test_the_published_sdk_starts_controls_and_stops_a_machine(
    sdk: PublishedSdk, node: DevNode, chain: str, vm: str
) -> None:
    def call(method: str, **arguments: Any) -> tuple[int, str]:
        status, text = sdk(f"vm.{method}", chain=chain, vm_id=vm, **arguments)
        return status, text

    assert call("start_instance")[0] == 200
    assert node.machine(vm)["running"]
    assert call("reboot_instance") == (200, f"Rebooted VM with ref {vm}")
    assert call("reinstall_instance", erase_volumes=False)[0] == 200
    assert node.machine(vm)["volumes_erased"] == 0
    assert call("expire_instance")[0] == 400
    assert call("stop_instance") == (200, f"Stopped VM with ref {vm}")
    assert call("stop_instance")[0] == 404
    assert call("start_instance")[0] == 200
    assert call("erase_instance") == (200, f"Erased VM with ref {vm}")


def test_both_read_the_same_log(
    sdk: PublishedSdk, node: DevNode, chain: str, ours: VmClient, vm: str
) -> None:
    ours.start_instance(vm)
    node.log(vm, "stderr", "wärn line")
    frames = [json.loads(text) for text in sdk("vm.get_logs", chain=chain, vm_id=vm, count=5)]
    # The SDK takes the answer to its login for a line.
    assert frames.pop(0) == {"status": "connected"}
    lines = []
    for entry in ours.get_logs(vm):
        lines.append({"type": entry.type, "message": entry.message})
        if len(lines) == len(frames):
            break
    assert lines == frames
    assert lines[-1] == {"type": "stderr", "message": "wärn line"}


def test_both_keep_backups(
    sdk: PublishedSdk, node: DevNode, chain: str, ours: VmClient, vm: str, tmp_path: Any
) -> None:
    ours.start_instance(vm)
    status, _ = sdk("vm.create_backup", chain=chain, vm_id=vm)
    assert status == 202
    backup = ours.wait_for_backup(vm)
    status, text = sdk("vm.get_backup", chain=chain, vm_id=vm)
    assert (status, json.loads(text)["backup_id"]) == (200, backup.backup_id)
    path = tmp_path / "disk.qcow2"
    path.write_bytes(disk_images.make(1024, b"content"))
    status, text = sdk("vm.restore_from_file", chain=chain, vm_id=vm, rootfs_path=str(path))
    assert status == 200
    theirs = node.machine(vm)["disk"]
    ours.reinstall_instance(vm)
    ours.restore_from_file(vm, path)
    assert node.machine(vm)["disk"] == theirs
    status, _ = sdk("vm.delete_backup", chain=chain, vm_id=vm, backup_id=backup.backup_id)
    assert status == 200


def test_the_published_sdk_is_refused_as_we_are(
    sdk: PublishedSdk, node: DevNode, chain: str
) -> None:
    stranger = Author(node.url)
    node.fund(stranger.address)
    vm = started(stranger, stranger.store(b"rootfs"))
    status, text = sdk("vm.stop_instance", chain=chain, vm_id=vm)
    assert (status, text) == (403, "Unauthorized sender")
    [reply] = sdk("vm.get_logs", chain=chain, vm_id=vm)
    assert json.loads(reply) == {"status": "failed", "reason": "unauthorized sender"}
    status, _ = sdk("vm.reboot_instance", chain=chain, vm_id=ABSENT)
    assert status == 404


def test_both_reserve(sdk: PublishedSdk, ours: VmClient, chain: str) -> None:
    content = {"address": ours.account.get_address(), "time": 1, **instance(ABSENT)}
    status, text = sdk("vm.reserve_resources", chain=chain, instance_content=content)
    assert (status, json.loads(text)["status"]) == (200, "reserved")
    assert ours.reserve_resources(content).data["status"] == "reserved"
