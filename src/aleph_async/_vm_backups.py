"""Backups of machines: made, waited for, downloaded and checked, deleted, and disks that are put back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from aleph_core.call import Answer
from aleph_core.calls import backups as calls
from aleph_core.calls.machines import check_flag, check_vm_hash
from aleph_core.errors import TransportError
from aleph_core.hashing import sha256_hasher
from aleph_core.machine_errors import BackupNotFound
from aleph_core.models.backup import VmBackup
from aleph_core.models.vm_result import VmResult
from aleph_core.retry import Fail, RetryPlan, Return
from aleph_core.waiting import check_timeout

from ._connection import USER_AGENT
from ._files import refusal_body
from ._runtime import FileSink, FileSource, Progress, Request, clock, sleep
from ._vm_operations import VmOperations
from ._wall_clock import now

__all__ = ["VmBackups"]


class VmBackups(VmOperations):
    async def create_backup(
        self,
        vm_id: str,
        include_volumes: bool = False,
        skip_fsfreeze: bool = False,
        *,
        raise_on_error: bool | None = None,
    ) -> VmResult:
        """Let the node make a backup of a running machine's disk; ``wait_for_backup`` waits for it.

        The status is 202 while it is being made, and 200 when there is one of the last 24 hours, which
        the options then do not change: delete that one first. ``skip_fsfreeze`` does without asking the
        machine to hold its file systems still.
        """
        call = calls.create(
            vm_id,
            include_volumes=check_flag(include_volumes, "include_volumes"),
            skip_fsfreeze=check_flag(skip_fsfreeze, "skip_fsfreeze"),
            clock=now,
            address=self._address,
        )
        return await self._perform(call, raise_on_error)

    async def get_backup(self, vm_id: str, *, raise_on_error: bool | None = None) -> VmResult:
        """Ask for the backup of a machine: 202 while it is being made, else 200 with what it is.

        Errors are ``BackupNotFound``, and ``BackupFailed``, which a node tells once and then forgets.
        """
        call = calls.get(vm_id, clock=now, address=self._address)
        return await self._perform(call, raise_on_error)

    async def wait_for_backup(self, vm_id: str, timeout: float = 600.0) -> VmBackup:
        """Wait until the backup of a machine is there, and return what it is.

        Raises ``BackupFailed``, ``BackupNotFound`` when none was begun, and ``ProcessingTimeout`` after
        ``timeout`` seconds.
        """
        check_timeout(timeout)
        waiting = calls.BackupWaiting(check_vm_hash(vm_id), timeout, self._node)
        begun = clock()
        while True:
            result = await self.get_backup(vm_id, raise_on_error=False)
            backup = calls.read_backup(result, vm_id, self._node)
            if backup is not None:
                return backup
            await sleep(waiting.pause(elapsed=clock() - begun))

    async def download_backup(
        self,
        vm_id: str,
        path: str | os.PathLike[str],
        backup: VmBackup | None = None,
        *,
        on_progress: Progress | None = None,
    ) -> Path:
        """Write the backup of a machine to ``path``, a tar archive of disk images, and return the path.

        Without ``backup``, the one that the node has. The file appears only when it is complete and has
        the size and the checksum that the node told; nothing is left otherwise. ``on_progress`` gets the
        bytes received and the total. Raises ``BackupNotFound``, ``ContentMismatchError``.
        """
        async with FileSink(path, argument="path") as sink:
            if backup is None:
                backup = await self._present_backup(vm_id)
            download = calls.download(backup, node_url=self.api_server, vm_hash=vm_id, clock=now)
            await self._download_backup(download, sink, on_progress)
            await sink.commit()
        return Path(path)

    async def delete_backup(
        self, vm_id: str, backup_id: str, *, raise_on_error: bool | None = None
    ) -> VmResult:
        """Delete a backup of a machine, by the id that its metadata has."""
        call = calls.delete(vm_id, backup_id, clock=now, address=self._address)
        return await self._perform(call, raise_on_error)

    async def restore_from_file(
        self,
        vm_id: str,
        rootfs_path: str | os.PathLike[str] | BinaryIO | bytes,
        *,
        on_progress: Progress | None = None,
        raise_on_error: bool | None = None,
    ) -> VmResult:
        """Replace the root disk of a machine by a QCOW2 image and start it again; takes minutes.

        The image is streamed from a path or an open binary file. A backup is an archive of such images:
        extract its ``rootfs.qcow2`` first. ``on_progress`` gets the bytes sent and their total. Raises
        ``ArgumentError`` for what is no QCOW2 image, before anything is sent.
        """
        check_vm_hash(vm_id)
        source = FileSource(rootfs_path, argument="rootfs_path")
        calls.check_disk_image(await _head(source))
        call = calls.restore_file(
            vm_id,
            size=source.size,
            filename=source.name or "rootfs.qcow2",
            clock=now,
            address=self._address,
        )
        return await self._perform(call, raise_on_error, file=source, on_progress=on_progress)

    async def restore_from_volume(
        self, vm_id: str, volume_ref: str, *, raise_on_error: bool | None = None
    ) -> VmResult:
        """Replace the root disk of a machine by a stored QCOW2 image, by the hash of its STORE message.

        Compute nodes take hexadecimal hashes alone, none of IPFS.
        """
        call = calls.restore_volume(vm_id, volume_ref, clock=now, address=self._address)
        return await self._perform(call, raise_on_error)

    async def _present_backup(self, vm_id: str) -> VmBackup:
        result = await self.get_backup(vm_id, raise_on_error=False)
        backup = calls.read_backup(result, vm_id, self._node)
        if backup is None:
            raise BackupNotFound(
                f"the backup of machine {vm_id} is still being made; use wait_for_backup",
                item_hash=vm_id,
                status=result.status,
                node=self._node,
            )
        return backup

    async def _download_backup(
        self, download: calls.Download, sink: FileSink, on_progress: Progress | None
    ) -> None:
        self._check_open()
        request = Request(
            method="GET",
            url=download.url,
            headers={"user-agent": USER_AGENT, "accept": "*/*"},
            on_progress=on_progress,
            secret=True,
        )
        plan = RetryPlan(self._policy)
        begun = clock()
        while True:
            outcome = await self._try_download(request, download, sink)
            if outcome is None:
                return
            step = plan.after(outcome, elapsed=clock() - begun)
            if isinstance(step, Return):
                download.refuse(step.answer)
            elif isinstance(step, Fail):
                raise step.error
            else:
                await sink.restart()
                await sleep(step.seconds)

    async def _try_download(
        self, request: Request, download: calls.Download, sink: FileSink
    ) -> Answer | TransportError | None:
        """Return None when the sink holds the checked archive, else what came instead."""
        hasher = sha256_hasher()
        try:
            async with self._http.stream(request) as answer:
                if answer.status != 200:
                    body = await refusal_body(answer)
                    return Answer(answer.status, answer.headers, body, node=answer.node)
                async for chunk in answer.chunks():
                    hasher.update(chunk)
                    await sink.write(chunk)
                    if download.exceeds(sink.size):
                        break
                download.check(
                    size=sink.size,
                    digest=hasher.finalize(),
                    headers=answer.headers,
                    node=answer.node,
                )
        except TransportError as error:
            return error
        return None


async def _head(source: FileSource) -> bytes:
    async for chunk in source.chunks():
        return chunk
    return b""
