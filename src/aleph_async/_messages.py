"""Reading messages."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Literal, overload

from aleph_core.calls import messages as calls
from aleph_core.errors import (
    AlephError,
    ArgumentError,
    MessageNotFoundError,
    VerificationError,
)
from aleph_core.filters import MessageFilter, check_paging
from aleph_core.item_hash import check_item_hash
from aleph_core.models.files import StoredContent
from aleph_core.models.message import Message, MessageRejection, MessageStatus
from aleph_core.models.page import InvalidEntry, Page
from aleph_core.paging import LARGEST_PAGE, Position
from aleph_core.rejections import rejection
from aleph_core.verification import needs_content, with_content
from aleph_core.waiting import PATIENCE, Waiting, check_timeout

from ._files import Files
from ._pages import OnInvalid, each, report
from ._runtime import clock, gather, sleep

__all__ = ["Messages"]

_log = logging.getLogger("aleph")

# The content of a message may lie in a file of any size; more than this is no content.
_LARGEST_CONTENT = 64 * 1024 * 1024
_READABLE = (MessageStatus.PROCESSED, MessageStatus.REMOVING)


class Messages(Files):
    @overload
    async def get_message(
        self,
        item_hash: str,
        message_type: object = None,
        with_status: Literal[False] = False,
    ) -> Message: ...
    @overload
    async def get_message(
        self, item_hash: str, message_type: object = None, *, with_status: Literal[True]
    ) -> tuple[Message, MessageStatus]: ...
    async def get_message(
        self, item_hash: str, message_type: object = None, with_status: bool = False
    ) -> Message | tuple[Message, MessageStatus]:
        """Return the message, verified at the client's level; with its status if asked for.

        Without ``with_status`` only a processed (or removing) message is returned; with it a pending
        or rejected one too; the signature of a rejected one is not verified. Raises ``MessageNotFoundError``, ``PendingMessageError``,
        ``RejectedMessage``, ``ForgottenMessageError``, ``RemovedMessageError``, ``VerificationError``.
        ``message_type`` is held against the message and a difference raises ``VerificationError``.
        """
        found = await self._send(calls.message(check_item_hash(item_hash), verify=self.verify))
        accepted: tuple[MessageStatus, ...] = _READABLE
        if with_status:
            accepted = (*_READABLE, MessageStatus.PENDING, MessageStatus.REJECTED)
        message = found.require(*accepted)
        kind = getattr(message_type, "value", message_type)
        if kind is not None and message.type != kind:
            raise VerificationError(
                f"message {message.item_hash} is of type {message.type}, not {kind}",
                item_hash=message.item_hash,
            )
        if found.status in _READABLE:
            message = await self._complete(message)
        return (message, found.status) if with_status else message

    async def get_message_status(self, item_hash: str) -> MessageStatus:
        """Return where the message stands; raises ``MessageNotFoundError``."""
        found = await self._send(calls.message_status(check_item_hash(item_hash)))
        return found.status

    async def get_message_error(self, item_hash: str) -> MessageRejection | None:
        """Return why the message was rejected, or None when it was not."""
        found = await self._send(calls.message(check_item_hash(item_hash), verify="off"))
        return found.rejection

    async def wait_for_message(
        self, item_hash: str, *, timeout: float = PATIENCE, raise_on_rejected: bool = True
    ) -> MessageStatus:
        """Wait until the message is no longer pending and return its status.

        A message that the node does not know yet is waited for too. Raises ``ProcessingTimeout`` after
        ``timeout`` seconds, and ``RejectedMessage`` with the node's reason.
        """
        item_hash = check_item_hash(item_hash)
        waiting = Waiting(item_hash, check_timeout(timeout), self._node)
        begun = clock()
        while True:
            try:
                status: MessageStatus | None = await self.get_message_status(item_hash)
            except MessageNotFoundError:
                status = None
            if status is MessageStatus.REJECTED and raise_on_rejected:
                raise await self._rejection(item_hash)
            if status is not None and status is not MessageStatus.PENDING:
                return status
            await sleep(waiting.pause(status, elapsed=clock() - begun))

    async def wait_until_processed(
        self, item_hash: str, timeout: float = PATIENCE
    ) -> MessageStatus:
        """Wait until the message is processed, or raise the error that tells why it will not be.

        Waits as ``wait_for_message`` does, for ``timeout`` seconds at most. Returns ``processed``, or
        ``removing`` for a message that is about to be removed. Raises ``ProcessingTimeout``,
        ``RejectedMessage``, ``ForgottenMessageError``, ``RemovedMessageError``.
        """
        status = await self.wait_for_message(item_hash, timeout=timeout)
        if status not in _READABLE:
            found = await self._send(calls.message(check_item_hash(item_hash), verify="off"))
            found.require(*_READABLE)
            return found.status
        return status

    async def get_stored_content(self, item_hash: str) -> StoredContent:
        """Return where the file of a STORE message lies, and its name if the message tells one.

        Raises as ``get_message`` does; a message of another type raises ``ArgumentError``.
        """
        message = await self.get_message(item_hash)
        if message.type != "STORE":
            raise ArgumentError(
                "item_hash", f"message {message.item_hash} is a {message.type}, it stores no file"
            )
        content = message.content
        file_hash = check_item_hash(content.get("item_hash"), "content['item_hash']")
        metadata = content.get("metadata")
        names = [content.get("file_name"), content.get("filename")]
        if isinstance(metadata, dict):
            names += [metadata.get("name"), metadata.get("filename")]
        return StoredContent(
            item_hash=message.item_hash,
            hash=file_hash,
            url=self._file_url(file_hash),
            engine="storage" if len(file_hash) == 64 else "ipfs",
            filename=next((name for name in names if isinstance(name, str)), None),
        )

    async def get_messages(
        self,
        page_size: int = LARGEST_PAGE,
        page: int = 1,
        message_filter: MessageFilter | None = None,
        ignore_invalid_messages: bool = True,
        invalid_messages_log_level: int = logging.WARNING,
        *,
        limit: int | None = None,
        post_types: Any = None,
        **filters: Any,
    ) -> Page[Message]:
        """Return one page of messages, newest first unless the filter says otherwise.

        The filter may also be given as single arguments, ``tags=["a"]`` for instance; ``limit`` is
        another name of ``page_size``, ``post_types`` restricts to posts of these types. What does not
        hold at the client's level of verification is left out, logged and listed in ``invalid``, or
        raised with ``ignore_invalid_messages=False``.
        """
        page_size = page_size if limit is None else limit
        check_paging(page, page_size)
        chosen = MessageFilter.from_arguments(message_filter, filters, post_types=post_types)
        result = await self._message_page(
            chosen, page_size, Position(page=page), strict=not ignore_invalid_messages
        )
        report(result, level=invalid_messages_log_level)
        return result

    async def get_messages_iterator(
        self,
        message_filter: MessageFilter | None = None,
        *,
        page_size: int = LARGEST_PAGE,
        ignore_invalid_messages: bool = True,
        on_invalid: OnInvalid | None = None,
        post_types: Any = None,
        **filters: Any,
    ) -> AsyncIterator[Message]:
        """Yield every message that the filter asks for, page after page.

        What does not hold is left out, logged and given to ``on_invalid``, or raised with
        ``ignore_invalid_messages=False``.
        """
        chosen = MessageFilter.from_arguments(message_filter, filters, post_types=post_types)
        check_paging(None, page_size, largest=LARGEST_PAGE)
        fetch = partial(self._message_page, chosen, page_size, strict=not ignore_invalid_messages)
        first = chosen.first_position()
        async for message in each(fetch, first, on_invalid=on_invalid):
            yield message

    async def _message_page(
        self,
        message_filter: MessageFilter,
        page_size: int,
        position: Position,
        *,
        strict: bool = False,
    ) -> Page[Message]:
        page = await self._send(
            calls.messages(message_filter, position, page_size, verify=self.verify, strict=strict)
        )
        if self.verify == "off" or not any(needs_content(message) for message in page):
            return page
        results = await gather(
            [
                partial(self._complete_entry, message, message_filter, strict=strict)
                for message in page
            ]
        )
        return Page(
            items=tuple(entry for entry in results if isinstance(entry, Message)),
            per_page=page.per_page,
            page=page.page,
            total=page.total,
            next_cursor=page.next_cursor,
            invalid=(*page.invalid, *(e for e in results if isinstance(e, InvalidEntry))),
            kind=page.kind,
        )

    async def _complete_entry(
        self, message: Message, message_filter: MessageFilter, *, strict: bool
    ) -> Message | InvalidEntry:
        try:
            message = await self._complete(message)
            calls.check_asked_for(message, message_filter)
        except AlephError as error:
            if strict:
                raise
            return InvalidEntry(error=error, item_hash=message.item_hash)
        return message

    async def _complete(self, message: Message) -> Message:
        """Fetch the content that lies outside the message, and check it against the message's hash."""
        if self.verify == "off" or not needs_content(message):
            return message
        data = await self._fetch_file(message.item_hash, max_size=_LARGEST_CONTENT)
        return with_content(message, data)

    async def _rejection(self, item_hash: str) -> AlephError:
        """Return the error that tells why the network rejected the message."""
        try:
            found = await self._send(calls.message(item_hash, verify="off"))
        except AlephError as error:
            unknown = rejection(item_hash, None, node=self._node)
            unknown.add_note(f"asking for the reason failed: {error}")
            return unknown
        return found.refusal()
