"""PROGRAM, INSTANCE and V-PROGRAM messages: their volumes and how they may be paid."""

from __future__ import annotations

from sqlite3 import Connection
from typing import Any

from aleph_message.models import InstanceContent, ProgramContent, VerifiableProgramContent
from aleph_message.models.execution.volume import ImmutableVolume, PersistentVolume

from . import costs, processed
from .costs import CREDIT, STREAM, Cost, Executable
from .prices import CREDIT_ONLY_FROM, FREE_UNTIL, VM_CREDIT_ONLY_FROM
from .processed import Message
from .rejections import ErrorCode, Postponed, Rejected


def check_dependencies(connection: Connection, content: Executable) -> None:
    """Raise unless everything an executable refers to is here; V-PROGRAMs are taken as they come."""
    missing = sorted(
        {
            source.ref
            for source in _sources(content)
            if costs.volume_file(connection, source.ref, use_latest=bool(source.use_latest)) is None
        }
    )
    if missing:
        raise Postponed(ErrorCode.VM_VOLUME_NOT_FOUND, missing, waits_for=missing[0])
    _check_parent_sizes(connection, content)
    _check_replaced(connection, content)


def _sources(content: Executable) -> list[Any]:
    sources: list[Any] = []
    if isinstance(content, ProgramContent):
        sources += [content.code, content.runtime, content.data]
    elif isinstance(content, InstanceContent):
        sources.append(content.rootfs.parent)
    for volume in content.volumes:
        if isinstance(volume, ImmutableVolume):
            sources.append(volume)
        elif isinstance(volume, PersistentVolume):
            sources.append(volume.parent)
    return [source for source in sources if source is not None and source.ref is not None]


def _references(content: Executable) -> list[str]:
    """Return the hashes of the STOREs that may not be forgotten while the executable lives."""
    if isinstance(content, VerifiableProgramContent):
        bound: list[Any] = [content.workload, *content.volumes]
        parts = [
            content.runtime.ref,
            *(ref for part in bound for ref in (part.ref, part.hash_tree)),
        ]
        return [str(ref) for ref in parts]
    return [str(source.ref) for source in _sources(content)]


def _check_parent_sizes(connection: Connection, content: Executable) -> None:
    volumes: list[Any] = [
        volume for volume in content.volumes if isinstance(volume, PersistentVolume)
    ]
    if isinstance(content, InstanceContent):
        volumes.append(content.rootfs)
    for volume in volumes:
        if volume.parent is None:
            continue
        file = costs.volume_file(
            connection, volume.parent.ref, use_latest=bool(volume.parent.use_latest)
        )
        size = volume.size_mib * costs.MIB
        if size < file["size"]:
            raise Rejected(
                ErrorCode.VM_VOLUME_TOO_SMALL,
                [
                    {
                        "volume_name": getattr(volume, "name", "rootfs"),
                        "parent_ref": volume.parent.ref,
                        "parent_file": file["file_hash"],
                        "parent_size": file["size"],
                        "volume_size": size,
                    }
                ],
            )


def _check_replaced(connection: Connection, content: Executable) -> None:
    ref = getattr(content, "replaces", None)
    if ref is None:
        return
    original = processed.load(connection, ref)
    if original is None or original.type not in ("PROGRAM", "INSTANCE"):
        raise Postponed(ErrorCode.VM_REF_NOT_FOUND, [ref], waits_for=ref)
    if original.content.get("replaces") is not None:
        raise Rejected(ErrorCode.VM_UPDATE_UPDATE)
    if not original.content.get("allow_amend"):
        raise Rejected(ErrorCode.VM_AMEND_NOT_ALLOWED)


def check_balance(connection: Connection, message: Message, content: Executable) -> list[Cost]:
    """Return the costs of an executable; raises ``Rejected`` when it cannot be paid, or not in that way."""
    parts = costs.of_executable(connection, content)
    payment_type = costs.payment_type_of(content)
    on_demand = isinstance(content, ProgramContent) and not content.on.persistent
    if on_demand and message.time < FREE_UNTIL:
        return parts
    credit_only_from = CREDIT_ONLY_FROM if on_demand else VM_CREDIT_ONLY_FROM
    if payment_type != CREDIT and message.time >= credit_only_from:
        raise Rejected(ErrorCode.INVALID_PAYMENT_METHOD)
    if payment_type != STREAM:
        costs.check_funds(
            connection, content.address, costs.total(parts, payment_type), payment_type
        )
    return parts


def process(connection: Connection, message: Message, content: Executable) -> None:
    connection.executemany(
        "INSERT INTO volume_references VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(message.item_hash, ref) for ref in _references(content)],
    )


def forget(connection: Connection, message: Message) -> None:
    connection.execute("DELETE FROM volume_references WHERE vm_hash = ?", (message.item_hash,))


def user_of(connection: Connection, store_hash: str) -> str | None:
    """Return the hash of a program or instance that uses the file of a STORE."""
    row = connection.execute(
        "SELECT vm_hash FROM volume_references WHERE ref = ? ORDER BY vm_hash LIMIT 1",
        (store_hash,),
    ).fetchone()
    return None if row is None else str(row["vm_hash"])
