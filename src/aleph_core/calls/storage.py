"""Storing and fetching files: pyaleph ``/api/v0/storage`` and ``/api/v0/ipfs``."""

from __future__ import annotations

import secrets

from ..call import Answer, Call, FilePart, MultipartBody, Part, RawBody
from ..errors import (
    ApiError,
    BadSignatureError,
    ContentMismatchError,
    FileTooLarge,
    InvalidMessageError,
    ResourceNotFoundError,
    UnpaidMessageError,
)
from ..excerpts import shown
from ..item_hash import check_item_hash
from ..json_text import json_text
from ..messages import wire
from ..models.files import StorageLimits
from ..models.message import Message, MessageStatus
from ..payments import payment_type
from ..rejection_errors import InsufficientCreditsError
from .answers import facts, json_object, refuse, segment
from .publishing import NODE_WAIT

__all__ = [
    "limits",
    "raw_file_path",
    "refuse_download",
    "store_content_bytes",
    "upload_signed",
    "upload_unsigned",
]


def limits() -> Call[StorageLimits]:
    """Ask what the node takes; a node that does not say is taken to have the defaults."""

    def parse(answer: Answer) -> StorageLimits:
        default = StorageLimits()
        if answer.status == 404:
            return default
        if answer.status != 200:
            refuse(answer, "the request for its storage limits")
        body = json_object(answer)

        def limit(engine: str, name: str, otherwise: int) -> int:
            section = body.get(engine)
            value = section.get(name) if isinstance(section, dict) else None
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                return value
            return otherwise

        unsigned = "max_unauthenticated_upload_file_size"
        return StorageLimits(
            storage=limit("storage", "max_file_size", default.storage),
            storage_unsigned=limit("storage", unsigned, default.storage_unsigned),
            ipfs=limit("ipfs", "max_upload_file_size", default.ipfs),
            ipfs_unsigned=limit("ipfs", unsigned, default.ipfs_unsigned),
        )

    return Call("GET", "/api/v0/storage/limits.json", parse)


def upload_signed(
    message: Message, *, file_hash: str, engine: str, size: int, filename: str, sync: bool
) -> Call[MessageStatus]:
    """Send a file and the STORE message that names it in one request.

    Raises ``InsufficientFundsError`` where the node wants payment first.
    """

    def parse(answer: Answer) -> MessageStatus:
        data = facts(answer)
        if answer.status == 402:
            on_credit = payment_type(message.content) == "credit"
            raise (InsufficientCreditsError if on_credit else UnpaidMessageError)(
                f"{answer.node or 'the node'} wants the storage of {size} bytes paid by "
                f"{message.address} first; "
                + ("buy credits" if on_credit else "hold ALEPH tokens, or pay with credits"),
                item_hash=message.item_hash,
                **data,
            )
        # A node with IPFS switched off refuses with the same status and says so.
        if answer.status == 403 and answer.text.strip() == "403: Forbidden":
            raise BadSignatureError(
                f"{answer.node or 'the node'} takes the signature of message {message.item_hash} "
                f"for wrong: {answer.excerpt}",
                item_hash=message.item_hash,
                node=answer.node,
            )
        if answer.status == 413:
            _too_large(answer, size)
        if answer.status not in (200, 202, 422):
            refuse(answer, f"the upload of {file_hash}")
        stored = _stored_hash(answer)
        if answer.status == 422 and stored is None:
            raise InvalidMessageError(
                f"{answer.node or 'the node'} refused the file or message {message.item_hash}: "
                f"{answer.excerpt}",
                **data,
            )
        _check_stored(answer, stored, file_hash)
        return {
            200: MessageStatus.PROCESSED,
            202: MessageStatus.PENDING,
            422: MessageStatus.REJECTED,
        }[answer.status]

    metadata = json_text({"message": wire(message), "sync": sync}, "message")
    return Call(
        "POST",
        f"/api/v0/{engine}/add_file",
        parse,
        body=_form(filename, size, Part("metadata", metadata.encode())),
        idempotent=not sync,
        minimum_timeout=NODE_WAIT + 15 if sync else 0.0,
    )


def upload_unsigned(*, file_hash: str, engine: str, size: int, filename: str) -> Call[None]:
    """Send a file alone; a node keeps it for a day unless a STORE message claims it."""

    def parse(answer: Answer) -> None:
        if answer.status == 413:
            _too_large(answer, size)
        if answer.status != 200:
            refuse(answer, f"the upload of {file_hash}")
        _check_stored(answer, _stored_hash(answer), file_hash)

    return Call("POST", f"/api/v0/{engine}/add_file", parse, body=_form(filename, size))


def store_content_bytes(data: bytes, *, item_hash: str) -> Call[None]:
    """Store the content of a message that is too large to be inline."""

    def parse(answer: Answer) -> None:
        if answer.status == 413:
            _too_large(answer, len(data))
        if answer.status != 200:
            refuse(answer, f"the upload of the content {item_hash}")
        _check_stored(answer, _stored_hash(answer), item_hash)

    return Call("POST", "/api/v0/storage/add_file", parse, body=RawBody(data))


def raw_file_path(file_hash: str) -> str:
    return f"/api/v0/storage/raw/{segment(check_item_hash(file_hash, 'file_hash'))}"


def refuse_download(answer: Answer, file_hash: str) -> None:
    """Raise the error for a download that did not begin."""
    if answer.status == 404:
        raise ResourceNotFoundError(
            f"{answer.node or 'the node'} has no file {file_hash}; if this is the hash of a STORE "
            "message, its file has another one, which get_stored_content tells",
            **facts(answer),
        )
    refuse(answer, f"the download of {file_hash}")


def _form(filename: str, size: int, *parts: Part) -> MultipartBody:
    return MultipartBody(
        parts=parts,
        file=FilePart(name="file", filename=filename, size=size),
        boundary=f"aleph-{secrets.token_hex(16)}",
    )


def _stored_hash(answer: Answer) -> str | None:
    try:
        stored = json_object(answer).get("hash")
    except ApiError:
        if answer.status == 422:
            return None
        raise
    return stored if isinstance(stored, str) else None


def _check_stored(answer: Answer, stored: str | None, expected: str) -> None:
    if stored != expected:
        raise ContentMismatchError(
            f"{answer.node or 'the node'} says it stored {shown(stored, 100)} where {expected} was sent; "
            "the file changed on the way or on disk, upload it again",
            item_hash=expected,
            node=answer.node,
        )


def _too_large(answer: Answer, size: int) -> None:
    raise FileTooLarge(
        f"{answer.node or 'the node'} takes no file of {size} bytes this way: {answer.excerpt}",
        size=size,
        **facts(answer),
    )
