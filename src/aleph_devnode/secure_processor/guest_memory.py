"""What software inside of a guest finds in its memory: secrets, as a boot loader reads them."""

from __future__ import annotations

import struct
from uuid import UUID

__all__ = ["disk_passphrase", "read_secrets"]

_TABLE = UUID("1e74f542-71dd-4d66-963e-ef4287ff173b")
_DISK = UUID("736869e5-84f0-4973-92ec-06879ce3da0b")
_HEAD = struct.Struct("<16sI")


def read_secrets(memory: bytes) -> dict[UUID, bytes]:
    """Return the entries of a table of secrets; raise ``ValueError`` when it is none."""
    if len(memory) < _HEAD.size:
        raise ValueError("there is no table of secrets")
    guid, length = _HEAD.unpack_from(memory)
    if guid != _TABLE.bytes_le or not _HEAD.size <= length <= len(memory):
        raise ValueError("there is no table of secrets")
    entries: dict[UUID, bytes] = {}
    at = _HEAD.size
    while length - at >= _HEAD.size:
        guid, size = _HEAD.unpack_from(memory, at)
        # Zeros that fill the table up may be long enough to look like an entry.
        if not size and guid == bytes(16):
            break
        if not _HEAD.size <= size <= length - at:
            raise ValueError("an entry of the table has an impossible length")
        entries[UUID(bytes_le=guid)] = memory[at + _HEAD.size : at + size]
        at += size
    return entries


def disk_passphrase(memory: bytes) -> str:
    """Return the passphrase that GRUB would unlock the disk with; raise ``ValueError`` for none."""
    data = read_secrets(memory).get(_DISK)
    if data is None:
        raise ValueError("there is no disk passphrase")
    if not data.endswith(b"\0"):
        raise ValueError("the disk passphrase does not end in a zero byte")
    return data.partition(b"\0")[0].decode()
