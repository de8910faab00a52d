from __future__ import annotations

import pickle
from decimal import Decimal

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import AlephError, ApiError, InsufficientFundsError, RejectedMessage
from aleph_core.evm import refusals
from aleph_core.evm.errors import (
    FlowExistsError,
    FlowNotFoundError,
    InsufficientDepositError,
    InsufficientGasError,
    NonceTakenError,
    RevertedError,
    RpcError,
    UnderpricedError,
)
from aleph_core.evm.networks import NETWORKS
from aleph_core.evm.transactions import Action

AVAX = NETWORKS["AVAX"]
ACTION = Action("0x" + "11" * 20, what="create the flow to Bob")


def explained(message: str, data: object = None) -> AlephError:
    error = RpcError("refused", said=message, code=3, data=data)
    return refusals.explained(error, AVAX, ACTION, nonce=7)


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        ("0xea76c9b3", InsufficientDepositError, "CFA_INSUFFICIENT_BALANCE"),
        ("0x801b6863", FlowExistsError, "CFA_FLOW_ALREADY_EXISTS"),
        ({"data": "0x5a32bf24"}, FlowNotFoundError, "CFA_FLOW_DOES_NOT_EXIST"),
        ("0x91acad16", RevertedError, "CFA_INVALID_FLOW_RATE"),
        ("0x08c379a0" + encode(["string"], ["too  late"]).hex(), RevertedError, "too late"),
        ("0x4e487b71" + encode(["uint256"], [0x11]).hex(), RevertedError, "panic 0x11"),
        ("0x08c379a0ff", RevertedError, "execution reverted"),
        (None, RevertedError, "execution reverted"),
        ("0x12345678", RevertedError, "execution reverted"),
    ],
)
def test_a_contracts_refusal_has_its_error(
    data: object, kind: type[RevertedError], reason: str
) -> None:
    error = explained("execution reverted", data)
    assert type(error) is kind
    assert isinstance(error, RevertedError)
    assert error.reason == reason
    assert error.network == "AVAX"
    assert error.transaction_hash is None
    assert "create the flow to Bob" in str(error)
    assert reason in str(error)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("insufficient funds for gas * price + value: balance 0", InsufficientGasError),
        ("Insufficient funds for gas * price + value", InsufficientGasError),
        ("nonce too low: next nonce 9, tx nonce 7", NonceTakenError),
        ("replacement transaction underpriced", UnderpricedError),
        ("transaction underpriced", UnderpricedError),
        ("max fee per gas less than block base fee", UnderpricedError),
    ],
)
def test_a_nodes_refusal_has_its_error(message: str, kind: type[AlephError]) -> None:
    error = explained(message)
    assert type(error) is kind
    if isinstance(error, NonceTakenError):
        assert error.nonce == 7


def test_what_is_unknown_stays_what_it_is() -> None:
    error = explained("the moon is full")
    assert type(error) is RpcError
    assert refusals.explained(failed := ApiError("down"), AVAX, ACTION) is failed


def test_a_lack_of_funds_is_one_kind_of_error_with_numbers() -> None:
    gas = refusals.poor(AVAX, ACTION, 3 * 10**17, 10**17)
    deposit = refusals.too_poor_for_deposit(AVAX, ACTION, 72 * 10**14, 0)
    for error, token in ((gas, "AVAX"), (deposit, "ALEPH")):
        assert isinstance(error, InsufficientFundsError)
        assert not isinstance(error, RejectedMessage)
        assert error.token == error.currency == token
        assert str(error.required) in str(error)
        assert vars(pickle.loads(pickle.dumps(error))) == vars(error)
    assert (gas.required, gas.available) == (Decimal("0.3"), Decimal("0.1"))
    assert (deposit.required, deposit.available) == (Decimal("0.0072"), Decimal(0))
    assert deposit.selector == "0xea76c9b3"


@pytest.mark.parametrize("words", ["already known", "Transaction already imported"])
def test_a_transaction_that_a_node_has_is_no_failure(words: str) -> None:
    assert refusals.already_known(RpcError("refused", said=words))
    assert not refusals.already_known(RpcError("refused", said="nonce too low"))


@given(st.binary(max_size=200))
def test_no_refusal_breaks_its_reader(data: bytes) -> None:
    error = refusals.reverted(AVAX, ACTION, data, said="reverted")
    assert isinstance(error, RevertedError)
    assert error.reason is not None


@pytest.mark.parametrize(
    ("gas", "coins", "tokens", "kind"),
    [
        (100, 2760, 5, None),
        (100, 2759, 5, InsufficientGasError),
        (100, 2760, 4, InsufficientDepositError),
        (RpcError("refused", said="execution reverted"), 2760, 5, RevertedError),
        (RpcError("refused", said="execution reverted"), 0, 4, InsufficientDepositError),
    ],
)
def test_what_a_new_flow_lacks_is_told_deposit_first(
    gas: int | ApiError, coins: int, tokens: int, kind: type[AlephError] | None
) -> None:
    error = refusals.of_new_flow(
        AVAX, ACTION, gas=gas, base_fee=10, tip=3, coins=coins, deposit=5, tokens=tokens
    )
    assert type(error) is (type(None) if kind is None else kind)
