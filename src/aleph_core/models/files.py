"""Files on the network: where a stored content lies, and how much a node takes."""

from __future__ import annotations

from typing import Any

import attrs

__all__ = ["StorageLimits", "StoredContent"]


@attrs.frozen
class StorageLimits:
    """What one node takes, in bytes; ``unsigned`` without a signed message beside the file."""

    storage: int = 100 * 1024 * 1024
    storage_unsigned: int = 25 * 1024 * 1024
    ipfs: int = 1024 * 1024 * 1024
    ipfs_unsigned: int = 25 * 1024 * 1024

    def signed_limit(self, engine: str) -> int:
        """Return the largest file that is taken with a signed message, by ``storage`` or ``ipfs``."""
        return self.ipfs if engine == "ipfs" else self.storage

    def unsigned_limit(self, engine: str) -> int:
        """Return the largest file that is taken alone, by ``storage`` or ``ipfs``."""
        return self.ipfs_unsigned if engine == "ipfs" else self.storage_unsigned


@attrs.frozen
class StoredContent:
    """The file that a STORE message names; ``url`` serves its bytes, unverified."""

    item_hash: str
    hash: str
    url: str
    engine: str
    filename: str | None = None

    def __getitem__(self, name: str) -> Any:
        if name in ("item_hash", "hash", "url", "engine", "filename"):
            return getattr(self, name)
        raise KeyError(name)
