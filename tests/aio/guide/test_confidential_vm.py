"""Confidential machines, as the guide shows them, with the paths and hashes of one that is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
from aleph_message.models import ItemHash

from aleph_async import (
    AuthenticatedAlephHttpClient,
    ETHAccount,
    VMConfidentialClient,
    VmConfidentialClient,
    settings,
    sev,
)
from aleph_devnode import DevNode

from ..confidential import publish_confidential

pytestmark = pytest.mark.anyio


@pytest.fixture
def account(private_key: str) -> ETHAccount:
    return ETHAccount(private_key)


@pytest.fixture
async def vm_client(node: DevNode, account: ETHAccount) -> AsyncIterator[VmConfidentialClient]:
    """A client that takes the local node's processor for one of AMD's."""
    async with VmConfidentialClient(
        account=account, node_url=node.url, roots=node.trusted_root
    ) as vm_client:
        yield vm_client


@pytest.fixture
async def vm_id(node: DevNode, account: ETHAccount, vm_client: VmConfidentialClient) -> ItemHash:
    """A machine that waits for its owner."""
    async with AuthenticatedAlephHttpClient(account, node.url) as client:
        vm_id = await publish_confidential(client)
    await vm_client.start_instance(vm_id)
    return ItemHash(vm_id)


@pytest.fixture
async def prefix(vm_client: VmConfidentialClient, vm_id: ItemHash) -> str:
    """What the names of the session's files begin with; the machine was initialized with it."""
    _, cert_path = await vm_client.get_certificates()
    folder = await vm_client.create_session("my_vm_session", cert_path, 1)
    prefix = str(folder / "my_vm_session")
    await vm_client.initialize(vm_id, f"{prefix}_session.b64", f"{prefix}_godh.b64")
    return prefix


async def test_making_a_client(node: DevNode, key_file: Path) -> None:
    account = ETHAccount(private_key=settings.PRIVATE_KEY_FILE.read_bytes())
    sevctl_path = Path("/usr/bin/sevctl")
    node_url = node.url
    with pytest.warns(DeprecationWarning, match="sevctl"):
        async with VmConfidentialClient(
            account=account, sevctl_path=sevctl_path, node_url=node_url
        ) as vm_client:
            assert vm_client.node_url == node_url
    assert VMConfidentialClient is VmConfidentialClient


async def test_certificates(
    node: DevNode, vm_client: VmConfidentialClient, capsys: pytest.CaptureFixture[str]
) -> None:
    status, cert_path = await vm_client.get_certificates()
    if status == 200:
        print(f"Retrieved certificates at: {cert_path}")
    assert capsys.readouterr().out == f"Retrieved certificates at: {cert_path}\n"
    assert Path(cert_path).read_bytes() == node.processor.certificates()


async def test_a_session(
    node: DevNode,
    vm_client: VmConfidentialClient,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "certificates").write_bytes(node.processor.certificates())
    certificate_prefix = "my_vm_session"
    platform_certificate_path = tmp_path / "certificates"
    policy = 1
    session_path = await vm_client.create_session(
        certificate_prefix=certificate_prefix,
        platform_certificate_path=platform_certificate_path,
        policy=policy,
    )
    print(f"Created session at: {session_path}")
    assert capsys.readouterr().out == f"Created session at: {tmp_path}\n"
    assert sev.LaunchSession.load(session_path, "my_vm_session").has_policy(1)


async def test_initializing(
    vm_client: VmConfidentialClient,
    vm_id: ItemHash,
    node: DevNode,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("certificates").write_bytes(node.processor.certificates())
    folder = await vm_client.create_session("vm", Path("certificates"), 1)
    session_path = folder / "vm_session.b64"
    godh_path = folder / "vm_godh.b64"
    initialization_result = await vm_client.initialize(
        vm_id=vm_id, session=session_path, godh=godh_path
    )
    print(f"Initialization result: {initialization_result}")
    assert capsys.readouterr().out == f"Initialization result: Started VM with ref {vm_id}\n"


async def test_the_measurement(
    vm_client: VmConfidentialClient,
    vm_id: ItemHash,
    prefix: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measurement = await vm_client.measurement(vm_id)
    print(f"VM measurement: {measurement}")
    assert measurement.launch_measure in capsys.readouterr().out


async def test_validating_the_measurement(
    node: DevNode,
    vm_client: VmConfidentialClient,
    vm_id: ItemHash,
    prefix: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measurement = await vm_client.measurement(vm_id)
    tik_path = Path(f"{prefix}_tik.bin")
    firmware_hash = sha256(node.firmware).hexdigest()
    is_valid = await vm_client.validate_measure(
        sev_data=measurement, tik_path=tik_path, firmware_hash=firmware_hash
    )
    print(f"Measurement is valid: {is_valid}")
    assert capsys.readouterr().out == "Measurement is valid: True\n"


async def test_building_and_injecting_a_secret(
    node: DevNode,
    vm_client: VmConfidentialClient,
    vm_id: ItemHash,
    prefix: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measurement = await vm_client.measurement(vm_id)
    tek_path = Path(f"{prefix}_tek.bin")
    tik_path = Path(f"{prefix}_tik.bin")
    secret = "my_confidential_secret"
    packet_header, encrypted_secret = await vm_client.build_secret(
        tek_path=tek_path, tik_path=tik_path, sev_data=measurement, secret=secret
    )
    result = await vm_client.inject_secret(
        vm_id=vm_id, packet_header=packet_header, secret=encrypted_secret
    )
    print(f"Secret injection result: {result}")
    assert "'running': True" in capsys.readouterr().out
    assert node.revealed_secret(vm_id) == secret
