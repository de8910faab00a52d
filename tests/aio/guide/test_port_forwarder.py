"""Ports that compute nodes forward, as the guide shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aleph_message.models import ItemHash

from aleph_async import (
    AlephHttpClient,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    PortFlags,
    Ports,
)

pytestmark = pytest.mark.anyio

VM = "cafe" * 16


@pytest.fixture
async def client(private_key: str) -> AsyncIterator[AuthenticatedAlephHttpClient]:
    async with AuthenticatedAlephHttpClient(account=ETHAccount(private_key)) as client:
        yield client


@pytest.fixture
async def reader() -> AsyncIterator[AlephHttpClient]:
    async with AlephHttpClient() as reader:
        yield reader


async def test_get_ports_info(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient
) -> None:
    address = client.account.get_address()
    await client.port_forwarder.create_port(ItemHash(VM), Ports({80: PortFlags(tcp=True)}))

    ports = await reader.port_forwarder.get_ports(address)
    port: Ports | None = await reader.port_forwarder.get_port(address, ItemHash(VM))
    assert ports == {VM: port}
    assert port is not None
    assert port.ports[80] == PortFlags(tcp=True, udp=False)

    ports = await client.port_forwarder.get_ports()
    port = await client.port_forwarder.get_port(ItemHash(VM))
    assert ports == {VM: port}
    assert await client.port_forwarder.get_port(ItemHash("beef" * 16)) is None


async def test_create_update_and_remove_ports(client: AuthenticatedAlephHttpClient) -> None:
    ports = Ports(
        ports={
            80: PortFlags(tcp=True, udp=False),
            22: PortFlags(tcp=True, udp=False),
        }
    )
    message, status = await client.port_forwarder.create_port(ItemHash(VM), ports)
    assert status == "processed"
    assert await client.port_forwarder.get_port(ItemHash(VM)) == ports

    ports = Ports(
        ports={
            80: PortFlags(tcp=False, udp=True),
            22: None,
        }
    )
    message, status = await client.port_forwarder.update_port(
        item_hash=ItemHash(VM),
        ports=ports,
    )
    assert message["content"]["content"] == {VM: {"ports": {"80": {"tcp": False, "udp": True}}}}
    expected = Ports({80: PortFlags(tcp=False, udp=True)})
    assert await client.port_forwarder.get_port(ItemHash(VM)) == expected

    message, status = await client.port_forwarder.delete_ports(item_hash=ItemHash(VM))
    assert status == "processed"
    assert await client.port_forwarder.get_ports() == {}
