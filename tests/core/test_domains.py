"""Custom domains: what is written in their aggregate, and which DNS records they need."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core import domains
from aleph_core.dns_records import judge, name_servers, questions, required_records
from aleph_core.errors import ArgumentError, ConfigurationError, ResourceNotFoundError
from aleph_core.models.domain import DnsRecord, TargetType
from tests.core.recorded import JSON

SITE, OTHER = "a" * 64, "b" * 64
OWNER = "0x838fE5fF882F4E092945B36c43Cd2b6E31A2209f"
NOW = datetime(2026, 1, 18, 22, 30, 40, 691_000, UTC)
TOLD = "2026-01-18T22:30:40.691Z"
NAME = "shop.example.org"
ENTRY = domains.entry(target="ipfs", item_hash=SITE, updated_at=NOW, options=None)

contents = st.dictionaries(
    st.sampled_from([NAME, "other.example.org"]),
    JSON
    | st.fixed_dictionaries(
        {}, optional={"message_id": st.sampled_from([SITE, OTHER, ""]) | JSON, "spa": JSON}
    ),
)


def test_an_entry_is_written_as_other_tools_write_it() -> None:
    assert ENTRY == {
        "type": "ipfs",
        "programType": "ipfs",
        "message_id": SITE,
        "updated_at": TOLD,
        "options": {"catch_all_path": "/404.html"},
    }
    instance = domains.entry(
        target=TargetType.INSTANCE, item_hash=SITE, updated_at=NOW, options={"confidential": True}
    )
    assert (instance["type"], instance["options"]) == ("instance", {"confidential": True})
    program = domains.entry(target="program", item_hash=SITE, updated_at=NOW, options=None)
    assert "options" not in program


def test_domains_are_read_whatever_tool_wrote_them() -> None:
    found = domains.read_all(
        {
            NAME: ENTRY,
            "old.example.org": {"type": "ipfs", "message_id": OTHER, "options": None, "spa": "1"},
            "number.example.org": {**ENTRY, "updated_at": 1714000000.5, "programType": None},
            "gone.example.org": None,
        }
    )
    assert set(found) == {NAME, "old.example.org", "number.example.org"}
    assert found[NAME].updated_at == NOW
    assert (found[NAME].name, found[NAME].program_type) == (NAME, "ipfs")
    assert found["old.example.org"].extra == {"spa": "1"}
    assert found["number.example.org"].updated_at is not None


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("Shop.Example.ORG", NAME),
        ("shop.example.org.", NAME),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a.b", "a.b"),
    ],
)
def test_names_are_taken_in_lower_case(given_name: str, name: str) -> None:
    assert domains.check_domain(given_name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "localhost", "a..b", "-a.example", "a-.example", "https://a.example", "a.example/x"),
        *("bücher.example", "a b.example", "a.example\n", "*.example.org", "_dnslink.example.org"),
        *("a" * 64 + ".example", ".".join(["a" * 60] * 5), None, 5),
    ],
)
def test_what_is_no_domain_name_is_refused(name: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        domains.check_domain(name)
    assert caught.value.argument == "domain"


@pytest.mark.parametrize(
    ("fields", "argument"),
    [
        ({"target": "website"}, "target"),
        ({"target": None}, "target"),
        ({"item_hash": "nothash"}, "item_hash"),
        ({"options": ["x"]}, "options"),
        ({"options": {"catch_all_path": "404.html"}}, "options"),
        ({"options": {"x": float("nan")}}, "options['x']"),
    ],
)
def test_what_is_written_is_checked_first(fields: dict[str, Any], argument: str) -> None:
    given: dict[str, Any] = {"target": "ipfs", "item_hash": SITE, "options": None, **fields}
    with pytest.raises(ArgumentError) as caught:
        domains.entry(updated_at=NOW, **given)
    assert caught.value.argument == argument


def test_a_domain_is_added_once() -> None:
    assert domains.add({}, domain=NAME, entry=ENTRY) == {NAME: ENTRY}
    assert domains.add({NAME: None}, domain=NAME, entry=ENTRY) == {NAME: ENTRY}
    assert domains.add({NAME: ENTRY}, domain=NAME, entry=ENTRY) == {}
    with pytest.raises(ArgumentError, match="attach"):
        domains.add({NAME: {**ENTRY, "message_id": OTHER}}, domain=NAME, entry=ENTRY)


def test_attaching_and_detaching_keep_what_they_are_not_about() -> None:
    content = {NAME: {**ENTRY, "spa": "1"}}
    later = datetime(2026, 2, 1, tzinfo=UTC)
    told = "2026-02-01T00:00:00.000Z"
    attached = domains.attach(content, domain=NAME, item_hash=OTHER, updated_at=later)
    assert attached == {NAME: {**content[NAME], "message_id": OTHER, "updated_at": told}}
    assert domains.attach(content, domain=NAME, item_hash=SITE, updated_at=later) == {}
    detached = domains.detach(content, domain=NAME, updated_at=later)
    assert detached == {NAME: {**content[NAME], "message_id": "", "updated_at": told}}
    assert domains.detach(detached, domain=NAME, updated_at=NOW) == {}
    other: dict[str, Any] = {"target": "instance", "options": {}}
    (entry,) = domains.attach(
        content, domain=NAME, item_hash=SITE, updated_at=later, **other
    ).values()
    assert (entry["type"], entry["programType"], entry["options"]) == ("instance", "instance", {})


def test_what_was_removed_stays_removed() -> None:
    for content in ({}, {NAME: None}):
        assert domains.remove(content, domain=NAME) == {}
        with pytest.raises(ResourceNotFoundError, match=NAME):
            domains.attach(content, domain=NAME, item_hash=OTHER, updated_at=NOW)
        with pytest.raises(ResourceNotFoundError, match=NAME):
            domains.detach(content, domain=NAME, updated_at=NOW)
    assert domains.remove({NAME: ENTRY}, domain=NAME) == {NAME: None}


@given(contents)
def test_no_entry_of_another_form_fails_the_others(content: dict[str, Any]) -> None:
    found = domains.read_all(content)
    assert set(found) == {name for name, raw in content.items() if isinstance(raw, dict)}
    written = domains.move(content, item_hash=SITE, to=OTHER, updated_at=NOW)
    assert set(written) == {name for name, domain in found.items() if domain.message_id == SITE}
    after = domains.read_all({**content, **written})
    assert not any(domain.message_id == SITE for domain in after.values())


def test_a_site_needs_three_records() -> None:
    assert required_records(NAME, "ipfs", OWNER) == (
        DnsRecord("CNAME", NAME, "ipfs.public.aleph.sh", "address"),
        DnsRecord(
            "CNAME",
            f"_dnslink.{NAME}",
            f"_dnslink.{NAME}.static.public.aleph.sh",
            "delegation",
        ),
        DnsRecord("TXT", f"_control.{NAME}", OWNER, "ownership"),
    )


@pytest.mark.parametrize("target", ["program", "instance"])
def test_machines_need_a_name_of_their_own_at_the_gateway(target: str) -> None:
    (record,) = required_records(NAME, target)
    assert record == DnsRecord("CNAME", NAME, f"{NAME}.{target}.public.aleph.sh", "address")


def test_the_root_of_a_zone_takes_an_alias() -> None:
    kinds = {
        name: required_records(name, "ipfs", root=root)[0].type
        for name, root in (("example.org", None), ("example.co.uk", True), (NAME, False))
    }
    assert kinds == {"example.org": "ALIAS", "example.co.uk": "ALIAS", NAME: "CNAME"}


def test_records_are_judged_by_the_answers_to_their_questions() -> None:
    address, link, owner = required_records(NAME, "ipfs", OWNER)
    assert questions(link) == ((link.name, "CNAME"),)
    assert questions(owner) == ((owner.name, "TXT"),)
    assert set(questions(address)) == {
        (NAME, "CNAME"),
        (NAME, "A"),
        (NAME, "AAAA"),
        (address.value, "A"),
        (address.value, "AAAA"),
    }
    assert judge(link, {(link.name, "CNAME"): (link.value.upper(),)}).ok
    assert not judge(link, {(link.name, "CNAME"): ("elsewhere.example",)}).ok
    assert judge(owner, {(owner.name, "TXT"): ("v=spf1", OWNER.lower())}).ok
    missing = judge(owner, {})
    assert (missing.ok, missing.found) == (False, ())


def test_a_flattened_record_is_judged_by_its_addresses() -> None:
    record = required_records("example.org", "ipfs")[0]
    gateway = {(record.value, "A"): ("192.0.2.1", "192.0.2.2")}
    assert judge(record, {**gateway, ("example.org", "A"): ("192.0.2.2",)}).ok
    assert not judge(record, {**gateway, ("example.org", "A"): ("192.0.2.3",)}).ok
    assert not judge(record, {}).ok
    elsewhere = {("example.org", "CNAME"): ("x.example",), ("example.org", "A"): ("192.0.2.1",)}
    assert not judge(record, {**gateway, **elsewhere}).ok


def test_case_means_something_in_addresses_that_are_not_hexadecimal() -> None:
    solana = "HfUgTyVFVzWBVvTQN6TPDCyd7i7WPMzALRB2vhfZUWiA"
    record = required_records(NAME, "program", solana)[1]
    assert judge(record, {(record.name, "TXT"): (solana,)}).ok
    assert not judge(record, {(record.name, "TXT"): (solana.lower(),)}).ok


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("9.9.9.9,1.1.1.1", [("9.9.9.9", 53), ("1.1.1.1", 53)]),
        (" 127.0.0.1:5353 , ", [("127.0.0.1", 5353)]),
        (
            "2620:fe::fe,[2620:fe::9]:54,[::1]",
            [("2620:fe::fe", 53), ("2620:fe::9", 54), ("::1", 53)],
        ),
    ],
)
def test_resolvers_are_read_from_the_settings(text: str, servers: list[tuple[str, int]]) -> None:
    assert list(name_servers(text)) == servers


@pytest.mark.parametrize(
    "text", ["", " , ", "dns.example.org", "1.1.1.1:0", "1.1.1.1:x", "1.1.1.1:70000", "[::1"]
)
def test_resolvers_that_are_no_ip_addresses_are_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="ALEPH_DNS_RESOLVERS"):
        name_servers(text)
