from __future__ import annotations

import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.call import Answer, JsonBody, MultipartBody
from aleph_core.calls import backups
from aleph_core.errors import (
    ApiError,
    ArgumentError,
    ContentMismatchError,
    MalformedAnswerError,
    ProcessingTimeout,
)
from aleph_core.machine_errors import BackupNotFound
from aleph_core.models.backup import VmBackup
from aleph_core.models.vm_result import VmResult

VM = "a" * 64
NODE = "https://crn.example.org"
BACKUP_ID = f"{VM}-20261123T064723Z"
PATH = f"/control/machine/{VM}/backup/{BACKUP_ID}"
METADATA: dict[str, Any] = {
    "backup_id": BACKUP_ID,
    "size": 4,
    "volumes": ["rootfs.qcow2", "data.qcow2"],
    "expires_at": "2026-11-24T06:47:23.701359+00:00",
    "checksum": f"sha256:{hashlib.sha256(b'tar!').hexdigest()}",
    "source_sizes": {"rootfs.qcow2": 196616, "data.qcow2": 196616},
    "download_url": f"https://other{PATH}?signature=ab&expires=5",
}


def now() -> datetime:
    return datetime(2026, 11, 23, tzinfo=UTC)


def result(status: int, data: Any) -> VmResult:
    return VmResult(status=status, text=json.dumps(data), data=data)


def download(**changes: Any) -> backups.Download:
    backup = backups.read_backup(result(200, {**METADATA, **changes}), VM, NODE)
    assert backup is not None
    return backups.download(backup, node_url=NODE, vm_hash=VM, clock=now)


def test_a_backup_is_read_with_what_it_tells() -> None:
    backup = backups.read_backup(result(200, METADATA), VM, NODE)
    assert isinstance(backup, VmBackup)
    assert (backup.backup_id, backup.size) == (BACKUP_ID, 4)
    assert backup.volumes == ("rootfs.qcow2", "data.qcow2")
    assert backup.expires_at == datetime(2026, 11, 24, 6, 47, 23, 701359, tzinfo=UTC)
    assert backup.source_sizes == {"rootfs.qcow2": 196616, "data.qcow2": 196616}
    assert "signature" not in repr(backup)
    assert backups.read_backup(result(202, {"status": "in_progress"}), VM, NODE) is None
    bare = backups.read_backup(result(200, {"backup_id": BACKUP_ID, "new": 1}), VM, NODE)
    assert bare is not None
    assert (bare.checksum, bare["new"]) == (None, 1)


@pytest.mark.parametrize("data", [[], {}, "text", {"backup_id": 5}, None])
def test_what_tells_of_no_backup_is_malformed(data: Any) -> None:
    with pytest.raises(MalformedAnswerError) as caught:
        backups.read_backup(result(200, data), VM, NODE)
    assert caught.value.node == NODE


def test_a_refusal_is_raised() -> None:
    problem = ApiError("no", status=500)
    with pytest.raises(ApiError) as caught:
        backups.read_backup(VmResult(status=500, text="", error=problem), VM, NODE)
    assert caught.value is problem


def test_options_are_sent_when_they_are_wanted() -> None:
    plain = backups.create(VM, include_volumes=False, skip_fsfreeze=False, clock=now)
    assert plain.params == []
    full = backups.create(VM, include_volumes=True, skip_fsfreeze=True, clock=now)
    assert full.params == [("include_volumes", "true"), ("skip_fsfreeze", "true")]
    assert (full.method, full.path) == ("POST", f"/control/machine/{VM}/backup")


def test_a_disk_travels_in_a_part_with_a_file_name() -> None:
    call = backups.restore_file(VM, size=7, filename="disk.qcow2", clock=now)
    assert isinstance(call.body, MultipartBody)
    assert b'name="rootfs"; filename="disk.qcow2"' in call.body.head
    assert not call.idempotent
    stored = backups.restore_volume(VM, "b" * 64, clock=now)
    assert isinstance(stored.body, JsonBody)
    assert json.loads(stored.body.text) == {"volume_ref": "b" * 64}


@given(st.binary(max_size=300))
def test_only_what_begins_like_a_disk_is_one(head: bytes) -> None:
    backups.check_disk_image(b"QFI\xfb" + head)
    with pytest.raises(ArgumentError):
        backups.check_disk_image(b"x" + head)


def test_an_archive_is_told_from_a_disk() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("rootfs.qcow2"))
    with pytest.raises(ArgumentError, match=r"extract its rootfs\.qcow2"):
        backups.check_disk_image(packed.getvalue())


def test_a_download_goes_to_the_node_by_the_name_that_we_know() -> None:
    found = download()
    assert found.url == f"{NODE}{PATH}?signature=ab&expires=5"
    assert "signature" not in repr(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"download_url": "https://other/elsewhere?signature=ab"},
        {"download_url": PATH.replace(VM, "b" * 64)},
        {"download_url": None},
        {"download_url": "https://["},
        {"backup_id": "../../about"},
        {"backup_id": f"{'b' * 64}-x"},
    ],
    ids=str,
)
def test_an_address_of_something_else_is_not_followed(changes: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        download(**changes)


def check(found: backups.Download, data: bytes, headers: dict[str, str]) -> None:
    digest = hashlib.sha256(data).hexdigest()
    found.check(size=len(data), digest=digest, headers=headers, node=NODE)


@pytest.mark.parametrize("checksum", [METADATA["checksum"], None, "md5:abc", "sha256:zz"])
def test_an_archive_is_held_against_size_and_checksum(checksum: str | None) -> None:
    found = download(checksum=checksum)
    headers = {"x-backup-checksum": METADATA["checksum"].upper().replace("SHA", "sha")}
    check(found, b"tar!", headers)
    for wrong in (b"tar?", b"tar", b"tar!!"):
        with pytest.raises(ContentMismatchError) as caught:
            check(found, wrong, headers)
        assert caught.value.item_hash == VM
    assert found.exceeds(5)
    assert not found.exceeds(4)


def test_an_archive_of_which_nothing_is_told_is_taken() -> None:
    found = download(checksum=None, size=None)
    check(found, b"anything", {})
    with pytest.raises(ContentMismatchError, match="sent 0 bytes"):
        check(found, b"", {})
    assert not found.exceeds(10**12)


@pytest.mark.parametrize(
    ("status", "kind"), [(403, BackupNotFound), (404, BackupNotFound), (500, ApiError)]
)
def test_a_download_that_is_refused_has_its_error(status: int, kind: type[ApiError]) -> None:
    with pytest.raises(kind) as caught:
        download().refuse(Answer(status, {}, b'{"error": "gone"}', node=NODE))
    assert caught.value.status == status


def test_waiting_has_an_end() -> None:
    waiting = backups.BackupWaiting(VM, 100.0, NODE)
    pauses = [waiting.pause(elapsed=0.0) for _ in range(20)]
    assert pauses == sorted(pauses)
    assert 0.1 <= pauses[0] <= pauses[-1] <= 10
    assert waiting.pause(elapsed=99.0) == 1.0
    with pytest.raises(ProcessingTimeout) as caught:
        waiting.pause(elapsed=100.0)
    assert (caught.value.item_hash, caught.value.timeout) == (VM, 100.0)


@pytest.mark.parametrize("backup_id", ["", "a/b", "..", "a" * 300, None, "a b", "é"])
def test_what_is_no_id_is_refused(backup_id: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        backups.delete(VM, backup_id, clock=now)
    assert caught.value.argument == "backup_id"
