"""The network's ``settings`` aggregate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aleph_core.structuring import structure

from ._service import Service

if TYPE_CHECKING:
    from aleph_core.models.network_settings import NetworkSettingsModel

__all__ = ["NetworkSettings"]


class NetworkSettings(Service):
    """The network's ``settings`` aggregate: its GPUs, the last version of compute nodes, its wallet."""

    async def get_settings_aggregate(self) -> NetworkSettingsModel:
        """Return the settings; those that are unknown here are kept in ``extra``.

        Their owner is the setting ``ALEPH_ALEPH_AGGREGATE_ADDRESS``. Raises
        ``ResourceNotFoundError`` when the node has none.
        """
        from aleph_core.models.network_settings import NetworkSettingsModel

        owner = self._settings.ALEPH_AGGREGATE_ADDRESS
        found = await self._client.fetch_aggregate(owner, "settings")
        return structure(found, NetworkSettingsModel)
