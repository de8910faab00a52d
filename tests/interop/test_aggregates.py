"""What either library keeps in aggregates, the other reads: ports and authorizations."""

from __future__ import annotations

import secrets

import pytest

from aleph_sync import Authorization, ETHAccount, PortFlags, Ports
from tests.devnode.author import eventually
from tests.interop.driving import Ours, PublishedSdk

pytestmark = pytest.mark.interop

FLAGS = {"tcp": True, "udp": False}


@pytest.fixture
def vm() -> str:
    return secrets.token_hex(32)


def test_ports_of_ours_are_read_by_the_published_sdk(
    sdk: PublishedSdk, ours: Ours, vm: str
) -> None:
    ours("port_forwarder.create_ports", vm, {80: PortFlags(tcp=True)})
    found = sdk("port_forwarder.get_ports", item_hash=vm)
    assert found == {"ports": {"80": FLAGS}}
    ours("port_forwarder.delete_ports", vm)
    (everything,) = sdk("port_forwarder.get_address_ports")["data"]
    assert everything[vm] is None


def test_ports_of_the_published_sdk_are_read_and_kept_by_us(
    sdk: PublishedSdk, ours: Ours, vm: str
) -> None:
    message, _ = sdk("port_forwarder.create_ports", item_hash=vm, ports={"ports": {"443": FLAGS}})
    ours("wait_until_processed", message["item_hash"])
    ours("port_forwarder.update_ports", vm, Ports({80: PortFlags(udp=True)}))
    assert ours("port_forwarder.get_ports", item_hash=vm) == Ports(
        {80: PortFlags(udp=True), 443: PortFlags(tcp=True)}
    )


def test_authorizations_go_both_ways(sdk: PublishedSdk, ours: Ours) -> None:
    owner = sdk.addresses["ETH"]
    ours("authorizations.revoke_all")
    one, other = (ETHAccount.generate().get_address() for _ in range(2))
    ours("authorizations.add", Authorization(one, chain="ETH", types=["POST"]))
    (found,) = sdk("get_authorizations", address=owner)
    assert (found["address"], found["chain"], found["types"]) == (one, "ETH", ["POST"])
    ours("authorizations.update", one, Authorization(one))
    sdk("add_authorization", authorization={"address": other, "channels": ["TEST"]})
    # The SDK returns before the network has processed what it published.
    eventually(lambda: len(ours("authorizations.get")) == 2)
    assert ours("authorizations.get") == [
        Authorization(one),
        Authorization(other, channels=["TEST"]),
    ]
    ours("authorizations.revoke", other)
    assert ours("get_authorizations", owner) == [Authorization(one)]
