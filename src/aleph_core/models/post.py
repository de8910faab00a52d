"""Posts as nodes merge them with their amends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

__all__ = ["Post"]


@attrs.frozen
class Post:
    """One post with its latest amend applied; fields can be read as attributes and as items.

    ``item_hash`` is the hash of the latest version and ``original_item_hash`` that of the first;
    ``content`` may be any JSON value. ``address`` is the owner, the signer may be another.
    ``time`` is that of the latest version, in seconds since 1970.
    """

    item_hash: str
    original_item_hash: str
    original_type: str
    address: str
    content: Any = None
    ref: str | None = None
    channel: str | None = None
    chain: str | None = None
    type: str | None = None
    time: float | None = None
    created: datetime | None = None
    last_updated: datetime | None = None
    item_type: str | None = None
    item_content: str | None = attrs.field(default=None, repr=False)
    signature: str | None = attrs.field(default=None, repr=False)
    original_signature: str | None = attrs.field(default=None, repr=False)
    size: int | None = None
    confirmed: bool | None = None
    confirmations: tuple[Mapping[str, Any], ...] = ()

    @property
    def hash(self) -> str:
        return self.original_item_hash

    @property
    def sender(self) -> str:
        """The owner, under the name that the legacy list gives it."""
        return self.address

    @property
    def amended(self) -> bool:
        return self.item_hash != self.original_item_hash

    def __getitem__(self, name: str) -> Any:
        if name in _FIELDS or name in ("hash", "sender"):
            return getattr(self, name)
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the field of this name, or the default when there is none."""
        try:
            return self[name]
        except KeyError:
            return default

    def evolve(self, **changes: Any) -> Post:
        """Return a copy with other values."""
        return attrs.evolve(self, **changes)


_FIELDS = frozenset(field.name for field in attrs.fields(Post))
