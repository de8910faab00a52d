"""What a watcher has seen, and what it must ask for after a lost connection."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import attrs

__all__ = ["OVERLAP", "Sightings"]

# A message is listed under the time at which the node received it, but appears when it is processed: a
# dependency may be missing until then. pyaleph gives up after ten delays of at most 300 s each, of
# random length; nearly all end within this time.
OVERLAP = 1200.0
_REMEMBERED = 100_000


@attrs.define
class Sightings:
    """Which messages were delivered, and which were there before and need not be.

    ``anchor`` is a time of the node, in seconds since 1970: the reception of the newest message at
    the last look.
    """

    anchor: float = 0.0
    _listed: frozenset[str] = frozenset()
    _delivered: OrderedDict[str, None] = attrs.field(factory=OrderedDict)

    @property
    def since(self) -> float:
        """From when on the node must be asked for what it received."""
        return max(self.anchor - OVERLAP, 0.0)

    def is_new(self, item_hash: str) -> bool:
        return item_hash not in self._delivered

    def deliver(self, item_hash: str) -> None:
        self._delivered[item_hash] = None
        if len(self._delivered) > _REMEMBERED:
            self._delivered.popitem(last=False)

    def missed(self, listed: Iterable[str]) -> list[str]:
        """Return which of the hashes listed since ``since`` came after the last look and were not delivered."""
        return [
            item_hash
            for item_hash in dict.fromkeys(listed)
            if item_hash not in self._listed and self.is_new(item_hash)
        ]

    def looked(self, listed: Iterable[str], anchor: float | None) -> None:
        """Remember a look: everything in it is delivered by now, or was there before the watch began."""
        self._listed = frozenset(listed)
        if anchor is not None:
            self.anchor = max(self.anchor, anchor)
