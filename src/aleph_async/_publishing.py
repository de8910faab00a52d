"""Publishing messages: sign, send, and tell what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aleph_core.calls.publishing import NODE_WAIT, publish
from aleph_core.calls.storage import store_content_bytes, upload_unsigned
from aleph_core.contents import (
    UNSET,
    aggregate_content,
    aggregate_target,
    forget_content,
    post_content,
    storage_engine,
)
from aleph_core.errors import (
    AlephError,
    ArgumentError,
    MessageNotFoundError,
    ProcessingTimeout,
    RateLimited,
)
from aleph_core.item_hash import check_address
from aleph_core.messages import build_message
from aleph_core.models.message import Message, MessageStatus, Published
from aleph_core.retry import is_lost
from aleph_core.waiting import patience

from ._messages import Messages
from ._runtime import FileSource
from ._signing import sign
from ._wall_clock import timestamp

if TYPE_CHECKING:
    from aleph_core.accounts import Account

    from ._remote import RemoteAccount

__all__ = ["Publishing"]


class Publishing(Messages):
    account: Account | RemoteAccount

    async def create_post(
        self,
        post_content: Any = UNSET,
        post_type: str | None = None,
        ref: str | None = None,
        address: str | None = None,
        channel: str | None = None,
        inline: bool = True,
        storage_engine: str = "storage",
        sync: bool = False,
        *,
        content: Any = UNSET,
        tags: Sequence[str] | None = None,
        wait: bool | float = False,
    ) -> Published:
        """Publish a POST of any JSON content; ``content`` is another name of ``post_content``.

        With ``post_type="amend"`` and the hash of the original in ``ref`` it replaces that content.
        ``tags`` are put into the content, which must be an object then. ``address`` is the owner to
        publish for. With ``sync`` the node answers once it has processed the message, or after 30 s; it
        answers at once, with the status pending, when the message waits for another one. With ``wait``
        the message is published without ``sync`` and asked for until it is processed, for that many
        seconds at most (True: 60); then ``ProcessingTimeout`` is raised. Raises ``ArgumentError``
        before anything is sent, ``RejectedMessage`` after processing.
        """
        if content is not UNSET and post_content is not UNSET:
            raise ArgumentError("content", "is given twice: as post_content too")
        fields = _post_content(
            address=self._owner(address),
            time=timestamp(),
            post_type=post_type,
            content=post_content if content is UNSET else content,
            ref=ref,
            tags=tags,
        )
        return await self.submit(
            fields,
            "POST",
            channel=channel,
            allow_inlining=inline,
            storage_engine=storage_engine,
            sync=sync,
            wait=wait,
        )

    async def create_aggregate(
        self,
        name: Any = UNSET,
        entries: Any = UNSET,
        /,
        address: str | None = None,
        channel: str | None = None,
        inline: bool = True,
        sync: bool = False,
        *,
        key: Any = UNSET,
        content: Any = UNSET,
        wait: bool | float = False,
    ) -> Published:
        """Write top-level entries of the aggregate ``key``, as ``(key, content)`` or by keyword.

        Entries are merged by the network: those named are replaced whole, the others stay, and None
        is stored as null. With a positional name and ``key=`` as well, the content becomes the entry
        ``key`` of the aggregate of that name. Waits and raises as ``create_post`` does.
        """
        target = aggregate_target(name, entries, key, content)
        fields = aggregate_content(
            address=self._owner(address), time=timestamp(), key=target.key, content=target.content
        )
        return await self.submit(
            fields, "AGGREGATE", channel=channel, allow_inlining=inline, sync=sync, wait=wait
        )

    async def forget(
        self,
        hashes: str | Iterable[str],
        reason: str | None = None,
        address: str | None = None,
        channel: str | None = None,
        sync: bool = False,
        *,
        aggregates: Iterable[str] = (),
        wait: bool | float = False,
    ) -> Published:
        """Ask the network to delete the content of up to 1000 messages.

        Forgetting a post forgets its amends. Waits and raises as ``create_post`` does.
        """
        fields = forget_content(
            address=self._owner(address),
            time=timestamp(),
            hashes=hashes,
            aggregates=aggregates,
            reason=reason,
        )
        return await self.submit(fields, "FORGET", channel=channel, sync=sync, wait=wait)

    forget_message = forget

    async def submit(
        self,
        content: Mapping[str, Any],
        message_type: str,
        channel: str | None = None,
        storage_engine: str = "storage",
        allow_inlining: bool = True,
        sync: bool = False,
        raise_on_rejected: bool = True,
        *,
        wait: bool | float = False,
    ) -> Published:
        """Sign content of any message type and publish it; ``address`` and ``time`` are filled in.

        Content that is too large to be inline is stored first, under the hash computed here. With
        ``raise_on_rejected=False`` a rejection is told by the status only. Waits as ``create_post`` does.
        """
        patience(wait)
        message = await self.generate_signed_message(
            message_type, content, channel, allow_inlining, storage_engine
        )
        return await self.publish(
            message, sync=sync, raise_on_rejected=raise_on_rejected, wait=wait
        )

    async def generate_signed_message(
        self,
        message_type: str,
        content: Mapping[str, Any],
        channel: str | None = None,
        allow_inlining: bool = True,
        storage_engine: str = "storage",
    ) -> Message:
        """Return a signed message without publishing it; content that cannot be inline is stored."""
        message, data = self._build(message_type, content, channel, allow_inlining, storage_engine)
        signed = await sign(message, self.account)
        if message.item_type == "storage":
            await self._send(store_content_bytes(data, item_hash=message.item_hash))
        elif message.item_type == "ipfs":
            upload = upload_unsigned(
                file_hash=message.item_hash, engine="ipfs", size=len(data), filename="content.json"
            )
            await self._send(upload, file=FileSource(data))
        return signed

    async def publish(
        self,
        message: Message,
        *,
        sync: bool = False,
        raise_on_rejected: bool = True,
        wait: bool | float = False,
    ) -> Published:
        """Publish a signed message; publishing it again, anywhere, is harmless.

        When the answer to ``sync`` is lost, the message is looked for before it is sent again. A node
        that knows the message already lets ``sync`` stand for 30 s, but not ``wait``. Raises ``InvalidMessageError``, ``BroadcastError``, ``RejectedMessage``, ``TransportError``.
        """
        if not isinstance(message, Message):
            raise ArgumentError("message", f"expected a Message, not {type(message).__name__}")
        timeout = patience(wait)
        sync = sync and timeout is None
        try:
            status = await self._send(publish(message, sync=sync))
        except AlephError as error:
            if not sync or not is_lost(error) or self._policy is None:
                warn_uncertain(error, message)
                raise
            status = await self._publish_again(message, error)
        return await self._published(message, status, timeout, raise_on_rejected)

    async def _publish_again(self, message: Message, error: AlephError) -> MessageStatus:
        """Find out what became of a message whose answer was lost.

        It is sent again only to nodes that do not know it, and without waiting: a node that knows a
        message already lets a waiting request stand for 30 s.
        """
        try:
            try:
                await self.get_message_status(message.item_hash)
            except MessageNotFoundError:
                await self._send(publish(message, sync=False))
        except AlephError as later:
            warn_uncertain(later, message)
            raise later from error
        try:
            return await self.wait_for_message(
                message.item_hash, timeout=NODE_WAIT, raise_on_rejected=False
            )
        except ProcessingTimeout:
            return MessageStatus.PENDING

    async def _published(
        self,
        message: Message,
        status: MessageStatus,
        timeout: float | None = None,
        raise_on_rejected: bool = True,
    ) -> Published:
        """Tell what became of a message that was published, after waiting for it if that is wanted."""
        if timeout is not None and status is MessageStatus.PENDING:
            status = await self._settled(message, timeout)
        if status is MessageStatus.REJECTED and raise_on_rejected:
            raise await self._rejection(message.item_hash)
        return Published(message.evolve(status=status), status)

    async def _settled(self, message: Message, timeout: float) -> MessageStatus:
        try:
            return await self.wait_for_message(
                message.item_hash, timeout=timeout, raise_on_rejected=False
            )
        except ProcessingTimeout:
            raise
        except AlephError as error:
            error.add_note(
                f"message {message.item_hash} was published; "
                "wait_until_processed tells what becomes of it"
            )
            raise

    def _build(
        self,
        message_type: str,
        content: Mapping[str, Any],
        channel: str | None,
        allow_inlining: bool = True,
        engine: str = "storage",
    ) -> tuple[Message, bytes]:
        if not isinstance(content, Mapping):
            raise ArgumentError("content", f"expected an object, not {type(content).__name__}")
        fields = {"address": self._owner(None), "time": timestamp(), **content}
        return build_message(
            message_type=message_type,
            content=fields,
            sender=self.account.get_address(),
            chain=self.account.CHAIN,
            channel=self.settings.DEFAULT_CHANNEL if channel is None else channel,
            time=fields["time"],
            inline_limit=self.settings.MAX_INLINE_SIZE if allow_inlining else 0,
            engine=storage_engine(engine),
        )

    def _owner(self, address: str | None) -> str:
        """Return for whom to publish: the address named, that of the settings, or the account's own."""
        if address is not None:
            return check_address(address)
        if self.settings.ADDRESS_TO_USE is not None:
            return check_address(self.settings.ADDRESS_TO_USE, "ALEPH_ADDRESS_TO_USE")
        return self.account.get_address()


# The method of the same name has a parameter called post_content.
_post_content = post_content


def warn_uncertain(error: AlephError, message: Message) -> None:
    if is_lost(error) and not isinstance(error, RateLimited):
        error.add_note(
            f"message {message.item_hash} may have been published all the same; "
            "get_message_status tells, and publishing it again is harmless"
        )
