"""How an account logs in at a compute node: clocks, keys that are renewed, wallets that take their time."""

from __future__ import annotations

import json
import pickle
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from eth_account import Account as TheirAccount
from eth_account.messages import encode_defunct

from aleph_async import (
    ApiError,
    AuthenticatedAlephHttpClient,
    ClockSkew,
    ETHAccount,
    KeyExpired,
    LogEntry,
    RemoteAccount,
    RetryPolicy,
    SigningError,
    TransportError,
    VmClient,
    _wall_clock,
)
from aleph_async._runtime import gather
from aleph_devnode import DevNode
from tests.hostile import HostileServer, answer, reset_after_request, unavailable
from tests.signing_service import signing_service

from .machines import publish_instance

pytestmark = pytest.mark.anyio

VM = "e" * 64


class Clock:
    """The clock of the client, which is not that of the node."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self, zone: Any) -> datetime:
        return datetime.now(zone) + self.ahead


@pytest.fixture
def wrong_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_wall_clock, "datetime", clock)
    return clock


class CountingAccount:
    """A wallet of the user's own making, which counts what it signs."""

    CHAIN = "AVAX"
    CURVE = "secp256k1"

    def __init__(self) -> None:
        self._account = TheirAccount.create()
        self.signed = 0

    def get_address(self) -> str:
        return str(self._account.address)

    def sign_raw(self, buffer: bytes) -> bytes:
        self.signed += 1
        return bytes(self._account.sign_message(encode_defunct(primitive=buffer)).signature)


def operations(server: HostileServer) -> list[dict[str, Any]]:
    """Return the documents that were signed for each request."""
    return [
        json.loads(bytes.fromhex(json.loads(request.headers["x-signedoperation"])["payload"]))
        for request in server.requests
    ]


def keys(server: HostileServer) -> set[str]:
    return {request.headers["x-signedpubkey"] for request in server.requests}


@pytest.mark.parametrize("seconds", [-600, 600])
async def test_a_skewed_clock_is_told_and_measured(
    node: DevNode, account: ETHAccount, vm_id: str, wrong_clock: Clock, seconds: int
) -> None:
    wrong_clock.ahead = timedelta(seconds=seconds)
    async with VmClient(account, node.url) as vm_client:
        result = await vm_client.reboot_instance(vm_id)
        assert result.status == 400
        with pytest.raises(ClockSkew, match="set the clock") as caught:
            result.raise_for_status()
        assert caught.value.skew == pytest.approx(seconds, abs=30)
        assert isinstance(await first_error(vm_client, vm_id), ClockSkew)
        wrong_clock.ahead = timedelta(seconds=seconds / 10)
        assert (await vm_client.reboot_instance(vm_id)).ok


async def first_error(vm_client: VmClient, vm_id: str) -> ApiError | LogEntry:
    """Return what a log begins with, an error as a rule."""
    try:
        async for entry in vm_client.get_logs(vm_id):
            return entry
    except ApiError as error:
        return error
    raise AssertionError("the log is empty")


async def test_an_expired_key_is_told_and_replaced(
    node: DevNode, account: ETHAccount, vm_id: str, wrong_clock: Clock
) -> None:
    async with VmClient(account, node.url) as vm_client:
        # The key is signed while the clock is two days behind.
        wrong_clock.ahead = -timedelta(days=2)
        result = await vm_client.reboot_instance(vm_id)
        assert (result.status, result.data) == (401, {"error": "Token expired"})
        with pytest.raises(KeyExpired) as caught:
            result.raise_for_status()
        assert caught.value.skew == pytest.approx(-2 * 86400, abs=30)
        assert isinstance(await first_error(vm_client, vm_id), KeyExpired)
        with pytest.raises(KeyExpired):
            _ = [entry async for entry in vm_client.get_past_logs(vm_id)]
        wrong_clock.ahead = timedelta()
        assert (await vm_client.reboot_instance(vm_id, raise_on_error=True)).ok


async def test_the_wallet_is_asked_once_a_day(wrong_clock: Clock) -> None:
    account: Any = CountingAccount()
    with HostileServer(answer("Stopped", content_type="text/plain")) as server:
        async with VmClient(account, server.url) as vm_client:
            for _ in range(3):
                assert (await vm_client.stop_instance(VM)).ok
            assert account.signed == 1
            wrong_clock.ahead = timedelta(hours=23)
            await vm_client.stop_instance(VM)
            assert (account.signed, len(keys(server))) == (1, 1)
            # Some minutes before the key expires.
            wrong_clock.ahead = timedelta(hours=23, minutes=55)
            await vm_client.stop_instance(VM)
            assert (account.signed, len(keys(server))) == (2, 2)
    [document] = {json.loads(key)["payload"] for key in keys(server)} - {
        json.loads(server.requests[0].headers["x-signedpubkey"])["payload"]
    }
    expires = datetime.fromisoformat(json.loads(bytes.fromhex(document))["expires"])
    assert expires - datetime.now(UTC) > timedelta(hours=47)


async def test_the_wallet_is_asked_once_by_calls_at_the_same_time() -> None:
    account: Any = CountingAccount()
    with HostileServer(answer("Stopped", content_type="text/plain")) as server:
        async with VmClient(account, server.url) as vm_client:
            await gather([lambda: vm_client.stop_instance(VM)] * 5)
    assert account.signed == 1


async def test_each_attempt_is_signed_anew(hasty: Any) -> None:
    script = [
        unavailable(),
        reset_after_request(),
        answer("Stopped", content_type="text/plain"),
    ]
    with HostileServer(script) as server:
        result = await hasty(server.url).stop_instance(VM)
        assert (result.status, result.ok) == (200, True)
        documents = operations(server)
    assert len({document["time"] for document in documents}) == 3
    assert len(keys(server)) == 1
    for document in documents:
        assert document["method"] == "POST"
        assert document["path"] == f"/control/machine/{VM}/stop"
        assert document["domain"] == "127.0.0.1"


@pytest.mark.parametrize("operation", ["reboot", "erase", "reinstall"])
async def test_what_must_not_happen_twice_is_sent_once(hasty: Any, operation: str) -> None:
    for step in (reset_after_request(), unavailable()):
        with HostileServer(step) as server:
            client = hasty(server.url)
            call = getattr(client, f"{operation}_instance")
            if step.__qualname__.startswith("reset"):
                with pytest.raises(TransportError) as caught:
                    await call(VM)
                assert caught.value.sent
            else:
                assert (await call(VM)).status == 503
            assert len(server.requests) == 1


async def test_a_name_with_capitals_and_a_port_is_signed_without(hasty: Any) -> None:
    with HostileServer(answer("Stopped", content_type="text/plain")) as server:
        client = hasty(f"http://LOCALHOST:{server.port}/")
        await client.stop_instance(VM)
        assert operations(server)[0]["domain"] == "localhost"
    assert VmClient(ETHAccount.generate(), "Crn.Example.org").node_url == "https://Crn.Example.org"
    assert hasty("Crn.Example.org:4020").node_domain == "crn.example.org"


async def test_a_wallet_that_gives_no_signature_is_told(hasty: Any) -> None:
    account: Any = CountingAccount()
    account.sign_raw = lambda _buffer: b"short"
    with HostileServer(answer("Stopped")) as server:
        async with VmClient(account, server.url) as vm_client:
            with pytest.raises(SigningError, match="65 bytes"):
                await vm_client.stop_instance(VM)
    assert server.requests == []


async def test_a_signing_service_starts_machines_and_signs_no_keys(
    node: DevNode, client: AuthenticatedAlephHttpClient
) -> None:
    vm_id = await publish_instance(client)
    with signing_service() as service:
        async with (
            await RemoteAccount.from_crypto_host(service.url) as account,
            VmClient(account, node.url) as vm_client,
        ):
            assert (await vm_client.start_instance(vm_id)).ok
            with pytest.raises(SigningError, match="signs messages only"):
                await vm_client.stop_instance(vm_id)


async def test_a_wallet_that_blocks_holds_nothing_up(hasty: Any) -> None:
    account: Any = CountingAccount()
    account.interactive = True
    threads: list[str] = []
    sign = account.sign_raw

    def note(buffer: bytes) -> bytes:
        threads.append(threading.current_thread().name)
        return bytes(sign(buffer))

    account.sign_raw = note
    with HostileServer(answer("Stopped", content_type="text/plain")) as server:
        async with VmClient(account, server.url) as vm_client:
            await vm_client.stop_instance(VM)
    [name] = threads
    blocking = VmClient.__module__.startswith("aleph_sync")
    assert (name == threading.current_thread().name) is blocking


async def test_a_client_shows_and_pickles_no_key(account: ETHAccount, hasty: Any) -> None:
    with HostileServer(answer("Stopped", content_type="text/plain")) as server:
        client = hasty(server.url)
        await client.stop_instance(VM)
        header = json.loads(server.requests[0].headers["x-signedpubkey"])
    assert repr(client) == f"<VmClient {server.url}>"
    assert header["signature"] not in repr(vars(client))
    with pytest.raises(TypeError):
        pickle.dumps(client)


async def test_no_retry_means_one_attempt(account: ETHAccount) -> None:
    with HostileServer(unavailable()) as server:
        async with VmClient(account, server.url, retry=None) as vm_client:
            assert (await vm_client.stop_instance(VM)).status == 503
        assert len(server.requests) == 1
    policy = RetryPolicy(attempts=2, initial_delay=0.01)
    with HostileServer(unavailable()) as server:
        async with VmClient(account, server.url, retry=policy) as vm_client:
            assert (await vm_client.stop_instance(VM)).status == 503
        assert len(server.requests) == 2
