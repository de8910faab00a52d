"""Asking the DNS over real sockets: records, their absence, and servers out of order."""

from __future__ import annotations

from typing import Any

import dns.rcode
import pytest

from aleph_async import AlephError, ArgumentError, TransportError, TransportTimeout
from aleph_async._runtime import DnsResolver, gather
from aleph_core.dns_records import name_servers
from tests.name_server import NameServer

pytestmark = pytest.mark.anyio

ZONE = {
    ("example.org", "A"): ["192.0.2.1", "192.0.2.2"],
    ("example.org", "TXT"): [
        '"v=spf1 -all"',
        f'"{"a" * 200}" "{"b" * 20}"',
        '"ä \\195\\164 \\255"',
    ],
    ("www.example.org", "CNAME"): ["Example.org"],
    ("six.example.org", "AAAA"): ["2001:db8::1"],
    ("lost.example.org", "CNAME"): ["nowhere.example.org"],
}


def resolver(*servers: NameServer, **options: Any) -> DnsResolver:
    return DnsResolver(name_servers(",".join(server.address for server in servers)), **options)


async def test_records_are_answered_as_texts() -> None:
    with NameServer(ZONE) as server:
        ask = resolver(server).resolve
        assert sorted(await ask("example.org", "A")) == ["192.0.2.1", "192.0.2.2"]
        assert await ask("six.example.org", "AAAA") == ("2001:db8::1",)
        assert [name.lower() for name in await ask("www.example.org", "CNAME")] == ["example.org"]
        texts = await ask("example.org", "TXT")
    assert set(texts) >= {"v=spf1 -all", "a" * 200 + "b" * 20}
    assert len(texts) == 3


async def test_addresses_behind_another_name_are_found() -> None:
    with NameServer(ZONE) as server:
        found = await resolver(server).resolve("www.example.org", "A")
    assert sorted(found) == ["192.0.2.1", "192.0.2.2"]


async def test_what_is_not_there_is_no_error() -> None:
    with NameServer(ZONE) as server:
        ask = resolver(server).resolve
        assert await ask("example.org", "CNAME") == ()
        assert await ask("nothing.example.org", "A") == ()
        assert await ask("lost.example.org", "A") == ()


async def test_questions_can_be_asked_at_once() -> None:
    with NameServer(ZONE) as server:
        ask = resolver(server)
        found = await gather([lambda: ask.resolve("six.example.org", "AAAA")] * 5)
    assert found == [("2001:db8::1",)] * 5


async def test_nothing_is_remembered_and_no_suffix_is_tried() -> None:
    with NameServer(ZONE) as server:
        ask = resolver(server).resolve
        await ask("nothing", "A")
        await ask("nothing", "A")
        assert server.questions == [("nothing", "A")] * 2


async def test_the_next_server_is_asked_when_one_is_out_of_order() -> None:
    with (
        NameServer({}, rcode=dns.rcode.SERVFAIL) as broken,
        NameServer({}, silent=True) as silent,
        NameServer(ZONE) as server,
    ):
        assert await resolver(broken, server).resolve("six.example.org", "AAAA")
        assert await resolver(silent, server, timeout=2.0).resolve("six.example.org", "AAAA")


async def test_servers_that_do_not_tell_are_no_names_without_records() -> None:
    with (
        NameServer({}, rcode=dns.rcode.SERVFAIL) as broken,
        pytest.raises(TransportError, match=r"example\.org") as caught,
    ):
        await resolver(broken).resolve("example.org", "A")
    assert not isinstance(caught.value, TransportTimeout)
    with NameServer({}, rcode=dns.rcode.REFUSED) as refusing, pytest.raises(TransportError):
        await resolver(refusing).resolve("example.org", "A")
    with (
        NameServer({}, silent=True) as silent,
        pytest.raises(TransportTimeout, match=r"127\.0\.0\.1"),
    ):
        await resolver(silent, timeout=0.3).resolve("example.org", "A")


@pytest.mark.parametrize("name", ["a..b", "a" * 64 + ".example", ".".join(["a" * 60] * 6)])
async def test_what_can_be_no_name_is_refused(name: str) -> None:
    with NameServer(ZONE) as server, pytest.raises(ArgumentError) as caught:
        await resolver(server).resolve(name, "A")
    assert isinstance(caught.value, AlephError)
    assert server.questions == []
