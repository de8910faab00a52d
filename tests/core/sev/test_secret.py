from __future__ import annotations

import copy
import json
import pickle
import traceback
from base64 import b64decode, b64encode
from typing import Any
from uuid import UUID

import pytest

from aleph_core import sev
from aleph_core.errors import ArgumentError
from aleph_core.sev.secret import packet_text, secret_table

DISK = UUID("736869e5-84f0-4973-92ec-06879ce3da0b")
KEYS: dict[str, Any] = {"tek": bytes(range(16)), "tik": bytes(range(15, -1, -1))}
MEASURE = b"\xaa" * 16 + b"\xbb" * 16
PASSPHRASE = "pässwörd-é of mine"


def seal(secret: Any, **given: Any) -> sev.SecretPacket:
    return sev.seal_secret(secret, **{**KEYS, "measure": MEASURE, **given})


def test_a_packet_is_that_of_the_existing_sdk() -> None:
    packet = seal("hello", iv=bytes(16))
    header = "AAAAAAAAAAAAAAAAAAAAAAAAAAD2L7ZcDVWWvxv8DsK1b3ltlaHgsh0Yex4b6SZHp9dgtQ=="
    payload = "hFRPKVr+Pc/5cW4gJjfPQkNGE5Vwqdxtuf/OqvcYK43VNV1Yg5umjIvsFgQPgbCd"
    assert (packet.header_base64, packet.payload_base64) == (header, payload)
    assert (packet.header, packet.payload) == (b64decode(header), b64decode(payload))


def test_layouts_differ_in_the_declared_length_alone() -> None:
    padded, unpadded = (
        secret_table(PASSPHRASE, layout=layout) for layout in ("padded", "unpadded")
    )
    assert padded[:16] == unpadded[:16]
    assert padded[20:] == unpadded[20:]
    size = len(PASSPHRASE.encode()) + 41
    assert int.from_bytes(unpadded[16:20], "little") == size
    assert int.from_bytes(padded[16:20], "little") == len(padded) == -(-size // 16) * 16
    assert seal(PASSPHRASE, iv=bytes(16)) == seal(PASSPHRASE, iv=bytes(16), layout="padded")


def test_a_passphrase_is_an_entry_that_ends_in_a_zero_byte() -> None:
    entry = {DISK: PASSPHRASE.encode() + b"\0"}
    assert seal(PASSPHRASE, iv=bytes(16)) == seal(entry, iv=bytes(16))
    assert seal({str(DISK): entry[DISK]}, iv=bytes(16)) == seal(entry, iv=bytes(16))


def test_no_counter_is_used_twice() -> None:
    packets = [seal(PASSPHRASE) for _ in range(50)]
    assert len({packet.header[4:20] for packet in packets}) == 50


@pytest.mark.parametrize("size", range(1, 40))
def test_a_payload_is_whole_blocks_and_no_more_than_needed(size: int) -> None:
    payload = seal("x" * size).payload
    assert len(payload) % 16 == 0
    assert 0 <= len(payload) - (41 + size) < 16


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ("", "is empty"),
        ("\0", "zero byte"),
        ("wor\0ds", "zero byte"),
        ("words\0", "zero byte"),
        ("wor\ud800ds", "UTF-8"),
        ("x" * 3032, "room for 3072"),
        ("é" * 1516, "room for 3072"),
        (b"words", "mapping"),
        (None, "mapping"),
        (["words"], "mapping"),
        ({}, "no entry"),
        ({DISK: "words"}, "bytes"),
        ({DISK: b""}, "nothing for"),
        ({DISK: bytes(16385)}, "too many"),
        ({DISK: bytes(3033)}, "room for 3072"),
        ({"words": b"words"}, "no GUID"),
        ({3: b"words"}, "no GUID"),
        ({DISK: b"a", str(DISK): b"b"}, "twice"),
        ({DISK: b"a", f"{{{DISK}}}": b"b"}, "twice"),
    ],
)
def test_a_secret_that_no_guest_could_use_is_refused(secret: Any, problem: str) -> None:
    with pytest.raises(ArgumentError, match=problem) as caught:
        seal(secret)
    assert caught.value.argument == "secret"


def test_the_room_of_the_firmware_is_the_limit() -> None:
    assert len(seal("x" * 3031).payload) == 3072
    assert len(seal("x" * 16343, room=16384).payload) == 16384
    for secret in ("x" * 16344, {DISK: b"x" * 16345}):
        with pytest.raises(ArgumentError, match="room for 16384"):
            seal(secret, room=16384)
    with pytest.raises(ArgumentError, match="room for 47"):
        seal("x", room=47)
    assert seal("x", room=48)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("tek", bytes(15)),
        ("tek", "0" * 16),
        ("tik", bytes(17)),
        ("measure", bytes(48)),
        ("measure", b""),
        ("measure", "0" * 32),
        ("iv", bytes(12)),
        ("layout", "both"),
        ("layout", None),
        ("room", 0),
        ("room", 16385),
        ("room", "big"),
    ],
)
def test_a_bad_argument_is_named(argument: str, value: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        seal("words", **{argument: value})
    assert caught.value.argument == argument


def spellings() -> list[str]:
    secrets = [PASSPHRASE.encode(), *KEYS.values()]
    return [
        PASSPHRASE,
        PASSPHRASE[:9],
        *(secret.hex() for secret in secrets),
        *(b64encode(secret).decode()[:12] for secret in secrets),
        *(repr(secret)[2:-1] for secret in secrets),
    ]


def test_a_packet_shows_nothing_of_what_is_in_it() -> None:
    packet = seal(PASSPHRASE)
    assert repr(packet) == str(packet) == "<SecretPacket of 64 bytes>"
    shown = [repr(packet), str(vars(type(packet))), str(pickle.dumps(packet)), str(packet.payload)]
    for spelling in spellings():
        assert not [text for text in shown if spelling in text]
    for twin in (copy.deepcopy(packet), pickle.loads(pickle.dumps(packet))):
        assert twin == packet
    with pytest.raises(TypeError):
        json.dumps(packet)


@pytest.mark.parametrize(
    "secret",
    [
        f"{PASSPHRASE}\0",
        f"{PASSPHRASE}\ud800",
        PASSPHRASE * 400,
        PASSPHRASE.encode(),
        {PASSPHRASE: b"x"},
        {DISK: PASSPHRASE},
        {DISK: PASSPHRASE.encode() * 1000},
    ],
)
def test_tracebacks_of_refusals_do_not_hold_the_secret(secret: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        seal(secret)
    error = caught.value
    assert error.__cause__ is None
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))
    if error.__context__ is not None:
        shown += repr(error.__context__) + str(vars(error.__context__))
    for spelling in spellings():
        assert spelling not in shown


def test_a_packet_is_taken_as_bytes_or_in_base64() -> None:
    packet = seal(PASSPHRASE)
    for value in (packet.header, packet.header_base64):
        assert packet_text(value, "packet_header") == packet.header_base64
    for value in (packet.payload, packet.payload_base64):
        assert packet_text(value, "secret") == packet.payload_base64


@pytest.mark.parametrize("name", ["packet_header", "secret"])
@pytest.mark.parametrize(
    "value", [PASSPHRASE, "correcthorsebattery", "", b"", b"x" * 51, bytes(16_400), None, "äb=="]
)
def test_what_was_not_sealed_is_never_taken_for_a_packet(name: str, value: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        packet_text(value, name)
    assert caught.value.argument == name
    shown = "".join(traceback.format_exception(caught.value))
    assert not value or str(value) not in shown


def test_header_and_payload_are_not_mixed_up() -> None:
    packet = seal(PASSPHRASE)
    for value, name in ((packet.payload, "packet_header"), (packet.header, "secret")):
        with pytest.raises(ArgumentError):
            packet_text(value, name)
