from __future__ import annotations

import hashlib
import warnings
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from aleph_core import sev
from aleph_core.errors import ArgumentError, CertificateError
from tests.core.sev.golden import (
    ABSENT,
    FOLDERS,
    OTHERS,
    amd_roots,
    by_name,
    chain,
    private_key,
    root,
    root_files,
)

PRODUCTS = ["genoa", "turin", "milan", "rome", "naples"]
AT_HAND = pytest.mark.skipif(OTHERS not in FOLDERS, reason=ABSENT)


def files(name: str) -> tuple[bytes, bytes]:
    certificates = by_name("chains_test", "valid", name)["certs_base64"]
    return b64decode(certificates["ask"]), b64decode(certificates["ark"])


def pem_chain(*keys: Any) -> bytes:
    """Return certificates of the keys; who signed them does not matter."""
    signer = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anybody")])
    made = b""
    for key in keys:
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
        builder = builder.public_key(key).serial_number(1)
        builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        builder = builder.not_valid_after(datetime(2045, 1, 1, tzinfo=UTC))
        made += builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)
    return made


def public_keys(name: str) -> list[Any]:
    pems = by_name("chains_test", "valid", name)["private_keys_pem"]
    return [private_key(pems[each]).public_key() for each in ("ask", "ark")]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pinned(name: str) -> sev.RootSource:
    """Return a source whose pins are those of a test root."""
    ask, ark = files(name)
    keys = [
        sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        for key in public_keys(name)
    ]
    return sev.RootSource(
        name,
        ("https://example.org/",),
        ark_key_id=ark[4:20].hex(),
        ark_file=sha256(ark),
        ark_key=keys[1],
        ask_file=sha256(ask),
        ask_key=keys[0],
        ark_body=sha256(ark[:576]),
    )


def failed_check(source: sev.RootSource, data: bytes) -> str:
    with pytest.raises(CertificateError) as caught:
        source.read(data)
    return caught.value.check


def same(one: sev.TrustedRoot, other: sev.TrustedRoot) -> bool:
    return all(
        getattr(one, name).public_numbers() == getattr(other, name).public_numbers()
        for name in ("ark", "ask")
    )


@pytest.mark.parametrize("name", ["test_2048", "test_4096"])
def test_a_file_with_the_pinned_certificates_is_a_root(name: str) -> None:
    source, (ask, ark) = pinned(name), files(name)
    for data in (ask + ark, ark + ask):
        found = source.read(data)
        assert found.product == name
        assert same(found, root(name))
    assert chain(by_name("chains_test", "valid", name)["export_base64"]).verify([found]) is found


@pytest.mark.parametrize("name", ["test_2048", "test_4096"])
def test_a_pem_chain_with_the_pinned_keys_is_the_same_root(name: str) -> None:
    source, keys = pinned(name), public_keys(name)
    for order in (keys, keys[::-1]):
        assert same(source.read(pem_chain(*order)), root(name))
    assert failed_check(source, pem_chain(keys[0])) == "incomplete"
    assert failed_check(source, pem_chain(keys[0], keys[0])) == "incomplete"
    stranger = ec.generate_private_key(ec.SECP256R1()).public_key()
    assert failed_check(source, pem_chain(*keys, stranger)) == "pin"


def test_an_ark_without_signature_is_a_root_when_its_bytes_are_pinned() -> None:
    ask, ark = files("test_2048")
    assert same(pinned("test_2048").read(ask + ark[:576]), root("test_2048"))
    altered = ark[:575] + bytes([ark[575] ^ 1])
    assert failed_check(pinned("test_2048"), ask + altered) == "pin"
    unpinned = attrs.evolve(pinned("test_2048"), ark_body=None)
    assert failed_check(unpinned, ask + ark[:576]) == "pin"


@pytest.mark.parametrize("at", [0, 5, 70, 600, 831, 832, 1000, 1663])
def test_a_wrong_pin_is_an_error(at: int) -> None:
    data = bytearray(b"".join(files("test_2048")))
    data[at] ^= 1
    assert failed_check(pinned("test_2048"), bytes(data)) == "pin"
    assert failed_check(pinned("test_2048"), b"".join(files("test_4096"))) == "pin"
    for source in sev.AMD_ROOTS.values():
        assert failed_check(source, b"".join(files("test_4096"))) == "pin"
        assert failed_check(source, pem_chain(*public_keys("test_4096"))) == "pin"


def test_what_is_no_file_of_two_certificates_is_an_error() -> None:
    ask, ark = files("test_2048")
    source = pinned("test_2048")
    for data in (b"", ask, ark[:576], ask + ark[:-1], ask + ark + b"\0", ask + ark + ark):
        assert failed_check(source, data) == "length"
    assert failed_check(source, ask + ask) == "incomplete"
    for text in (b"-----BEGIN", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        assert failed_check(source, text) == "form"
    with pytest.raises(ArgumentError):
        source.read("text")  # type: ignore[arg-type]


def test_an_own_root_must_be_consistent() -> None:
    make = sev.TrustedRoot.from_certificates
    (ask, ark), (other_ask, other_ark) = files("test_2048"), files("test_4096")
    for wrong, check in (
        ({"ark": other_ark, "ask": ask}, "ask-signed-by-ark"),
        ({"ark": ark, "ask": other_ask}, "ask-signed-by-ark"),
        ({"ark": ask, "ask": ark}, "usage"),
        ({"ark": ark, "ask": ark}, "usage"),
        ({"ark": ark[:-1] + bytes([ark[-1] ^ 1]), "ask": ask}, "ark-signed-by-ark"),
        ({"ark": ark[:576], "ask": ask}, "length"),
    ):
        with pytest.raises(CertificateError) as caught:
            make("own", **wrong)
        assert caught.value.check == check


def test_the_products_and_their_addresses_are_listed() -> None:
    assert list(sev.AMD_ROOTS) == PRODUCTS
    for name, source in sev.AMD_ROOTS.items():
        assert source.product == name
        file = f"https://developer.amd.com/wp-content/resources/ask_ark_{name}.cert"
        service = f"https://kdsintf.amd.com/vcek/v1/{name.title()}/cert_chain"
        assert source.urls == ((file,) if name in ("rome", "naples") else (service, file))
        pins = {source.ark_file, source.ark_key, source.ask_file, source.ask_key}
        assert len(pins) == 4
        assert {len(bytes.fromhex(pin)) for pin in pins} == {32}
    with pytest.raises(TypeError):
        sev.AMD_ROOTS["own"] = pinned("test_2048")  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "form", "products"),
    [
        ("test_2048", "export_base64", ("naples",)),
        ("test_2048", "export_full_base64", ("naples",)),
        ("test_4096", "export_base64", ("genoa", "turin", "milan", "rome")),
        ("test_4096", "export_full_base64", ("genoa", "turin", "milan", "rome")),
    ],
)
def test_a_chain_tells_which_roots_may_be_above_it(
    name: str, form: str, products: tuple[str, ...]
) -> None:
    assert sev.products_for(chain(by_name("chains_test", "valid", name)[form])) == products


def test_a_chain_that_names_its_product_needs_no_other_root() -> None:
    forged = by_name("chains_test", "invalid", "forged_root_with_milan_key_ids")
    assert sev.products_for(chain(forged["export_full_base64"])) == ("milan",)
    alone = chain(by_name("chains_test", "invalid", "only_pdh")["export_full_base64"])
    assert sev.products_for(alone) == ("genoa", "turin", "milan", "rome")


@AT_HAND
def test_amds_own_files_hold_in_each_form_and_no_other() -> None:
    found = dict(root_files())
    assert list(found) == PRODUCTS
    for product, data in found.items():
        trusted = sev.AMD_ROOTS[product].read(data)
        same_keys = sev.AMD_ROOTS[product].read(pem_chain(trusted.ask, trusted.ark))
        assert same(trusted, same_keys)
        for other, source in sev.AMD_ROOTS.items():
            if other != product:
                assert failed_check(source, data) == "pin"
    assert len(amd_roots()) == 5


@AT_HAND
def test_the_file_of_naples_as_amd_published_it_holds() -> None:
    folder = OTHERS / "roots"
    unsigned = (folder / "naples_ark_without_signature.cert").read_bytes()
    data = (folder / "naples_ask.cert").read_bytes() + unsigned
    found = sev.AMD_ROOTS["naples"].read(data)
    assert any(same(found, trusted) for trusted in amd_roots())


def test_a_certificate_of_a_version_that_does_not_exist_is_an_error() -> None:
    (found, _) = x509.load_pem_x509_certificates(pem_chain(*public_keys("test_2048")))
    # X.509: [0] EXPLICIT INTEGER, two for the third version.
    der = found.public_bytes(Encoding.DER).replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x12")
    pem = b"-----BEGIN CERTIFICATE-----\n" + b64encode(der) + b"\n-----END CERTIFICATE-----\n"
    assert failed_check(pinned("test_2048"), pem) == "form"


def test_a_chain_with_surprises_in_it_is_an_error_and_no_warning() -> None:
    pem = bytearray(pem_chain(*public_keys("test_2048")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for at in range(30, len(pem), 7):
            altered = bytes(pem[:at]) + b"z" + bytes(pem[at + 1 :])
            try:
                pinned("test_2048").read(altered)
            except CertificateError as error:
                assert error.check in ("form", "pin", "incomplete")
