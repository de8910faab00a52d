from __future__ import annotations

from typing import Any

import pytest

from aleph_core.chains import EVM_CHAINS
from aleph_core.errors import ArgumentError, ConfigurationError
from aleph_core.evm.networks import NETWORKS, network_named
from aleph_core.settings import Settings

ADDRESS = "0x" + "ab" * 20


def variables(**values: str) -> dict[str, str]:
    environ = {f"ALEPH_CHAINS_{name}": value for name, value in values.items()}
    return dict(Settings.from_environment({"HOME": "/home/ada", **environ}).CHAINS)


def test_every_chain_of_an_account_is_a_network_to_pay_on() -> None:
    assert {*EVM_CHAINS, "AVAX"} <= set(NETWORKS)
    assert len({network.chain_id for network in NETWORKS.values()}) == len(NETWORKS)
    assert all(network.rpc for network in NETWORKS.values())


def test_streams_flow_where_superfluid_is() -> None:
    for name in ("AVAX", "BASE"):
        network = NETWORKS[name]
        for contract in ("token", "super_token", "forwarder", "host", "cfa"):
            assert network.need(contract).startswith("0x")
    with pytest.raises(ConfigurationError, match="ALEPH_CHAINS_ARB_SUPER_TOKEN") as caught:
        NETWORKS["ARB"].need("super_token")
    assert "AVAX, BASE" in str(caught.value)


def test_variables_say_otherwise() -> None:
    given = variables(
        AVAX_RPC="http://127.0.0.1:1/key, http://127.0.0.1:2",
        avax_chain_id="31337",
        AVAX_SUPER_TOKEN=ADDRESS,
        AVAX_FORWARDER=ADDRESS,
        BASE_RPC="http://127.0.0.1:3",
        AVAX_ACTIVE="true",
        ARBITRUM_RPC="http://127.0.0.1:4",
    )
    network = network_named("AVAX", given)
    assert network.rpc == ("http://127.0.0.1:1/key", "http://127.0.0.1:2")
    assert network.chain_id == 31_337
    assert (network.super_token, network.forwarder) == (ADDRESS, ADDRESS)
    assert network.token == NETWORKS["AVAX"].token
    assert network_named("ARB", given).rpc == ("http://127.0.0.1:4",)
    assert network_named("ETH", given) == NETWORKS["ETH"]
    assert "key" not in repr(network)


def test_an_endpoint_with_its_key_shows_in_no_settings() -> None:
    settings = Settings.from_environment({"ALEPH_CHAINS_AVAX_RPC": "http://node/secret"})
    assert "secret" not in repr(settings)
    assert "AVAX_RPC" in repr(settings)
    hash(settings)


def test_an_account_says_otherwise_than_variables() -> None:
    changes = {"rpc": ["http://127.0.0.1:9"], "host": None, "token": ADDRESS}
    network = network_named("AVAX", variables(AVAX_RPC="http://127.0.0.1:1"), changes)
    assert network.rpc == ("http://127.0.0.1:9",)
    assert network.host == NETWORKS["AVAX"].host
    assert network.token == ADDRESS


@pytest.mark.parametrize(
    ("name", "value"), [("AVAX_CHAIN_ID", "many"), ("AVAX_CHAIN_ID", "0"), ("AVAX_TOKEN", "0x12")]
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"ALEPH_CHAINS_{name}"):
        network_named("AVAX", variables(**{name: value}))


@pytest.mark.parametrize("name", ["", "DOGE", None, 5])
def test_an_unknown_network_is_refused(name: object) -> None:
    with pytest.raises(ArgumentError, match=r"chain.*AVAX"):
        network_named(name, {})


def test_a_network_may_go_by_another_name_or_in_small_letters() -> None:
    assert network_named("optimism", {}).name == "OP"
    assert network_named("base", {}).chain_id == 8453


@pytest.mark.parametrize("rpc", [5, [5], b"http://node/key", [b"http://node/key"], [None]])
def test_endpoints_that_are_no_texts_are_refused_and_not_shown(rpc: Any) -> None:
    with pytest.raises(ArgumentError, match="rpc") as caught:
        network_named("AVAX", {}, {"rpc": rpc})
    assert "key" not in str(caught.value)
