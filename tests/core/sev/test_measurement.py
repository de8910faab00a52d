from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core import sev
from aleph_core.errors import ArgumentError, AttestationError

TIK, NONCE = bytes(range(16)), bytes(range(50, 66))
DIGEST = bytes(range(32))
NUMBERS: dict[str, Any] = {"api_major": 1, "api_minor": 55, "build_id": 24, "policy": 1}
U8, U32 = st.integers(0, 0xFF), st.integers(0, 0xFFFF_FFFF)


def blob(**given: Any) -> bytes:
    numbers = {**NUMBERS, **given}
    return sev.expected_measure(TIK, **numbers, digest=DIGEST, nonce=NONCE) + NONCE


def answer(measured: bytes | None = None, **info: Any) -> dict[str, Any]:
    launch_measure = b64encode(blob() if measured is None else measured).decode()
    return {"sev_info": {**NUMBERS, **info}, "launch_measure": launch_measure}


def failed_check(measurement: Any, **arguments: Any) -> str:
    given = {"tik": TIK, "digest": DIGEST, "policy": 1, **arguments}
    with pytest.raises(AttestationError) as caught:
        sev.check_measurement(measurement, **given)
    return caught.value.check


def test_the_vector_of_a_real_node_holds() -> None:
    digest = "d06471f485c0a61aba5a431ec136b947be56907acf6ed96afb11788ae4525aeb"
    real = {
        "sev_info": {**NUMBERS, "enabled": True, "state": "launch-secret", "handle": 1},
        "launch_measure": "ls2jv10V3HVShVI/RHCo/a43WO0soLZf0huU9ZZstIxRFA2okCqH/Z6nh2uPH9e8",
    }
    tik = bytes.fromhex("9e939311ce26b5119f5df07e1ba10177")
    assert sev.check_measurement(real, tik=tik, digest=digest, policy=1).hex() == digest


def test_an_answer_is_read_with_what_it_has() -> None:
    read = sev.SEVMeasurement.from_answer(
        {**answer(state="launch-secret", enabled=True, handle=3, new="member"), "more": 1}
    )
    info = read.sev_info
    assert (info.api_major, info.api_minor, info.build_id, info.policy) == (1, 55, 24, 1)
    assert (info.state, info.enabled, info.handle) == ("launch-secret", True, 3)
    assert read.measure + read.nonce == blob()
    bare = sev.SEVMeasurement.from_answer(answer(state=3, enabled="yes", handle="x")).sev_info
    assert (bare.state, bare.enabled, bare.handle) == (None, None, None)
    assert sev.check_measurement(read, tik=TIK, digest=DIGEST, policy=1) == DIGEST


@pytest.mark.parametrize(
    "measurement",
    [
        None,
        "text",
        [],
        {},
        {"sev_info": None, "launch_measure": "AA=="},
        {"sev_info": [], "launch_measure": "AA=="},
        {"sev_info": NUMBERS},
        {"sev_info": NUMBERS, "launch_measure": None},
        {"sev_info": NUMBERS, "launch_measure": 3},
        {"sev_info": NUMBERS, "launch_measure": "é" * 64},
        {"sev_info": NUMBERS, "launch_measure": b64encode(bytes(48)).decode() + "\n"},
        {"sev_info": NUMBERS, "launch_measure": "=" * 64},
        answer(bytes(47)),
        answer(bytes(49)),
        answer(b""),
        *(
            answer(**{name: value})
            for name in NUMBERS
            for value in (-1, None, "1", 1.0, True, 1 << 32)
        ),
        *(answer(**{name: 256}) for name in ("api_major", "api_minor", "build_id")),
    ],
)
def test_what_is_no_measurement_is_refused(measurement: Any) -> None:
    assert failed_check(measurement) == "measurement-form"


@pytest.mark.parametrize("text", ["", "AA==", "@@"])
def test_a_measurement_is_never_of_another_form(text: str) -> None:
    with pytest.raises(AttestationError):
        sev.SEVMeasurement(sev.SEVInfo(**NUMBERS), text)


@given(st.integers(0, 47), st.integers(1, 255))
def test_any_altered_byte_is_refused(at: int, difference: int) -> None:
    altered = bytearray(blob())
    altered[at] ^= difference
    assert failed_check(answer(bytes(altered))) == "measurement"


@given(U8, U8, U8, U32, U32)
def test_every_number_is_measured(
    major: int, minor: int, build: int, policy: int, other: int
) -> None:
    numbers = {"api_major": major, "api_minor": minor, "build_id": build, "policy": policy}
    good = answer(blob(**numbers), **numbers)
    assert sev.check_measurement(good, tik=TIK, digest=DIGEST, policy=policy) == DIGEST
    for name in ("api_major", "api_minor", "build_id"):
        bad = answer(blob(**numbers), **{**numbers, name: numbers[name] ^ 1})
        assert failed_check(bad, policy=policy) == "measurement"
    if other != policy:
        assert failed_check(good, policy=other) == "policy"
        lie = answer(blob(**numbers), **{**numbers, "policy": other})
        assert failed_check(lie, policy=policy) == "policy"
        assert failed_check(lie, policy=other) == "measurement"


def test_keys_and_digest_of_another_launch_are_refused() -> None:
    assert failed_check(answer(), tik=TIK[::-1]) == "measurement"
    assert failed_check(answer(), digest=DIGEST[::-1]) == "measurement"
    assert failed_check(answer(), digest=[DIGEST[::-1], bytes(32)]) == "measurement"


def test_one_of_several_digests_may_hold() -> None:
    others = [bytes(32), b"\1" * 32]
    for digests in (
        [DIGEST, *others],
        [*others, DIGEST],
        iter([others[0], DIGEST.hex(), others[1]]),
    ):
        assert sev.check_measurement(answer(), tik=TIK, digest=digests, policy=1) == DIGEST
    both = sev.SevEsDigests(others[0], DIGEST)
    assert sev.check_measurement(answer(), tik=TIK, digest=both, policy=1) == DIGEST


def test_a_digest_is_bytes_or_their_digits() -> None:
    for digest in (
        DIGEST,
        bytearray(DIGEST),
        memoryview(DIGEST),
        DIGEST.hex(),
        DIGEST.hex().upper(),
    ):
        found = sev.check_measurement(answer(), tik=TIK, digest=digest, policy=1)
        assert found == DIGEST


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("tik", b""),
        ("tik", bytes(17)),
        ("tik", "0" * 16),
        ("digest", bytes(31)),
        ("digest", bytes(33)),
        ("digest", "ab"),
        ("digest", "zz" * 32),
        ("digest", " " + "ab" * 31),
        ("digest", []),
        ("digest", None),
        ("digest", [None]),
        ("digest", 3),
        ("policy", -1),
        ("policy", "1"),
        ("policy", True),
        ("policy", 1 << 32),
    ],
)
def test_a_bad_argument_is_named(argument: str, value: Any) -> None:
    given = {"tik": TIK, "digest": DIGEST, "policy": 1, argument: value}
    with pytest.raises(ArgumentError) as caught:
        sev.check_measurement(answer(), **given)
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("nonce", bytes(15)),
        ("nonce", "0" * 16),
        ("api_major", 256),
        ("api_minor", -1),
        ("build_id", True),
        ("policy", 1 << 32),
        ("digest", bytes(16)),
    ],
)
def test_a_measure_is_expected_of_proper_arguments_only(argument: str, value: Any) -> None:
    given = {**NUMBERS, "digest": DIGEST, "nonce": NONCE, argument: value}
    with pytest.raises(ArgumentError) as caught:
        sev.expected_measure(TIK, **given)
    assert caught.value.argument == argument


def test_the_key_is_in_no_refusal() -> None:
    with pytest.raises(AttestationError) as caught:
        sev.check_measurement(answer(), tik=TIK[::-1], digest=DIGEST, policy=1)
    assert TIK[::-1].hex() not in repr(caught.value) + str(caught.value)
    assert "inject no secret" in str(caught.value)
