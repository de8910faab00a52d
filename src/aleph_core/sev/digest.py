"""The launch digest: the hash of all that a guest starts with, as its owner computes it."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple, overload
from uuid import UUID

from ..errors import ArgumentError
from .arguments import bounded_number, require_bytes
from .firmware import HASHES_TABLE, RESET_ADDRESS, footer_entries
from .vmsa import BOOT_ADDRESS, Cpu, require_cpu, vmsa_page

__all__ = ["SevEsDigests", "kernel_hashes", "launch_digest"]

_TABLE: Final = UUID("9438d606-4f22-4cc9-b479-a793d411fd21")
_CMDLINE: Final = UUID("97d02dd8-bd20-4c94-aa78-e7714d36ab2a")
_INITRD: Final = UUID("44baf731-3a2f-4bd7-9af1-41e29169781d")
_KERNEL: Final = UUID("4de79437-abd2-427f-b835-d5b172d2045b")
_HEAD: Final = 18
_TABLE_SIZE: Final = 176
_MOST_VCPUS: Final = 4096


class SevEsDigests(NamedTuple):
    """The digests of an SEV-ES guest: which one holds depends on the host's kernel and QEMU."""

    legacy: bytes
    init2: bytes


@overload
def launch_digest(
    firmware: bytes,
    kernel: bytes | None = None,
    initrd: bytes | None = None,
    cmdline: str | None = None,
    vcpus: None = None,
    cpu: None = None,
) -> bytes: ...
@overload
def launch_digest(
    firmware: bytes,
    kernel: bytes | None = None,
    initrd: bytes | None = None,
    cmdline: str | None = None,
    *,
    vcpus: int,
    cpu: Cpu | tuple[int, int, int],
) -> SevEsDigests: ...
def launch_digest(
    firmware: bytes,
    kernel: bytes | None = None,
    initrd: bytes | None = None,
    cmdline: str | None = None,
    vcpus: int | None = None,
    cpu: Cpu | tuple[int, int, int] | None = None,
) -> bytes | SevEsDigests:
    """Return the digest of an SEV guest, or with ``vcpus`` and ``cpu`` those of an SEV-ES guest.

    ``firmware`` is the whole image. Compute nodes pass no kernel; one that is given is measured
    as QEMU does with ``kernel-hashes=on``. ``cpu`` is the family, model and stepping of the host's
    processor. Raises ``ArgumentError`` for a firmware that could not start so.
    """
    firmware = require_bytes(firmware, "firmware")
    if not firmware:
        raise ArgumentError("firmware", "is empty")
    digest = hashlib.sha256(firmware)
    if kernel is not None:
        _require_place_for_hashes(firmware)
        digest.update(kernel_hashes(kernel, initrd, cmdline))
    elif initrd is not None or cmdline is not None:
        raise ArgumentError("kernel", "is missing, without which initrd and cmdline do not count")
    if vcpus is None and cpu is None:
        return digest.digest()
    if vcpus is None or cpu is None:
        raise ArgumentError("vcpus" if vcpus is None else "cpu", "is missing; SEV-ES needs both")
    number, model = bounded_number(vcpus, "vcpus", 1, _MOST_VCPUS), require_cpu(cpu)
    further = _reset_address(firmware) if number > 1 else BOOT_ADDRESS
    digests = []
    for init2 in (False, True):
        form = digest.copy()
        form.update(vmsa_page(model, BOOT_ADDRESS, init2=init2))
        form.update(vmsa_page(model, further, init2=init2) * (number - 1))
        digests.append(form.digest())
    return SevEsDigests(*digests)


def kernel_hashes(kernel: bytes, initrd: bytes | None = None, cmdline: str | None = None) -> bytes:
    """Return the table of hashes that QEMU places in a guest's memory, 176 bytes."""
    line = "" if cmdline is None else cmdline
    if not isinstance(line, str) or "\0" in line:
        raise ArgumentError("cmdline", "must be text without zero bytes")
    try:
        # The text counts with the zero byte that ends it.
        text = line.encode() + b"\0"
    except UnicodeEncodeError:
        raise ArgumentError("cmdline", "is no text that UTF-8 can hold") from None
    parts = {
        _CMDLINE: text,
        _INITRD: b"" if initrd is None else require_bytes(initrd, "initrd"),
        _KERNEL: require_bytes(kernel, "kernel"),
    }
    entries = b"".join(_entry(guid, hashlib.sha256(part).digest()) for guid, part in parts.items())
    return _entry(_TABLE, entries).ljust(_TABLE_SIZE, b"\0")


def _entry(guid: UUID, data: bytes) -> bytes:
    return guid.bytes_le + (_HEAD + len(data)).to_bytes(2, "little") + data


def _require_place_for_hashes(firmware: bytes) -> None:
    place = footer_entries(firmware).get(HASHES_TABLE, b"")
    if not any(place[:4]):
        raise ArgumentError(
            "firmware", "has no place for the hashes of a kernel; take OVMF's AmdSev build"
        )


def _reset_address(firmware: bytes) -> int:
    address = footer_entries(firmware).get(RESET_ADDRESS, b"")[:4]
    if len(address) != 4:
        raise ArgumentError("firmware", "does not say where further vCPUs start")
    return int.from_bytes(address, "little")
