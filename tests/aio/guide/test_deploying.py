"""Deploying a program and a virtual machine, and the content that is priced, as the guide shows it."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aleph_message.models import Chain, Payment, PaymentType
from aleph_message.models.execution.environment import HypervisorType

from aleph_async import (
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    make_instance_content,
    settings,
)
from tests.guide.program import PROGRAM_CODE

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(
    private_key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[AuthenticatedAlephHttpClient]:
    """A client that finds a runtime and an image where the settings say.

    Those of the network are not on a new node, and their hashes cannot be had by other messages.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    account = ETHAccount(private_key)
    async with AuthenticatedAlephHttpClient(account=account) as client:
        image = await client.create_store(file_content=b"an image", wait=True)
        monkeypatch.setenv("ALEPH_DEFAULT_RUNTIME_ID", image.item_hash)
        monkeypatch.setenv("ALEPH_DEBIAN_12_QEMU_ROOTFS_ID", image.item_hash)
        yield client


@pytest.mark.parametrize("more", [{}, {"updatable": True}, {"persistent": True}], ids=str)
async def test_deploy_a_program(
    client: AuthenticatedAlephHttpClient, more: dict[str, bool]
) -> None:
    program_code = PROGRAM_CODE

    with tempfile.NamedTemporaryFile(suffix=".zip", delete=False) as temp_zip_file:
        zip_path = temp_zip_file.name

    with zipfile.ZipFile(zip_path, "w") as zip_file:
        zip_file.writestr("main.py", program_code)

    store_message, _ = await client.create_store(
        file_path=Path(zip_path),
        channel=settings.DEFAULT_CHANNEL,
    )

    program_result, status = await client.create_program(
        program_ref=store_message.item_hash,
        entrypoint="main:app",
        runtime=settings.DEFAULT_RUNTIME_ID,
        memory=256,
        timeout_seconds=10,
        internet=True,
        aleph_api=True,
        **more,
        metadata={
            "name": "fastapi-hello",
            "description": "A simple FastAPI app that returns a hello message",
        },
    )

    assert status == "pending"
    assert await client.wait_until_processed(program_result.item_hash) == "processed"
    program = await client.get_message(program_result.item_hash, "PROGRAM")
    assert program.content.code.ref == store_message.item_hash
    assert program.content.resources == {"vcpus": 1, "memory": 256, "seconds": 10}
    assert program.content.metadata.name == "fastapi-hello"
    assert program.content.allow_amend is ("updatable" in more)
    assert program.content.on.persistent is ("persistent" in more)


async def test_deploy_a_qemu_vm(client: AuthenticatedAlephHttpClient) -> None:
    instance_result, status = await client.create_instance(
        rootfs=settings.DEBIAN_12_QEMU_ROOTFS_ID,
        rootfs_size=20480,
        memory=1024,
        vcpus=1,
        internet=True,
        aleph_api=True,
        hypervisor=HypervisorType.qemu,
        metadata={
            "name": "alpine-vm",
            "description": "A simple Alpine Linux VM with hold payment",
        },
        ssh_keys=["ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC3..."],
    )

    assert status == "pending"
    assert await client.wait_until_processed(instance_result.item_hash) == "processed"
    instance = await client.get_message(instance_result.item_hash, "INSTANCE")
    assert instance.content.payment == {"type": "credit"}
    assert instance.content.resources.memory == 1024
    assert instance.content.rootfs.size_mib == 20480


async def test_the_payment_of_the_guide_is_refused_since_nodes_refuse_it(
    client: AuthenticatedAlephHttpClient,
) -> None:
    with pytest.raises(ArgumentError, match="since 2026-03-11; pay by credit") as caught:
        await client.create_instance(
            rootfs=settings.DEBIAN_12_QEMU_ROOTFS_ID,
            rootfs_size=20480,
            memory=1024,
            vcpus=1,
            internet=True,
            aleph_api=True,
            hypervisor=HypervisorType.qemu,
            payment=Payment(
                chain=Chain.ETH,
                type=PaymentType.hold,
                receiver=None,
            ),
            metadata={
                "name": "alpine-vm",
                "description": "A simple Alpine Linux VM with hold payment",
            },
        )
    assert caught.value.argument == "payment"


async def test_the_content_of_an_instance_is_made_without_an_account(
    client: AuthenticatedAlephHttpClient,
) -> None:
    executable_content = make_instance_content(
        rootfs=settings.DEBIAN_12_QEMU_ROOTFS_ID,
        rootfs_size=10240,
        vcpus=1,
        memory=2048,
        timeout_seconds=30.0,
        internet=True,
        aleph_api=True,
        environment_variables={"ENV_VAR": "value"},
    )

    assert executable_content.variables == {"ENV_VAR": "value"}
    assert executable_content.resources == {"vcpus": 1, "memory": 2048, "seconds": 30}
    # The placeholder of the guide is no hash.
    with pytest.raises(ArgumentError, match="no item hash"):
        make_instance_content(rootfs="ROOTFS_HASH", rootfs_size=10240)
