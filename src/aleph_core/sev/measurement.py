"""The measurement of a launch: what the platform says that it started, and whether that is true.

The formula is that of AMD's publication 55766, section 6.5.2.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

import attrs

from ..errors import ArgumentError, AttestationError
from .arguments import bounded_number, sized_bytes
from .policy import LARGEST, Policy

__all__ = ["SEVInfo", "SEVMeasurement", "check_measurement", "expected_measure"]

KEY_SIZE: Final = 16
MEASURE_SIZE: Final = 32
NONCE_SIZE: Final = 16
_NUMBERS: Final = {"api_major": 0xFF, "api_minor": 0xFF, "build_id": 0xFF, "policy": LARGEST}


@attrs.frozen
class SEVInfo:
    """What a compute node says of its platform and of the guest on it."""

    api_major: int
    api_minor: int
    build_id: int
    policy: int
    state: str | None = None
    enabled: bool | None = None
    handle: int | None = None


@attrs.frozen
class SEVMeasurement:
    """A node's answer: what it says of the platform, and 48 bytes in base64, measure and nonce.

    Both parts of those bytes are right by form only, until ``check_measurement`` holds.
    """

    sev_info: SEVInfo
    launch_measure: str
    measure: bytes = attrs.field(init=False, repr=False)
    nonce: bytes = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        blob = _decoded(self.launch_measure)
        object.__setattr__(self, "measure", blob[:MEASURE_SIZE])
        object.__setattr__(self, "nonce", blob[MEASURE_SIZE:])

    @classmethod
    def from_answer(cls, answer: object) -> Self:
        """Read the JSON object of a compute node; members that are not known do not matter.

        Raises ``AttestationError`` with the check ``measurement-form`` for anything else.
        """
        if not isinstance(answer, Mapping) or not isinstance(answer.get("sev_info"), Mapping):
            raise _malformed("it has no object sev_info")
        info: Mapping[str, Any] = answer["sev_info"]
        numbers = {}
        for name, most in _NUMBERS.items():
            value = info.get(name)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
                raise _malformed(f"{name} is no number from 0 to {most}")
            numbers[name] = value
        state, enabled, handle = (info.get(name) for name in ("state", "enabled", "handle"))
        return cls(
            SEVInfo(
                **numbers,
                state=state if isinstance(state, str) else None,
                enabled=enabled if isinstance(enabled, bool) else None,
                handle=handle if isinstance(handle, int) else None,
            ),
            answer.get("launch_measure", ""),
        )


def expected_measure(
    tik: bytes,
    *,
    api_major: int,
    api_minor: int,
    build_id: int,
    policy: int,
    digest: bytes | str,
    nonce: bytes,
) -> bytes:
    """Return the 32 bytes that a platform reports for a guest of this launch digest."""
    given = {
        "api_major": api_major,
        "api_minor": api_minor,
        "build_id": build_id,
        "policy": policy,
    }
    for name, value in given.items():
        bounded_number(value, name, 0, _NUMBERS[name])
    measured = (
        bytes([4, api_major, api_minor, build_id])
        + policy.to_bytes(4, "little")
        + _digest(digest)
        + sized_bytes(nonce, "nonce", NONCE_SIZE)
    )
    return hmac.digest(sized_bytes(tik, "tik", KEY_SIZE), measured, "sha256")


def check_measurement(
    measurement: SEVMeasurement | Mapping[str, Any],
    *,
    tik: bytes,
    digest: bytes | str | Iterable[bytes | str],
    policy: int,
) -> bytes:
    """Return the launch digest with which the measurement holds: the one given, or one of several.

    A digest is 32 bytes or their hexadecimal digits, and must be the owner's own: that of
    ``launch_digest``, or the SHA-256 of the firmware. A ``measurement`` that is a mapping is read
    by ``SEVMeasurement.from_answer``. Raises ``AttestationError`` with the check
    ``measurement-form``, ``policy`` when the node names another policy, and ``measurement`` when
    the guest is not what was expected, or the TIK is of another launch.
    """
    bounded_number(policy, "policy", 0, LARGEST)
    if not isinstance(measurement, SEVMeasurement):
        measurement = SEVMeasurement.from_answer(measurement)
    candidates = [_digest(each) for each in _several(digest)]
    if not candidates:
        raise ArgumentError("digest", "names no digest")
    info = measurement.sev_info
    if info.policy != policy:
        raise AttestationError(
            f"the guest was launched with policy {info.policy:#x}, not {policy:#x}", check="policy"
        )
    found: bytes | None = None
    for candidate in candidates:
        expected = expected_measure(
            tik,
            api_major=info.api_major,
            api_minor=info.api_minor,
            build_id=info.build_id,
            policy=policy,
            digest=candidate,
            nonce=measurement.nonce,
        )
        # Every candidate is compared, whichever holds.
        if hmac.compare_digest(expected, measurement.measure):
            found = candidate
    if found is not None:
        return found
    hint = (
        "; the policy asks for SEV-ES, so the digest depends on the number and model of vCPUs"
        if policy & Policy.ES
        else ""
    )
    raise AttestationError(
        "the measurement is not that of the expected firmware with the keys of this session; "
        f"inject no secret{hint}",
        check="measurement",
    )


def _several(digest: bytes | str | Iterable[bytes | str]) -> list[bytes | str]:
    if isinstance(digest, bytes | bytearray | memoryview | str):
        return [digest if isinstance(digest, str) else bytes(digest)]
    if not isinstance(digest, Iterable):
        raise ArgumentError("digest", f"must be bytes, not {type(digest).__name__}")
    return list(digest)


def _digest(digest: bytes | str) -> bytes:
    if isinstance(digest, str):
        try:
            digest = binascii.unhexlify(digest)
        except ValueError:
            raise ArgumentError("digest", "is no hexadecimal text") from None
    return sized_bytes(digest, "digest", MEASURE_SIZE)


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise _malformed("launch_measure is no text")
    try:
        blob = base64.b64decode(text, validate=True)
    except ValueError:
        raise _malformed("launch_measure is no base64") from None
    if len(blob) != MEASURE_SIZE + NONCE_SIZE:
        raise _malformed(f"launch_measure has {len(blob)} bytes, not {MEASURE_SIZE + NONCE_SIZE}")
    return blob


def _malformed(problem: str) -> AttestationError:
    return AttestationError(f"this is no measurement: {problem}", check="measurement-form")
