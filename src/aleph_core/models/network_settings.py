"""What the network's foundation sets for everyone: aggregate ``settings``."""

from __future__ import annotations

import attrs

from .record import Record

__all__ = ["NetworkAvailableGpu", "NetworkSettingsModel"]


@attrs.frozen(kw_only=True)
class NetworkAvailableGpu(Record):
    """A GPU that the network knows; several devices can be of one ``model``."""

    device_id: str
    name: str = ""
    model: str = ""
    vendor: str = ""
    device_class: str | None = None
    model_id: str | None = None


@attrs.frozen(kw_only=True)
class NetworkSettingsModel(Record):
    """The settings known here by name; all others are in ``extra``.

    ``community_wallet_timestamp`` is in seconds since 1970.
    """

    compatible_gpus: tuple[NetworkAvailableGpu, ...] = ()
    last_crn_version: str | None = None
    community_wallet_address: str | None = None
    community_wallet_timestamp: int | None = None

    def gpus(self, model: str) -> tuple[NetworkAvailableGpu, ...]:
        """Return the devices of one model, by its name or identifier in any case."""
        wanted = model.casefold()
        return tuple(
            gpu
            for gpu in self.compatible_gpus
            if gpu.model.casefold() == wanted
            or (gpu.model_id is not None and gpu.model_id.casefold() == wanted)
        )
