"""Disk images in the QCOW2 format: as much of it as a compute node looks at."""

from __future__ import annotations

import struct

HEADER = struct.Struct(">4sIQIIQ")
MAGIC = b"QFI\xfb"
VERSION = 3
CLUSTER_BITS = 16


def make(virtual_size: int, content: bytes = b"") -> bytes:
    """Return an image that claims to be a disk of so many bytes."""
    return HEADER.pack(MAGIC, VERSION, 0, 0, CLUSTER_BITS, virtual_size) + content


def virtual_size(head: bytes) -> int | None:
    """Return the size of the disk whose image begins like this, None for what is no image."""
    if len(head) < HEADER.size:
        return None
    magic, version, _, _, _, size = HEADER.unpack_from(head)
    return int(size) if magic == MAGIC and version in (2, 3) else None
