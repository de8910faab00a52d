"""Vouchers that addresses hold, on EVM chains and Solana."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING

from aleph_core.calls import vouchers as calls
from aleph_core.chains import SOLANA_CHAINS
from aleph_core.errors import ResourceNotFoundError, VerificationError
from aleph_core.models.page import InvalidEntry
from aleph_core.vouchers import (
    POST_TYPE,
    Holding,
    evm_holdings,
    is_evm,
    metadata_url,
    solana_holdings,
)

from .._runtime import gather
from ._service import AuthenticatedService, Service

if TYPE_CHECKING:
    from aleph_core.models.voucher import Voucher, VoucherMetadata

__all__ = ["AuthenticatedVouchers", "Vouchers"]


class Vouchers(Service):
    """Vouchers that addresses hold, on EVM chains and Solana.

    Without an address one's own is meant. Their publisher and hosts are the settings
    ``ALEPH_VOUCHER_ORIGIN_ADDRESS``, ``ALEPH_VOUCHER_SOL_REGISTRY``, ``ALEPH_VOUCHER_METADATA_URL``.
    """

    async def get_vouchers(self, address: str | None = None) -> list[Voucher]:
        """Return the vouchers of an address: EVM ones for ``0x`` addresses, else those on Solana."""
        owner = await self._address(address)
        return await (self.get_evm_vouchers if is_evm(owner) else self.get_solana_vouchers)(owner)

    async def get_evm_vouchers(self, address: str | None = None) -> list[Voucher]:
        """Return the vouchers of an address by the latest list that their publisher signed itself.

        That is checked whatever the client's level of verification. Raises ``VerificationError`` when
        no list holds, ``ResourceNotFoundError`` when there is none at all.
        """
        owner = await self._address(address)
        return await self._described(evm_holdings(await self._signed_list(), owner))

    async def get_solana_vouchers(self, address: str | None = None) -> list[Voucher]:
        """Return the vouchers of an address by the registry of those on Solana."""
        owner = await self._address(address)
        registry = await self._send(calls.solana_registry(), self._settings.VOUCHER_SOL_REGISTRY)
        return await self._described(solana_holdings(registry, owner))

    async def fetch_vouchers_by_chain(
        self, chain: str, address: str | None = None
    ) -> list[Voucher]:
        """Return the vouchers of an address on Solana, or on EVM chains for any other chain."""
        on_solana = str(getattr(chain, "value", chain)) in SOLANA_CHAINS
        return await (self.get_solana_vouchers if on_solana else self.get_evm_vouchers)(address)

    async def fetch_voucher_metadata(self, metadata_id: str) -> VoucherMetadata | None:
        """Return what the vouchers of one kind are about, or None when nothing is published."""
        url = metadata_url(self._settings.VOUCHER_METADATA_URL, metadata_id)
        return await self._send(calls.metadata(metadata_id), url)

    async def _signed_list(self) -> object:
        # A node could show a list of its own making; a copy of the client checks who signed it.
        reader = copy.copy(self._client)
        reader.verify = "signature"
        forged: list[InvalidEntry] = []
        origin = self._settings.VOUCHER_ORIGIN_ADDRESS
        async for post in reader.get_posts_iterator(
            types=POST_TYPE, addresses=origin, page_size=5, on_invalid=forged.append
        ):
            return post.content
        if forged:
            raise VerificationError(
                f"no list of vouchers holds that {origin} is said to have published; "
                f"the latest: {forged[0].error}",
                item_hash=forged[0].item_hash,
            )
        raise ResourceNotFoundError(
            f"{origin} has published no list of vouchers (posts of type {POST_TYPE})", status=404
        )

    async def _described(self, holdings: tuple[Holding, ...]) -> list[Voucher]:
        from aleph_core.models.voucher import Voucher

        kinds = list(dict.fromkeys(held.metadata_id for held in holdings if held.metadata_id))
        found = await gather([partial(self.fetch_voucher_metadata, kind) for kind in kinds])
        about = dict(zip(kinds, found, strict=True))
        return [
            Voucher.of(held.id, held.metadata_id, about.get(held.metadata_id)) for held in holdings
        ]


class AuthenticatedVouchers(AuthenticatedService, Vouchers):
    """Vouchers that addresses hold, on EVM chains and Solana; one's own without an address."""
