"""A hundred thousand damaged inputs: each is refused by an error of the family, or read."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aleph_core import sev
from aleph_core.errors import AlephError, CertificateError
from aleph_devnode.secure_processor import LaunchRefused, SecureProcessor, read_secrets
from aleph_devnode.secure_processor.guest import open_packet
from tests.core.sev.golden import OWN, by_name, chain, root
from tests.core.sev.test_roots import pem_chain, pinned, public_keys

ENTRY = by_name("chains_test", "valid", "test_2048")
CHAINS = [b64decode(ENTRY[form]) for form in ("export_base64", "export_full_base64")]
ROOTS = [root("test_2048")]
FIRMWARE = (OWN / "files" / "fw_a.bin").read_bytes()
KEYS: dict[str, Any] = {"tek": bytes(range(16)), "tik": bytes(range(16, 32))}
MEASURE = bytes(range(32))
NUMBERS = {"api_major": 1, "api_minor": 55, "build_id": 24, "policy": 1}
ODD: list[Any] = [
    None, True, -1, 0, 255, 256, 1 << 31, 1 << 32, 1 << 200, 1.5, float("nan"), "", "0", "é",
    "\ud800", b"", b"\0", [], [1], {}, {"": ""}, object(),
]  # fmt: skip


def damaged(random: Random, data: bytes) -> bytes:
    """Return the bytes with some of them changed, missing, doubled or moved."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        at = random.randrange(len(changed) + 1)
        length = random.choice((1, 1, 2, 4, 16, 72, 520))
        kind = random.randrange(8)
        if kind < 4 and changed:
            changed[at % len(changed)] ^= 1 << random.randrange(8)
        elif kind == 4:
            changed[at : at + length] = random.randbytes(min(length, len(changed) - at))
        elif kind == 5:
            changed[at : at + length] = random.choice((b"\0", b"\xff")) * min(
                length, len(changed) - at
            )
        elif kind == 6:
            other = random.randrange(len(changed) + 1)
            piece = changed[other : other + length]
            changed[at : at + len(piece)] = piece
        else:
            del changed[at : at + random.choice((1, 16, 2084))]
            changed += random.randbytes(random.choice((0, 1, 16)))
    return bytes(changed)


def platform(random: Random) -> None:
    original = random.choice(CHAINS)
    data = damaged(random, original)
    if data == original:
        return
    with pytest.raises(CertificateError):
        sev.PlatformCertificates.from_bytes(data).verify(ROOTS)
    raise CertificateError("as it should be")


PINNED = pinned("test_2048")
ROOT_FILES = [CHAINS[1][8336:], CHAINS[1][8336:-256], pem_chain(*public_keys("test_2048"))]


def roots(random: Random) -> None:
    data = damaged(random, random.choice(ROOT_FILES))
    try:
        PINNED.read(data)
    finally:
        if len(data) == 1664:
            sev.TrustedRoot.from_certificates("own", ask=data[:832], ark=data[832:])


def session(random: Random) -> None:
    pdh = sev.PlatformCertificates.from_bytes(damaged(random, CHAINS[0][:2084]))
    sev.LaunchSession.create(pdh, random.choice([0, 1, 64, *ODD]))


SESSION = sev.LaunchSession.create(chain(ENTRY["export_base64"]), **KEYS)


def measurement(random: Random) -> None:
    blob = b64encode(
        sev.expected_measure(KEYS["tik"], **NUMBERS, digest=MEASURE, nonce=bytes(16)) + bytes(16)
    )
    info: dict[str, Any] = {**NUMBERS, "state": "launch-secret", "handle": 1}
    answer: dict[str, Any] = {"sev_info": info, "launch_measure": blob.decode()}
    kind = random.randrange(4)
    if kind == 0:
        info[random.choice(list(info))] = random.choice(ODD)
    elif kind == 1:
        answer[random.choice(list(answer))] = random.choice(ODD)
    elif kind == 2:
        answer["launch_measure"] = damaged(random, blob).decode("latin-1")
    else:
        text = damaged(random, json.dumps(answer).encode()).decode("latin-1")
        try:
            answer = json.loads(text)
        except ValueError:
            answer = {"sev_info": text}
    digest = random.choice([MEASURE, MEASURE.hex(), [MEASURE], damaged(random, MEASURE), *ODD])
    policy = random.choice([1, 1, *ODD])
    sev.check_measurement(answer, tik=KEYS["tik"], digest=digest, policy=policy)


def firmware(random: Random) -> None:
    image = damaged(random, FIRMWARE[-random.choice((300, 300, 8192)) :])
    kernel, line = random.choice([(None, None), (b"k", None), (b"k", "line"), (b"k", "\0")])
    vcpus, cpu = random.choice([(None, None), (2, (25, 1, 1)), (random.choice(ODD), (25, 1, 1))])
    # Hundreds of processors are right, and only take time.
    vcpus = 2 if isinstance(vcpus, int) and 4 < vcpus <= 4096 else vcpus
    sev.launch_digest(image, kernel, None, line, vcpus=vcpus, cpu=cpu)


def secret(random: Random) -> None:
    units = damaged(random, "pässwörd of mine".encode("utf-16-le"))
    text = units[: len(units) & ~1].decode("utf-16-le", "surrogatepass")
    guid = random.choice(["736869e5-84f0-4973-92ec-06879ce3da0b", text])
    given = random.choice([text, {guid: text.encode("utf-8", "replace")}, *ODD])
    keys = {**KEYS, "measure": MEASURE}
    if random.random() < 0.3:
        keys[random.choice(list(keys))] = damaged(random, MEASURE)
    sev.seal_secret(given, **keys, room=random.choice([3072, 48, *ODD]))


PROCESSOR = SecureProcessor()
FOR_MODEL = sev.LaunchSession.create(sev.PlatformCertificates.from_bytes(PROCESSOR.certificates()))
PACKET = sev.seal_secret("words of mine", measure=MEASURE, **KEYS)


def model_session(random: Random) -> None:
    godh, blob = FOR_MODEL.godh, FOR_MODEL.session
    if random.random() < 0.5:
        godh = damaged(random, godh)
    else:
        blob = damaged(random, blob)
    PROCESSOR.launch(policy=random.choice([1, 0, 64, -1]), godh=godh, session=blob)


def model_packet(random: Random) -> None:
    whole = damaged(random, PACKET.header + PACKET.payload)
    open_packet(whole[:52], whole[52:], measure=MEASURE, **KEYS)


TABLE = open_packet(PACKET.header, PACKET.payload, measure=MEASURE, **KEYS)


def model_table(random: Random) -> None:
    read_secrets(damaged(random, TABLE))


TARGETS: list[tuple[Callable[[Random], None], int, tuple[type[Exception], ...]]] = [
    (platform, 8_000, (AlephError,)),
    (roots, 10_000, (AlephError,)),
    (session, 4_000, (AlephError,)),
    (measurement, 28_000, (AlephError,)),
    (firmware, 14_000, (AlephError,)),
    (secret, 14_000, (AlephError,)),
    (model_session, 4_000, (LaunchRefused,)),
    (model_packet, 8_000, (LaunchRefused,)),
    (model_table, 8_000, (ValueError,)),
]
FILES = 2_000


def test_the_inputs_are_a_hundred_thousand() -> None:
    assert sum(count for _, count, _ in TARGETS) + FILES == 100_000


@pytest.mark.parametrize(
    ("target", "count", "family"), TARGETS, ids=lambda each: getattr(each, "__name__", None)
)
def test_damaged_input_is_read_or_refused(
    target: Callable[[Random], None], count: int, family: tuple[type[Exception], ...]
) -> None:
    refused = 0
    for seed in range(count):
        try:
            target(Random(seed))
        except family:
            refused += 1
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
    assert refused > count / 10


def test_damaged_session_files_are_read_or_refused(tmp_path: Path) -> None:
    SESSION.save(tmp_path)
    contents = {path: path.read_bytes() for path in tmp_path.iterdir()}
    outcomes: Counter[str] = Counter()
    for seed in range(FILES):
        random = Random(seed)
        path = random.choice(sorted(contents))
        path.write_bytes(damaged(random, contents[path]))
        try:
            sev.LaunchSession.load(tmp_path)
            outcomes["read"] += 1
        except AlephError:
            outcomes["refused"] += 1
        path.write_bytes(contents[path])
    assert outcomes["refused"] > outcomes["read"] > 0
