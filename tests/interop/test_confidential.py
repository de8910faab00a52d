"""The published SDK boots machines on the local node with the files of our sessions, and opens what we make."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from aleph_devnode import DevNode
from aleph_sync import ETHAccount, VmConfidentialClient, sev
from tests.devnode.author import Author, eventually
from tests.devnode.machines import CONFIDENTIAL, started
from tests.interop.conftest import KEYS
from tests.interop.driving import PublishedSdk, SdkError

pytestmark = pytest.mark.interop


@pytest.fixture
def account(node: DevNode) -> ETHAccount:
    account = ETHAccount(bytes.fromhex(KEYS["ETH"]))
    node.fund(account.get_address())
    return account


@pytest.fixture
def ours(node: DevNode, account: ETHAccount) -> Iterator[VmConfidentialClient]:
    with VmConfidentialClient(account, node.url, roots=node.trusted_root) as client:
        yield client


@pytest.fixture
def vm(node: DevNode, account: ETHAccount) -> str:
    author = Author(node.url, account)
    return started(author, author.store(b"rootfs"), **CONFIDENTIAL)


@pytest.fixture
def files(ours: VmConfidentialClient, tmp_path: Path) -> dict[str, str]:
    _, path = ours.get_certificates(tmp_path / "platform.cert")
    ours.create_session("vm", path, folder=tmp_path)
    return {path.stem.removeprefix("vm_"): str(path) for path in tmp_path.glob("vm_*")}


def test_it_starts_a_machine_with_our_session(
    sdk: PublishedSdk, node: DevNode, vm: str, files: dict[str, str]
) -> None:
    status, certificates = sdk("confidential.get_certificates")
    assert status == 200
    assert Path(certificates).read_bytes() == node.processor.certificates()
    Path(certificates).unlink()
    said = sdk("confidential.initialize", vm_id=vm, session=files["session"], godh=files["godh"])
    assert said == f"Started VM with ref {vm}"
    measured = measurement(sdk, vm)
    firmware_hash = sha256(node.firmware).hexdigest()
    found: Any = {"sev_data": measured, "tik_path": files["tik"]}
    assert sdk("confidential.validate_measure", **found, firmware_hash=firmware_hash) is True
    assert sdk("confidential.validate_measure", **found, firmware_hash="0" * 64) is False
    header, secret = sdk(
        "confidential.build_secret", **found, tek_path=files["tek"], secret="in plain ASCII"
    )
    answer = sdk("confidential.inject_secret", vm_id=vm, packet_header=header, secret=secret)
    assert answer["status"]["running"] is True
    assert node.revealed_secret(vm) == "in plain ASCII"


def test_each_validates_what_the_other_was_told(
    sdk: PublishedSdk,
    ours: VmConfidentialClient,
    node: DevNode,
    vm: str,
    files: dict[str, str],
) -> None:
    ours.initialize(vm, files["session"], files["godh"])
    theirs, mine = measurement(sdk, vm), ours.measurement(vm)
    assert theirs["launch_measure"] == mine.launch_measure
    assert sev.SEVMeasurement.from_answer(theirs) == mine
    firmware_hash = sha256(node.firmware).hexdigest()
    assert ours.validate_measure(theirs, files["tik"], firmware_hash)
    packet = ours.build_secret(files["tek"], files["tik"], theirs, "sealed here")
    sdk("confidential.inject_secret", vm_id=vm, packet_header=packet[0], secret=packet[1])
    assert node.revealed_secret(vm) == "sealed here"


def measurement(sdk: PublishedSdk, vm: str) -> Any:
    """Return what the SDK makes of the measurement, which it does not wait for."""

    def probe() -> Any:
        try:
            return sdk("confidential.measurement", vm_id=vm)
        except SdkError as error:
            assert error.kind == "ValidationError"
            return None

    return eventually(probe)
