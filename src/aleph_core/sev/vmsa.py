"""The state in which virtual CPUs start under SEV-ES: one page (VMSA) each, which is measured.

Offsets are those of the save area in AMD's manual, values those of QEMU and KVM at reset.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ..errors import ArgumentError
from .arguments import bounded_number

__all__ = ["BOOT_ADDRESS", "PAGE_SIZE", "Cpu", "require_cpu", "vmsa_page"]

PAGE_SIZE: Final = 4096
BOOT_ADDRESS: Final = 0xFFFF_FFF0
_LARGEST_FAMILY: Final = 0x0F + 0xFF

# Selector, attributes, limit; every base but that of CS is zero.
_SEGMENTS: Final = {
    **dict.fromkeys((0x00, 0x20, 0x30, 0x40, 0x50), (0, 0x93, 0xFFFF)),  # ES, SS, DS, FS, GS
    0x10: (0xF000, 0x9B, 0xFFFF),  # CS
    0x60: (0, 0, 0xFFFF),  # GDTR
    0x70: (0, 0x82, 0xFFFF),  # LDTR
    0x80: (0, 0, 0xFFFF),  # IDTR
    0x90: (0, 0x8B, 0xFFFF),  # TR
}
_REGISTERS: Final = {
    0x0D0: 0x1000,  # EFER
    0x148: 0x40,  # CR4
    0x158: 0x10,  # CR0
    0x160: 0x400,  # DR7
    0x168: 0xFFFF_0FF0,  # DR6
    0x170: 2,  # RFLAGS
    0x268: 0x0007_0406_0007_0406,  # G_PAT
    0x3E8: 1,  # XCR0
}
_CS_BASE: Final = 0x18
_RIP: Final = 0x178
_RDX: Final = 0x310
_MXCSR: Final = 0x408
_X87_CONTROL: Final = 0x410


class Cpu(NamedTuple):
    """The model of the host's processors, which guests of compute nodes see, as CPUID tells it."""

    family: int
    model: int
    stepping: int

    @property
    def signature(self) -> int:
        """The number that CPUID returns for it, and that starts out in a register."""
        family = min(self.family, 0x0F) << 8 | max(self.family - 0x0F, 0) << 20
        return family | (self.model & 0xF0) << 12 | (self.model & 0x0F) << 4 | self.stepping


def require_cpu(cpu: object) -> Cpu:
    """Return the model that a family, model and stepping name; raise ``ArgumentError`` otherwise."""
    if not isinstance(cpu, tuple | list) or len(cpu) != 3:
        raise ArgumentError("cpu", "must be a family, a model and a stepping")
    bounds = (_LARGEST_FAMILY, 0xFF, 0x0F)
    return Cpu(
        *(bounded_number(number, "cpu", 0, most) for number, most in zip(cpu, bounds, strict=True))
    )


def vmsa_page(cpu: Cpu, reset_address: int, *, init2: bool) -> bytes:
    """Return the page of a virtual CPU that starts at ``reset_address``.

    ``init2`` is the form of hosts that start guests with KVM_SEV_INIT2 (Linux 6.10 with QEMU 9.1
    and a machine type of that release, or later); all others give the older one.
    """
    page = bytearray(PAGE_SIZE)

    def put(offset: int, number: int, size: int = 8) -> None:
        page[offset : offset + size] = number.to_bytes(size, "little")

    for offset, (selector, attributes, limit) in _SEGMENTS.items():
        put(offset, selector, 2)
        put(offset + 2, attributes, 2)
        put(offset + 4, limit, 4)
    for offset, number in _REGISTERS.items():
        put(offset, number)
    put(_CS_BASE, reset_address & 0xFFFF_0000)
    put(_RIP, reset_address & 0xFFFF)
    put(_RDX, cpu.signature)
    if init2:
        put(_MXCSR, 0x1F80, 4)
        put(_X87_CONTROL, 0x037F, 2)
    return bytes(page)
