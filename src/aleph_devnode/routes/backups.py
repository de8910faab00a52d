"""Backups of machines and disks that are put back, for owners; downloads for whoever has their address."""

from __future__ import annotations

import re
from hashlib import sha256
from sqlite3 import Connection

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from .. import backups, costs, disk_images, machine_control
from ..answers import Refusal, answer, parse_body, read_body
from ..compute_answers import machine_ref
from ..machines import Machine
from ..node import Node, node_of
from ..uploads import MULTIPART
from .control import machine_route, owned_machine, signer_of

MIB = 1024 * 1024
BACKUP_ID = re.compile(r"[a-zA-Z0-9_-]+")
VOLUME_REF = re.compile(r"[0-9a-f]+")
CHUNK = 256 * 1024


async def create(request: Request) -> Response:
    node, address, vm_hash = node_of(request), signer_of(request), machine_ref(request)
    include_volumes = request.query_params.get("include_volumes") == "true"

    def work(connection: Connection) -> backups.Told:
        machine = owned_machine(connection, node, vm_hash, address)
        return node.backups.create(connection, machine, include_volumes=include_volumes)

    return _told(await node.database.run(work))


async def get(request: Request) -> Response:
    node, address, vm_hash = node_of(request), signer_of(request), machine_ref(request)

    def work(connection: Connection) -> backups.Told:
        owned_machine(connection, node, vm_hash, address)
        return node.backups.get(connection, vm_hash)

    return _told(await node.database.run(work))


def _told(told: backups.Told) -> Response:
    status, body = told
    return PlainTextResponse(body, status) if isinstance(body, str) else answer(body, status)


async def delete(request: Request) -> Response:
    node, address, vm_hash = node_of(request), signer_of(request), machine_ref(request)
    backup_id = _backup_id(request)

    def work(connection: Connection) -> str:
        owned_machine(connection, node, vm_hash, address)
        return node.backups.delete(connection, vm_hash, backup_id)

    return PlainTextResponse(await node.database.run(work))


async def download(request: Request) -> Response:
    node, vm_hash, backup_id = node_of(request), machine_ref(request), _backup_id(request)
    signature, expires = (request.query_params.get(name) for name in ("signature", "expires"))
    if not signature or not expires:
        raise Refusal(403, "Missing signature")
    row = await node.database.run(
        lambda connection: node.backups.archive(
            connection, vm_hash, backup_id, expires=expires, signature=signature
        )
    )
    headers = {
        "Content-Disposition": f'attachment; filename="{backup_id}.tar"',
        "X-Backup-Checksum": backups.checksum(row),
        "X-Source-Size": str(len(row["archive"])),
    }
    return Response(row["archive"], media_type="application/x-tar", headers=headers)


def _backup_id(request: Request) -> str:
    backup_id = str(request.path_params["backup_id"])
    if not BACKUP_ID.fullmatch(backup_id):
        raise Refusal(400, "Invalid backup ID")
    return backup_id


async def restore(request: Request) -> Response:
    """Put another disk into a machine: one that is sent, or a stored one."""
    node, address, vm_hash = node_of(request), signer_of(request), machine_ref(request)
    machine = await node.database.run(
        lambda connection: owned_machine(connection, node, vm_hash, address)
    )
    content_type = request.headers.get("content-type", "")
    if content_type.startswith(MULTIPART):
        disk, head = await _sent_disk(request, machine)
    elif content_type.startswith("application/json"):
        disk, head = await _stored_disk(request, node)
    else:
        raise Refusal(400, "Expected multipart upload or JSON with volume_ref")
    size = disk_images.virtual_size(head)
    if size is None:
        raise Refusal(400, "Uploaded file is not a valid QCOW2 image")
    if size > _declared(machine):
        raise Refusal(400, "QCOW2 virtual size exceeds the declared rootfs size")

    def work(connection: Connection) -> None:
        if node.backups.is_busy(connection, vm_hash):
            raise Refusal(409, "A backup or restore is already in progress for this VM")
        found = owned_machine(connection, node, vm_hash, address)
        machine_control.restore(connection, node.machines, found, disk=disk)

    await node.database.run(work)
    return answer({"status": "restored", "vm_hash": vm_hash})


def _declared(machine: Machine) -> int:
    return int((machine.content.get("rootfs") or {}).get("size_mib") or 0) * MIB


async def _sent_disk(request: Request, machine: Machine) -> tuple[str, bytes]:
    async with request.form() as form:
        part = form.get("rootfs")
        if not isinstance(part, UploadFile):
            raise Refusal(400, "Missing 'rootfs' field in multipart upload")
        if (part.size or 0) > _declared(machine):
            raise Refusal(413, "Uploaded file exceeds the declared rootfs size")
        head = await part.read(disk_images.HEADER.size)
        hasher = sha256(head)
        while chunk := await part.read(CHUNK):
            hasher.update(chunk)
    return f"file:{hasher.hexdigest()}", head


async def _stored_disk(request: Request, node: Node) -> tuple[str, bytes]:
    try:
        body = parse_body(await read_body(request, node.settings.max_json_body))
    except ValueError as error:
        raise Refusal(400, "Body is not valid JSON") from error
    ref = body.get("volume_ref") if isinstance(body, dict) else None
    if not ref:
        raise Refusal(400, "Missing volume_ref in JSON body")
    if not VOLUME_REF.fullmatch(str(ref)):
        raise Refusal(400, "Invalid volume_ref format")
    file = await node.database.run(
        lambda connection: costs.volume_file(connection, str(ref), use_latest=True)
    )
    if file is None:
        raise Refusal(500, "Restore failed")
    head = b""
    for chunk in node.store.chunks(file["file_hash"]):
        head += chunk
        if len(head) >= disk_images.HEADER.size:
            break
    return f"volume:{ref}", head


ROUTES: list[BaseRoute] = [
    machine_route("backup", create, "POST"),
    machine_route("backup", get, "GET"),
    machine_route("backup/{backup_id:path}", download, "GET"),
    machine_route("backup/{backup_id:path}", delete, "DELETE"),
    machine_route("restore", restore, "POST"),
]
