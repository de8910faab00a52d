"""The hashes that files go by on the network: SHA-256 in hexadecimal, and IPFS CIDs."""

from __future__ import annotations

import hashlib
from typing import Protocol, cast

from .errors import MissingDependencyError, UnverifiableContentError
from .item_hash import is_cid

__all__ = ["Hasher", "cid_hasher", "hasher_for", "sha256_hasher", "sha256_hex"]


class Hasher(Protocol):
    """Feeds on chunks; ``finalize`` gives the hash in the spelling of the network."""

    def update(self, data: bytes) -> None: ...

    def finalize(self) -> str: ...


class _Sha256:
    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, data: bytes) -> None:
        self._hash.update(data)

    def finalize(self) -> str:
        return self._hash.hexdigest()


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_hasher() -> Hasher:
    return _Sha256()


def cid_hasher() -> Hasher:
    """Return what computes the CIDv0 that a node gives an uploaded file."""
    try:
        from aleph_cid import CidHasher
    except ImportError:
        raise MissingDependencyError("storing on IPFS", extra="ipfs") from None
    return cast(Hasher, CidHasher.for_ipfs())


def hasher_for(file_hash: str) -> Hasher:
    """Return what recomputes a hash of this kind; raise ``UnverifiableContentError`` if nothing can."""
    if not is_cid(file_hash):
        return _Sha256()
    try:
        from aleph_cid import CidHasher
    except ImportError:
        raise UnverifiableContentError(
            f"{file_hash} is an IPFS hash, and recomputing it needs pip install 'aleph-sync[ipfs]'; "
            'verify="off" takes the bytes unchecked',
            item_hash=file_hash,
        ) from None
    try:
        return cast(Hasher, CidHasher.for_expected(file_hash))
    except ValueError as error:
        raise UnverifiableContentError(
            f'{file_hash} cannot be recomputed: {error}; verify="off" takes the bytes unchecked',
            item_hash=file_hash,
        ) from error
