from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core import sev
from aleph_core.errors import ArgumentError
from aleph_core.sev.digest import kernel_hashes
from aleph_core.sev.firmware import HASHES_TABLE, RESET_ADDRESS, SECRET_AREA, footer_entries
from tests.core.sev.golden import OWN

FIRMWARE = (OWN / "files" / "fw_a.bin").read_bytes()
MILAN = (25, 1, 1)
FOOTER = UUID("96b582de-1fb2-45f7-baea-a366c55a082d")
OTHER = UUID(int=7)


def entry(guid: UUID, data: bytes, length: int | None = None) -> bytes:
    size = len(data) + 18 if length is None else length
    return data + size.to_bytes(2, "little") + guid.bytes_le


def image(*entries: bytes, length: int | None = None) -> bytes:
    body = b"".join(entries)
    return b"\xf4" * 64 + body + entry(FOOTER, b"", length or len(body) + 18) + bytes(32)


def test_the_digest_without_a_kernel_is_the_hash_of_the_file() -> None:
    for firmware in (FIRMWARE, bytearray(FIRMWARE), memoryview(FIRMWARE), b"any other"):
        assert sev.launch_digest(firmware) == hashlib.sha256(firmware).digest()


@given(st.dictionaries(st.uuids(), st.binary(max_size=40), max_size=6))
def test_entries_of_a_footer_are_found(entries: dict[UUID, bytes]) -> None:
    entries = {guid: data for guid, data in entries.items() if guid != FOOTER}
    firmware = image(*(entry(guid, data) for guid, data in entries.items()))
    assert footer_entries(firmware) == entries


def test_the_last_of_two_entries_of_one_name_counts() -> None:
    assert footer_entries(image(entry(OTHER, b"a"), entry(OTHER, b"b"))) == {OTHER: b"b"}


@pytest.mark.parametrize(
    "firmware",
    [
        b"",
        bytes(31),
        bytes(49),
        bytes(4096),
        FIRMWARE[:-1],
        FIRMWARE + b"\0",
        image()[-50:-1],
        image(length=17),
        image(length=0xFFFF),
        image(entry(OTHER, b"data", 17)),
        image(entry(OTHER, b"data", 0)),
        image(entry(OTHER, b"data", 0xFFFF)),
    ],
)
def test_a_malformed_footer_has_no_entries(firmware: bytes) -> None:
    assert footer_entries(firmware) == {}


def test_the_firmware_of_the_vectors_has_what_it_needs() -> None:
    assert {RESET_ADDRESS, SECRET_AREA, HASHES_TABLE} <= set(footer_entries(FIRMWARE))


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"firmware": b""}, "firmware"),
        ({"firmware": "OVMF.fd"}, "firmware"),
        ({"firmware": None}, "firmware"),
        ({"initrd": b"x"}, "kernel"),
        ({"cmdline": "x"}, "kernel"),
        ({"kernel": "vmlinuz"}, "kernel"),
        ({"kernel": b"k", "initrd": "x"}, "initrd"),
        ({"kernel": b"k", "cmdline": b"x"}, "cmdline"),
        ({"kernel": b"k", "cmdline": "a\0b"}, "cmdline"),
        ({"kernel": b"k", "cmdline": "\ud800"}, "cmdline"),
        ({"kernel": b"k", "firmware": b"no footer"}, "firmware"),
        ({"kernel": b"k", "firmware": image(entry(HASHES_TABLE, bytes(8)))}, "firmware"),
        ({"vcpus": 1}, "cpu"),
        ({"cpu": MILAN}, "vcpus"),
        ({"vcpus": 0, "cpu": MILAN}, "vcpus"),
        ({"vcpus": 4097, "cpu": MILAN}, "vcpus"),
        ({"vcpus": True, "cpu": MILAN}, "vcpus"),
        ({"vcpus": "2", "cpu": MILAN}, "vcpus"),
        ({"vcpus": 2, "cpu": MILAN, "firmware": b"no footer"}, "firmware"),
        ({"vcpus": 2, "cpu": MILAN, "firmware": image(entry(RESET_ADDRESS, b"abc"))}, "firmware"),
        ({"vcpus": 1, "cpu": (25, 1)}, "cpu"),
        ({"vcpus": 1, "cpu": "EPYC"}, "cpu"),
        ({"vcpus": 1, "cpu": (271, 0, 0)}, "cpu"),
        ({"vcpus": 1, "cpu": (25, 256, 0)}, "cpu"),
        ({"vcpus": 1, "cpu": (25, 1, 16)}, "cpu"),
        ({"vcpus": 1, "cpu": (25, 1, -1)}, "cpu"),
        ({"vcpus": 1, "cpu": (25, "1", 1)}, "cpu"),
    ],
)
def test_a_guest_that_could_not_start_has_no_digest(
    arguments: dict[str, Any], argument: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        sev.launch_digest(**{"firmware": FIRMWARE, **arguments})
    assert caught.value.argument == argument


def test_everything_that_starts_a_guest_counts() -> None:
    def digest(*arguments: Any, **named: Any) -> object:
        return sev.launch_digest(FIRMWARE, *arguments, **named)

    digests = [
        digest(),
        digest(b"k"),
        digest(b"l"),
        digest(b"k", b"i"),
        digest(b"k", b"i", "c"),
        digest(b"k", None, "c"),
        *digest(vcpus=1, cpu=MILAN),
        *digest(vcpus=2, cpu=MILAN),
        *digest(vcpus=3, cpu=MILAN),
        *digest(vcpus=1, cpu=(25, 1, 2)),
        *digest(b"k", vcpus=1, cpu=MILAN),
    ]
    assert len(set(digests)) == len(digests)
    assert digest(b"k", b"", "") == digest(b"k")


def test_a_firmware_without_footer_starts_one_cpu() -> None:
    assert sev.launch_digest(b"no footer", vcpus=1, cpu=MILAN)


@pytest.mark.parametrize(
    ("cpu", "signature"),
    [
        ((25, 1, 1), 0x00A0_0F11),
        ((25, 17, 1), 0x00A1_0F11),
        ((26, 2, 1), 0x00B0_0F21),
        ((23, 49, 0), 0x0083_0F10),
        ((15, 255, 15), 0x000F_0FFF),
        ((6, 0x5E, 3), 0x0005_06E3),
        ((270, 0, 0), 0x0FF0_0F00),
    ],
)
def test_a_cpu_has_the_signature_that_cpuid_returns(
    cpu: tuple[int, int, int], signature: int
) -> None:
    assert sev.Cpu(*cpu).signature == signature


def test_the_hashes_table_is_filled_up() -> None:
    table = kernel_hashes(b"kernel")
    assert len(table) == 176
    assert table[168:] == bytes(8)
    assert hashlib.sha256(b"\0").digest() in table
    assert hashlib.sha256(b"").digest() in table
