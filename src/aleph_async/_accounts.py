"""What belongs to addresses: balances, credits and where they went, files, counts of messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from aleph_core import calls
from aleph_core.errors import ArgumentError
from aleph_core.filters import SortOrder
from aleph_core.models.page import Page
from aleph_core.paging import LARGEST_PAGE, Position

from ._connection import Connection
from ._pages import OnInvalid, each

if TYPE_CHECKING:
    from aleph_core.credits import CreditFilter
    from aleph_core.models.accounts import (
        AccountFile,
        AccountFiles,
        AddressStats,
        Balance,
        ChainBalance,
        CreditBalance,
        CreditEntry,
        CreditSummary,
    )

__all__ = ["Accounts"]


class Accounts(Connection):
    async def get_balances(
        self, address: str, chain: object = None, include_credit_details: bool = False
    ) -> Balance:
        """Return the tokens, by chain, and the credits of an address; zeros when it holds none.

        With ``chain`` only the tokens there count. ``include_credit_details`` tells which credits
        expire when. Nodes compare addresses letter by letter: one in lower case is another one.
        """
        return await self._send(
            calls.accounts.balance(
                address, chain=chain, include_credit_details=include_credit_details
            )
        )

    get_balance = get_balances

    async def get_chain_balances(
        self,
        page_size: int = LARGEST_PAGE,
        page: int = 1,
        *,
        chains: str | Iterable[str] = (),
        min_balance: int | None = None,
    ) -> Page[ChainBalance]:
        """Return one page of the tokens of all addresses, an entry for each chain of an address.

        ``min_balance`` is a whole number of tokens. Pages of what belongs to addresses have at most
        1000 entries.
        """
        return await self._page(
            calls.accounts.chain_balances(
                chains=chains,
                min_balance=min_balance,
                position=Position(page=page),
                page_size=page_size,
            )
        )

    async def get_chain_balances_iterator(
        self,
        *,
        chains: str | Iterable[str] = (),
        min_balance: int | None = None,
        page_size: int = LARGEST_PAGE,
        on_invalid: OnInvalid | None = None,
    ) -> AsyncIterator[ChainBalance]:
        """Yield the tokens of all addresses, page after page."""
        build = partial(
            calls.accounts.chain_balances,
            chains=chains,
            min_balance=min_balance,
            page_size=page_size,
        )
        async for entry in each(self._fetch(build), Position(), on_invalid=on_invalid):
            yield entry

    async def get_credit_balances(
        self, page_size: int = LARGEST_PAGE, page: int = 1, *, min_balance: int | None = None
    ) -> Page[CreditBalance]:
        """Return one page of the credits of all addresses."""
        return await self._page(
            calls.credits.credit_balances(
                min_balance=min_balance, position=Position(page=page), page_size=page_size
            )
        )

    async def get_credit_balances_iterator(
        self,
        *,
        min_balance: int | None = None,
        page_size: int = LARGEST_PAGE,
        on_invalid: OnInvalid | None = None,
    ) -> AsyncIterator[CreditBalance]:
        """Yield the credits of all addresses, page after page."""
        build = partial(calls.credits.credit_balances, min_balance=min_balance, page_size=page_size)
        async for entry in each(self._fetch(build), Position(), on_invalid=on_invalid):
            yield entry

    async def get_credit_history(
        self,
        address: str,
        page_size: int = LARGEST_PAGE,
        page: int = 1,
        credit_filter: CreditFilter | None = None,
        **filters: Any,
    ) -> Page[CreditEntry]:
        """Return one page of the credits that came to an address and went, the latest first.

        The filter may also be given as single arguments, ``direction="outgoing"`` for instance. An
        address without credits has an empty page.
        """
        chosen = calls.credits.chosen(credit_filter, filters)
        return await self._page(
            calls.credits.credit_history(address, chosen, Position(page=page), page_size)
        )

    async def get_credit_history_iterator(
        self,
        address: str,
        credit_filter: CreditFilter | None = None,
        *,
        page_size: int = LARGEST_PAGE,
        on_invalid: OnInvalid | None = None,
        **filters: Any,
    ) -> AsyncIterator[CreditEntry]:
        """Yield the credits that came to an address and went, page after page."""
        chosen = calls.credits.chosen(credit_filter, filters)
        build = partial(calls.credits.credit_history, address, chosen, page_size=page_size)
        async for entry in each(self._fetch(build), Position(), on_invalid=on_invalid):
            yield entry

    async def get_credit_history_summary(
        self, address: str, credit_filter: CreditFilter | None = None, **filters: Any
    ) -> CreditSummary:
        """Return the sums of the credits that came to an address and went."""
        chosen = calls.credits.chosen(credit_filter, filters)
        return await self._send(calls.credits.credit_summary(address, chosen))

    async def get_consumed_credits(self, item_hash: str) -> Decimal:
        """Return the credits that a message has consumed so far; 0 for one that nodes do not know."""
        return await self._send(calls.credits.consumed_credits(item_hash))

    async def get_account_files(
        self,
        address: str,
        page_size: int = LARGEST_PAGE,
        page: int = 1,
        *,
        sort_order: SortOrder | str | int | None = None,
        file_hash: str | None = None,
    ) -> AccountFiles:
        """Return one page of the files that an address keeps on the network, the latest first.

        With ``file_hash`` only the messages that keep this file are listed; ``total_size`` counts all
        files even then. An address without files has an empty page.
        """
        return await self._page(
            calls.accounts.files(
                address,
                sort_order=SortOrder.read(sort_order),
                file_hash=file_hash,
                position=Position(page=page),
                page_size=page_size,
            )
        )

    async def get_account_files_iterator(
        self,
        address: str,
        *,
        sort_order: SortOrder | str | int | None = None,
        file_hash: str | None = None,
        page_size: int = LARGEST_PAGE,
        on_invalid: OnInvalid | None = None,
    ) -> AsyncIterator[AccountFile]:
        """Yield the files that an address keeps on the network, page after page."""
        build = partial(
            calls.accounts.files,
            address,
            sort_order=SortOrder.read(sort_order),
            file_hash=file_hash,
            page_size=page_size,
        )
        fetch = self._fetch(build)
        async for file in each(fetch, Position(), on_invalid=on_invalid):
            yield file

    async def get_address_stats(
        self,
        page_size: int = LARGEST_PAGE,
        page: int = 1,
        *,
        addresses: str | Sequence[str] | None = None,
        address_contains: str | None = None,
        sort_by: object = None,
        sort_order: SortOrder | str | int | None = None,
    ) -> Page[AddressStats]:
        """Return how many messages addresses published, those with most first.

        With ``addresses`` those are told of, as far as they published anything, on one page and in no
        order. Otherwise one page of all, or of the addresses that hold the letters
        ``address_contains``; ``sort_by`` is total, or a type of messages in lower case.
        """
        if addresses is None:
            call = calls.accounts.address_stats(
                address_contains=address_contains,
                sort_by=sort_by,
                sort_order=SortOrder.read(sort_order),
                position=Position(page=page),
                page_size=page_size,
            )
        elif address_contains is not None or sort_by is not None or sort_order is not None:
            raise ArgumentError("addresses", "those named are neither searched nor sorted")
        else:
            call = calls.accounts.stats_of(addresses)
        return await self._page(call)

    async def get_address_stats_iterator(
        self,
        *,
        address_contains: str | None = None,
        sort_by: object = None,
        sort_order: SortOrder | str | int | None = None,
        page_size: int = LARGEST_PAGE,
        on_invalid: OnInvalid | None = None,
    ) -> AsyncIterator[AddressStats]:
        """Yield how many messages every address published, page after page."""
        build = partial(
            calls.accounts.address_stats,
            address_contains=address_contains,
            sort_by=sort_by,
            sort_order=SortOrder.read(sort_order),
            page_size=page_size,
        )
        async for entry in each(self._fetch(build), Position(), on_invalid=on_invalid):
            yield entry

    async def get_post_types(self, address: str) -> list[str]:
        """Return the types of the posts that an address published."""
        return await self._send(calls.accounts.post_types(address))

    async def get_channels(self, address: str | None = None) -> list[str]:
        """Return the channels on which an address published, or all channels of the network.

        Nodes keep the list of all for two hours, so new ones are missing at first.
        """
        return await self._send(calls.accounts.channels(address))
