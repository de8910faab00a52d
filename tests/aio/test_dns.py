"""Public names of instances."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    ApiError,
    ArgumentError,
    InvalidItemHashError,
    MalformedAnswerError,
    RetryPolicy,
    Settings,
    UnsupportedByNode,
)
from aleph_devnode import DevNode
from tests.core.compute import EXECUTION, NAME, OTHER_VM, VM
from tests.core.recorded import altered
from tests.devnode.author import Author
from tests.devnode.machines import started
from tests.hostile import answer
from tests.scripted import node as scripted
from tests.scripted import query
from tests.vm_contents import instance

pytestmark = pytest.mark.anyio

LIST = "/instances/list"
OTHER = altered(NAME, name="other.y.aleph.sh", item_hash=OTHER_VM)
SECOND = altered(NAME, name="second.y.aleph.sh")


def asking(url: str) -> AlephHttpClient:
    return AlephHttpClient(
        "http://127.0.0.1:1",
        settings=Settings(DNS_API=url + LIST),
        retry=RetryPolicy(attempts=2, initial_delay=0.01),
    )


async def test_an_instance_that_runs_has_a_name(
    services: AlephHttpClient, node: DevNode, owner: Author, rootfs: str
) -> None:
    vm, other = started(owner, rootfs), started(owner, rootfs)
    names = {name.item_hash: name for name in await services.dns.get_public_dns()}
    assert {vm, other} <= set(names)
    assert await services.dns.get_dns_for_instance(item_hash=vm) == names[vm]
    assert await services.dns.get_dns_for_instance(vm_hash=vm) == names[vm]
    machine = await services.crn.get_vm(node.url, vm)
    assert machine is not None
    assert names[vm].ipv6 == machine["networking"].ipv6_ip
    found = await services.dns.get_public_dns_by_host(node.url)
    assert names[vm] in found
    stopped = owner.send("INSTANCE", instance(rootfs))
    assert await services.dns.get_dns_for_instance(stopped) is None


@pytest.mark.parametrize("encoded", [False, True])
async def test_a_service_that_does_not_filter_is_filtered(encoded: bool) -> None:
    body: Any = [OTHER, NAME, SECOND]
    table = {
        LIST: answer(json.dumps(json.dumps(body) if encoded else body)),
        "/v2/about/executions/list": answer({VM: EXECUTION}),
    }
    with scripted(table) as server:
        async with asking(server.url) as client:
            assert len(await client.dns.get_public_dns()) == 3
            dns = await client.dns.get_dns_for_instance(VM)
            names = await client.dns.get_all_dns_for_instance(vm_hash="0x" + VM)
            host = await client.dns.get_public_dns_by_host(server.url)
    assert dns is not None
    assert dns.name == NAME["name"]
    assert [name.name for name in names] == [name.name for name in host]
    assert [name.name for name in names] == [NAME["name"], SECOND["name"]]
    asked = [query(request) for request in server.requests if LIST in request.target]
    assert asked == [
        {},
        {"item_hash": VM},
        {"item_hash": VM},
        {"crn": "127.0.0.1", "crn_url": "127.0.0.1"},
    ]


async def test_a_host_that_cannot_be_asked_is_an_error() -> None:
    with scripted({LIST: answer([NAME])}) as server:
        async with asking(server.url) as client:
            with pytest.raises(UnsupportedByNode):
                await client.dns.get_public_dns_by_host(server.url)
    with scripted({LIST: answer([])}) as server:
        async with asking(server.url) as client:
            assert await client.dns.get_public_dns_by_host("crn.example") == []


async def test_odd_names_are_reported_and_a_broken_service_is_an_error() -> None:
    bad = altered(NAME, name=None)
    with scripted({LIST: answer([bad, altered(NAME, ipv4=None, ipv6=None)])}) as server:
        seen: list[Any] = []
        async with asking(server.url) as client:
            (name,) = await client.dns.get_public_dns(on_invalid=seen.append)
    assert (name.ipv4, name.ipv6) == (None, None)
    assert [entry.raw for entry in seen] == [bad]
    for step in (answer({"instances": []}), answer('"no list"'), answer(b"<html>")):
        with scripted({LIST: step}) as server:
            async with asking(server.url) as client:
                with pytest.raises(MalformedAnswerError):
                    await client.dns.get_public_dns()
    with scripted({LIST: answer("down", status=500)}) as server:
        async with asking(server.url) as client:
            with pytest.raises(ApiError, match="down"):
                await client.dns.get_dns_for_instance(VM)


async def test_an_instance_is_named_once_and_by_a_hash() -> None:
    async with asking("http://127.0.0.1:1") as client:
        for arguments in ({}, {"item_hash": VM, "vm_hash": VM}):
            with pytest.raises(ArgumentError, match="item_hash"):
                await client.dns.get_dns_for_instance(**arguments)
        with pytest.raises(InvalidItemHashError):
            await client.dns.get_dns_for_instance("x.y.aleph.sh")
        with pytest.raises(ArgumentError, match="crn_hostname"):
            await client.dns.get_public_dns_by_host("")
