"""The table at the end of a firmware image that tells a hypervisor where things go.

QEMU documents it in ``docs/specs/sev-guest-firmware.rst``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

__all__ = ["HASHES_TABLE", "RESET_ADDRESS", "SECRET_AREA", "footer_entries"]

RESET_ADDRESS: Final = UUID("00f771de-1a7e-4fcb-890e-68c77e2fb44e")
SECRET_AREA: Final = UUID("4c2eb361-7d9b-4cc3-8081-127c90d3d294")
HASHES_TABLE: Final = UUID("7255371f-3a3b-4b04-927b-1da6efa8d454")
_FOOTER: Final = UUID("96b582de-1fb2-45f7-baea-a366c55a082d")
_RESET_CODE: Final = 32
_GUID: Final = 16
# A length, and a GUID behind it.
_TAIL: Final = 2 + _GUID


def footer_entries(firmware: bytes) -> Mapping[UUID, bytes]:
    """Return the data of each entry; nothing when there is no table or it is malformed."""
    end = len(firmware) - _RESET_CODE
    if end < _TAIL or firmware[end - _GUID : end] != _FOOTER.bytes_le:
        return {}
    total = _length(firmware, end)
    if not _TAIL <= total <= end:
        return {}
    start, end = end - total, end - _TAIL
    entries: dict[UUID, bytes] = {}
    # Entries are read backwards, since each says its length at its end.
    while end - start >= _TAIL:
        length = _length(firmware, end)
        if not _TAIL <= length <= end - start:
            return {}
        guid = UUID(bytes_le=firmware[end - _GUID : end])
        entries.setdefault(guid, firmware[end - length : end - _TAIL])
        end -= length
    return entries


def _length(firmware: bytes, end: int) -> int:
    return int.from_bytes(firmware[end - _TAIL : end - _GUID], "little")
