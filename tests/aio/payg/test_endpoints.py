"""Endpoints that fail, forget and dawdle, before a real chain."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from aleph_async import (
    ETHAccount,
    FlowExistsError,
    InsufficientGasError,
    NonceTakenError,
    RevertedError,
    TransactionTimeout,
    UnderpricedError,
    WrongChainError,
)
from aleph_async._runtime import sleep, start
from aleph_core.evm import rpc as questions
from tests.evm_chain import EvmChain, Relay, reply, says
from tests.hostile import HostileServer, Peer, answer

pytestmark = [pytest.mark.anyio, pytest.mark.payg]

RATE = Decimal("0.000001")
FIRST = ["eth_chainId"]
DECISION = ["eth_estimateGas", "eth_feeHistory", "eth_maxPriorityFeePerGas", "eth_getBalance"]


def asks(entries: list[dict[str, Any]], method: str) -> bool:
    return any(entry["method"] == method for entry in entries)


async def test_requests_are_few(before: Relay, payer: ETHAccount, receiver: str) -> None:
    await payer.create_flow(receiver, RATE)
    sending = [["eth_getTransactionCount"], ["eth_sendRawTransaction"]]
    looks = before.methods[3:]
    assert before.methods[:3] == [FIRST + DECISION, *sending]
    assert looks == [["eth_getTransactionReceipt"]] * len(looks)
    assert len(before.methods) <= 7

    for method, arguments, reading in (
        (payer.update_flow, (receiver, RATE * 2), 0),
        (payer.manage_flow, (receiver, RATE, "increase"), 1),
        (payer.open_payg, (receiver, RATE, "0x" + "12" * 20, RATE), 1),
        (payer.delete_flow, (receiver,), 0),
    ):
        before.bodies.clear()
        await method(*arguments)
        assert before.methods[reading : reading + 3] == [DECISION, *sending]
        assert len(before.methods) <= 7
    for read, arguments in (
        (payer.get_flow, (receiver,)),
        (payer.get_eth_balance, ()),
        (payer.get_token_balance, ()),
        (payer.get_super_token_balance, ()),
        (payer.can_start_flow, (RATE,)),
        (payer.can_transact, ({"to": receiver},)),
    ):
        before.bodies.clear()
        await read(*arguments)
        assert len(before.methods) == 1


async def test_an_endpoint_of_another_chain_is_not_paid_on(
    before: Relay, payer: ETHAccount, receiver: str
) -> None:
    payer.switch_chain(chain_id=8453)
    with pytest.raises(WrongChainError, match="serves the chain 43114") as caught:
        await payer.create_flow(receiver, RATE)
    assert (caught.value.expected, caught.value.found) == (8453, 43_114)
    assert caught.value.node == before.url
    assert not before.sent("eth_sendRawTransaction")


async def test_when_the_answer_to_sending_is_lost_the_same_bytes_are_sent_again(
    chain: EvmChain, before: Relay, payer: ETHAccount, receiver: str
) -> None:
    lost: list[bytes] = []

    def lose(peer: Peer, entries: list[dict[str, Any]], chain: EvmChain) -> bool:
        if lost or not asks(entries, "eth_sendRawTransaction"):
            return False
        lost.append(chain.forward(peer.request.body))
        peer.reset()
        return True

    before.faults.append(lose)
    receipt = await payer.create_flow(receiver, RATE)
    assert json.loads(lost[0])["result"] == receipt.hash
    sent = before.sent("eth_sendRawTransaction")
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert (await payer.get_flow(receiver)).rate == RATE


async def test_when_no_answer_to_sending_comes_the_receipt_still_does(
    before: Relay, payer: ETHAccount, receiver: str
) -> None:
    def lose(peer: Peer, entries: list[dict[str, Any]], chain: EvmChain) -> bool:
        if not asks(entries, "eth_sendRawTransaction"):
            return False
        chain.forward(peer.request.body)
        answer("<html>", status=502, read_body=False)(peer)
        return True

    before.faults.append(lose)
    receipt = await payer.create_flow(receiver, RATE)
    assert receipt.succeeded
    assert len({str(params) for params in before.sent("eth_sendRawTransaction")}) == 1


async def test_a_transaction_that_reverts_is_an_error_and_no_hash(
    chain: EvmChain, payer: ETHAccount, receiver: str
) -> None:
    """Both are fine when they are made, and one is mined behind the other."""
    twice: list[RevertedError] = []

    async def create() -> None:
        try:
            await payer.create_flow(receiver, RATE)
        except RevertedError as error:
            twice.append(error)

    with chain.without_mining():
        works = [start(create), start(create)]
        for _ in range(500):
            if int(chain.rpc("txpool_status")["pending"], 16) == 2:
                break
            await sleep(0.01)
    for work in works:
        await work.result()
    (error,) = twice
    assert isinstance(error, FlowExistsError)
    assert error.transaction_hash is not None
    mined = chain.rpc("eth_getTransactionReceipt", error.transaction_hash)
    assert mined["status"] == "0x0"
    assert error.transaction_hash in str(error)


async def test_a_transaction_that_runs_out_of_gas_says_so(
    before: Relay, payer: ETHAccount, receiver: str
) -> None:
    def underestimate(peer: Peer, entries: list[dict[str, Any]], chain: EvmChain) -> bool:
        if not asks(entries, "eth_estimateGas"):
            return False
        answers = json.loads(chain.forward(peer.request.body))
        for entry, said in zip(entries, answers, strict=True):
            if entry["method"] == "eth_estimateGas":
                said["result"] = hex(int(said["result"], 16) * 6 // 10)
        reply(peer, answers)
        return True

    before.faults.append(underestimate)
    with pytest.raises(RevertedError, match="ran out of its") as caught:
        await payer.create_flow(receiver, RATE)
    assert caught.value.transaction_hash is not None


async def test_what_is_not_mined_in_time_is_told_with_its_hash(
    chain: EvmChain, payer: ETHAccount, receiver: str
) -> None:
    with chain.without_mining():
        with pytest.raises(TransactionTimeout) as caught:
            await payer.create_flow(receiver, RATE, timeout=0.5)
        assert caught.value.timeout == 0.5
        waiting = chain.rpc("eth_getTransactionByHash", caught.value.transaction_hash)
        assert waiting["blockNumber"] is None
    assert (await payer.get_flow(receiver)).rate == RATE


async def test_what_waits_is_not_replaced_for_the_same_fee(
    chain: EvmChain, before: Relay, payer: ETHAccount, receiver: str
) -> None:
    with chain.without_mining():
        with pytest.raises(TransactionTimeout):
            await payer.create_flow(receiver, RATE, timeout=0.3)
        before.faults.append(says("eth_getTransactionCount", "0x0"))
        with pytest.raises(UnderpricedError, match="underpriced") as caught:
            await payer.create_flow("0x" + "34" * 20, RATE)
    assert caught.value.nonce == 0


async def test_a_nonce_that_another_program_took_is_chosen_anew(
    before: Relay, payer: ETHAccount, receiver: str
) -> None:
    await payer.create_flow(receiver, RATE)
    before.faults.append(says("eth_getTransactionCount", "0x0"))
    await payer.update_flow(receiver, RATE * 2)
    assert (await payer.get_flow(receiver)).rate == RATE * 2


async def test_a_nonce_that_stays_taken_is_an_error(
    before: Relay, payer: ETHAccount, receiver: str
) -> None:
    await payer.create_flow(receiver, RATE)
    before.faults.append(says("eth_getTransactionCount", "0x0", times=9))
    with pytest.raises(NonceTakenError, match="try again") as caught:
        await payer.update_flow(receiver, RATE * 2)
    assert type(caught.value) is NonceTakenError
    assert caught.value.nonce == 0
    assert len(before.sent("eth_sendRawTransaction")) == 4


async def test_coins_that_vanish_before_sending_are_told_in_numbers(
    chain: EvmChain, before: Relay, payer: ETHAccount, receiver: str
) -> None:
    def rob(peer: Peer, entries: list[dict[str, Any]], chain: EvmChain) -> bool:
        if asks(entries, "eth_sendRawTransaction"):
            chain.fund(payer.get_address(), coins=5)
        return False

    before.faults.append(rob)
    with pytest.raises(InsufficientGasError) as caught:
        await payer.create_flow(receiver, RATE)
    assert caught.value.available == Decimal("5e-18")
    assert caught.value.required is not None
    assert caught.value.required > caught.value.available


async def test_another_endpoint_is_asked_where_one_fails(
    before: Relay, payer: ETHAccount, receiver: str
) -> None:
    refusal = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32_005, "message": "limit exceeded"}}
    with (
        HostileServer(answer("<html>", status=403)) as forbidden,
        HostileServer(answer(refusal)) as exhausted,
    ):
        payer.switch_chain(rpc=[forbidden.url, exhausted.url, before.url])
        await payer.create_flow(receiver, RATE)
        assert (await payer.get_flow(receiver)).rate == RATE
        assert await payer.get_token_balance() == 0
        # Who answered is asked first from then on.
        assert len(forbidden.requests) == 2
        assert len(exhausted.requests) == 2
    await payer.aclose()


async def test_an_endpoint_that_takes_one_question_at_a_time_will_do(
    before: Relay, payer: ETHAccount, receiver: str
) -> None:
    def refuse(peer: Peer, entries: list[dict[str, Any]], chain: EvmChain) -> bool:
        if len(entries) == 1:
            return False
        error = {"code": -32_600, "message": "batches are not taken"}
        reply(peer, {"jsonrpc": "2.0", "id": None, "error": error})
        return True

    before.faults.append(refuse)
    await payer.create_flow(receiver, RATE)
    assert (await payer.get_flow(receiver)).rate == RATE
    assert sum(len(methods) > 1 for methods in before.methods) == 1


async def test_while_an_endpoint_dawdles_everything_else_goes_on(
    before: Relay, payer: ETHAccount, receiver: str
) -> None:
    asked: list[bool] = []

    def dawdle(peer: Peer, entries: list[dict[str, Any]], chain: EvmChain) -> bool:
        if asks(entries, "eth_estimateGas"):
            asked.append(True)
            while asked:
                peer.wait(0.01)
        return False

    before.faults.append(dawdle)

    async def create() -> None:
        await payer.create_flow(receiver, RATE)

    work = start(create)
    while not asked:
        await sleep(0.01)
    assert await payer.get_eth_balance() == 1
    asked.clear()
    await work.result()
    assert (await payer.get_flow(receiver)).rate == RATE


async def test_a_mined_transaction_is_known_by_its_hash(payer: ETHAccount, receiver: str) -> None:
    receipt = await payer.create_flow(receiver, RATE)
    connection = payer._wallet.connection
    known, unknown = await connection.values(
        questions.transaction(receipt.hash), questions.transaction("0x" + "00" * 32)
    )
    assert known
    assert not unknown
