"""The guide's VmClient, as it is written there, on a machine of the local node.

Its ``node_url`` is that of a node which keeps messages; the local node is a compute node as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aleph_async import AuthenticatedAlephHttpClient, ETHAccount, VMClient, VmClient, settings
from aleph_devnode import DevNode

from ..machines import publish_instance

pytestmark = pytest.mark.anyio


@pytest.fixture
async def vm_client(key_file: Path, node: DevNode) -> AsyncIterator[VmClient]:
    # Create an account
    account = ETHAccount(settings.PRIVATE_KEY_FILE.read_bytes())

    # Initialize the VM client with your account and the node URL
    async with VmClient(
        account=account,
        node_url=node.url,
    ) as vm_client:
        yield vm_client


@pytest.fixture
async def vm_id(vm_client: VmClient) -> str:
    """An instance that was published and not started."""
    async with AuthenticatedAlephHttpClient(vm_client.account) as client:
        return await publish_instance(client)


@pytest.fixture
async def running(vm_client: VmClient, vm_id: str) -> str:
    """An instance that runs."""
    await vm_client.start_instance(vm_id, raise_on_error=True)
    return vm_id


async def test_start_instance(
    vm_client: VmClient, vm_id: str, node: DevNode, capsys: pytest.CaptureFixture[str]
) -> None:
    # Notify the allocation of a VM by its ID (starts the VM)
    status, response = await vm_client.start_instance(vm_id)
    print(f"VM start status: {status}, response: {response}")

    assert capsys.readouterr().out.startswith('VM start status: 200, response: {"success":true')
    assert node.machine(vm_id)["running"]


async def test_stop_instance(
    vm_client: VmClient, running: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Stop a running VM instance
    vm_id = running
    status, response = await vm_client.stop_instance(vm_id)
    print(f"VM stop status: {status}, response: {response}")

    told = f"VM stop status: 200, response: Stopped VM with ref {vm_id}\n"
    assert capsys.readouterr().out == told


async def test_reboot_instance(
    vm_client: VmClient, running: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Reboot a running VM instance
    vm_id = running
    status, response = await vm_client.reboot_instance(vm_id)
    print(f"VM reboot status: {status}, response: {response}")

    told = f"VM reboot status: 200, response: Rebooted VM with ref {vm_id}\n"
    assert capsys.readouterr().out == told


async def test_erase_instance(
    vm_client: VmClient, running: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Erase a VM instance (deletes the VM's state and data)
    vm_id = running
    status, response = await vm_client.erase_instance(vm_id)
    print(f"VM erase status: {status}, response: {response}")

    told = f"VM erase status: 200, response: Erased VM with ref {vm_id}\n"
    assert capsys.readouterr().out == told


async def test_expire_instance(
    vm_client: VmClient, running: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Every node refuses this, whatever the guide says.
    vm_id = running
    status, response = await vm_client.expire_instance(vm_id)
    print(f"VM expire status: {status}, response: {response}")

    assert capsys.readouterr().out.startswith("VM expire status: 400, response: ")


async def test_get_logs(
    vm_client: VmClient, running: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Stream logs from a VM in real-time
    vm_id = running
    await vm_client.stop_instance(vm_id)
    async for log_entry in vm_client.get_logs(vm_id):
        print(f"Log: {log_entry}")

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Log: Linux version")
    assert lines[-1] == "Log: VM is not running, past logs sent"


async def test_the_two_spellings_are_one_class() -> None:
    assert VMClient is VmClient
