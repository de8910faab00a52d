"""Uploading, finding and downloading files."""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections.abc import AsyncIterator
from sqlite3 import Connection, Row
from typing import Any

import attrs
from aleph_message.models import StoreContent
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from aleph_core.errors import VerificationError
from aleph_core.signatures import verify_signature

from .. import costs, files
from ..answers import Refusal, answer, parse_body, read_body, too_large
from ..envelopes import Envelope, InvalidEnvelope, hash_kind, parse_content, parse_envelope
from ..filestore import Incoming
from ..node import Node, node_of
from ..queries import UploadMetadata
from ..rejections import Rejected
from ..settings import MIB
from ..uploads import Upload, is_form, receive_body, receive_form
from .messages import STATUS_CODES

BYTES = "application/octet-stream"


@attrs.frozen
class Claim:
    """Hold the signed STORE that came with a file."""

    submitted: dict[str, Any]
    envelope: Envelope
    content: StoreContent
    sync: bool


async def limits(request: Request) -> Response:
    settings = node_of(request).settings
    return answer(
        {
            "storage": {
                "max_file_size": settings.max_storage_file,
                "max_unauthenticated_upload_file_size": settings.max_unsigned_file,
            },
            "ipfs": {
                "max_upload_file_size": settings.max_ipfs_file,
                "max_upload_car_size": settings.max_ipfs_car,
                "max_unauthenticated_upload_file_size": settings.max_unsigned_file,
            },
        }
    )


async def add_file(request: Request) -> Response:
    node = node_of(request)
    settings = node.settings
    if is_form(request):
        upload = await receive_form(
            request,
            node.store,
            max_file=settings.max_storage_file,
            max_metadata=settings.max_json_body,
        )
    else:
        upload = await receive_body(request, node.store, max_file=settings.max_unsigned_file)
    try:
        if upload.file is None:
            raise Refusal(400, reason="File should be sent as FormData or Raw Upload")
        if not upload.metadata and upload.file.size > settings.max_unsigned_file:
            raise too_large(settings.max_unsigned_file)
        file_hash, _ = await asyncio.to_thread(upload.file.finish)
        claim = _claim(request, upload)
        if claim is not None:
            _check_claimed_hash(file_hash, claim)
            await _check_payer(node, claim, upload.file.size)
        await _keep(node, upload.file, file_hash, unclaimed=claim is None)
        status = await _publish(node, claim)
        return answer({"status": "success", "hash": file_hash}, status)
    finally:
        upload.discard()


async def add_ipfs_file(request: Request) -> Response:
    node = node_of(request)
    settings = node.settings
    if not is_form(request):
        raise Refusal(400, reason="Expected Content-Type: multipart/form-data")
    upload = await receive_form(
        request, node.store, max_file=settings.max_ipfs_file, max_metadata=settings.max_json_body
    )
    try:
        if upload.file is None:
            raise Refusal(422, reason="Missing 'file' in multipart form.")
        if upload.metadata is None and upload.file.size > settings.max_unsigned_file:
            raise too_large(settings.max_unsigned_file)
        _, cid = await asyncio.to_thread(upload.file.finish)
        claim = _claim(request, upload)
        if claim is not None:
            _check_ipfs_claim(claim)
            await _check_payer(node, claim, upload.file.size)
        mismatch = claim is not None and claim.content.item_hash != cid
        await _keep(node, upload.file, cid, unclaimed=claim is None or mismatch)
        if claim is not None:
            _check_claimed_hash(cid, claim)
        status = await _publish(node, claim)
        return answer(
            {"status": "success", "hash": cid, "name": upload.file_name, "size": upload.file.size},
            status,
        )
    finally:
        upload.discard()


async def add_ipfs_car(request: Request) -> Response:
    """Refuse directories: this node checks the form of the request and has no IPFS to unpack them."""
    node = node_of(request)
    settings = node.settings
    if not is_form(request):
        raise Refusal(400, reason="Expected Content-Type: multipart/form-data")
    upload = await receive_form(
        request, node.store, max_file=settings.max_ipfs_car, max_metadata=settings.max_json_body
    )
    try:
        if upload.file is None:
            raise Refusal(422, reason="Missing 'file' in multipart form.")
        if upload.metadata is None:
            raise Refusal(422, reason="metadata is required for CAR upload")
        claim = _claim(request, upload)
        if claim is not None:
            _check_ipfs_claim(claim)
        raise Refusal(502, reason="The local node keeps no directories")
    finally:
        upload.discard()


def _check_ipfs_claim(claim: Claim) -> None:
    if claim.content.item_type != "ipfs":
        raise Refusal(
            422, reason=f"Expected item_type=ipfs in STORE message, got {claim.content.item_type}"
        )


def _claim(request: Request, upload: Upload) -> Claim | None:
    """Read the metadata part; raises ``Refusal`` 422 for its form and 403 for its signature."""
    if not upload.metadata:
        return None
    try:
        metadata = UploadMetadata.model_validate_json(upload.metadata)
        envelope = parse_envelope(
            metadata.message, max_inline_characters=node_of(request).settings.max_inline_characters
        )
        if envelope.type != "STORE" or envelope.item_type != "inline":
            raise InvalidEnvelope("message must be an inline STORE")
        content = parse_content("STORE", envelope.content)
    except ValidationError as error:
        raise Refusal(422, reason=f"Could not decode metadata: {error.json()}") from error
    except (InvalidEnvelope, Rejected) as error:
        raise Refusal(422, reason=f"Could not decode metadata: {json.dumps(str(error))}") from error
    if not isinstance(content, StoreContent):
        raise TypeError(f"STORE content is {type(content).__name__}")
    _check_signature(envelope)
    return Claim(metadata.message, envelope, content, metadata.sync)


def _check_signature(envelope: Envelope) -> None:
    try:
        verify_signature(
            chain=envelope.chain,
            sender=envelope.sender,
            buffer=envelope.signed_text,
            signature=envelope.signature or "",
            time=envelope.time,
        )
    except VerificationError as error:
        raise Refusal(403) from error


def _check_claimed_hash(file_hash: str, claim: Claim) -> None:
    if claim.content.item_hash != file_hash:
        raise Refusal(
            422, reason=f"File hash does not match ({file_hash} != {claim.content.item_hash})"
        )


async def _check_payer(node: Node, claim: Claim, size: int) -> None:
    """Raise ``Refusal`` 402 unless the owner can pay for the size, rounded up to whole MiB."""
    payment_type = costs.payment_type_of(claim.content)
    parts = costs.of_storage(costs.size_in_mib(math.ceil(size / MIB) * MIB), payment_type, "")
    cost = costs.total(parts, payment_type)
    try:
        await node.database.run(
            lambda connection: costs.check_funds(
                connection, claim.content.address, cost, payment_type
            )
        )
    except Rejected as error:
        raise Refusal(402) from error


async def _keep(node: Node, incoming: Incoming, name: str, *, unclaimed: bool) -> None:
    await asyncio.to_thread(node.store.keep, incoming, name)

    def work(connection: Connection) -> None:
        files.register(connection, name, incoming.size)
        if unclaimed:
            files.keep_unclaimed(connection, name)

    await node.database.run(work)
    node.intake.arrived(name)


async def _publish(node: Node, claim: Claim | None) -> int:
    if claim is None:
        return 200
    return STATUS_CODES[await node.intake.publish(claim.submitted, claim.envelope, sync=claim.sync)]


async def add_json(request: Request) -> Response:
    node = node_of(request)
    value = parse_body(await read_body(request, node.settings.max_unsigned_file))
    text = json.dumps(
        value, separators=(",", ":"), sort_keys=True, ensure_ascii=False, allow_nan=False
    )
    incoming = node.store.receive()
    try:
        incoming.write(text.encode())
        file_hash, cid = await asyncio.to_thread(incoming.finish)
        name = cid if "/ipfs/" in request.url.path else file_hash
        await _keep(node, incoming, name, unclaimed=True)
    finally:
        incoming.discard()
    return answer({"status": "success", "hash": name})


async def _file(request: Request, refusal: str) -> Row:
    file_hash = request.path_params["file_hash"]
    if hash_kind(file_hash) is None:
        raise Refusal(400, refusal)
    row = await node_of(request).database.run(lambda connection: files.find(connection, file_hash))
    if row is None:
        raise Refusal(404, "Not found")
    return row


async def download(request: Request) -> Response:
    """Stream a file, in full: ranges are ignored."""
    row = await _file(request, "Invalid hash")
    headers = {"Accept-Ranges": "none", "Content-Length": str(row["size"])}
    if request.method == "HEAD":
        return Response(headers=headers, media_type=BYTES)
    return StreamingResponse(
        _chunks(node_of(request), row["hash"]), headers=headers, media_type=BYTES
    )


async def _chunks(node: Node, name: str) -> AsyncIterator[bytes]:
    chunks = node.store.chunks(name)
    try:
        # Not to be cancelled in the middle: a thread that still reads would leave the file open.
        while chunk := await run_in_threadpool(next, chunks, b""):
            yield chunk
    finally:
        chunks.close()


async def download_base64(request: Request) -> Response:
    row = await _file(request, "Invalid hash provided")
    node = node_of(request)
    if row["size"] > node.settings.max_storage_file:
        raise too_large(node.settings.max_storage_file)
    content = await asyncio.to_thread(
        lambda: base64.encodebytes(node.store.read(row["hash"])).decode()
    )
    kind = hash_kind(row["hash"])
    return answer(
        {
            "status": "success",
            "hash": row["hash"],
            "engine": kind and kind.value,
            "content": content,
        }
    )


def _url(file_hash: str) -> str:
    return f"/api/v0/storage/raw/{file_hash}"


async def metadata(request: Request) -> Response:
    file_hash = request.path_params["file_hash"]
    row = await node_of(request).database.run(lambda connection: files.find(connection, file_hash))
    if row is None:
        raise Refusal(404, f"No file found for hash {file_hash}")
    return answer(
        {
            "file_hash": row["hash"],
            "type": row["type"],
            "size": row["size"],
            "download_url": _url(row["hash"]),
        }
    )


def _named(ref: str, row: Row) -> dict[str, Any]:
    return {
        "ref": ref,
        "owner": row["owner"],
        "file_hash": row["file_hash"],
        "download_url": _url(row["file_hash"]),
        "size": row["size"],
    }


async def by_message(request: Request) -> Response:
    item_hash = request.path_params["item_hash"]
    if hash_kind(item_hash) is None:
        raise Refusal(400, "Invalid hash provided")
    row = await node_of(request).database.run(
        lambda connection: files.pin_of_message(connection, item_hash)
    )
    if row is None:
        raise Refusal(404, f"No file found for message {item_hash}")
    return answer(_named(row["ref"] if row["ref"] is not None else item_hash, row))


async def by_ref(request: Request) -> Response:
    ref, owner = request.path_params["ref"], request.path_params.get("address")
    if hash_kind(ref) is not None:
        tag = ref
    elif owner is None:
        raise Refusal(400, "address is required for user-defined ref")
    else:
        tag = f"{owner}/{ref}"
    row = await node_of(request).database.run(lambda connection: files.tagged(connection, tag))
    if row is None:
        raise Refusal(404, f"No file found for tag {tag}")
    return answer(_named(ref, row))


async def count(request: Request) -> Response:
    file_hash = request.path_params["file_hash"]
    return answer(
        await node_of(request).database.run(
            lambda connection: files.count_pins(connection, file_hash)
        )
    )


ROUTES = [
    Route("/api/v0/storage/add_file", add_file, methods=["POST"]),
    Route("/api/v0/storage/add_json", add_json, methods=["POST"]),
    Route("/api/v0/ipfs/add_file", add_ipfs_file, methods=["POST"]),
    Route("/api/v0/ipfs/add_car", add_ipfs_car, methods=["POST"]),
    Route("/api/v0/ipfs/add_json", add_json, methods=["POST"]),
    Route("/api/v0/storage/limits.json", limits),
    Route("/api/v0/storage/raw/{file_hash}", download),
    Route("/api/v0/storage/metadata/{file_hash}", metadata),
    Route("/api/v0/storage/count/{file_hash}", count),
    Route("/api/v0/storage/by-message-hash/{item_hash}", by_message),
    Route("/api/v0/storage/by-ref/{ref}", by_ref),
    Route("/api/v0/storage/by-ref/{address}/{ref:path}", by_ref),
    Route("/api/v0/storage/{file_hash}", download_base64),
]
