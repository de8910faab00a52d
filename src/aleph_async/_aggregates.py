"""Reading aggregates: what nodes merged, which no hash can prove."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from typing import Any

from aleph_core.calls import aggregates as calls
from aleph_core.contents import entry_of_own_aggregate
from aleph_core.errors import ResourceNotFoundError
from aleph_core.filters import SortOrder, check_paging
from aleph_core.item_hash import check_address
from aleph_core.models.aggregate import Aggregate
from aleph_core.models.page import Page
from aleph_core.paging import LARGEST_PAGE, Position

from ._connection import Connection
from ._pages import OnInvalid, each
from ._runtime import run_blocking

__all__ = ["Aggregates"]


class Aggregates(Connection):
    async def fetch_aggregate(self, address: str, key: str) -> Any:
        """Return the content of one aggregate; raises ``ResourceNotFoundError`` when there is none.

        A first argument that is an address on no chain is read as the key of one's own aggregate and
        the second as an entry of it: ``fetch_aggregate("users", "ada@example.org")``. One's own
        address is that of the account, or ``ALEPH_ADDRESS_TO_USE``, or that of the key file.
        """
        own = entry_of_own_aggregate(address, key)
        if own is not None:
            name, entry = own
            owner = await self._own_address()
            content = await self.fetch_aggregate(owner, name)
            if entry not in content:
                raise ResourceNotFoundError(
                    f"aggregate {name!r} of {owner} has no entry {entry!r}",
                    status=404,
                    node=self._node,
                )
            return content[entry]
        found = await self.fetch_aggregates(address, [key])
        return found[key]

    async def fetch_aggregates(
        self, address: str, keys: str | Iterable[str] | None = None
    ) -> dict[str, dict[str, Any]]:
        """Return aggregates of one owner by key, all of them unless ``keys`` are named.

        Raises ``ResourceNotFoundError`` when one of the keys, or any aggregate at all, is missing.
        """
        wanted = None if keys is None else calls.check_keys(keys)
        found = await self._send(calls.aggregates_of(check_address(address), wanted))
        missing = [key for key in wanted or () if key not in found]
        if missing:
            raise ResourceNotFoundError(
                f"{address} has no aggregates with the keys {', '.join(missing)}",
                status=404,
                node=self._node,
            )
        return found

    async def get_aggregate(self, address: str, key: str) -> Any:
        """Return the content of one aggregate, or None when there is none."""
        try:
            return await self.fetch_aggregate(address, key)
        except ResourceNotFoundError:
            return None

    async def get_aggregates(
        self, address: str, keys: str | Iterable[str] | None = None
    ) -> dict[str, dict[str, Any]] | None:
        """Return those of the aggregates that exist by key, or None when there is none."""
        wanted = None if keys is None else calls.check_keys(keys)
        try:
            return await self._send(calls.aggregates_of(check_address(address), wanted)) or None
        except ResourceNotFoundError:
            return None

    async def list_aggregates(
        self,
        *,
        addresses: str | Sequence[str] = (),
        keys: str | Sequence[str] = (),
        sort_by: str | None = None,
        sort_order: SortOrder | str | int | None = None,
        page: int = 1,
        page_size: int = LARGEST_PAGE,
        ignore_invalid_messages: bool = True,
    ) -> Page[Aggregate]:
        """Return one page of aggregates across owners; ``sort_by`` is last_modified or creation_time."""
        check_paging(page, page_size, largest=calls.LARGEST_PAGE)
        return await self._page(
            calls.aggregates(
                addresses=addresses,
                keys=keys,
                sort_by=sort_by,
                sort_order=SortOrder.read(sort_order),
                position=Position(page=page),
                page_size=page_size,
                strict=not ignore_invalid_messages,
            )
        )

    async def list_aggregates_iterator(
        self,
        *,
        addresses: str | Sequence[str] = (),
        keys: str | Sequence[str] = (),
        sort_by: str | None = None,
        sort_order: SortOrder | str | int | None = None,
        page_size: int = LARGEST_PAGE,
        on_invalid: OnInvalid | None = None,
    ) -> AsyncIterator[Aggregate]:
        """Yield every aggregate that is asked for, page after page."""
        check_paging(None, page_size, largest=LARGEST_PAGE)
        build = partial(
            calls.aggregates,
            addresses=addresses,
            keys=keys,
            sort_by=sort_by,
            sort_order=SortOrder.read(sort_order),
            page_size=page_size,
        )
        async for aggregate in each(self._fetch(build), Position(), on_invalid=on_invalid):
            yield aggregate

    async def _own_address(self) -> str:
        """Return the address that is meant when none is named."""
        from aleph_core.accounts.loading import own_address

        return await run_blocking(own_address, self.settings)
