"""Streams from an account on a Ledger device, whose owner approves each transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

pytest.importorskip("ledgereth", reason="the ledger extra is not installed")

import ledgerblue.comm
from eth_account import Account

from aleph_async import (
    ETHAccount,
    InsufficientDepositError,
    LedgerETHAccount,
    NonceTakenError,
    SigningError,
    get_fallback_account,
)
from aleph_async._runtime import sleep, start
from tests.evm_chain import EvmChain, Relay, says
from tests.ledger_device import EthereumApp, in_segments, tcp_device

pytestmark = [pytest.mark.anyio, pytest.mark.payg]

RATE = Decimal("0.000001")
# The first account of the mnemonic of the recorded device, which is the banker of the chain.
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
HELLO = bytes.fromhex(
    "f16ea9a3478698f695fd1401bfe27e9e4a7e8e3da94aa72b021125e31fa899cc573c48ea3fe1d4ab61a9db10c1903202"
    "6e3ed2dbccba5a178235ac27f94504311c"
)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[EthereumApp]:
    with tcp_device() as device:
        device.send = in_segments
        device.app.blind_signing = True
        monkeypatch.setattr(ledgerblue.comm, "TCP_PROXY", (device.host, device.port))
        yield device.app


@pytest.fixture
def ledger(
    app: EthereumApp, paying: Callable[[ETHAccount | LedgerETHAccount], None]
) -> LedgerETHAccount:
    account = get_fallback_account(chain="AVAX")
    paying(account)
    return account


async def test_a_person_pays_by_stream(
    chain: EvmChain, before: Relay, app: EthereumApp, ledger: LedgerETHAccount, receiver: str
) -> None:
    assert ledger.get_address() == ADDRESS
    assert ledger.sign_raw(b"hello") == HELLO
    assert await ledger.get_super_token_balance() > 1000
    community = ETHAccount.generate().get_address()

    await ledger.create_flow(receiver, RATE)
    assert (await ledger.get_flow(receiver)).rate == RATE
    await ledger.update_flow(receiver, RATE * 2)
    await ledger.manage_flow(receiver, RATE, "increase")
    assert (await ledger.get_flow(receiver)).rate == RATE * 3
    app.shown.clear()
    await ledger.open_payg(receiver, RATE, community, RATE)
    assert app.shown == ["transaction"]
    await ledger.delete_flow(receiver)
    assert not await ledger.get_flow(receiver)
    assert (await ledger.get_flow(community)).rate == RATE
    await ledger.delete_flow(community)

    # The chain takes what the device signs, and so does other software.
    for (raw,) in before.sent("eth_sendRawTransaction"):
        assert Account.recover_transaction(raw) == ADDRESS


async def test_signatures_of_long_calls_are_not_lost(
    app: EthereumApp, ledger: LedgerETHAccount, receiver: str
) -> None:
    """Two flows make data of several parts; a message of 485 bytes fills its last one."""
    await ledger.open_payg(receiver, RATE, "0x" + "56" * 20, RATE)
    await ledger.close_payg(receiver, RATE, "0x" + "56" * 20, RATE)
    assert max(len(command) for command in app.commands) == 5 + 255
    assert len(ledger.sign_raw(b"a" * 485)) == 65
    assert len(ledger.sign_raw(b"a" * 485)) == 65


async def test_blind_signing_that_is_off_is_explained(
    before: Relay, app: EthereumApp, ledger: LedgerETHAccount, receiver: str
) -> None:
    app.blind_signing = False
    with pytest.raises(SigningError, match="Blind signing") as caught:
        await ledger.create_flow(receiver, RATE)
    assert caught.value.status_word == 0x6A80
    assert not before.sent("eth_sendRawTransaction")
    app.blind_signing = True
    await ledger.create_flow(receiver, RATE)
    await ledger.delete_flow(receiver)


async def test_a_refusal_on_the_screen_pays_nothing(
    before: Relay, app: EthereumApp, ledger: LedgerETHAccount, receiver: str
) -> None:
    app.decide = lambda shown: False
    with pytest.raises(SigningError, match="refused on the screen"):
        await ledger.create_flow(receiver, RATE)
    assert not before.sent("eth_sendRawTransaction")


async def test_nobody_is_asked_to_approve_what_cannot_succeed(
    app: EthereumApp, ledger: LedgerETHAccount, receiver: str
) -> None:
    with pytest.raises(InsufficientDepositError):
        await ledger.create_flow(receiver, 1000)
    assert app.shown == []


async def test_while_a_person_decides_everything_else_goes_on(
    app: EthereumApp, ledger: LedgerETHAccount, receiver: str
) -> None:
    asked, approved = threading.Event(), threading.Event()

    def decide(shown: str) -> bool:
        asked.set()
        return approved.wait(20)

    app.decide = decide

    async def create() -> None:
        await ledger.create_flow(receiver, RATE)

    work = start(create)
    while not asked.is_set():
        await sleep(0.01)
    assert await ledger.get_eth_balance() > 1
    approved.set()
    await work.result()
    assert await ledger.get_flow(receiver)
    await ledger.delete_flow(receiver)


async def test_two_accounts_of_one_device_are_asked_one_after_the_other(
    chain: EvmChain,
    app: EthereumApp,
    ledger: LedgerETHAccount,
    paying: Callable[[ETHAccount | LedgerETHAccount], None],
    receiver: str,
) -> None:
    same = LedgerETHAccount.from_address(ADDRESS, chain="AVAX")
    paying(same)

    async def create() -> None:
        await same.create_flow("0x" + "78" * 20, RATE)

    work = start(create)
    await ledger.create_flow(receiver, RATE)
    await work.result()
    assert len(app.shown) == 2
    await ledger.delete_flow(receiver)
    await same.delete_flow("0x" + "78" * 20)


async def test_a_person_is_not_asked_again_when_a_nonce_is_taken(
    before: Relay, app: EthereumApp, ledger: LedgerETHAccount, receiver: str
) -> None:
    before.faults.append(says("eth_getTransactionCount", "0x0"))
    with pytest.raises(NonceTakenError):
        await ledger.create_flow(receiver, RATE)
    assert app.shown == ["transaction"]
