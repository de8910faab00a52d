"""The golden vectors: where they are, and what must come of each kind of entry."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from aleph_core import sev
from aleph_core.errors import AttestationError, CertificateError
from aleph_core.sev import session as sessions
from aleph_core.sev.digest import kernel_hashes
from aleph_core.sev.firmware import RESET_ADDRESS, footer_entries
from aleph_core.sev.secret import secret_table
from aleph_core.sev.vmsa import BOOT_ADDRESS, vmsa_page

Entry = dict[str, Any]

PROJECT = Path(__file__).resolve().parents[3]
OWN = Path(__file__).with_name("vectors")
OTHERS = Path(os.environ.get("ALEPH_TEST_VECTORS", PROJECT.parent / "shared" / "vectors")) / "sev"
FOLDERS = [folder for folder in (OWN, OTHERS) if folder.is_dir()]
ABSENT = (
    "data of other projects, which are not copied here, is not at hand: "
    "there is no ../shared/vectors/sev, and ALEPH_TEST_VECTORS names none"
)


# Sections of which our own folder holds nothing, or not all.
ELSEWHERE = {
    ("chains_real", "chains"),
    ("kdf", "cases"),
    ("kdf", "mac"),
    ("kdf", "session"),
    ("measurements", "cases"),
    ("secrets", "cases"),
}


@functools.cache
def document(folder: Path, name: str) -> dict[str, Any]:
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def entries(folder: Path, name: str, section: str) -> list[Entry]:
    found = document(folder, name).get(section, [])
    return [{"name": f"{section}-{number}", **entry} for number, entry in enumerate(found)]


def cases(name: str, section: str) -> list[Any]:
    """Return every entry once as a parameter, and a skip when only our own are there."""
    known: dict[str, Entry] = {}
    for folder in FOLDERS:
        for entry in entries(folder, name, section):
            known.setdefault(entry["name"], {**entry, "folder": folder})
    parameters = [pytest.param(entry, id=f"{name}-{key}") for key, entry in known.items()]
    if OTHERS not in FOLDERS and (name, section) in ELSEWHERE:
        skip = pytest.mark.skip(reason=ABSENT)
        parameters.append(pytest.param({}, id=f"{name}-others", marks=skip))
    return parameters


def by_name(name: str, section: str, entry: str) -> Entry:
    return next(each for each in entries(OWN, name, section) if each["name"] == entry)


@functools.cache
def private_key(pem: str) -> Any:
    return load_pem_private_key(pem.encode(), None)


def chain(text: str) -> sev.PlatformCertificates:
    return sev.PlatformCertificates.from_bytes(b64decode(text))


@functools.cache
def root(name: str) -> sev.TrustedRoot:
    certificates = by_name("chains_test", "valid", name)["certs_base64"]
    ark, ask = (b64decode(certificates[each]) for each in ("ark", "ask"))
    return sev.TrustedRoot.from_certificates(name, ark=ark, ask=ask)


def root_files() -> Iterator[tuple[str, bytes]]:
    """Yield the roots of AMD that are at hand, as AMD publishes them: ASK, then ARK."""
    for product in sev.AMD_ROOTS:
        parts = [OTHERS / "roots" / f"{product}_{kind}.cert" for kind in ("ask", "ark")]
        if all(part.is_file() for part in parts):
            yield product, b"".join(part.read_bytes() for part in parts)


@functools.cache
def amd_roots() -> tuple[sev.TrustedRoot, ...]:
    return tuple(sev.AMD_ROOTS[product].read(data) for product, data in root_files())


def file(entry: Entry, member: str) -> bytes | None:
    name = entry.get(member)
    if not name:
        return None
    folder: Path = entry["folder"]
    return (folder / "files" / name).read_bytes()


def vmsa_pages(firmware: bytes, cpu: sev.Cpu, *, init2: bool = False) -> list[bytes]:
    """Return the pages of the first virtual CPU and of the others."""
    other = int.from_bytes(footer_entries(firmware)[RESET_ADDRESS][:4], "little")
    return [vmsa_page(cpu, address, init2=init2) for address in (BOOT_ADDRESS, other)]


def secret_entries(entry: Entry) -> dict[str, bytes]:
    found = {}
    for each in entry["entries"]:
        if each["data_hex"] is None:
            assert each["data_rule"] == "5a repeated 16343 times, then 00"
            found[each["guid"]] = b"\x5a" * 16343 + b"\0"
        else:
            found[each["guid"]] = bytes.fromhex(each["data_hex"])
    return found


def valid_chain(entry: Entry) -> None:
    certificates = entry["certs_base64"]
    trusted = sev.TrustedRoot.from_certificates(
        entry["name"], ark=b64decode(certificates["ark"]), ask=b64decode(certificates["ask"])
    )
    others = [root(name) for name in ("test_2048", "test_4096") if name != entry["name"]]
    for form in ("export_base64", "export_full_base64"):
        platform = chain(entry[form])
        assert platform.to_bytes() == b64decode(entry[form])
        assert platform.verify([*others, trusted]) is trusted
        for strangers in (others, amd_roots()):
            if strangers:
                with pytest.raises(CertificateError):
                    platform.verify(strangers)


# Which link of each broken chain does not hold.
BROKEN = {
    "flip_pdh_body": "pdh-signed-by-pek",
    "flip_pek_body": "pek-signed-by-oca",
    "flip_oca_body": "key",
    "flip_cek_body": "cek-signed-by-ask",
    "flip_ask_body": "ask-signed-by-ark",
    "flip_ark_body": "root",
    "pdh_signed_by_other_key": "pdh-signed-by-pek",
    "pek_without_cek_signature": "pek-signed-by-cek",
    "pek_without_oca_signature": "pek-signed-by-oca",
    "forged_platform_with_genuine_cek": "pek-signed-by-cek",
    "oca_not_self_signed": "oca-signed-by-oca",
    "wrong_order": "order",
    "truncated": "length",
    "only_pdh": "incomplete",
    "empty": "length",
    "pdh_usage_is_pek": "order",
    "pdh_point_not_on_curve": "key",
    "signature_algo_field_wrong": "pdh-signature-algorithm",
    "signature_usage_field_wrong": "pdh-signed-by-pek",
    "unknown_version": "version",
    "forged_root_with_milan_key_ids": "root",
}


def invalid_chain(entry: Entry) -> None:
    trusted: tuple[sev.TrustedRoot, ...] = (root("test_4096"),)
    if entry["name"] == "forged_root_with_milan_key_ids":
        trusted = amd_roots() or (root("test_2048"),)
        forged = b64decode(entry["export_full_base64"])[4 * sev.SevCertificate.SIZE :]
        with pytest.raises(CertificateError) as caught:
            sev.AMD_ROOTS["milan"].read(forged)
        assert caught.value.check == "pin"
    with pytest.raises(CertificateError) as caught:
        chain(entry["export_full_base64"]).verify(trusted)
    assert caught.value.check == BROKEN[entry["name"]]


def real_chain(entry: Entry) -> None:
    assert amd_roots()
    for form in ("export_base64", "export_full_base64"):
        if form not in entry:
            continue
        platform = chain(entry[form])
        if entry["expected"] == "accept":
            product = platform.verify(amd_roots()).product
            assert entry["name"] == f"real_{product}"
            assert product in sev.products_for(platform)
        else:
            with pytest.raises(CertificateError):
                platform.verify(amd_roots())


def open_session(entry: Entry) -> None:
    """Unwrap nothing: tell from the values in between that ours wraps the same."""
    blob = b64decode(entry["session_base64"])
    assert blob == sessions.session_blob(
        bytes.fromhex(entry["shared_secret_hex"]),
        nonce=bytes.fromhex(entry["nonce_hex"]),
        iv=bytes.fromhex(entry["wrap_iv_hex"]),
        tek=bytes.fromhex(entry["tek_hex"]),
        tik=bytes.fromhex(entry["tik_hex"]),
        policy=entry["policy"],
    )
    godh = sev.SevCertificate(b64decode(entry["godh_base64"]))
    platform = private_key(entry["pdh_private_key_pem"])
    shared = platform.exchange(ec.ECDH(), godh.exchange_key())
    assert shared.hex() == entry["shared_secret_hex"]
    loaded = sev.LaunchSession(
        tek=bytes.fromhex(entry["tek_hex"]),
        tik=bytes.fromhex(entry["tik_hex"]),
        godh=godh.raw,
        session=blob,
    )
    assert loaded.has_policy(entry["policy"])
    assert not loaded.has_policy(entry["policy"] ^ 1)


def make_session(entry: Entry) -> None:
    made = sev.LaunchSession.create(
        chain(entry["pdh_cert_base64"]),
        entry["policy"],
        key=private_key(entry["godh_private_key_pem"]),
        nonce=bytes.fromhex(entry["nonce_hex"]),
        iv=bytes.fromhex(entry["wrap_iv_hex"]),
        tek=bytes.fromhex(entry["tek_hex"]),
        tik=bytes.fromhex(entry["tik_hex"]),
    )
    assert (made.godh_base64, made.session_base64) == (
        entry["godh_base64"],
        entry["session_base64"],
    )
    parts = [
        entry[f"{name}_hex"] for name in ("nonce", "wrap_tk", "wrap_iv", "wrap_mac", "policy_mac")
    ]
    assert made.session.hex() == "".join(parts)
    open_session(entry)


def derive(entry: Entry) -> None:
    key, context = bytes.fromhex(entry["key_hex"]), bytes.fromhex(entry["context_hex"])
    assert entry["length_bytes"] == sessions.KEY_SIZE
    assert sessions.derived_key(key, entry["label"].encode(), context).hex() == entry["out_hex"]


def authenticate(entry: Entry) -> None:
    # The MAC of a policy is the one that is made of four bytes.
    policy = int.from_bytes(bytes.fromhex(entry["message_hex"]), "little")
    blob = bytes(96) + bytes.fromhex(entry["out_hex"])
    made = sev.LaunchSession(
        tek=bytes(16), tik=bytes.fromhex(entry["key_hex"]), godh=bytes(2084), session=blob
    )
    assert made.has_policy(policy)


def wrap(entry: Entry) -> None:
    names = ("shared_secret", "nonce", "wrap_iv", "tek", "tik")
    shared, nonce, iv, tek, tik = (bytes.fromhex(entry[f"{name}_hex"]) for name in names)
    blob = sessions.session_blob(
        shared, nonce=nonce, iv=iv, tek=tek, tik=tik, policy=entry["policy"]
    )
    wrapped, wrap_mac, policy_mac = (
        bytes.fromhex(entry[f"{name}_hex"]) for name in ("wrap_tk", "wrap_mac", "policy_mac")
    )
    assert blob == nonce + wrapped + iv + wrap_mac + policy_mac


def measure(entry: Entry) -> None:
    tik, digest = bytes.fromhex(entry["tik_hex"]), bytes.fromhex(entry["launch_digest_hex"])
    numbers = {name: entry[name] for name in ("api_major", "api_minor", "build_id", "policy")}
    answer = {"sev_info": numbers, "launch_measure": entry["launch_measure_base64"]}
    expected = sev.expected_measure(
        tik, **numbers, digest=digest, nonce=bytes.fromhex(entry["nonce_hex"])
    )
    matches = entry["expected"] == "match"
    assert (expected.hex() == entry["measure_hex"]) is matches
    if matches:
        found = sev.check_measurement(answer, tik=tik, digest=digest, policy=entry["policy"])
        assert found == digest
    else:
        with pytest.raises(AttestationError) as caught:
            sev.check_measurement(answer, tik=tik, digest=digest, policy=entry["policy"])
        assert caught.value.check == "measurement"
    firmware = file(entry, "firmware_file")
    if firmware is None:
        return
    if "vcpus" in entry:
        # The pages come from a host of the Milan generation.
        milan = sev.Cpu(25, 1, 1)
        assert vmsa_pages(firmware, milan) == [file(entry, f"vmsa_cpu{n}_file") for n in (0, 1)]
        digests = sev.launch_digest(firmware, vcpus=entry["vcpus"], cpu=milan)
        assert digests.legacy == digest
    else:
        kernel, initrd = file(entry, "kernel_file"), file(entry, "initrd_file")
        assert sev.launch_digest(firmware, kernel, initrd, entry.get("cmdline")) == digest


def refuse_measurement(entry: Entry) -> None:
    numbers = {"api_major": 1, "api_minor": 55, "build_id": 24, "policy": 1}
    answer = {"sev_info": numbers, "launch_measure": entry["launch_measure_base64"]}
    with pytest.raises(AttestationError) as caught:
        sev.check_measurement(answer, tik=bytes(16), digest=bytes(32), policy=1)
    assert caught.value.check == "measurement-form"


def digest(entry: Entry) -> None:
    firmware, kernel, initrd = (
        file(entry, f"{name}_file") for name in ("firmware", "kernel", "initrd")
    )
    assert firmware is not None
    if kernel is not None:
        table = kernel_hashes(kernel, initrd, entry["cmdline"])
        assert table.hex() == entry["kernel_hashes_table_hex"]
    if not entry["sev_es"]:
        plain = sev.launch_digest(firmware, kernel, initrd, entry["cmdline"])
        assert plain.hex() == entry["launch_digest_hex"]
        return
    cpu = sev.Cpu(entry["cpu_family"], entry["cpu_model"], entry["cpu_stepping"])
    both = sev.launch_digest(
        firmware, kernel, initrd, entry["cmdline"], vcpus=entry["vcpus"], cpu=cpu
    )
    assert both.legacy.hex() == entry["launch_digest_legacy_hex"]
    assert both.init2.hex() == entry["launch_digest_init2_hex"]
    for number, page in enumerate(vmsa_pages(firmware, cpu)):
        hashed = hashlib.sha256(page).hexdigest()
        assert hashed == entry[f"vmsa_cpu{number}_legacy_sha256_hex"]


def seal(entry: Entry) -> None:
    names = ("tek", "tik", "measure", "iv")
    tek, tik, measured, iv = (bytes.fromhex(entry[f"{name}_hex"]) for name in names)
    layout: Any = {"padded-length": "padded", "unpadded-length": "unpadded"}[entry["layout"]]
    secrets: list[Any] = [secret_entries(entry)]
    if "passphrase" in entry:
        secrets.append(entry["passphrase"])
    for secret in secrets:
        table = secret_table(secret, layout=layout)
        assert int.from_bytes(table[16:20], "little") == entry["declared_table_length"]
        packet = sev.seal_secret(
            secret, tek=tek, tik=tik, measure=measured, iv=iv, layout=layout, room=16384
        )
        assert packet.header_base64 == entry["header_base64"]
        if entry["payload_base64"] is None:
            hashed = hashlib.sha256(packet.payload).hexdigest()
            assert hashed == entry["payload_sha256_hex"]
        else:
            assert table.hex() == entry["table_hex"]
            assert packet.payload_base64 == entry["payload_base64"]


CHECKS: dict[tuple[str, str], Callable[[Entry], None]] = {
    ("chains_test", "valid"): valid_chain,
    ("chains_test", "invalid"): invalid_chain,
    ("chains_real", "chains"): real_chain,
    ("kdf", "cases"): derive,
    ("kdf", "mac"): authenticate,
    ("kdf", "session"): wrap,
    ("launch_digests", "cases"): digest,
    ("measurements", "cases"): measure,
    ("measurements", "malformed"): refuse_measurement,
    ("secrets", "cases"): seal,
    ("sessions", "fixed_inputs"): make_session,
    ("sessions", "sessions"): open_session,
}
