"""Custom domains: entries that others' tools read, and the records that DNS really has."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import dns.rcode
import pytest

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ConfigurationError,
    ETHAccount,
    MissingDependencyError,
    ResourceNotFoundError,
    Settings,
    TransportError,
)
from aleph_async._runtime import HttpClient, gather
from aleph_devnode import DevNode
from tests.name_server import NameServer

pytestmark = pytest.mark.anyio

NAME = "shop.example.org"
SITE, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def address(account: ETHAccount) -> str:
    return account.get_address()


def zone(owner: str) -> dict[tuple[str, str], list[str]]:
    """Return the records of a site that is set up completely."""
    return {
        (NAME, "CNAME"): ["ipfs.public.aleph.sh"],
        (f"_dnslink.{NAME}", "CNAME"): [f"_dnslink.{NAME}.static.public.aleph.sh"],
        (f"_control.{NAME}", "TXT"): [f'"{owner}"'],
        ("ipfs.public.aleph.sh", "A"): ["192.0.2.1", "192.0.2.2"],
    }


def asking(node: DevNode, *servers: NameServer) -> AlephHttpClient:
    resolvers = ",".join(server.address for server in servers)
    return AlephHttpClient(node.url, settings=Settings(DNS_RESOLVERS=resolvers))


async def test_a_domain_is_added_attached_detached_and_removed(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient, address: str
) -> None:
    result = await client.domains.add("Shop.Example.org", SITE, "ipfs")
    assert result is not None
    assert (result.status, result["key"]) == ("processed", "domains")
    added = await reader.domains.get(NAME, address)
    assert (added.type, added.message_id, added.program_type) == ("ipfs", SITE, "ipfs")
    assert added.options == {"catch_all_path": "/404.html"}
    assert added.updated_at is not None

    await client.domains.attach(NAME, OTHER)
    attached = await client.domains.get(NAME)
    assert (attached.message_id, attached.options) == (OTHER, added.options)
    assert attached.updated_at is not None
    assert attached.updated_at > added.updated_at

    await client.domains.detach(NAME)
    assert (await client.domains.get(NAME)).message_id == ""

    await client.domains.remove(NAME)
    assert await client.domains.list() == {}
    with pytest.raises(ResourceNotFoundError, match=NAME):
        await reader.domains.get(NAME, address)
    assert await client.fetch_aggregate(address, "domains") == {NAME: None}


async def test_a_domain_that_is_there_is_not_added_over(
    client: AuthenticatedAlephHttpClient,
) -> None:
    await client.domains.add(NAME, SITE, "program")
    with pytest.raises(ArgumentError, match="attach"):
        await client.domains.add(NAME, OTHER, "ipfs")
    await client.domains.attach(NAME, OTHER, "instance", options={"confidential": True})
    domain = await client.domains.get(NAME)
    assert (domain.type, domain.message_id) == ("instance", OTHER)
    assert domain.options == {"confidential": True}


async def test_what_holds_already_is_not_written_again(
    client: AuthenticatedAlephHttpClient,
) -> None:
    await client.domains.add(NAME, SITE, "ipfs")
    assert await client.domains.attach(NAME, SITE) is None
    assert await client.domains.remove("other.example.org") is None
    with pytest.raises(ResourceNotFoundError):
        await client.domains.detach("other.example.org")


async def test_domains_added_at_once_are_all_there(node: DevNode, account: ETHAccount) -> None:
    clients = [AuthenticatedAlephHttpClient(account, node.url) for _ in range(3)]
    names = [f"{letter}.example.org" for letter in "abc"]
    await gather(
        [
            partial(client.domains.add, name, SITE, "ipfs")
            for client, name in zip(clients, names, strict=True)
        ],
        limit=3,
    )
    assert sorted(await clients[0].domains.list()) == names
    await clients[0].domains.move(SITE, OTHER)
    found = await clients[0].domains.list()
    assert {domain.message_id for domain in found.values()} == {OTHER}
    for client in clients:
        await client.aclose()


async def test_a_domain_that_is_set_up_has_all_its_records(node: DevNode, address: str) -> None:
    with NameServer(zone(address.lower())) as server:
        async with asking(node, server) as reader:
            check = await reader.domains.check(NAME, "ipfs", address)
            records = await reader.domains.required_records(NAME, "ipfs", address)
    assert (check.domain, check.ok, check.missing) == (NAME, True, ())
    assert [entry.record for entry in check.records] == list(records)


async def test_what_is_missing_or_wrong_is_told(node: DevNode, address: str) -> None:
    found = zone(address)
    del found[f"_dnslink.{NAME}", "CNAME"]
    found[f"_control.{NAME}", "TXT"] = ['"0xsomebodyelse"', '"unrelated"']
    with NameServer(found) as server:
        async with asking(node, server) as reader:
            check = await reader.domains.check(NAME, "ipfs", address)
    assert not check.ok
    assert [record.role for record in check.missing] == ["delegation", "ownership"]
    assert sorted(check.records[2].found) == ["0xsomebodyelse", "unrelated"]


async def test_the_root_of_a_zone_is_checked_by_its_addresses(node: DevNode, address: str) -> None:
    found = {**zone(address), ("example.org", "A"): ["192.0.2.2"]}
    with NameServer(found) as server:
        async with asking(node, server) as reader:
            alias = (await reader.domains.check("example.org", "ipfs", address)).records[0]
            flattened = (
                await reader.domains.check("example.org", "ipfs", address, root=False)
            ).records[0]
    assert (alias.record.type, alias.ok, alias.found) == ("ALIAS", True, ("192.0.2.2",))
    assert (flattened.record.type, flattened.ok) == ("CNAME", True)


async def test_machines_are_checked_at_their_own_gateways(node: DevNode, address: str) -> None:
    target = f"{NAME}.instance.public.aleph.sh"
    found = {(NAME, "CNAME"): [target], (f"_control.{NAME}", "TXT"): [f'"{address}"']}
    with NameServer(found) as server:
        async with asking(node, server) as reader:
            assert (await reader.domains.check(NAME, "instance", address)).ok
            program = await reader.domains.check(NAME, "program", address)
    assert [record.role for record in program.missing] == ["address"]


async def test_name_servers_that_do_not_tell_are_an_error(node: DevNode, address: str) -> None:
    with NameServer({}, rcode=dns.rcode.SERVFAIL) as server:
        async with asking(node, server) as reader:
            with pytest.raises(TransportError):
                await reader.domains.check(NAME, "ipfs", address)
    settings = Settings(DNS_RESOLVERS="dns.example.org")
    async with AlephHttpClient(node.url, settings=settings) as reader:
        with pytest.raises(ConfigurationError, match="ALEPH_DNS_RESOLVERS"):
            await reader.domains.check(NAME, "ipfs", address)


async def test_checking_needs_an_extra(
    reader: AlephHttpClient, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == "dns"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "dns", None)
    with pytest.raises(MissingDependencyError, match=r"aleph-sync\[dns\]"):
        await reader.domains.check(NAME, "ipfs", address)
    assert len(await reader.domains.required_records(NAME, "ipfs", address)) == 3


@pytest.mark.parametrize(
    ("method", "arguments", "options"),
    [
        ("add", ("localhost", SITE, "ipfs"), {}),
        ("add", (NAME, "nothash", "ipfs"), {}),
        ("add", (NAME, SITE, "website"), {}),
        ("add", (NAME, SITE, "ipfs"), {"options": ["x"]}),
        ("attach", (NAME, SITE, "website"), {}),
        ("attach", (NAME, SITE), {"options": {"catch_all_path": 5}}),
        ("detach", ("a b",), {}),
        ("remove", (None,), {}),
        ("move", (SITE, "x"), {}),
        ("get", ("localhost",), {}),
        ("check", (NAME, "website"), {}),
        ("required_records", ("localhost", "ipfs"), {}),
    ],
)
async def test_what_can_be_known_to_be_wrong_is_not_sent(
    node: DevNode,
    account: ETHAccount,
    recording: HttpClient,
    requests: list[str],
    method: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
) -> None:
    async with AuthenticatedAlephHttpClient(account, node.url, http_client=recording) as client:
        with pytest.raises(ArgumentError):
            await getattr(client.domains, method)(*arguments, **options)
    assert requests == []
