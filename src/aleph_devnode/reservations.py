"""GPUs that a wallet asked the compute node to hold for a minute."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from . import capacity
from .machines import Machine
from .settings import NodeSettings
from .times import now

SECONDS = 60.0


@attrs.frozen
class Held:
    address: str
    expires: float


class Reservations:
    """Know which GPU is held for whom."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}

    def held_from(self, address: str) -> frozenset[str]:
        """Return the places of the GPUs that are held for others."""
        return frozenset(
            place
            for place, held in self._held.items()
            if held.expires > now() and held.address.lower() != address.lower()
        )

    def hold(
        self,
        settings: NodeSettings,
        machines: Iterable[Machine],
        content: dict[str, Any],
        address: str,
    ) -> float:
        """Hold the GPUs that a machine wants, and return until when; raises Exception when one is taken."""
        places = capacity.assign_gpus(settings, machines, content, held=self.held_from(address))
        expires = now() + SECONDS
        for place in places:
            self._held[place] = Held(address, expires)
        return expires
