"""What computing and storage cost, by the network's ``pricing`` aggregate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ._service import Service

if TYPE_CHECKING:
    from aleph_core.models.pricing import PricingModel, PricingPerEntity

__all__ = ["Pricing"]


class Pricing(Service):
    """What computing and storage cost, by the network's ``pricing`` aggregate.

    Its owner is the setting ``ALEPH_ALEPH_AGGREGATE_ADDRESS``.
    """

    async def get_pricing_aggregate(self) -> PricingModel:
        """Return the prices of every family of products, by its name.

        Raises ``ResourceNotFoundError`` when the node has none.
        """
        from aleph_core.models.pricing import read_pricing

        owner = self._settings.ALEPH_AGGREGATE_ADDRESS
        return read_pricing(await self._client.fetch_aggregate(owner, "pricing"))

    async def get_pricing_for_services(
        self,
        services: Iterable[str],
        pricing_info: Mapping[str, PricingPerEntity] | None = None,
    ) -> dict[str, PricingPerEntity]:
        """Return the prices of these families, without those that have none.

        ``pricing_info`` are prices that were read before; otherwise they are asked for.
        """
        prices = await self.get_pricing_aggregate() if pricing_info is None else pricing_info
        return {name: prices[name] for name in services if name in prices}
