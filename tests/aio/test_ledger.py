"""Publishing with a Ledger device, whose owner takes time to decide."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

pytest.importorskip("ledgereth", reason="the ledger extra is not installed")

import ledgerblue.comm

from aleph_async import (
    AlephHttpClient,
    AuthenticatedAlephHttpClient,
    LedgerETHAccount,
    Published,
    SigningError,
    VmClient,
    get_fallback_account,
)
from aleph_async._runtime import sleep, start
from aleph_devnode import DevNode
from tests.ledger_device import EthereumApp, tcp_device

from .machines import publish_instance

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[EthereumApp]:
    with tcp_device() as device:
        monkeypatch.setattr(ledgerblue.comm, "TCP_PROXY", (device.host, device.port))
        yield device.app


async def publish(client: AuthenticatedAlephHttpClient, kind: str) -> Published:
    if kind == "post":
        return await client.create_post("by hand", "note", sync=True)
    return await client.create_store(b"by hand", sync=True)


@pytest.mark.parametrize("kind", ["post", "file"])
async def test_while_a_person_decides_everything_else_goes_on(
    app: EthereumApp, node: DevNode, reader: AlephHttpClient, kind: str
) -> None:
    asked, approved = threading.Event(), threading.Event()

    def decide(shown: str) -> bool:
        asked.set()
        return approved.wait(20)

    app.decide = decide
    account: LedgerETHAccount = get_fallback_account()
    node.fund(account.get_address())
    async with AuthenticatedAlephHttpClient(account, node.url) as client:

        async def work() -> Published:
            return await publish(client, kind)

        publication = start(work)
        while not asked.is_set():
            await sleep(0.01)
        await reader.get_messages(page_size=1)
        approved.set()
        message, status = await publication.result()
    assert status == "processed"
    async with AlephHttpClient(node.url, verify="signature") as strict:
        assert (await strict.get_message(message.item_hash)).sender == account.get_address()
    assert message.item_hash in app.shown[0]


async def test_a_machine_is_controlled_after_one_question(app: EthereumApp, node: DevNode) -> None:
    account = get_fallback_account()
    node.fund(account.get_address())
    async with (
        AuthenticatedAlephHttpClient(account, node.url) as client,
        VmClient(account, node.url, raise_on_error=True) as vm_client,
    ):
        vm_id = await publish_instance(client)
        await vm_client.start_instance(vm_id)
        shown = len(app.shown)
        await vm_client.reboot_instance(vm_id)
        await vm_client.stop_instance(vm_id)
    assert len(app.shown) == shown + 1
    assert "ECDSA" in app.shown[-1]


async def test_a_refusal_on_the_screen_publishes_nothing(app: EthereumApp, node: DevNode) -> None:
    app.decide = lambda shown: False
    async with AuthenticatedAlephHttpClient(get_fallback_account(), node.url) as client:
        with pytest.raises(SigningError, match="refused on the screen"):
            await client.create_post("never", "note")
