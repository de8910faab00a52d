"""Streams on Superfluid's own contracts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from decimal import Decimal

import pytest

from aleph_async import (
    ArgumentError,
    ETHAccount,
    FlowExistsError,
    FlowNotFoundError,
    FlowUpdate,
    InsufficientDepositError,
    InsufficientFundsError,
    InsufficientGasError,
    LedgerETHAccount,
    Receipt,
    flow_rate,
)
from aleph_async._runtime import gather
from tests.evm_chain import EvmChain, Relay

pytestmark = [pytest.mark.anyio, pytest.mark.payg]

RATE = Decimal("0.000001")


def count(chain: EvmChain, account: ETHAccount) -> int:
    """Return how many transactions of an account were mined."""
    return int(chain.rpc("eth_getTransactionCount", account.get_address(), "latest"), 16)


async def test_a_flow_begins_changes_and_ends(
    chain: EvmChain, payer: ETHAccount, receiver: str
) -> None:
    coins = await payer.get_eth_balance()
    begun = await payer.create_flow(receiver, RATE)
    assert begun.hash.startswith("0x")
    assert len(begun.hash) == 66
    mined = chain.rpc("eth_getTransactionReceipt", begun.hash)
    assert (begun.block, begun.gas) == (int(mined["blockNumber"], 16), int(mined["gasUsed"], 16))
    assert await payer.get_eth_balance() == coins - begun.fee

    flow = await payer.get_flow(receiver)
    assert flow
    assert (flow.sender, flow.receiver) == (payer.get_address(), receiver)
    assert (flow.rate, flow.net_rate) == (RATE, -RATE)
    assert flow.per_hour == RATE * 3600
    assert RATE * 14_400 <= flow.deposit < RATE * 14_401
    assert flow.sender_can_pay
    assert flow.updated == int(
        chain.rpc("eth_getBlockByHash", mined["blockHash"], False)["timestamp"], 16
    )

    await payer.update_flow(receiver.lower(), str(RATE * 2))
    assert (await payer.get_flow(receiver)).rate == RATE * 2
    other = ETHAccount.generate()
    other.switch_chain("AVAX", rpc=payer.payment_network.rpc, **chain.contracts)
    assert (await other.get_flow(receiver, payer.get_address())).rate == RATE * 2
    assert not await other.get_flow(receiver)
    await other.aclose()

    await payer.delete_flow(receiver)
    assert not await payer.get_flow(receiver)
    assert count(chain, payer) == 3


async def test_rates_are_told_by_hour_and_month(payer: ETHAccount, receiver: str) -> None:
    rate = flow_rate("0.0123", "hour")
    await payer.create_flow(receiver, rate)
    flow = await payer.get_flow(receiver)
    assert flow.rate == rate
    assert 0 <= flow.per_hour - Decimal("0.0123") < Decimal("1e-14")


async def test_a_deposit_comes_back(payer: ETHAccount, receiver: str) -> None:
    assert await payer.get_super_token_balance() == 10
    await payer.create_flow(receiver, RATE)
    deposit = (await payer.get_flow(receiver)).deposit
    assert 10 - deposit - RATE * 60 <= await payer.get_super_token_balance() < 10 - deposit + RATE
    await payer.delete_flow(receiver)
    assert 10 - RATE * 60 <= await payer.get_super_token_balance() <= 10


async def test_tokens_are_told_apart_from_super_tokens(payer: ETHAccount) -> None:
    assert await payer.get_super_token_balance() == 10
    assert await payer.get_token_balance() == 0
    assert await payer.get_eth_balance() == 1


@pytest.mark.parametrize("as_text", [False, True])
async def test_a_flow_is_managed_up_and_down_until_it_ends(
    chain: EvmChain, payer: ETHAccount, receiver: str, as_text: bool
) -> None:
    up: FlowUpdate | str = "increase" if as_text else FlowUpdate.INCREASE
    down: FlowUpdate | str = "reduce" if as_text else FlowUpdate.REDUCE
    assert await payer.manage_flow(receiver, RATE, down) is None
    assert count(chain, payer) == 0

    assert isinstance(await payer.manage_flow(receiver, RATE, up), Receipt)
    await payer.manage_flow(receiver, RATE * 2, up)
    assert (await payer.get_flow(receiver)).rate == RATE * 3
    await payer.manage_flow(receiver, RATE, down)
    assert (await payer.get_flow(receiver)).rate == RATE * 2
    await payer.manage_flow(receiver, RATE * 2 - Decimal("99e-18"), down)
    assert not await payer.get_flow(receiver)


async def test_both_streams_of_an_instance_begin_in_one_transaction(
    chain: EvmChain, payer: ETHAccount, receiver: str
) -> None:
    community = ETHAccount.generate().get_address()
    await payer.open_payg(receiver, RATE * 4, community, RATE)
    assert count(chain, payer) == 1
    assert (await payer.get_flow(receiver)).rate == RATE * 4
    assert (await payer.get_flow(community)).rate == RATE

    # The next instance is on another node and pays the same community.
    second = ETHAccount.generate().get_address()
    await payer.open_payg(second, RATE * 3, community, RATE)
    assert (await payer.get_flow(second)).rate == RATE * 3
    assert (await payer.get_flow(community)).rate == RATE * 2

    await payer.close_payg(receiver, RATE * 4, community, RATE)
    assert count(chain, payer) == 3
    assert not await payer.get_flow(receiver)
    assert (await payer.get_flow(community)).rate == RATE
    await payer.close_payg(second, RATE * 3, community, RATE)
    assert await payer.close_payg(second, RATE * 3, community, RATE) is None
    assert (await payer.get_flow(community)).net_rate == 0


async def test_one_receiver_of_both_streams_gets_one(payer: ETHAccount, receiver: str) -> None:
    await payer.open_payg(receiver, RATE * 4, receiver, RATE)
    assert (await payer.get_flow(receiver)).rate == RATE * 5


async def test_where_one_stream_is_too_much_neither_begins(
    chain: EvmChain, payer: ETHAccount, receiver: str
) -> None:
    community = ETHAccount.generate().get_address()
    affordable, too_much = Decimal("0.0006"), Decimal("0.0002")
    with pytest.raises(InsufficientDepositError) as caught:
        await payer.open_payg(receiver, affordable, community, too_much)
    assert caught.value.required is not None
    assert Decimal("11.52") <= caught.value.required < Decimal("11.53")
    assert count(chain, payer) == 0
    assert not await payer.get_flow(receiver)


async def test_a_deposit_that_tokens_do_not_cover_is_told_in_numbers(
    chain: EvmChain, before: Relay, payer: ETHAccount, receiver: str
) -> None:
    rate = Decimal("0.001")
    with pytest.raises(InsufficientFundsError) as caught:
        await payer.create_flow(receiver, rate)
    error = caught.value
    assert isinstance(error, InsufficientDepositError)
    assert (error.available, error.token, error.reason) == (10, "ALEPH", "CFA_INSUFFICIENT_BALANCE")
    assert error.required is not None
    assert Decimal("14.4") <= error.required < Decimal("14.40001")
    assert count(chain, payer) == 0
    assert not before.sent("eth_sendRawTransaction")

    with pytest.raises(InsufficientDepositError) as caught_before:
        await payer.can_start_flow(rate)
    assert caught_before.value.required == error.required
    assert not await payer.can_start_flow(rate, block=False)
    assert await payer.can_start_flow(RATE)


async def test_a_faster_flow_needs_the_rest_of_its_deposit(
    payer: ETHAccount, receiver: str
) -> None:
    await payer.create_flow(receiver, "0.0005")
    with pytest.raises(InsufficientDepositError) as caught:
        await payer.update_flow(receiver, "0.001")
    error = caught.value
    assert error.required is not None
    assert error.available is not None
    assert Decimal("7.19999") < error.required < Decimal("7.20001")
    assert Decimal("2.7") < error.available < Decimal("2.8")


async def test_gas_that_coins_do_not_cover_is_told_in_numbers(
    chain: EvmChain, payer: ETHAccount, receiver: str
) -> None:
    chain.fund(payer.get_address(), coins=10**9)
    with pytest.raises(InsufficientFundsError) as caught:
        await payer.create_flow(receiver, RATE)
    error = caught.value
    assert isinstance(error, InsufficientGasError)
    assert (error.available, error.token) == (Decimal("1e-9"), "AVAX")
    assert error.required is not None
    assert error.required > error.available
    with pytest.raises(InsufficientGasError):
        await payer.can_start_flow(RATE)
    assert not await payer.can_start_flow(RATE, block=False)
    assert not await payer.can_transact({"to": receiver, "value": 1}, block=False)
    with pytest.raises(InsufficientGasError):
        await payer.can_transact({"to": receiver, "value": 1})


async def test_what_a_transaction_needs_is_told_before_it_is_made(
    payer: ETHAccount, receiver: str
) -> None:
    assert await payer.can_transact({"to": receiver, "value": 10**17, "data": "0x"})
    assert not await payer.can_transact({"to": receiver, "value": 10**18}, block=False)


async def test_what_is_there_is_not_created_and_what_is_not_is_not_changed(
    chain: EvmChain, payer: ETHAccount, receiver: str
) -> None:
    with pytest.raises(FlowNotFoundError):
        await payer.update_flow(receiver, RATE)
    with pytest.raises(FlowNotFoundError, match="create it first"):
        await payer.delete_flow(receiver)
    await payer.create_flow(receiver, RATE)
    with pytest.raises(FlowExistsError) as caught:
        await payer.create_flow(receiver, RATE)
    assert caught.value.transaction_hash is None
    assert caught.value.selector == "0x801b6863"
    assert count(chain, payer) == 1


async def test_wrong_arguments_are_refused_before_anything_is_asked(
    before: Relay, payer: ETHAccount, receiver: str
) -> None:
    with pytest.raises(ArgumentError, match="receiver"):
        await payer.create_flow(payer.get_address(), RATE)
    with pytest.raises(ArgumentError, match="flow"):
        await payer.create_flow(receiver, 0)
    with pytest.raises(ArgumentError, match="community_rate"):
        await payer.open_payg(receiver, RATE, receiver, -1)
    with pytest.raises(ArgumentError, match="node_receiver"):
        await payer.open_payg("nobody", RATE, receiver, RATE)
    with pytest.raises(ArgumentError, match="timeout"):
        await payer.create_flow(receiver, RATE, timeout=-1)
    assert before.bodies == []


async def test_a_flow_outlives_the_means_of_its_sender(
    chain: EvmChain, payer: ETHAccount, receiver: str
) -> None:
    rate = flow_rate(1, "hour")
    await payer.create_flow(receiver, rate)
    flow = await payer.get_flow(receiver)
    assert flow.seconds_left is not None
    assert 21_500 < flow.seconds_left <= 21_600
    chain.let_pass(6 * 3600 + 60)
    flow = await payer.get_flow(receiver)
    assert flow.rate == rate
    assert not flow.sender_can_pay
    assert flow.seconds_left == 0
    assert flow.available < 0
    assert await payer.get_super_token_balance() == 0


async def test_ten_flows_at_once_all_begin(
    chain: EvmChain,
    before: Relay,
    payer: ETHAccount,
    paying: Callable[[ETHAccount | LedgerETHAccount], None],
) -> None:
    # Another account object with the same key, as each request of a web server makes one.
    twin = ETHAccount(payer.export_private_key(), "AVAX")
    paying(twin)
    receivers = [ETHAccount.generate().get_address() for _ in range(10)]
    calls = [
        functools.partial((payer, twin)[index % 2].create_flow, receiver, RATE)
        for index, receiver in enumerate(receivers)
    ]
    receipts = await gather(calls, limit=10)
    assert len({receipt.hash for receipt in receipts}) == 10
    for receiver in receivers:
        assert (await payer.get_flow(receiver)).rate == RATE
    assert count(chain, payer) == 10
    assert len(before.sent("eth_sendRawTransaction")) == 10


async def test_changes_by_a_rate_at_the_same_time_add_up(payer: ETHAccount, receiver: str) -> None:
    calls = [
        functools.partial(payer.manage_flow, receiver, RATE, FlowUpdate.INCREASE) for _ in range(4)
    ]
    await gather(calls, limit=4)
    assert (await payer.get_flow(receiver)).rate == RATE * 4
