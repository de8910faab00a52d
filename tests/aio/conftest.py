"""A local node for all tests of the client, and clients of accounts that nobody used before."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    RetryPolicy,
    VmClient,
    _wall_clock,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode
from tests.devnode.author import Author

from .machines import publish_instance


@pytest.fixture(scope="session")
def node() -> Iterator[DevNode]:
    """A node on which what waits for another message stays pending until that one comes."""
    with DevNode(retry_delay=300) as node:
        yield node


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings and no home folder of whoever runs the tests."""
    for name in os.environ:
        if name.upper().startswith("ALEPH_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def hold_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that stays before 2027, when nodes begin to take credits alone for files."""
    behind = max(_wall_clock.now() - datetime(2026, 12, 1, tzinfo=UTC), timedelta())
    told = _wall_clock.now
    monkeypatch.setattr(_wall_clock, "now", lambda: told() - behind)


@pytest.fixture
def account(node: DevNode) -> ETHAccount:
    """A new account with tokens and credits."""
    account = ETHAccount.generate()
    node.fund(account.get_address())
    return account


@pytest.fixture
def channel() -> str:
    """A channel that nobody else uses."""
    return f"test-{os.urandom(8).hex()}"


@pytest.fixture
async def client(node: DevNode, account: ETHAccount) -> AsyncIterator[AuthenticatedAlephHttpClient]:
    client = AuthenticatedAlephHttpClient(account, node.url)
    yield client
    await client.aclose()


@pytest.fixture
async def pauper(node: DevNode) -> AsyncIterator[AuthenticatedAlephHttpClient]:
    """A client of a new account that owns nothing."""
    client = AuthenticatedAlephHttpClient(ETHAccount.generate(), node.url)
    yield client
    await client.aclose()


@pytest.fixture
async def reader(node: DevNode) -> AsyncIterator[AlephHttpClient]:
    client = AlephHttpClient(node.url)
    yield client
    await client.aclose()


@pytest.fixture
async def services(node: DevNode) -> AsyncIterator[AlephHttpClient]:
    """A client without an account whose services all are the local node's."""
    client = AlephHttpClient(settings=node.client_settings())
    yield client
    await client.aclose()


@pytest.fixture
def owner(node: DevNode, account: ETHAccount) -> Author:
    """Whoever publishes machines with plain requests; the same as the account."""
    return Author(node.url, account)


@pytest.fixture
def rootfs(owner: Author) -> str:
    return owner.store(b"rootfs")


@pytest.fixture
async def vm_id(client: AuthenticatedAlephHttpClient, node: DevNode) -> str:
    """An instance of the account that runs."""
    vm_id = await publish_instance(client)
    async with VmClient(client.account, node.url) as vm_client:
        await vm_client.start_instance(vm_id, raise_on_error=True)
    return vm_id


@pytest.fixture
async def hasty(account: ETHAccount) -> AsyncIterator[Any]:
    """Make clients of a compute node that lose little time between attempts."""
    clients: list[VmClient] = []

    def make(url: str, **options: Any) -> VmClient:
        policy = RetryPolicy(initial_delay=0.01, maximum_delay=0.05)
        client = VmClient(account, url, **{"retry": policy, "timeout": 5, **options})
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
def requests() -> list[str]:
    """The requests made through ``recording``, as ``GET /path``."""
    return []


@pytest.fixture
async def recording(requests: list[str]) -> AsyncIterator[HttpClient]:
    """An HTTP client to pass to a client of ours, which notes every request in ``requests``."""

    async def note(request: Any) -> None:
        requests.append(f"{request.method} {request.url.path}")

    # No certificates to load: there is no TLS here.
    async with HttpClient(event_hooks={"request": [note]}, verify=False) as http_client:
        yield http_client
