"""The model of the secure processor, held against other programs first, then our client against it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core import sev
from aleph_core.errors import AttestationError, CertificateError
from aleph_devnode.secure_processor import (
    Guest,
    LaunchRefused,
    PlatformKeys,
    SecureProcessor,
    disk_passphrase,
    read_secrets,
)
from aleph_devnode.secure_processor.guest import measured, open_packet, open_session
from tests.core.sev.golden import OWN, Entry, cases, private_key, secret_entries, vmsa_pages

SIZE, SIGNED = 2084, 1044
FIRMWARE = (OWN / "files" / "fw_a.bin").read_bytes()
GENOA = sev.Cpu(25, 17, 1)
PROCESSOR = SecureProcessor()
POLICIES = st.builds(
    lambda flags, major, minor: flags | major << 16 | minor << 24,
    st.integers(0, 63),
    st.integers(0, 1),
    st.integers(0, 55),
)


def root(processor: SecureProcessor = PROCESSOR) -> sev.TrustedRoot:
    return sev.TrustedRoot.from_certificates("devnode", ark=processor.ark, ask=processor.ask)


def platform(processor: SecureProcessor = PROCESSOR, *, full: bool = False) -> Any:
    return sev.PlatformCertificates.from_bytes(processor.certificates(full=full))


def start(
    session: sev.LaunchSession, processor: SecureProcessor = PROCESSOR, policy: int = 1
) -> Guest:
    return processor.launch(policy=policy, godh=session.godh, session=session.session)


def answer(guest: Guest) -> dict[str, Any]:
    """Return what a compute node says of a guest."""
    measure = b64encode(guest.measure()).decode()
    return {"sev_info": guest.info(), "launch_measure": measure}


def refused(status: str) -> Any:
    return pytest.raises(LaunchRefused, check=lambda error: error.status == status)


@pytest.mark.parametrize("entry", cases("chains_test", "valid"))
def test_its_certificates_say_the_same_as_those_of_other_programs(entry: Entry) -> None:
    keys = PlatformKeys(
        **{name: private_key(pem) for name, pem in entry["private_keys_pem"].items()}
    )
    ids = [bytes.fromhex(entry[f"{name}_key_id_hex"]) for name in ("ark", "ask")]
    expected = b64decode(entry["export_full_base64"])
    made = SecureProcessor(
        keys, api=(expected[4], expected[5]), authority_ids=(ids[0], ids[1])
    ).certificates(full=True)
    assert len(made) == len(expected)
    for start in range(0, 4 * SIZE, SIZE):
        assert made[start : start + SIGNED] == expected[start : start + SIGNED]
    authority = (len(expected) - 4 * SIZE) // 2
    signature = entry["rsa_bits"] // 8
    for start in (4 * SIZE, 4 * SIZE + authority):
        end = start + authority - signature
        assert made[start:end] == expected[start:end]


@pytest.mark.parametrize("entry", cases("sessions", "sessions") + cases("sessions", "fixed_inputs"))
def test_it_opens_the_sessions_of_other_programs(entry: Entry) -> None:
    pdh = private_key(entry["pdh_private_key_pem"])
    godh, session = b64decode(entry["godh_base64"]), b64decode(entry["session_base64"])
    keys = open_session(pdh, policy=entry["policy"], godh=godh, session=session)
    assert [key.hex() for key in keys] == [entry["tek_hex"], entry["tik_hex"]]
    with refused("bad-measurement"):
        open_session(pdh, policy=entry["policy"] ^ 2, godh=godh, session=session)
    with refused("bad-measurement"):
        open_session(PROCESSOR.keys.pdh, policy=entry["policy"], godh=godh, session=session)


@pytest.mark.parametrize("entry", cases("measurements", "cases"))
def test_it_measures_as_other_programs_do(entry: Entry) -> None:
    names = ("tik", "launch_digest", "nonce", "measure")
    tik, digest, nonce, expected = (bytes.fromhex(entry[f"{name}_hex"]) for name in names)
    api = (entry["api_major"], entry["api_minor"])
    made = measured(tik, api, entry["build_id"], entry["policy"], digest, nonce)
    assert (made == expected) is (entry["expected"] == "match")


@pytest.mark.parametrize("entry", cases("secrets", "cases"))
def test_it_opens_the_packets_of_other_programs(entry: Entry) -> None:
    tek, tik, measure = (bytes.fromhex(entry[f"{name}_hex"]) for name in ("tek", "tik", "measure"))
    header, expected = b64decode(entry["header_base64"]), secret_entries(entry)
    if entry["payload_base64"] is None:
        # Too large to be written down; that ours is the same is shown by its hash elsewhere.
        iv = bytes.fromhex(entry["iv_hex"])
        keys: Any = {"tek": tek, "tik": tik, "measure": measure, "iv": iv, "room": 16384}
        payload = sev.seal_secret(expected, layout="unpadded", **keys).payload
    else:
        payload = b64decode(entry["payload_base64"])
    memory = open_packet(header, payload, tek=tek, tik=tik, measure=measure)
    assert entry["table_hex"] in (None, memory.hex())
    assert {str(guid): data for guid, data in read_secrets(memory).items()} == expected
    if "passphrase" in entry:
        assert disk_passphrase(memory) == entry["passphrase"]
    with refused("bad-measurement"):
        open_packet(header, payload, tek=tek, tik=tik[::-1], measure=measure)
    with refused("bad-measurement"):
        open_packet(header, payload, tek=tek, tik=tik, measure=measure[::-1])


def test_any_altered_byte_of_a_session_or_packet_is_refused() -> None:
    session = sev.LaunchSession.create(platform())
    for at in range(len(session.session)):
        altered = bytearray(session.session)
        altered[at] ^= 1
        with refused("bad-measurement"):
            PROCESSOR.launch(policy=1, godh=session.godh, session=bytes(altered))
    guest = start(session)
    guest.update(FIRMWARE)
    packet = sev.seal_secret(
        "words", tek=session.tek, tik=session.tik, measure=guest.measure()[:32]
    )
    whole = packet.header + packet.payload
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        with pytest.raises(LaunchRefused):
            guest.inject(bytes(damaged[:52]), bytes(damaged[52:]))
    guest.inject(packet.header, packet.payload)
    assert [disk_passphrase(memory) for memory in guest.memory] == ["words"]


@given(
    POLICIES,
    st.text(
        st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=700
    ),
    st.sampled_from(["padded", "unpadded"]),
)
def test_what_the_client_seals_reaches_the_guest(policy: int, passphrase: str, layout: Any) -> None:
    session = sev.LaunchSession.create(platform(), policy)
    guest = start(session, policy=policy)
    guest.update(FIRMWARE)
    digest = sev.launch_digest(FIRMWARE)
    measurement = sev.SEVMeasurement.from_answer(answer(guest))
    assert session.has_policy(measurement.sev_info.policy)
    assert digest == sev.check_measurement(
        measurement, tik=session.tik, digest=digest, policy=policy
    )
    packet = sev.seal_secret(
        passphrase, tek=session.tek, tik=session.tik, measure=measurement.measure, layout=layout
    )
    guest.inject(packet.header, packet.payload)
    guest.finish()
    assert disk_passphrase(guest.memory[0]) == passphrase


@given(st.dictionaries(st.uuids(), st.binary(min_size=1, max_size=300), min_size=1, max_size=6))
def test_entries_reach_the_guest_as_they_are(entries: Any) -> None:
    for layout in ("padded", "unpadded"):
        sealed: Any = {"layout": layout}
        packet = sev.seal_secret(entries, tek=bytes(16), tik=bytes(16), measure=bytes(32), **sealed)
        memory = open_packet(
            packet.header, packet.payload, tek=bytes(16), tik=bytes(16), measure=bytes(32)
        )
        assert read_secrets(memory) == entries


@pytest.mark.parametrize("form", ["legacy", "init2"])
def test_a_guest_of_sev_es_is_measured_with_its_cpus(form: str) -> None:
    session = sev.LaunchSession.create(platform(), 5)
    guest = start(session, policy=5)
    guest.update(FIRMWARE)
    boot, other = vmsa_pages(FIRMWARE, GENOA, init2=form == "init2")
    for page in (boot, other, other):
        guest.update_vmsa(page)
    digests = sev.launch_digest(FIRMWARE, vcpus=3, cpu=GENOA)
    found = sev.check_measurement(answer(guest), tik=session.tik, digest=digests, policy=5)
    assert found == getattr(digests, form)
    for wrong in (sev.launch_digest(FIRMWARE, vcpus=2, cpu=GENOA), sev.launch_digest(FIRMWARE)):
        with pytest.raises(AttestationError, match="number and model of vCPUs"):
            sev.check_measurement(answer(guest), tik=session.tik, digest=wrong, policy=5)


def test_another_firmware_is_noticed() -> None:
    session = sev.LaunchSession.create(platform())
    guest = start(session)
    guest.update(FIRMWARE[:-1] + b"\x01")
    with pytest.raises(AttestationError) as caught:
        sev.check_measurement(
            answer(guest), tik=session.tik, digest=sev.launch_digest(FIRMWARE), policy=1
        )
    assert caught.value.check == "measurement"


@pytest.mark.parametrize("bits", [2048, 4096])
@pytest.mark.parametrize("full", [False, True], ids=["as nodes serve it", "full"])
def test_its_chain_leads_to_its_own_root_alone(bits: int, full: bool) -> None:
    processor = SecureProcessor(rsa_bits=bits)
    trust = root(processor)
    assert platform(processor, full=full).verify([trust]) is trust
    stranger = SecureProcessor(rsa_bits=6144 - bits)
    with pytest.raises(CertificateError):
        platform(processor, full=full).verify([root(stranger)])


def test_processors_differ_but_for_their_root() -> None:
    one, other = SecureProcessor(), SecureProcessor()
    assert root(one).ark.public_numbers() == root(other).ark.public_numbers()
    session = sev.LaunchSession.create(platform(one))
    start(session, one)
    with refused("bad-measurement"):
        start(session, other)


def test_a_session_for_a_former_key_no_longer_starts() -> None:
    processor = SecureProcessor()
    stale = platform(processor)
    processor.rotate()
    stale.verify([root(processor)])
    with refused("bad-measurement"):
        start(sev.LaunchSession.create(stale), processor)
    fresh = platform(processor)
    fresh.verify([root(processor)])
    start(sev.LaunchSession.create(fresh), processor)


@pytest.mark.parametrize("policy", [0x40, 0x8001, -1, 1 << 32])
def test_a_policy_with_reserved_bits_is_refused(policy: int) -> None:
    session = sev.LaunchSession.create(platform())
    with refused("policy-failure"):
        start(session, policy=policy)


def test_a_policy_for_newer_firmware_is_refused() -> None:
    old = SecureProcessor(api=(0, 22))
    for policy in (0x1600_0001, 0x0000_0001):
        start(sev.LaunchSession.create(platform(old), policy), old, policy)
    for policy in (0x1700_0001, 0x0001_0001):
        with refused("policy-failure"):
            start(sev.LaunchSession.create(platform(old), policy), old, policy)


@pytest.mark.parametrize(
    ("offset", "status"),
    [(0, "invalid-certificate"), (8, "invalid-certificate"), (20, "invalid-certificate")],
)
def test_a_certificate_that_is_no_owners_is_refused(offset: int, status: str) -> None:
    session = sev.LaunchSession.create(platform())
    godh = bytearray(session.godh)
    godh[offset] ^= 1
    with refused(status):
        PROCESSOR.launch(policy=1, godh=bytes(godh), session=session.session)


def test_lengths_are_checked() -> None:
    session = sev.LaunchSession.create(platform())
    for godh, blob in (
        (session.godh[:-1], session.session),
        (session.godh + b"\0", session.session),
        (session.godh, session.session[:-1]),
        (session.godh, session.session + b"\0"),
    ):
        with refused("invalid-length"):
            PROCESSOR.launch(policy=1, godh=godh, session=blob)
    guest = start(session)
    guest.measure()
    for header, payload in (
        (bytes(51), bytes(16)),
        (bytes(53), bytes(16)),
        (bytes(52), b""),
        (bytes(52), bytes(15)),
        (bytes(52), bytes(16400)),
    ):
        with refused("invalid-length"):
            guest.inject(header, payload)
    with refused("invalid-param"):
        guest.inject(b"\1" + bytes(51), bytes(16))


def test_a_guest_goes_through_its_states_in_order() -> None:
    session = sev.LaunchSession.create(platform())
    guest = start(session)
    with refused("invalid-guest-state"):
        guest.inject(bytes(52), bytes(16))
    with refused("invalid-guest-state"):
        guest.finish()
    with refused("policy-failure"):
        guest.update_vmsa(bytes(4096))
    assert guest.info()["state"] == "launch-update"
    blob = guest.measure()
    assert guest.info()["state"] == "launch-secret"
    assert guest.measure() == blob
    with refused("invalid-guest-state"):
        guest.update(b"more")
    with refused("invalid-guest-state"):
        guest.update_vmsa(bytes(4096))
    guest.finish()
    assert guest.info()["state"] == "running"
    for command in (guest.measure, guest.finish, lambda: guest.inject(bytes(52), bytes(16))):
        with refused("invalid-guest-state"):
            command()


def test_the_state_of_a_cpu_is_a_page() -> None:
    guest = start(sev.LaunchSession.create(platform(), 5), policy=5)
    with refused("invalid-length"):
        guest.update_vmsa(bytes(4095))


DISK = "736869e5-84f0-4973-92ec-06879ce3da0b"


def sealed(entries: Any) -> bytes:
    packet = sev.seal_secret(entries, tek=bytes(16), tik=bytes(16), measure=bytes(32))
    keys = {"tek": bytes(16), "tik": bytes(16), "measure": bytes(32)}
    return open_packet(packet.header, packet.payload, **keys)


@pytest.mark.parametrize(
    ("memory", "problem"),
    [
        (b"", "no table"),
        (bytes(64), "no table"),
        (sealed({DISK: b"words"}), "does not end in a zero"),
        (sealed({DISK.replace("7", "8"): b"words\0"}), "no disk passphrase"),
        (sealed({DISK: b"words\0"})[:47], "no table"),
        (sealed({DISK: b"words\0"})[:36] + b"\xff" + bytes(27), "impossible length"),
        (sealed({DISK: b"words\0"})[:36] + b"\x13" + bytes(27), "impossible length"),
    ],
)
def test_a_boot_loader_refuses_what_is_malformed(memory: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        disk_passphrase(memory)


def test_the_passphrase_ends_at_the_first_zero_byte() -> None:
    assert disk_passphrase(sealed({DISK: b"wor\0ds\0"})) == "wor"
