"""Storing files: hashed here, then sent in one request with the message that names them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, BinaryIO

from aleph_core import calls
from aleph_core.call import Call
from aleph_core.calls.publishing import NODE_WAIT
from aleph_core.calls.storage import upload_signed, upload_unsigned
from aleph_core.contents import storage_engine as check_engine
from aleph_core.contents import store_content
from aleph_core.errors import (
    AlephError,
    ArgumentError,
    FileTooLarge,
    InsufficientFundsError,
    MessageNotFoundError,
    ProcessingTimeout,
)
from aleph_core.hashing import cid_hasher, sha256_hasher
from aleph_core.json_text import Fields
from aleph_core.mime import HEAD_SIZE, guess_mime_type
from aleph_core.models.message import Message, MessageStatus, Published
from aleph_core.payments import payment_type
from aleph_core.priced import whole_mib
from aleph_core.retry import is_lost
from aleph_core.waiting import patience

from ._publishing import Publishing, warn_uncertain
from ._runtime import FileSource, Progress, gather
from ._signing import sign
from ._wall_clock import timestamp

__all__ = ["Storing"]

# Below this size in bytes a file is within the limits of every node, which need not be asked.
_SMALL = 1024 * 1024


class Storing(Publishing):
    async def create_store(
        self,
        file_content: bytes | str | BinaryIO | None = None,
        *,
        file_path: str | os.PathLike[str] | BinaryIO | None = None,
        file_hash: str | None = None,
        address: str | None = None,
        storage_engine: str | None = None,
        ref: str | None = None,
        channel: str | None = None,
        guess_mime_type: bool = False,
        extra_fields: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] | None = None,
        payment: Fields | str | None = None,
        sync: bool = False,
        wait: bool | float = False,
        on_progress: Progress | None = None,
    ) -> Published:
        """Store a file and publish the STORE message that names it, in one request.

        The file is bytes (text is encoded as UTF-8), a path, an open binary file, or one that the
        network has already, by its hash. It is read twice, in pieces: to compute the hash that is
        signed, and to be sent. ``storage_engine`` is ``storage`` or ``ipfs``; the latter needs the
        ``ipfs`` extra. ``ref`` is a free name of the file or the hash of the STORE to revise.
        ``payment`` is hold or credit, by default what nodes accept. ``sync`` and ``wait`` are those of ``create_post``.
        ``on_progress`` gets the bytes sent and their total.

        A node that wants a payment which the owner does not hold is asked the free way, for files
        within its limit. Raises ``FileTooLarge``, ``InsufficientFundsError``, ``ArgumentError``,
        ``ContentMismatchError`` when the node stored something else, ``RejectedMessage``.
        """
        patience(wait)
        source = _source(file_content, file_path, file_hash)
        if extra_fields is not None and not isinstance(extra_fields, Mapping):
            raise ArgumentError(
                "extra_fields", f"expected an object, not {type(extra_fields).__name__}"
            )
        fields = dict(extra_fields or {})
        engine = None if storage_engine is None else check_engine(storage_engine)
        mime_type: str | None = None
        if source is not None:
            engine = engine or check_engine(self.settings.DEFAULT_STORAGE_ENGINE)
            file_hash, head = await _hash(source, engine)
            if guess_mime_type and "mime_type" not in fields:
                mime_type = _guess(head, source.name)
        assert file_hash is not None
        content = store_content(
            address=self._owner(address),
            time=timestamp(),
            file_hash=file_hash,
            engine=engine,
            ref=ref,
            payment=payment,
            tags=tags,
            metadata=metadata,
            mime_type=mime_type,
            extra_fields=fields,
        )
        if source is None:
            return await self.submit(content, "STORE", channel=channel, sync=sync, wait=wait)
        message, _ = self._build("STORE", content, channel)
        if message.item_type != "inline":
            raise ArgumentError("extra_fields", "too large: a STORE message must be inline")
        upload = _Upload(source, file_hash, str(engine), on_progress)
        await self._check_size(upload)
        signed = await sign(message, self.account)
        return await self._store(signed, upload, sync=sync, wait=wait)

    async def _check_size(self, upload: _Upload) -> None:
        if upload.size <= _SMALL:
            return
        limit = (await self.get_storage_limits()).signed_limit(upload.engine)
        if upload.size > limit:
            raise FileTooLarge(
                f"the file has {upload.size} bytes, {self._node} takes {limit}; nothing was sent",
                size=upload.size,
                limit=limit,
                node=self._node,
            )

    async def _store(
        self, message: Message, upload: _Upload, *, sync: bool, wait: bool | float
    ) -> Published:
        timeout = patience(wait)
        sync = sync and timeout is None
        try:
            try:
                status = await self._upload(message, upload, sync=sync)
            except AlephError as error:
                if not sync or not is_lost(error) or self._policy is None:
                    warn_uncertain(error, message)
                    raise
                status = await self._upload_again(message, upload, error)
        except InsufficientFundsError as error:
            if not await self._is_free(message, upload):
                await self._tell_amounts(error, message, upload)
                raise
            await self._send(
                upload_unsigned(
                    file_hash=upload.file_hash,
                    engine=upload.engine,
                    size=upload.size,
                    filename=upload.filename,
                ),
                file=upload.source,
                on_progress=upload.on_progress,
            )
            return await self.publish(message, sync=sync, wait=wait)
        return await self._published(message, status, timeout)

    async def _upload(self, message: Message, upload: _Upload, *, sync: bool) -> MessageStatus:
        return await self._send(
            upload_signed(
                message,
                file_hash=upload.file_hash,
                engine=upload.engine,
                size=upload.size,
                filename=upload.filename,
                sync=sync,
            ),
            file=upload.source,
            on_progress=upload.on_progress,
        )

    async def _upload_again(
        self, message: Message, upload: _Upload, error: AlephError
    ) -> MessageStatus:
        """Find out what became of an upload whose answer was lost; send it again if nobody has it."""
        try:
            try:
                await self.get_message_status(message.item_hash)
            except MessageNotFoundError:
                await self._upload(message, upload, sync=False)
        except InsufficientFundsError:
            raise
        except AlephError as later:
            warn_uncertain(later, message)
            raise later from error
        try:
            return await self.wait_for_message(
                message.item_hash, timeout=NODE_WAIT, raise_on_rejected=False
            )
        except ProcessingTimeout:
            return MessageStatus.PENDING

    async def _is_free(self, message: Message, upload: _Upload) -> bool:
        """Tell whether the file may be stored without payment: hold plan, and small enough."""
        if payment_type(message.content) != "hold":
            return False
        try:
            limits = await self.get_storage_limits()
        except AlephError:
            return False
        return upload.size <= limits.unsigned_limit(upload.engine)

    async def _tell_amounts(
        self, error: InsufficientFundsError, message: Message, upload: _Upload
    ) -> None:
        """Ask for the amounts that a node does not tell when it refuses an upload."""
        owner = message.address
        content = {**message.content, "estimated_size_mib": whole_mib(upload.size)}
        kind = payment_type(message.content)
        price, running, balance = await gather(
            [
                partial(self._told, ask)
                for ask in (
                    partial(
                        calls.prices.estimate, content, "STORE", owner=owner, time=message.time
                    ),
                    partial(calls.prices.costs, address=owner, payment_type=kind, page_size=100),
                    partial(calls.accounts.balance, owner),
                )
            ]
        )
        calls.prices.tell_amounts(error, price=price, running=running, balance=balance)

    async def _told(self, ask: Callable[[], Call[Any]]) -> Any:
        try:
            return await self._send(ask())
        except AlephError:
            return None


class _Upload:
    """A file on its way: what it is, where it goes, who watches."""

    def __init__(
        self, source: FileSource, file_hash: str, engine: str, on_progress: Progress | None
    ) -> None:
        self.source = source
        self.file_hash = file_hash
        self.engine = engine
        self.on_progress = on_progress

    @property
    def size(self) -> int:
        return self.source.size

    @property
    def filename(self) -> str:
        return self.source.name or "file"


def _source(content: Any, path: Any, file_hash: str | None) -> FileSource | None:
    given = {"file_content": content, "file_path": path, "file_hash": file_hash}
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        raise ArgumentError(
            named[1] if named else "file_content",
            "give exactly one of file_content, file_path and file_hash"
            + (f", not {' and '.join(named)}" if named else ""),
        )
    if content is not None:
        if isinstance(content, str):
            content = content.encode()
        return FileSource(content, argument="file_content")
    if isinstance(path, bytes | bytearray | memoryview):
        raise ArgumentError("file_path", "expected a path; the bytes of a file are file_content")
    return None if path is None else FileSource(path, argument="file_path")


async def _hash(source: FileSource, engine: str) -> tuple[str, bytes]:
    """Return the file's hash in the spelling of the engine, and its first bytes."""
    hasher = cid_hasher() if engine == "ipfs" else sha256_hasher()
    head = b""
    async for chunk in source.chunks():
        hasher.update(chunk)
        if len(head) < HEAD_SIZE:
            head += chunk[: HEAD_SIZE - len(head)]
    return hasher.finalize(), head


_guess = guess_mime_type
