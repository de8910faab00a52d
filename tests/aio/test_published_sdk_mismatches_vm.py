"""What the published SDK's client of compute nodes does against what these nodes really do, row by row.

The numbers are those of the recorded differences; each test shows that this client has none of them.
"""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aleph_async import (
    ArgumentError,
    ETHAccount,
    LogEntry,
    NotAuthorized,
    RetryPolicy,
    TransportError,
    UnsupportedByNode,
    VmClient,
    VmNotFound,
    _wall_clock,
)
from aleph_core.accounts import CosmosAccount, NULS2Account, TezosAccount
from aleph_devnode import DevNode
from tests.hostile import HostileServer, answer

pytestmark = pytest.mark.anyio

ABSENT = "e" * 64


@pytest.fixture
def unreachable() -> str:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


async def first_entry(vm_client: VmClient, vm_id: str) -> LogEntry:
    async for entry in vm_client.get_logs(vm_id):
        return entry
    raise AssertionError("the log is empty")


async def test_row_14_answers_to_the_login_are_no_log_lines(
    node: DevNode, account: ETHAccount, vm_id: str
) -> None:
    async with VmClient(account, node.url) as vm_client:
        entry = await first_entry(vm_client, vm_id)
        assert isinstance(entry, LogEntry)
        assert "connected" not in entry.message
        with pytest.raises(VmNotFound):
            await first_entry(vm_client, ABSENT)
    async with VmClient(ETHAccount.generate(), node.url) as stranger:
        with pytest.raises(NotAuthorized):
            await first_entry(stranger, vm_id)


async def test_row_15_expiring_is_told_to_be_impossible(
    node: DevNode, account: ETHAccount, vm_id: str
) -> None:
    async with VmClient(account, node.url) as vm_client:
        result = await vm_client.expire_instance(vm_id)
        assert (result.status, result.ok) == (400, False)
        assert isinstance(result.error, UnsupportedByNode)


async def test_row_16_no_rescue_is_offered_that_no_release_has(
    node: DevNode, account: ETHAccount, vm_id: str
) -> None:
    async with VmClient(account, node.url) as vm_client:
        assert not hasattr(vm_client, "enter_rescue")
        result = await vm_client.perform_operation(vm_id, "rescue")
        assert (result.status, result.ok) == (404, False)
        assert isinstance(result.error, UnsupportedByNode)


async def test_row_17_a_client_that_lives_longer_than_its_key_gets_another(
    account: ETHAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Later:
        """A clock two days later."""

        @staticmethod
        def now(zone: Any) -> datetime:
            return datetime.now(zone) + timedelta(days=2)

    def expiry(headers: dict[str, str]) -> datetime:
        payload = json.loads(headers["x-signedpubkey"])["payload"]
        return datetime.fromisoformat(json.loads(bytes.fromhex(payload))["expires"])

    with HostileServer(answer("Stopped", content_type="text/plain")) as server:
        async with VmClient(account, server.url) as vm_client:
            await vm_client.stop_instance(ABSENT)
            monkeypatch.setattr(_wall_clock, "datetime", Later)
            await vm_client.stop_instance(ABSENT)
        first, second = [expiry(request.headers) for request in server.requests]
    assert first - datetime.now(UTC) < timedelta(days=1)
    assert second - datetime.now(UTC) > timedelta(days=2)


@pytest.mark.parametrize("kind", [CosmosAccount, NULS2Account, TezosAccount])
async def test_row_18_wallets_of_other_chains_are_refused_here_and_not_by_the_node(
    node: DevNode, kind: Any
) -> None:
    with pytest.raises(ArgumentError, match="Ethereum and Solana") as caught:
        VmClient(kind.generate(), node.url)
    assert caught.value.argument == "account"


async def test_row_19_no_answer_is_no_success(account: ETHAccount, unreachable: str) -> None:
    policy = RetryPolicy(attempts=2, initial_delay=0.01)
    async with VmClient(account, unreachable, retry=policy) as vm_client:
        with pytest.raises(TransportError):
            await vm_client.perform_operation(ABSENT, "stop")
        with pytest.raises(TransportError):
            await vm_client.manage_instance(ABSENT, ["stop", "erase"])


async def test_row_20_a_start_has_minutes_and_its_failures_are_ours(
    account: ETHAccount, unreachable: str
) -> None:
    async with VmClient(account, unreachable, retry=None) as vm_client:
        with pytest.raises(TransportError):
            await vm_client.notify_allocation(ABSENT)

    def slow(peer: Any) -> None:
        peer.read_body()
        peer.wait(0.5)
        up(peer)

    up = answer({"success": True, "failing": []}, read_body=False)
    with HostileServer(slow) as server:
        # Far longer than the time that is allowed for other answers.
        async with VmClient(account, server.url, timeout=0.1) as vm_client:
            assert (await vm_client.notify_allocation(ABSENT)).ok
