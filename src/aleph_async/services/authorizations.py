"""Who may publish for whom, by the owners' ``security`` aggregates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import TYPE_CHECKING, Unpack

from aleph_core import granting
from aleph_core.authorizations import (
    Authorization,
    UnreadableAuthorization,
    read_authorizations,
)
from aleph_core.calls import authorizations as calls
from aleph_core.edits import Change
from aleph_core.errors import ArgumentError
from aleph_core.filters import check_paging
from aleph_core.item_hash import check_address
from aleph_core.models.message import Published
from aleph_core.paging import Position
from aleph_core.permissions import SECURITY_KEY

from .._pages import OnInvalid, each
from ._service import AuthenticatedService, Service

if TYPE_CHECKING:
    from aleph_core.models.grant import Grant
    from aleph_core.models.page import Page

__all__ = ["AuthenticatedAuthorizations", "Authorizations"]

_PAGE = 100


class Authorizations(Service):
    """Who may publish for whom, by the owners' ``security`` aggregates.

    Without an address one's own is meant.
    """

    async def get(
        self, address: str | None = None
    ) -> list[Authorization | UnreadableAuthorization]:
        """Return what an owner's aggregate holds, in its order, malformed entries included."""
        owner = await self._address(address)
        return read_authorizations(await self._client.get_aggregate(owner, SECURITY_KEY))

    async def granted(
        self,
        address: str | None = None,
        *,
        grantee: str | None = None,
        page: int = 1,
        page_size: int = _PAGE,
        ignore_invalid_messages: bool = True,
        **filters: Unpack[calls.GrantFilters],
    ) -> Page[Grant]:
        """Return one page of those who may publish for an owner, and what.

        The filters leave the entries that let any of their values through, so those without
        restrictions are always among them; ``grantee`` leaves one party.
        """
        check_paging(page, page_size, largest=calls.LARGEST_PAGE)
        owner = await self._address(address)
        return await self._page(
            calls.granted(
                owner,
                grantee=grantee,
                position=Position(page=page),
                page_size=page_size,
                strict=not ignore_invalid_messages,
                **filters,
            )
        )

    async def granted_iterator(
        self,
        address: str | None = None,
        *,
        grantee: str | None = None,
        page_size: int = _PAGE,
        on_invalid: OnInvalid | None = None,
        **filters: Unpack[calls.GrantFilters],
    ) -> AsyncIterator[Grant]:
        """Yield all who may publish for an owner, page after page, with the filters of ``granted``."""
        check_paging(None, page_size, largest=calls.LARGEST_PAGE)
        owner = await self._address(address)
        build = partial(calls.granted, owner, grantee=grantee, page_size=page_size, **filters)
        async for grant in each(self._fetch(build), Position(page=1), on_invalid=on_invalid):
            yield grant

    async def received(
        self,
        address: str | None = None,
        *,
        granter: str | None = None,
        page: int = 1,
        page_size: int = _PAGE,
        ignore_invalid_messages: bool = True,
        **filters: Unpack[calls.GrantFilters],
    ) -> Page[Grant]:
        """Return one page of those for whom an address may publish, and what.

        The filters are those of ``granted``; ``granter`` leaves one party.
        """
        check_paging(page, page_size, largest=calls.LARGEST_PAGE)
        delegate = await self._address(address)
        return await self._page(
            calls.received(
                delegate,
                granter=granter,
                position=Position(page=page),
                page_size=page_size,
                strict=not ignore_invalid_messages,
                **filters,
            )
        )

    async def received_iterator(
        self,
        address: str | None = None,
        *,
        granter: str | None = None,
        page_size: int = _PAGE,
        on_invalid: OnInvalid | None = None,
        **filters: Unpack[calls.GrantFilters],
    ) -> AsyncIterator[Grant]:
        """Yield all for whom an address may publish, page after page, with the filters of ``granted``."""
        check_paging(None, page_size, largest=calls.LARGEST_PAGE)
        delegate = await self._address(address)
        build = partial(calls.received, delegate, granter=granter, page_size=page_size, **filters)
        async for grant in each(self._fetch(build), Position(page=1), on_invalid=on_invalid):
            yield grant


class AuthenticatedAuthorizations(AuthenticatedService, Authorizations):
    """Who may publish for whom, and changes of it that lose nothing written at the same time.

    Every change returns when the network has processed it, and None when there was nothing to
    change. ``address`` is the owner whose aggregate is changed, one's own by default.
    """

    async def add(
        self, authorization: Authorization, *, address: str | None = None
    ) -> Published | None:
        """Let somebody publish what the authorization lets through, beside what is allowed already."""
        if not isinstance(authorization, Authorization):
            raise ArgumentError(
                "authorization", f"expected an Authorization, not {authorization!r:.100}"
            )
        return await self._edit(partial(granting.add, authorization=authorization), address)

    async def update(
        self,
        grantee: str,
        authorizations: Authorization | Iterable[Authorization],
        *,
        address: str | None = None,
    ) -> Published | None:
        """Replace all entries of one grantee by these.

        Raises ``ResourceNotFoundError`` when it has none, so that what was revoked at the same time
        is not granted again.
        """
        grantee = check_address(grantee, "grantee")
        entries = granting.check_all(authorizations, address=grantee)
        return await self._edit(
            partial(granting.update, address=grantee, authorizations=entries), address
        )

    async def revoke(
        self, target: str | Authorization, *, address: str | None = None
    ) -> Published | None:
        """Take away all that an address may do, or one authorization alone."""
        target = granting.check_target(target)
        return await self._edit(partial(granting.revoke, target=target), address)

    async def revoke_all(self, *, address: str | None = None) -> Published | None:
        """Take away everything from everybody, malformed entries too."""
        return await self.replace_all((), address=address)

    async def replace_all(
        self,
        authorizations: Iterable[Authorization | UnreadableAuthorization],
        *,
        address: str | None = None,
    ) -> Published | None:
        """Allow exactly this, whatever was allowed before."""
        entries = granting.check_all(authorizations)
        return await self._edit(partial(granting.replace_all, authorizations=entries), address)

    async def _edit(self, change: Change, address: str | None) -> Published | None:
        return await self._publisher.edit_aggregate(
            SECURITY_KEY, change, entries=["authorizations"], address=address
        )
