"""Deploying programs, instances and verifiable programs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from aleph_core.deploying import UNSTORED, check_code, code_of, code_payment, revised_store
from aleph_core.errors import AlephError
from aleph_core.item_hash import check_item_hash
from aleph_core.json_text import Fields
from aleph_core.models.message import Message, Published
from aleph_core.packing import ZIP
from aleph_core.waiting import patience

from ._runtime import Progress, run_blocking
from ._storing import Storing
from ._wall_clock import timestamp

__all__ = ["Deploying"]


class Deploying(Storing):
    async def create_program(
        self,
        program_ref: str | None = None,
        entrypoint: str | None = None,
        runtime: str | None = None,
        *,
        code: str | os.PathLike[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        address: str | None = None,
        payment: Fields | str | None = None,
        vcpus: int | None = None,
        memory: int | None = None,
        timeout_seconds: float | None = None,
        internet: bool = True,
        aleph_api: bool = True,
        allow_amend: bool = False,
        updatable: bool = False,
        encoding: str | None = None,
        interface: str | None = None,
        persistent: bool = False,
        volumes: Iterable[Fields] | None = None,
        environment_variables: Mapping[str, str] | None = None,
        subscriptions: Iterable[Mapping[str, Any]] | None = None,
        data_ref: str | None = None,
        data_mount: str = "/data",
        data_encoding: str = ZIP,
        requirements: Fields | None = None,
        replaces: str | None = None,
        channel: str | None = None,
        storage_engine: str | None = None,
        sync: bool = False,
        wait: bool | float = False,
        on_progress: Progress | None = None,
    ) -> Published:
        """Deploy a program: code that is stored already, or ``code``, which is packed and stored first.

        ``code`` is a folder, one file, or a zip archive, and becomes a zip, the same one for the same
        files; ``encoding="squashfs"`` makes an image, with ``mksquashfs``. All of a folder is
        published, except ``__pycache__`` and the folders of version control; one with an ``.env`` file
        or a private key is refused. The code is paid as the program is, and the program is published
        once its code is processed.

        The other arguments are those of ``make_program_content``; ``sync`` and ``wait`` are those of
        ``create_post``. Raises ``ArgumentError`` before anything is sent, also for a payment that nodes
        do not accept; ``RejectedMessage``, ``InsufficientFundsError``, ``ProcessingTimeout``.
        """
        from aleph_core.executables import make_program_content

        patience(wait)
        check_code(program_ref, code)
        content = make_program_content(
            UNSTORED if program_ref is None else program_ref,
            entrypoint or "",
            runtime,
            metadata=metadata,
            address=self._owner(address),
            payment=payment,
            vcpus=vcpus,
            memory=memory,
            timeout_seconds=timeout_seconds,
            internet=internet,
            aleph_api=aleph_api,
            allow_amend=allow_amend,
            updatable=updatable,
            encoding=encoding or ZIP,
            interface=interface,
            persistent=persistent,
            volumes=volumes,
            environment_variables=environment_variables,
            subscriptions=subscriptions,
            data_ref=data_ref,
            data_mount=data_mount,
            data_encoding=data_encoding,
            requirements=requirements,
            replaces=replaces,
            settings=self.settings,
        )
        publish = partial(
            self.submit,
            content,
            "PROGRAM",
            channel=channel,
            storage_engine=storage_engine or "storage",
            sync=sync,
            wait=wait,
        )
        if code is None:
            return await publish()
        stored, encoding = await self._store_code(
            code,
            encoding,
            address=address,
            channel=channel,
            storage_engine=storage_engine,
            payment=code_payment(content, time=timestamp()),
            wait=wait or True,
            on_progress=on_progress,
        )
        content["code"].update(ref=stored.item_hash, encoding=encoding)
        try:
            return await publish()
        except AlephError as error:
            error.add_note(f"the code is stored: program_ref={stored.item_hash!r} deploys it")
            raise

    async def update_program(
        self,
        program: str | Message | Published,
        code: str | os.PathLike[str],
        *,
        encoding: str | None = None,
        payment: Fields | str | None = None,
        channel: str | None = None,
        storage_engine: str | None = None,
        sync: bool = False,
        wait: bool | float = False,
        on_progress: Progress | None = None,
    ) -> Published:
        """Store new code for a program, which runs it from its next start on; return the new STORE.

        ``program`` is a program, or the STORE of its code, or the hash of either. ``code`` is packed as
        by ``create_program``, and as the program's code is, and published for the owner of the code;
        for a STORE say ``encoding`` unless it is zip. It is paid as the code before unless ``payment``
        is given. Raises as ``get_message`` and ``create_store`` do.
        """
        patience(wait)
        item_hash = getattr(program, "item_hash", program)
        message = await self.get_message(check_item_hash(item_hash, "program"))
        old = code_of(message, encoding)
        if message.type != "STORE":
            message = await self.get_message(old.ref, "STORE")
        stored, _ = await self._store_code(
            code,
            old.encoding,
            address=message.address,
            channel=channel,
            storage_engine=storage_engine,
            ref=revised_store(message),
            payment=code_payment(message.content, time=timestamp()) if payment is None else payment,
            sync=sync,
            wait=wait,
            on_progress=on_progress,
        )
        return stored

    async def create_instance(
        self,
        rootfs: str,
        rootfs_size: int | None = None,
        *,
        payment: Fields | str | None = None,
        environment_variables: Mapping[str, str] | None = None,
        address: str | None = None,
        memory: int | None = None,
        vcpus: int | None = None,
        timeout_seconds: float | None = None,
        allow_amend: bool = False,
        updatable: bool = False,
        internet: bool = True,
        aleph_api: bool = True,
        hypervisor: str | None = None,
        trusted_execution: Fields | bool | None = None,
        volumes: Iterable[Fields] | None = None,
        volume_persistence: str = "host",
        ssh_keys: str | Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        requirements: Fields | None = None,
        replaces: str | None = None,
        channel: str | None = None,
        storage_engine: str = "storage",
        sync: bool = False,
        wait: bool | float = False,
    ) -> Published:
        """Deploy an instance: a virtual machine that boots a copy of the image ``rootfs``.

        The arguments are those of ``make_instance_content``; waits and raises as ``create_program``
        does.
        """
        from aleph_core.executables import make_instance_content

        content = make_instance_content(
            rootfs,
            rootfs_size,
            payment=payment,
            environment_variables=environment_variables,
            address=self._owner(address),
            memory=memory,
            vcpus=vcpus,
            timeout_seconds=timeout_seconds,
            allow_amend=allow_amend,
            updatable=updatable,
            internet=internet,
            aleph_api=aleph_api,
            hypervisor=hypervisor,
            trusted_execution=trusted_execution,
            volumes=volumes,
            volume_persistence=volume_persistence,
            ssh_keys=ssh_keys,
            metadata=metadata,
            requirements=requirements,
            replaces=replaces,
            settings=self.settings,
        )
        return await self.submit(
            content,
            "INSTANCE",
            channel=channel,
            storage_engine=storage_engine,
            sync=sync,
            wait=wait,
        )

    async def create_verifiable_program(
        self,
        runtime: str,
        workload: Fields,
        measurements: Iterable[Fields],
        policy: int | None = None,
        *,
        runtime_comment: str = "",
        metadata: Mapping[str, Any] | None = None,
        address: str | None = None,
        payment: Fields | str | None = None,
        vcpus: int | None = None,
        memory: int | None = None,
        timeout_seconds: float | None = None,
        internet: bool = True,
        volumes: Iterable[Fields] | None = None,
        requirements: Fields | None = None,
        backend: str = "sev_snp",
        gpu: Fields | None = None,
        channel: str | None = None,
        storage_engine: str = "storage",
        sync: bool = False,
        wait: bool | float = False,
    ) -> Published:
        """Deploy a verifiable program: a confidential machine whose software anyone can verify.

        The arguments are those of ``make_verifiable_program_content``; waits and raises as
        ``create_program`` does.
        """
        from aleph_core.executables import make_verifiable_program_content

        content = make_verifiable_program_content(
            runtime,
            workload,
            measurements,
            policy,
            runtime_comment=runtime_comment,
            metadata=metadata,
            address=self._owner(address),
            payment=payment,
            vcpus=vcpus,
            memory=memory,
            timeout_seconds=timeout_seconds,
            internet=internet,
            volumes=volumes,
            requirements=requirements,
            backend=backend,
            gpu=gpu,
            settings=self.settings,
        )
        return await self.submit(
            content,
            "V-PROGRAM",
            channel=channel,
            storage_engine=storage_engine,
            sync=sync,
            wait=wait,
        )

    async def _store_code(
        self, code: str | os.PathLike[str], encoding: str | None, **options: Any
    ) -> tuple[Published, str]:
        """Pack and store code; return what was published and how the code is packed."""
        from ._runtime._packing import Packing

        packing = Packing(code, encoding)
        try:
            await run_blocking(packing.build)
            stored = await self.create_store(file_path=packing.file, **options)
        finally:
            packing.discard()
        return stored, packing.encoding
