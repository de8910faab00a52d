"""Finding the root of a chain: which are tried, which have to be fetched, and what it comes to."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from aleph_core import sev
from aleph_core.confidential_errors import RootsUnavailable
from aleph_core.errors import ArgumentError, AttestationError, CertificateError, TransportError
from aleph_core.sev.root_search import RootSearch, addresses
from aleph_devnode.secure_processor import PlatformKeys, SecureProcessor
from tests.core.sev.golden import by_name, chain, private_key
from tests.platform_roots import published, source

PEMS = by_name("chains_test", "valid", "test_2048")["private_keys_pem"]
OURS = SecureProcessor()
# All platforms of a process share the keys that stand for AMD's, so those of another come from a file.
OTHER = SecureProcessor(
    attrs.evolve(
        PlatformKeys.generate(), ark=private_key(PEMS["ark"]), ask=private_key(PEMS["ask"])
    )
)


def root(processor: SecureProcessor) -> sev.TrustedRoot:
    return sev.TrustedRoot.from_certificates("own", ark=processor.ark, ask=processor.ask)


def platform(processor: SecureProcessor = OURS, *, full: bool = False) -> sev.PlatformCertificates:
    return sev.PlatformCertificates.from_bytes(processor.certificates(full=full))


def test_amds_roots_are_the_candidates_unless_told() -> None:
    search = RootSearch(platform())
    assert [each.product for each in search.sources] == ["naples"]
    assert search.at_hand == []
    large = chain(by_name("chains_test", "valid", "test_4096")["export_base64"])
    found = [each.product for each in RootSearch(large).sources]
    assert found == ["genoa", "turin", "milan", "rome"]


def test_roots_that_are_given_take_their_place() -> None:
    search = RootSearch(platform(), [source(OURS), root(OTHER)])
    assert [each.product for each in search.sources] == ["devnode"]
    assert len(search.at_hand) == 1
    with pytest.raises(ArgumentError) as caught:
        RootSearch(platform(), [])
    assert caught.value.argument == "roots"


def test_a_chain_that_brings_its_root_needs_no_file() -> None:
    search = RootSearch(platform(full=True), [source(OTHER), source(OURS)])
    assert search.sources == []
    (found,) = search.at_hand
    assert found.product == "devnode"
    assert search.leads_to(found)


def test_a_chain_that_brings_a_root_of_its_own_is_not_trusted_for_it() -> None:
    for candidates in ([source(OTHER)], None):
        search = RootSearch(platform(full=True), candidates)
        assert (search.sources, search.at_hand) == ([], [])
        assert search.failure().check == "root"
    search = RootSearch(platform(full=True), [root(OTHER)])
    assert not search.leads_to(search.at_hand[0])
    assert search.failure().check == "root"


def test_a_pdh_alone_is_refused_before_anything_is_fetched() -> None:
    alone = sev.PlatformCertificates.from_bytes(OURS.certificates()[:2084])
    with pytest.raises(CertificateError) as caught:
        RootSearch(alone)
    assert caught.value.check == "incomplete"


def test_a_root_of_another_product_is_not_the_end() -> None:
    search = RootSearch(platform(), [root(OTHER), root(OURS)])
    assert [search.leads_to(each) for each in search.at_hand] == [False, True]


def test_roots_that_all_belong_elsewhere_are_named() -> None:
    search = RootSearch(platform(), [root(OTHER)])
    assert not search.leads_to(search.at_hand[0])
    failure = search.failure()
    assert failure.check == "cek-signed-by-ask"
    assert "own" in str(failure)


def test_a_chain_that_does_not_hold_ends_the_search() -> None:
    damaged = bytearray(OURS.certificates())
    damaged[1052 + 2084] ^= 1
    search = RootSearch(sev.PlatformCertificates.from_bytes(bytes(damaged)), [root(OURS)])
    with pytest.raises(CertificateError) as caught:
        search.leads_to(search.at_hand[0])
    assert caught.value.check == "pek-signed-by-oca"


def test_a_root_that_cannot_be_had_is_told_with_what_to_do() -> None:
    search = RootSearch(platform(), [source(OTHER, product="milan"), source(OURS)])
    lost = TransportError("cannot connect to http://amd.test", node="http://amd.test")
    search.miss(search.sources[0], [lost, lost])
    failure = search.failure()
    assert isinstance(failure, RootsUnavailable)
    assert isinstance(failure, AttestationError)
    assert (failure.products, failure.check) == (("milan",), "roots-unavailable")
    assert failure.causes == (str(lost), str(lost))
    assert failure.__cause__ is lost
    assert str(failure).count("cannot connect") == 1
    assert "ALEPH_AMD_ROOTS_URL" in str(failure)


def test_a_forged_root_is_told_before_one_that_cannot_be_had() -> None:
    search = RootSearch(platform(), [source(OTHER), source(OURS, product="milan")])
    search.miss(search.sources[0], [TransportError("cannot connect")])
    with pytest.raises(CertificateError) as caught:
        search.sources[1].read(published(OTHER))
    search.miss(search.sources[1], [caught.value])
    failure = search.failure()
    assert not isinstance(failure, RootsUnavailable)
    assert failure.check == "pin"


@pytest.mark.parametrize("mirror", ["http://mirror.test/amd", "http://mirror.test/amd/"])
def test_amds_files_may_be_had_from_a_mirror(mirror: str) -> None:
    for product, each in sev.AMD_ROOTS.items():
        assert addresses(each, None) == each.urls
        assert addresses(each, mirror) == (f"http://mirror.test/amd/ask_ark_{product}.cert",)


def test_other_sources_are_asked_where_they_say() -> None:
    own: Any = source(OURS, "http://a.test/x", product="genoa")
    assert addresses(own, "http://mirror.test") == ("http://a.test/x",)
