from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from aleph_devnode import DevNode
from aleph_sync import ETHAccount, SOLAccount
from tests.interop.driving import Async, Blocking, Ours, PublishedSdk

KEYS = {"ETH": "a1" * 32, "SOL": "b2" * 32}


@pytest.fixture(scope="session")
def node() -> Iterator[DevNode]:
    with DevNode() as running:
        yield running


@pytest.fixture(scope="session")
def sdk(node: DevNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PublishedSdk]:
    python = os.environ.get("ALEPH_PUBLISHED_SDK_PYTHON")
    if not python:
        pytest.fail(
            "ALEPH_PUBLISHED_SDK_PYTHON must name a Python that has aleph-sdk-python; "
            "`nox -s interop` makes one and runs these tests",
            pytrace=False,
        )
    home = tmp_path_factory.mktemp("home")
    with PublishedSdk(python, node, KEYS, home) as running:
        for address in running.addresses.values():
            node.fund(address)
        yield running


@pytest.fixture
def eth() -> ETHAccount:
    return ETHAccount(KEYS["ETH"])


@pytest.fixture
def sol() -> SOLAccount:
    return SOLAccount(bytes.fromhex(KEYS["SOL"]))


@pytest.fixture(params=[Blocking, Async], ids=["blocking", "async"])
def ours(request: pytest.FixtureRequest, node: DevNode, eth: ETHAccount) -> Iterator[Ours]:
    client = request.param(eth, node.url)
    yield client
    client.close()


@pytest.fixture(params=[Blocking, Async], ids=["blocking", "async"])
def ours_on_solana(
    request: pytest.FixtureRequest, node: DevNode, sol: SOLAccount
) -> Iterator[Ours]:
    client = request.param(sol, node.url)
    yield client
    client.close()
