"""Backups of machines: made, waited for, downloaded and checked, deleted, and put back."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aleph_async import (
    ArgumentError,
    AuthenticatedAlephHttpClient,
    BackupFailed,
    BackupNotFound,
    ContentMismatchError,
    ETHAccount,
    FileTooLarge,
    MalformedAnswerError,
    NotAuthorized,
    ProcessingTimeout,
    TransportError,
    UnsupportedByNode,
    VmBackup,
    VmBusy,
    VmClient,
    VmNotFound,
    VmNotRunning,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode, disk_images
from tests.hostile import HostileServer, answer, reset_after_request, truncated, unavailable
from tests.scripted import routes

from .machines import publish_instance

pytestmark = pytest.mark.anyio

ABSENT = "e" * 64
MIB = 1024 * 1024
DISK = disk_images.make(1000 * MIB, os.urandom(300_000))
BACKUP_ID = f"{ABSENT}-20261123T064723Z"
PATH = f"/control/machine/{ABSENT}/backup/{BACKUP_ID}"
ARCHIVE = os.urandom(700_000)


@pytest.fixture
async def vm_client(node: DevNode, account: ETHAccount) -> AsyncIterator[VmClient]:
    async with VmClient(account, node.url, raise_on_error=True) as client:
        yield client


@pytest.fixture(scope="module")
def slow_node() -> Iterator[DevNode]:
    """A node whose backups take half a second and fail."""
    with DevNode(backup_seconds=0.5, backup_failure="no space left") as running:
        yield running


def told(**changes: Any) -> dict[str, Any]:
    """Return what a node tells of a backup."""
    return {
        "backup_id": BACKUP_ID,
        "size": len(ARCHIVE),
        "volumes": ["rootfs.qcow2"],
        "expires_at": "2026-11-24T06:47:23.701359+00:00",
        "checksum": f"sha256:{hashlib.sha256(ARCHIVE).hexdigest()}",
        "source_sizes": {"rootfs.qcow2": 196616},
        "download_url": f"https://elsewhere.example{PATH}?signature=ab&expires=1",
        **changes,
    }


async def test_a_backup_is_made_waited_for_downloaded_and_deleted(
    vm_client: VmClient, vm_id: str, tmp_path: Path
) -> None:
    status, _ = await vm_client.create_backup(vm_id)
    assert status == 202
    backup = await vm_client.wait_for_backup(vm_id)
    assert isinstance(backup, VmBackup)
    assert backup.backup_id.startswith(vm_id)
    assert backup.volumes == ("rootfs.qcow2",)
    assert backup.expires_at is not None
    status, response = await vm_client.get_backup(vm_id)
    assert status == 200
    assert backup.backup_id in response
    assert (await vm_client.create_backup(vm_id, include_volumes=True)).status == 200
    progress: list[tuple[int, int | None]] = []
    path = await vm_client.download_backup(
        vm_id,
        tmp_path / "backup.tar",
        on_progress=lambda done, total: progress.append((done, total)),
    )
    assert path.stat().st_size == backup.size
    assert progress[-1] == (backup.size, backup.size)
    with tarfile.open(path) as tar:
        assert tar.getnames() == ["rootfs.qcow2"]
    deleted = await vm_client.delete_backup(vm_id, backup.backup_id)
    assert deleted.ok
    for call in (
        partial(vm_client.get_backup, vm_id),
        partial(vm_client.wait_for_backup, vm_id),
        partial(vm_client.download_backup, vm_id, path),
        partial(vm_client.download_backup, vm_id, path, backup),
        partial(vm_client.delete_backup, vm_id, backup.backup_id),
    ):
        with pytest.raises(BackupNotFound) as caught:
            await call()
        assert caught.value.item_hash == vm_id
    assert list(tmp_path.glob("*")) == [path]


async def test_volumes_are_backed_up_when_they_are_wanted(
    client: AuthenticatedAlephHttpClient, vm_client: VmClient, tmp_path: Path
) -> None:
    volumes = [{"mount": "/data", "name": "data", "persistence": "host", "size_mib": 10}]
    vm_id = await publish_instance(client, volumes=volumes)
    await vm_client.start_instance(vm_id)
    await vm_client.create_backup(vm_id, include_volumes=True, skip_fsfreeze=True)
    backup = await vm_client.wait_for_backup(vm_id)
    assert backup.volumes == ("rootfs.qcow2", "data.qcow2")


async def test_a_backup_that_fails_is_told(slow_node: DevNode, tmp_path: Path) -> None:
    account = ETHAccount.generate()
    slow_node.fund(account.get_address())
    async with (
        AuthenticatedAlephHttpClient(account, slow_node.url) as client,
        VmClient(account, slow_node.url) as vm_client,
    ):
        vm_id = await publish_instance(client)
        await vm_client.start_instance(vm_id)
        await vm_client.create_backup(vm_id)
        with pytest.raises(BackupNotFound, match="wait_for_backup"):
            await vm_client.download_backup(vm_id, tmp_path / "backup.tar")
        with pytest.raises(ProcessingTimeout) as late:
            await vm_client.wait_for_backup(vm_id, timeout=0)
        assert (late.value.item_hash, late.value.status) == (vm_id, "in_progress")
        busy = await vm_client.restore_from_file(vm_id, DISK)
        assert isinstance(busy.error, VmBusy)
        with pytest.raises(BackupFailed) as caught:
            await vm_client.wait_for_backup(vm_id)
        assert caught.value.reason == "no space left"


async def test_backups_are_for_owners_of_known_machines(
    node: DevNode, vm_client: VmClient, vm_id: str
) -> None:
    async with VmClient(ETHAccount.generate(), node.url) as other:
        assert isinstance((await other.create_backup(vm_id)).error, NotAuthorized)
        with pytest.raises(NotAuthorized):
            await other.wait_for_backup(vm_id)
    with pytest.raises(VmNotFound):
        await vm_client.create_backup(ABSENT)
    async with VmClient(vm_client.account, node.url) as quiet:
        other_vm = await quiet.delete_backup(vm_id, f"{ABSENT}-x")
    assert other_vm.status == 403
    assert not isinstance(other_vm.error, NotAuthorized)


async def test_a_machine_that_does_not_run_is_not_backed_up(
    client: AuthenticatedAlephHttpClient, vm_client: VmClient
) -> None:
    environment = {
        "internet": True,
        "aleph_api": True,
        "hypervisor": "qemu",
        "trusted_execution": {"policy": 1, "firmware": "f" * 64},
    }
    vm_id = await publish_instance(client, environment=environment)
    await vm_client.start_instance(vm_id)
    with pytest.raises(VmNotRunning):
        await vm_client.create_backup(vm_id)
    with pytest.raises(VmNotRunning, match="start_instance"):
        await vm_client.reboot_instance(vm_id)


async def test_an_older_node_has_no_backups(hasty: Any) -> None:
    refused = {"error": "404: Invalid message reference"}
    old = answer(refused, status=404, headers={"Server": "aleph-vm/1.9.0"})
    with HostileServer(old) as server:
        result = await hasty(server.url).create_backup(ABSENT)
        with pytest.raises(UnsupportedByNode, match=r"1\.9\.0") as caught:
            result.raise_for_status()
    assert caught.value.node_version == "1.9.0"


async def test_a_download_goes_to_the_node_that_is_known_and_is_begun_again(
    hasty: Any, tmp_path: Path
) -> None:
    table = {
        f"/control/machine/{ABSENT}/backup": answer(told()),
        PATH: [unavailable(), reset_after_request(), truncated(ARCHIVE), answer(ARCHIVE)],
    }
    with HostileServer(routes(table)) as server:
        path = await hasty(server.url).download_backup(ABSENT, tmp_path / "backup.tar")
        asked = [request for request in server.requests if request.target.startswith(PATH)]
    assert path.read_bytes() == ARCHIVE
    assert len(asked) == 4
    for request in asked:
        assert request.target == f"{PATH}?signature=ab&expires=1"
        assert "x-signedpubkey" not in request.headers


@pytest.mark.parametrize(
    ("changes", "body", "headers"),
    [
        ({}, ARCHIVE[:-1] + b"!", {}),
        ({"checksum": None}, ARCHIVE, {"X-Backup-Checksum": "sha256:" + "0" * 64}),
        ({"checksum": None}, ARCHIVE[:-1], {}),
        ({"size": 1000}, ARCHIVE, {}),
    ],
    ids=["altered", "altered by the header", "shorter", "longer"],
)
async def test_a_download_that_does_not_hold_leaves_nothing(
    hasty: Any,
    tmp_path: Path,
    changes: dict[str, Any],
    body: bytes,
    headers: dict[str, str],
) -> None:
    table = {
        f"/control/machine/{ABSENT}/backup": answer(told(**changes)),
        PATH: answer(body, headers=headers),
    }
    with HostileServer(routes(table)) as server:
        with pytest.raises(ContentMismatchError) as caught:
            await hasty(server.url).download_backup(ABSENT, tmp_path / "backup.tar")
        assert caught.value.item_hash == ABSENT
        assert caught.value.node == server.url
    assert list(tmp_path.iterdir()) == []


async def test_a_download_that_is_cut_leaves_nothing(hasty: Any, tmp_path: Path) -> None:
    table = {f"/control/machine/{ABSENT}/backup": answer(told()), PATH: truncated(ARCHIVE)}
    with HostileServer(routes(table)) as server, pytest.raises(TransportError) as caught:
        await hasty(server.url).download_backup(ABSENT, tmp_path / "backup.tar")
    assert caught.value.attempts == 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"download_url": None},
        {"download_url": "https://elsewhere.example/other?signature=ab"},
        {"download_url": "http://["},
        {"backup_id": "../etc"},
    ],
    ids=str,
)
async def test_an_address_of_something_else_is_not_followed(
    hasty: Any, tmp_path: Path, changes: dict[str, Any]
) -> None:
    with HostileServer(answer(told(**changes))) as server:
        with pytest.raises(ArgumentError):
            await hasty(server.url).download_backup(ABSENT, tmp_path / "backup.tar")
        assert len(server.requests) == 1


async def test_what_tells_of_no_backup_is_malformed(hasty: Any) -> None:
    for body in ({"size": 5}, []):
        with HostileServer(answer(body)) as server, pytest.raises(MalformedAnswerError):
            await hasty(server.url).wait_for_backup(ABSENT)


async def test_the_signature_of_a_download_is_not_shown(hasty: Any) -> None:
    with HostileServer(answer(told())) as server:
        client = hasty(server.url)
        result = await client.get_backup(ABSENT)
        backup = await client.wait_for_backup(ABSENT)
    assert "signature=ab" in result.text
    assert "signature=ab" not in repr(result)
    assert "signature=ab" not in repr(backup)


async def test_a_disk_is_put_back_from_a_file(
    node: DevNode, vm_client: VmClient, vm_id: str, tmp_path: Path
) -> None:
    path = tmp_path / 'a "disk".qcow2'
    path.write_bytes(DISK)
    progress: list[int] = []
    digest = hashlib.sha256(DISK).hexdigest()
    result = await vm_client.restore_from_file(
        vm_id, path, on_progress=lambda done, _total: progress.append(done)
    )
    assert result.data == {"status": "restored", "vm_hash": vm_id}
    assert node.machine(vm_id)["disk"] == f"file:{digest}"
    assert progress[-1] == len(DISK)
    await vm_client.reinstall_instance(vm_id, erase_volumes=False)
    found = node.machine(vm_id)
    assert (found["disk"], found["volumes_erased"]) == ("image", 0)
    await vm_client.restore_from_file(vm_id, io.BytesIO(DISK))
    assert node.machine(vm_id)["disk"] == f"file:{digest}"


async def test_a_disk_is_put_back_from_a_stored_file(
    node: DevNode, client: AuthenticatedAlephHttpClient, vm_client: VmClient, vm_id: str
) -> None:
    stored = await client.create_store(DISK, sync=True)
    assert (await vm_client.restore_from_volume(vm_id, stored.item_hash)).ok
    assert node.machine(vm_id)["disk"] == f"volume:{stored.item_hash}"
    for ref in ("Qm" + "a" * 44, "A" * 64, "", None):
        with pytest.raises(ArgumentError) as caught:
            await vm_client.restore_from_volume(vm_id, ref)
        assert caught.value.argument == "volume_ref"


async def test_what_is_no_disk_is_refused_before_it_is_sent(
    account: ETHAccount, recording: HttpClient, requests: list[str], tmp_path: Path
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("rootfs.qcow2"))
    async with VmClient(account, "http://127.0.0.1:9", http_client=recording) as vm_client:
        for data, hint in ((packed.getvalue(), "extract its rootfs.qcow2"), (b"", "QCOW2")):
            with pytest.raises(ArgumentError, match=hint) as caught:
                await vm_client.restore_from_file(ABSENT, data)
            assert caught.value.argument == "rootfs_path"
        with pytest.raises(ArgumentError):
            await vm_client.restore_from_file(ABSENT, tmp_path / "missing")
    assert requests == []


async def test_a_disk_that_is_too_large_is_told(
    client: AuthenticatedAlephHttpClient, vm_client: VmClient
) -> None:
    stored = await client.create_store(b"small", sync=True)
    rootfs = {"parent": {"ref": stored.item_hash}, "persistence": "host", "size_mib": 1}
    vm_id = await publish_instance(client, rootfs=rootfs)
    await vm_client.start_instance(vm_id)
    with pytest.raises(FileTooLarge):
        await vm_client.restore_from_file(vm_id, DISK + bytes(2 * MIB))


async def test_no_log_shows_the_signature_of_a_download(
    hasty: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    table = {f"/control/machine/{ABSENT}/backup": answer(told()), PATH: answer(ARCHIVE)}
    with HostileServer(routes(table)) as server:
        await hasty(server.url).download_backup(ABSENT, tmp_path / "backup.tar")
        assert f"{server.url}/control/machine/{ABSENT}/backup " in caplog.text
        assert f"{server.url}/… " in caplog.text
    assert "signature" not in caplog.text
