from __future__ import annotations

from base64 import b64decode
from typing import Any

import attrs
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from aleph_core import sev
from aleph_core.errors import AlephError, ArgumentError, AttestationError, CertificateError
from tests.core.sev.golden import by_name, private_key, root

SIZE, SIGNED, SLOTS = 2084, 1044, (1044, 1564)
ENTRY = by_name("chains_test", "valid", "test_2048")
KEYS = {name: private_key(pem) for name, pem in ENTRY["private_keys_pem"].items()}
CHAIN = b64decode(ENTRY["export_base64"])
FULL = b64decode(ENTRY["export_full_base64"])
LARGE = b64decode(by_name("chains_test", "valid", "test_4096")["export_full_base64"])
ROOTS = [root("test_2048"), root("test_4096")]
USAGES = {"ask": 0x13, "oca": 0x1001, "pek": 0x1002, "pdh": 0x1003, "cek": 0x1004}


def failed_check(data: bytes, roots: Any = ROOTS) -> str:
    with pytest.raises(CertificateError) as caught:
        sev.PlatformCertificates.from_bytes(data).verify(roots)
    assert str(caught.value)
    return caught.value.check


def slot(body: bytes, signer: str, *, usage: int | None = None, algorithm: int = 2) -> bytes:
    """Return a signature over the first bytes of a certificate, as certificates hold it."""
    key = KEYS[signer]
    if isinstance(key, rsa.RSAPrivateKey):
        digest = hashes.SHA256()
        signature = key.sign(body, padding.PSS(padding.MGF1(digest), 32), digest)[::-1]
        algorithm = 1
    else:
        halves = decode_dss_signature(key.sign(body, ec.ECDSA(hashes.SHA256())))
        signature = b"".join(half.to_bytes(72, "little") for half in halves)
    head = (USAGES[signer] if usage is None else usage, algorithm)
    return b"".join(n.to_bytes(4, "little") for n in head) + signature.ljust(512, b"\0")


NO_SLOT = (0x1000).to_bytes(4, "little") + bytes(516)
POSITIONS = {"pdh": 0, "pek": 1, "oca": 2, "cek": 3}
SIGNERS = {"pdh": ["pek"], "pek": ["oca", "cek"], "oca": ["oca"], "cek": ["ask"]}


def changed(name: str, offset: int, data: bytes) -> bytes:
    """Return the chain with a certificate changed and signed anew."""
    at = POSITIONS[name] * SIZE
    body = bytearray(CHAIN[at : at + SIGNED])
    body[offset : offset + len(data)] = data
    slots = [slot(bytes(body), signer) for signer in SIGNERS[name]]
    return with_slots(name, *slots, body=bytes(body))


def with_slots(name: str, *slots: bytes, body: bytes | None = None) -> bytes:
    at = POSITIONS[name] * SIZE
    certificate = b"".join((body or CHAIN[at : at + SIGNED], *slots, NO_SLOT, NO_SLOT))[:SIZE]
    return CHAIN[:at] + certificate + CHAIN[at + SIZE :]


def u32(number: int) -> bytes:
    return number.to_bytes(4, "little")


@given(st.data())
def test_any_altered_byte_of_a_chain_is_refused(data: st.DataObject) -> None:
    chain = bytearray(data.draw(st.sampled_from([CHAIN, FULL, LARGE])))
    at = data.draw(st.integers(0, len(chain) - 1))
    chain[at] ^= data.draw(st.integers(1, 255))
    assert failed_check(bytes(chain))


def test_any_altered_byte_of_a_head_or_a_signature_slot_is_refused() -> None:
    for start in range(0, len(CHAIN), SIZE):
        spots = [*range(24), *(s + n for s in SLOTS for n in (*range(10), 151, 152, 400, 519))]
        for at in spots:
            chain = bytearray(CHAIN)
            chain[start + at] ^= 1
            assert failed_check(bytes(chain)), (start, at)


@given(st.sampled_from([CHAIN, FULL, LARGE]), st.integers(0, 12000))
def test_any_other_length_is_refused(chain: bytes, length: int) -> None:
    data = chain.ljust(length, b"\0")[:length]
    if length in (2084, 8336, 10000, 11536):
        return
    assert failed_check(data) == "length"


@pytest.mark.parametrize("size", [0, 1, 64, SIZE - 1, SIZE + 1])
def test_one_certificate_has_one_length(size: int) -> None:
    for kind in (sev.SevCertificate, sev.AuthorityCertificate):
        with pytest.raises(CertificateError) as caught:
            kind(CHAIN[:size])
        assert caught.value.check == "length"


def test_a_certificate_that_is_signed_anew_holds() -> None:
    for name in POSITIONS:
        assert sev.PlatformCertificates.from_bytes(changed(name, 4, b"\1\2")).verify(ROOTS)


@pytest.mark.parametrize(
    ("name", "offset", "data", "check"),
    [
        ("pdh", 0, u32(2), "version"),
        ("pdh", 6, b"\1", "reserved"),
        ("cek", 7, b"\1", "reserved"),
        ("pdh", 8, u32(0x1005), "usage"),
        ("pdh", 12, u32(2), "key"),
        ("pdh", 12, u32(4), "key"),
        ("pdh", 12, u32(1), "key"),
        ("pdh", 16, u32(1), "key"),
        ("pdh", 16, u32(3), "key"),
        ("pdh", 20, bytes(144), "key"),
        ("pdh", 20 + 144, b"\1", "key"),
        ("pdh", 1043, b"\1", "key"),
        ("pek", 12, u32(3), "key"),
        ("pek", 12, u32(0x102), "pdh-signature-algorithm"),
        ("pek", 16, u32(7), "key"),
        ("oca", 12, u32(1), "key"),
        ("cek", 20 + 60, b"\1", "key"),
    ],
)
def test_what_its_signer_wrote_wrong_is_refused(
    name: str, offset: int, data: bytes, check: str
) -> None:
    assert failed_check(changed(name, offset, data)) == check


def test_signatures_are_found_by_who_made_them_not_by_their_place() -> None:
    body = CHAIN[SIZE : SIZE + SIGNED]
    for signers in (["oca", "cek"], ["cek", "oca"]):
        chain = with_slots("pek", *(slot(body, signer) for signer in signers))
        assert sev.PlatformCertificates.from_bytes(chain).verify(ROOTS)
    pdh = slot(CHAIN[:SIGNED], "pek")
    assert sev.PlatformCertificates.from_bytes(with_slots("pdh", NO_SLOT, pdh)).verify(ROOTS)


@pytest.mark.parametrize(
    ("name", "slots", "check"),
    [
        ("pdh", ["pek", "pek"], "pdh-signature-slots"),
        ("pdh", ["pek", "oca"], "pdh-signature-slots"),
        ("pdh", ["oca"], "pdh-signed-by-pek"),
        ("pdh", [], "pdh-signed-by-pek"),
        ("pek", ["oca", "oca"], "pek-signed-by-cek"),
        ("pek", ["cek", "cek"], "pek-signed-by-oca"),
        ("oca", ["cek"], "oca-signed-by-oca"),
        ("oca", ["oca", "cek"], "oca-signature-slots"),
        ("cek", [], "cek-signed-by-ask"),
        ("cek", ["oca"], "cek-signed-by-ask"),
        ("cek", ["ask", "oca"], "cek-signature-slots"),
        ("cek", ["ask", "ask"], "cek-signature-slots"),
    ],
)
def test_exactly_the_due_signatures_are_there(name: str, slots: list[str], check: str) -> None:
    at = POSITIONS[name] * SIZE
    made = [slot(CHAIN[at : at + SIGNED], signer) for signer in slots]
    assert failed_check(with_slots(name, *made)) == check


def test_a_signature_is_not_taken_for_that_of_another_key() -> None:
    body = CHAIN[:SIGNED]
    assert failed_check(with_slots("pdh", slot(body, "oca", usage=0x1002))) == "pdh-signed-by-pek"
    wrong_hash = slot(body, "pek", algorithm=0x102)
    assert failed_check(with_slots("pdh", wrong_hash)) == "pdh-signature-algorithm"


def test_stray_bytes_behind_a_signature_are_refused() -> None:
    for name, at, check in (
        ("pdh", 8 + 144, "pdh-signed-by-pek"),
        ("cek", 8 + 256, "cek-signed-by-ask"),
    ):
        chain = bytearray(CHAIN)
        chain[POSITIONS[name] * SIZE + SLOTS[0] + at] = 1
        assert failed_check(bytes(chain)) == check


def test_an_owner_may_sign_with_rsa() -> None:
    key = rsa.generate_private_key(65537, 2048)
    numbers = key.public_key().public_numbers()
    at = POSITIONS["oca"] * SIZE
    area = u32(2048) + numbers.e.to_bytes(512, "little") + numbers.n.to_bytes(512, "little")
    body = CHAIN[at : at + 12] + u32(1) + area
    before = KEYS["oca"]
    try:
        KEYS["oca"] = key
        oca = body + slot(body, "oca") + NO_SLOT
        pek = CHAIN[SIZE : SIZE + SIGNED]
        signed = pek + slot(pek, "oca") + slot(pek, "cek")
    finally:
        KEYS["oca"] = before
    chain = CHAIN[:SIZE] + signed + oca + CHAIN[3 * SIZE :]
    assert sev.PlatformCertificates.from_bytes(chain).verify(ROOTS) is ROOTS[0]
    assert failed_check(chain[:at] + body[:16] + u32(4096) + chain[at + 20 :]) == "key"


def test_a_root_is_known_by_its_key_not_by_its_id() -> None:
    forged = rsa.generate_private_key(65537, 2048).public_key()
    impostor = attrs.evolve(ROOTS[0], ark=forged)
    assert failed_check(FULL, [impostor]) == "root"
    assert failed_check(CHAIN, [attrs.evolve(ROOTS[0], ask=forged)]) == "cek-signed-by-ask"


def test_ask_and_ark_must_be_in_their_places() -> None:
    end = 4 * SIZE
    swapped = FULL[:end] + FULL[end + 832 :] + FULL[end : end + 832]
    assert failed_check(swapped) == "order"
    twice = FULL[:end] + FULL[end + 832 :] * 2
    assert failed_check(twice) == "order"


@pytest.mark.parametrize(
    ("offset", "data", "check"),
    [
        (0, u32(2), "version"),
        (20, bytes(16), "ask-signed-by-ark"),
        (36, u32(0x1004), "usage"),
        (40, b"\1", "ask-signed-by-ark"),
        (56, u32(4096), "key"),
        (60, u32(4096), "length"),
        (60, u32(0xFFFF_FFFF), "length"),
        (64, b"\2", "ask-signed-by-ark"),
        (831, b"\xff", "ask-signed-by-ark"),
    ],
)
def test_a_malformed_ask_is_refused(offset: int, data: bytes, check: str) -> None:
    chain = bytearray(FULL)
    at = 4 * SIZE + offset
    chain[at : at + len(data)] = data
    assert failed_check(bytes(chain)) == check


@pytest.mark.parametrize(("offset", "data"), [(64, b"\2"), (64 + 511, b"\0")])
def test_an_ask_that_amd_itself_signed_needs_a_key(offset: int, data: bytes) -> None:
    body = bytearray(FULL[4 * SIZE : 4 * SIZE + 576])
    body[offset : offset + len(data)] = data
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signature = KEYS["ark"].sign(bytes(body), pss, hashes.SHA256())[::-1]
    assert failed_check(CHAIN + bytes(body) + signature + FULL[-832:]) == "key"


def test_nothing_is_trusted_when_no_root_is() -> None:
    with pytest.raises(ArgumentError, match="no trusted root"):
        sev.PlatformCertificates.from_bytes(CHAIN).verify([])


def test_the_pdh_alone_can_start_a_session_and_proves_nothing() -> None:
    alone = sev.PlatformCertificates.from_bytes(CHAIN[:SIZE])
    assert alone.to_bytes() == CHAIN[:SIZE]
    assert sev.LaunchSession.create(alone).has_policy(1)
    assert failed_check(CHAIN[:SIZE]) == "incomplete"


def test_another_certificate_than_a_pdh_starts_no_session() -> None:
    certificates = [sev.SevCertificate(CHAIN[at : at + SIZE]) for at in range(0, 4 * SIZE, SIZE)]
    for certificate in certificates[1:]:
        with pytest.raises(CertificateError) as caught:
            certificate.exchange_key()
        assert caught.value.check == "usage"
        with pytest.raises(CertificateError) as caught:
            sev.PlatformCertificates(certificate)
        assert caught.value.check == "order"


def test_certificates_tell_what_they_are() -> None:
    chain = sev.PlatformCertificates.from_bytes(FULL)
    assert repr(chain) == "<PlatformCertificates PDH, PEK, OCA, CEK, ASK, ARK>"
    assert repr(chain.pdh) == "<SevCertificate PDH>"
    assert repr(chain.ark) == "<AuthorityCertificate ARK 7465737432303438726f6f742d41524b>"
    assert repr(ROOTS[0]) == "<TrustedRoot test_2048>"
    assert chain.pdh.api_version == (0, 17)
    assert isinstance(chain.pdh, sev.SevCertificate)
    assert isinstance(chain.ark, sev.AuthorityCertificate)


@pytest.mark.parametrize("data", ["text", None, 3, [1]])
def test_what_is_no_bytes_is_a_bad_argument(data: Any) -> None:
    with pytest.raises(ArgumentError):
        sev.PlatformCertificates.from_bytes(data)


def test_bytes_of_any_kind_are_read() -> None:
    for kind in (bytes, bytearray, memoryview):
        assert sev.PlatformCertificates.from_bytes(kind(CHAIN)).to_bytes() == CHAIN


def test_the_errors_are_of_the_family_and_say_which_check_failed() -> None:
    assert issubclass(CertificateError, AttestationError)
    assert issubclass(AttestationError, AlephError)
    assert CertificateError("words").check == ""
