"""Prices: what a message would cost, what it costs, what everything costs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from attrs import AttrsInstance

from aleph_core import calls
from aleph_core.errors import TransportTimeout
from aleph_core.item_hash import NOBODY, check_item_hash
from aleph_core.json_text import Fields
from aleph_core.models.message import Message, MessageStatus, Published
from aleph_core.models.page import Page
from aleph_core.paging import LARGEST_PAGE, Position
from aleph_core.priced import check_one, check_size_mib, priced, store_to_price

from ._messages import Messages
from ._pages import OnInvalid, each, report
from ._runtime import FileSource
from ._wall_clock import timestamp

if TYPE_CHECKING:
    from aleph_core.models.prices import Costs, Price, ResourceCost

__all__ = ["Prices"]


class Prices(Messages):
    async def get_estimated_price(
        self, content: Fields | Message | Published | AttrsInstance, message_type: object = None
    ) -> Price:
        """Return what a message with this content would cost; nothing is published.

        The content is that of a program, an instance, a verifiable program or a STORE, as an object,
        a model of aleph-message or a message. Its type is told by its fields unless it is given.
        Files that the network does not have yet count by ``estimated_size_mib``, in a STORE, or in
        ``code``, ``runtime``, ``data`` and volumes. Content without an owner is priced for nobody.
        Raises ``ArgumentError`` for content without a price, ``InvalidMessageError``.
        """
        fields, kind = priced(content, message_type)
        return await self._send(calls.prices.estimate(fields, kind, owner=NOBODY, time=timestamp()))

    async def get_store_estimated_price(
        self,
        storage_size_mib: float | Decimal | None = None,
        *,
        size: int | None = None,
        file_content: bytes | str | BinaryIO | None = None,
        file_path: str | os.PathLike[str] | BinaryIO | None = None,
        payment: Fields | str | None = None,
    ) -> Price:
        """Return what a file would cost: one of this many MiB, or bytes (``size``), or this one.

        ``payment`` is hold or credit, by default what files are paid with when they are stored. The
        file is neither read nor sent.
        """
        check_one(
            storage_size_mib=storage_size_mib,
            size=size,
            file_content=file_content,
            file_path=file_path,
        )
        if file_content is not None:
            data = file_content.encode() if isinstance(file_content, str) else file_content
            size = FileSource(data, argument="file_content").size
        elif file_path is not None:
            size = FileSource(file_path, argument="file_path").size
        size_mib = check_size_mib(storage_size_mib, size)
        content = store_to_price(size_mib, owner=NOBODY, time=timestamp(), payment=payment)
        return await self._send(
            calls.prices.estimate(content, "STORE", owner=NOBODY, time=timestamp())
        )

    async def get_program_price(self, item_hash: str, *, include_size: bool = False) -> Price:
        """Return what a published program, instance or STORE costs.

        Raises ``PendingMessageError`` at once while it is pending, ``MessageNotFoundError``,
        ``RejectedMessage``, ``ForgottenMessageError`` or ``RemovedMessageError`` when nothing is left
        that could be priced, and ``ArgumentError`` for a message of another type.
        """
        item_hash = check_item_hash(item_hash)
        status = await self.get_message_status(item_hash)
        if status is MessageStatus.REJECTED:
            raise await self._rejection(item_hash)
        calls.prices.check_settled(item_hash, status, node=self._node)
        try:
            return await self._send(
                calls.prices.price(item_hash, status, include_size=include_size)
            )
        except TransportTimeout as error:
            # Another node may have been asked than the one that told the status.
            status = await self.get_message_status(item_hash)
            calls.prices.check_settled(item_hash, status, node=error.node or self._node)
            raise

    get_price = get_program_price

    async def get_costs(
        self,
        address: str | None = None,
        item_hash: str | None = None,
        payment_type: object = "credit",
        include_details: int = 0,
        include_size: bool = False,
        page_size: int = 100,
        page: int = 1,
    ) -> Costs:
        """Return what is paid by credit, hold or superfluid: in all, by one owner, for one message.

        With ``include_details`` 1 each message is listed, with 2 the parts of its cost as well; 2 is
        for one address or message alone. ``page_size`` is from 10 to 1000.
        """
        found = await self._send(
            calls.prices.costs(
                address=address,
                item_hash=item_hash,
                payment_type=payment_type,
                include_details=include_details,
                include_size=include_size,
                page=page,
                page_size=page_size,
            )
        )
        report(found.resources)
        return found

    async def get_costs_iterator(
        self,
        address: str | None = None,
        item_hash: str | None = None,
        payment_type: object = "credit",
        include_details: int = 1,
        include_size: bool = False,
        *,
        page_size: int = LARGEST_PAGE,
        on_invalid: OnInvalid | None = None,
    ) -> AsyncIterator[ResourceCost]:
        """Yield what each message costs that ``get_costs`` sums up, page after page."""
        build = partial(
            calls.prices.costs,
            address=address,
            item_hash=item_hash,
            payment_type=payment_type,
            include_details=max(include_details, 1),
            include_size=include_size,
            page_size=page_size,
        )

        async def fetch(position: Position) -> Page[ResourceCost]:
            return (await self._send(build(page=position.page or 1))).resources

        async for resource in each(fetch, Position(page=1), on_invalid=on_invalid):
            yield resource
