"""Backups of machines: made, looked at, downloaded, deleted, and disks that are put back."""

from __future__ import annotations

import re
import secrets
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs

from ..call import Answer, Call, FilePart, JsonBody, MultipartBody
from ..errors import (
    ArgumentError,
    ContentMismatchError,
    MalformedAnswerError,
    ProcessingTimeout,
)
from ..excerpts import shown
from ..json_text import json_text
from ..machine_errors import BackupNotFound
from ..models.backup import VmBackup
from ..models.vm_result import VmResult
from ..structuring import structure
from ..waiting import Pauses
from .machine_answers import Operation, refuse_operation
from .machines import Clock, check_vm_hash, control

__all__ = [
    "BackupWaiting",
    "Download",
    "check_backup_id",
    "check_disk_image",
    "create",
    "delete",
    "download",
    "get",
    "read_backup",
    "restore_file",
    "restore_volume",
]

_BACKUP_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_VOLUME_REF = re.compile(r"[0-9a-f]{64}")
_CHECKSUM = re.compile(r"sha256:([0-9a-f]{64})")
_QCOW2: Final = b"QFI\xfb"
_TAR: Final = (257, b"ustar")


def create(
    vm_hash: str,
    *,
    include_volumes: bool,
    skip_fsfreeze: bool,
    clock: Clock,
    address: str | None = None,
) -> Call[VmResult]:
    """Let the node begin a backup; the answer does not wait for it."""
    wanted = {"include_volumes": include_volumes, "skip_fsfreeze": skip_fsfreeze}
    return control(
        vm_hash,
        "backup",
        clock=clock,
        address=address,
        params=[(name, "true") for name, value in wanted.items() if value],
        idempotent=True,
        expects_json=True,
    )


def get(vm_hash: str, *, clock: Clock, address: str | None = None) -> Call[VmResult]:
    """Ask for the backup of a machine; a failure is told once only."""
    return control(
        vm_hash,
        "backup",
        clock=clock,
        address=address,
        method="GET",
        idempotent=True,
        expects_json=True,
    )


def delete(
    vm_hash: str, backup_id: str, *, clock: Clock, address: str | None = None
) -> Call[VmResult]:
    operation = f"backup/{check_backup_id(backup_id)}"
    return control(vm_hash, operation, clock=clock, address=address, method="DELETE")


def restore_file(
    vm_hash: str, *, size: int, filename: str, clock: Clock, address: str | None = None
) -> Call[VmResult]:
    """Put a disk image into a machine; the file is streamed between the head and the tail of the body."""
    body = MultipartBody(
        parts=(),
        file=FilePart(name="rootfs", filename=filename, size=size),
        boundary=f"aleph-{secrets.token_hex(16)}",
    )
    return _restore(vm_hash, body, clock, address)


def restore_volume(
    vm_hash: str, volume_ref: str, *, clock: Clock, address: str | None = None
) -> Call[VmResult]:
    """Put a stored volume into a machine as its disk."""
    if not isinstance(volume_ref, str) or not _VOLUME_REF.fullmatch(volume_ref):
        raise ArgumentError(
            "volume_ref",
            f"{shown(volume_ref)} is no item hash of 64 lower-case hexadecimal digits, and compute "
            "nodes take no other here",
        )
    text = json_text({"volume_ref": str.__str__(volume_ref)})
    return _restore(vm_hash, JsonBody(text.encode()), clock, address)


def _restore(
    vm_hash: str, body: MultipartBody | JsonBody, clock: Clock, address: str | None
) -> Call[VmResult]:
    return control(vm_hash, "restore", clock=clock, address=address, body=body, expects_json=True)


def check_backup_id(value: object) -> str:
    if isinstance(value, str) and _BACKUP_ID.fullmatch(value):
        return str.__str__(value)
    raise ArgumentError("backup_id", f"{shown(value)} is no id of a backup")


def check_disk_image(head: bytes) -> None:
    """Raise ``ArgumentError`` unless the first bytes of a file are those of a QCOW2 disk."""
    if head[:4] == _QCOW2:
        return
    place, magic = _TAR
    hint = "expected a QCOW2 disk image"
    if head[place : place + len(magic)] == magic:
        hint = "a backup is an archive of disks; extract its rootfs.qcow2 first"
    raise ArgumentError("rootfs_path", hint)


def read_backup(result: VmResult, vm_hash: str, node: str) -> VmBackup | None:
    """Return the backup that an answer tells of, None while it is being made.

    Raises the error of a refusal, and ``MalformedAnswerError`` for what is neither.
    """
    result.raise_for_status()
    if result.status == 202:
        return None
    try:
        return structure(result.data, VmBackup)
    except MalformedAnswerError as error:
        raise MalformedAnswerError(
            f"{node} tells of the backup of machine {vm_hash} what cannot be read: {error}",
            status=result.status,
            node=node,
            body=result.text[:1000],
        ) from error


class BackupWaiting:
    """The wait for a backup, look after look."""

    def __init__(self, vm_hash: str, timeout: float, node: str) -> None:
        self.vm_hash = vm_hash
        self.timeout = timeout
        self.node = node
        self._pauses = Pauses(timeout, first=0.5, longest=10.0)

    def pause(self, *, elapsed: float) -> float:
        """Return the seconds until the next look; raise ``ProcessingTimeout`` when the time is over."""
        pause = self._pauses.next(elapsed=elapsed)
        if pause is None:
            raise ProcessingTimeout(
                f"the backup of machine {self.vm_hash} is not there after {self.timeout:g} s; it is "
                "still being made, ask for it later",
                item_hash=self.vm_hash,
                status="in_progress",
                timeout=self.timeout,
                node=self.node,
            )
        return pause


@attrs.frozen(kw_only=True)
class Download:
    """Where a backup is fetched from, and what it must be."""

    url: str = attrs.field(repr=False)
    backup: VmBackup
    operation: Operation

    def refuse(self, answer: Answer) -> None:
        """Raise the error for a download that did not begin."""
        if answer.status in (403, 404):
            raise BackupNotFound(
                f"{answer.node} does not give the backup {self.backup.backup_id} any more "
                f"({answer.status}: {answer.excerpt}); ask for it again with get_backup",
                item_hash=self.operation.vm_hash,
                status=answer.status,
                node=answer.node,
                body=answer.text,
                attempts=answer.attempts,
            )
        refuse_operation(answer, self.operation)

    def checksum(self, headers: Any) -> str | None:
        """Return the SHA-256 in hexadecimal that was told, first by the backup itself."""
        for text in (self.backup.checksum, headers.get("x-backup-checksum")):
            found = _CHECKSUM.fullmatch(text.strip().lower()) if isinstance(text, str) else None
            if found:
                return found[1]
        return None

    def exceeds(self, size: int) -> bool:
        """Tell whether so many bytes are more than the backup has."""
        return self.backup.size is not None and size > self.backup.size

    def check(self, *, size: int, digest: str, headers: Any, node: str) -> None:
        """Raise ``ContentMismatchError`` unless so many bytes with this hash are the backup."""
        expected = self.checksum(headers)
        # An archive has something in it, whatever is told of it.
        wrong = not size or (expected is not None and expected != digest)
        if wrong or (self.backup.size is not None and self.backup.size != size):
            raise ContentMismatchError(
                f"{node} sent {size} bytes with the SHA-256 {digest} for the backup "
                f"{self.backup.backup_id}, which has {self.backup.size} with {expected}; nothing was kept",
                item_hash=self.operation.vm_hash,
                node=node,
            )


def download(backup: VmBackup, *, node_url: str, vm_hash: str, clock: Clock) -> Download:
    """Return how to fetch a backup from the node that tells of it, under the address by which we know it.

    Raises ``ArgumentError`` for a backup of another machine, or without an address.
    """
    vm_hash = check_vm_hash(vm_hash)
    if not isinstance(backup, VmBackup):
        raise ArgumentError("backup", f"expected a VmBackup, not {type(backup).__name__}")
    path = f"/control/machine/{vm_hash}/backup/{check_backup_id(backup.backup_id)}"
    try:
        parts = urlsplit(backup.download_url or "")
    except ValueError:
        parts = urlsplit("")
    # What a node calls itself is not always how it is reached, and no other host may be meant.
    if parts.path != path:
        raise ArgumentError("backup", f"{backup.backup_id} is no backup of machine {vm_hash}")
    query = urlencode(parse_qsl(parts.query))
    return Download(
        url=f"{node_url}{path}?{query}",
        backup=backup,
        operation=Operation(doing="the backup", vm_hash=vm_hash, clock=clock),
    )
