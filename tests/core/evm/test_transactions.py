from __future__ import annotations

import os
from decimal import Decimal

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.accounts import ETHAccount
from aleph_core.errors import ArgumentError
from aleph_core.evm.errors import TransactionTimeout
from aleph_core.evm.rpc import quantity
from aleph_core.evm.transactions import Action, Cost, Mining, Transaction, read_receipt

WORDS = st.integers(0, 2**256 - 1)


@given(
    st.binary(min_size=32, max_size=32).filter(any),
    st.integers(1, 2**64 - 1),
    st.integers(0, 2**64 - 2),
    WORDS,
    WORDS,
    st.integers(0, 2**64 - 1),
    st.binary(min_size=20, max_size=20),
    WORDS,
    st.binary(max_size=300),
)
def test_a_signed_transaction_is_the_one_that_eth_account_makes(
    key: bytes,
    chain_id: int,
    nonce: int,
    tip: int,
    max_fee: int,
    gas: int,
    to: bytes,
    value: int,
    data: bytes,
) -> None:
    transaction = Transaction(
        chain_id, nonce, tip, max_fee, gas, Action("0x" + to.hex(), data, value)
    )
    account = ETHAccount(key)
    signed = transaction.signed(account.sign_transaction(transaction.unsigned()))
    theirs = Account.sign_transaction(
        {
            "type": 2,
            "chainId": chain_id,
            "nonce": nonce,
            "maxPriorityFeePerGas": tip,
            "maxFeePerGas": max_fee,
            "gas": gas,
            "to": to,
            "value": value,
            "data": data,
        },
        key,
    )
    assert signed.raw == bytes(theirs.raw_transaction)
    assert signed.hash == "0x" + bytes(theirs.hash).hex()


@pytest.mark.parametrize("transaction", [b"", b"\xf8\x00", b"\x03\xc0", "0x02"])
def test_nothing_but_a_typed_transaction_is_signed(transaction: bytes) -> None:
    with pytest.raises(ArgumentError, match="transaction"):
        ETHAccount(os.urandom(32)).sign_transaction(transaction)


def test_a_fifth_of_gas_and_a_doubled_base_fee_are_allowed_for() -> None:
    cost = Cost(estimate=344_001, base_fee=25, tip=3)
    assert (cost.gas_limit, cost.max_fee) == (412_802, 53)
    assert cost.total == 412_802 * 53


def test_a_receipt_tells_what_was_paid() -> None:
    value = {
        "transactionHash": "0xAB",
        "blockNumber": "0x10",
        "gasUsed": "0x5208",
        "effectiveGasPrice": "0x3b9aca00",
        "l1Fee": "0x2540be400",
        "status": "0x1",
    }
    receipt = read_receipt(value, quantity)
    assert (receipt.hash, str(receipt)) == ("0xab", "0xab")
    assert (receipt.block, receipt.gas, receipt.succeeded) == (16, 21_000, True)
    assert receipt.fee == Decimal("0.00002101")
    assert not read_receipt({**value, "status": "0x0"}, quantity).succeeded


def test_looks_for_a_receipt_grow_rarer_and_end_with_the_time() -> None:
    mining = Mining("0xab", "AVAX", 5)
    elapsed, pauses = 0.0, []
    while elapsed < 5:
        pauses.append(mining.pause(elapsed=elapsed))
        elapsed += pauses[-1]
    with pytest.raises(TransactionTimeout, match="0xab") as caught:
        mining.pause(elapsed=elapsed)
    assert pauses[:3] == [0.25, 0.375, 0.5625]
    assert sum(pauses) == pytest.approx(5)
    assert (caught.value.transaction_hash, caught.value.timeout) == ("0xab", 5)
    assert isinstance(caught.value, TimeoutError)


@pytest.mark.parametrize("timeout", [-1, float("inf"), "5", True])
def test_a_time_to_wait_is_a_number_of_seconds(timeout: float) -> None:
    with pytest.raises(ArgumentError, match="timeout"):
        Mining("0xab", "AVAX", timeout)
