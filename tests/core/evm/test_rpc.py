from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.call import Answer, JsonBody
from aleph_core.errors import ApiError, MalformedAnswerError, RateLimited
from aleph_core.evm import rpc
from aleph_core.evm.errors import RpcError
from aleph_core.evm.superfluid import token_balance
from aleph_core.evm.units import from_wei

ADA = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def answer(body: Any, status: int = 200) -> Answer:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {}, text, node="http://node")


def told(*queries: rpc.Query[Any], body: Any, status: int = 200) -> list[Any]:
    return rpc.ask(queries).parse(answer(body, status))


def test_one_question_is_an_object_and_several_are_a_list() -> None:
    one, two = rpc.ask([rpc.chain_id()]), rpc.ask([rpc.chain_id(), rpc.tip()])
    assert isinstance(one.body, JsonBody)
    assert isinstance(two.body, JsonBody)
    assert json.loads(one.body.text) == {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "eth_chainId",
        "params": [],
    }
    assert [entry["method"] for entry in json.loads(two.body.text)] == [
        "eth_chainId",
        "eth_maxPriorityFeePerGas",
    ]
    assert one.idempotent


def test_answers_are_told_apart_by_their_numbers() -> None:
    body = [{"id": 2, "result": "0x5"}, {"id": 1, "result": "0xa86a"}]
    assert told(rpc.chain_id(), rpc.tip(), body=body) == [43_114, 5]


def test_a_refusal_takes_the_place_of_its_answer() -> None:
    body = [
        {"id": 1, "error": {"code": 3, "message": "execution reverted", "data": "0xea76c9b3"}},
        {"id": 2, "result": "0x5"},
    ]
    refused, tip = told(rpc.chain_id(), rpc.tip(), body=body)
    assert isinstance(refused, RpcError)
    assert (refused.code, refused.data, refused.node) == (3, "0xea76c9b3", "http://node")
    assert "eth_chainId" in str(refused)
    assert refused.said == "execution reverted"
    assert tip == 5


def test_an_answer_that_is_missing_is_an_error() -> None:
    value, missing = told(rpc.chain_id(), rpc.tip(), body=[{"id": 1, "result": "0x1"}])
    assert value == 1
    assert isinstance(missing, RpcError)


def test_several_questions_may_be_refused_as_one() -> None:
    with pytest.raises(RpcError, match="no batches here"):
        told(
            rpc.chain_id(),
            rpc.tip(),
            body={"id": None, "error": {"code": -32_600, "message": "no batches here"}},
        )


def test_a_refusal_counts_whatever_the_status_says() -> None:
    body = {"id": 1, "error": {"code": -32_000, "message": "nonce too low"}}
    (refused,) = told(rpc.chain_id(), body=body, status=400)
    assert isinstance(refused, RpcError)
    assert refused.status == 400


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, b"<html>", ApiError),
        (429, b"slow down", RateLimited),
        (200, b"<html>", MalformedAnswerError),
        (200, {}, MalformedAnswerError),
        (200, [], MalformedAnswerError),
        (500, {"message": "oops"}, ApiError),
    ],
)
def test_what_is_no_answer_is_a_typed_error(status: int, body: Any, kind: type[ApiError]) -> None:
    with pytest.raises(kind) as caught:
        told(rpc.chain_id(), body=body, status=status)
    assert caught.value.node == "http://node"


@given(st.binary(max_size=50) | JSON, st.integers(1, 3))
def test_no_answer_breaks_the_reader(body: Any, count: int) -> None:
    try:
        outcomes = told(*[rpc.receipt("0xab")] * count, body=body)
    except ApiError:
        return
    assert len(outcomes) == count


@given(JSON)
def test_no_result_breaks_the_reader(result: Any) -> None:
    for query in (rpc.chain_id(), rpc.base_fee(), rpc.receipt("0xab"), token_balance(ADA, ADA)):
        (outcome,) = told(query, body={"id": 1, "result": result})
        assert outcome is None or isinstance(outcome, int | ApiError)


def test_a_contract_that_is_not_there_is_named() -> None:
    (outcome,) = told(token_balance(ADA, ADA), body={"id": 1, "result": "0x"})
    assert isinstance(outcome, MalformedAnswerError)
    assert f"no such contract at {ADA}" in str(outcome)


def test_a_receipt_of_what_is_pending_is_none() -> None:
    assert told(rpc.receipt("0xab"), body={"id": 1, "result": None}) == [None]
    assert told(rpc.receipt("0xab"), body={"id": 1, "result": {"blockNumber": None}}) == [None]


def test_a_receipt_of_another_transaction_is_refused() -> None:
    receipt = {
        "transactionHash": "0xAB",
        "blockNumber": "0x1",
        "gasUsed": "0x1",
        "effectiveGasPrice": "0x1",
        "status": "0x1",
    }
    (found,) = told(rpc.receipt("0xab"), body={"id": 1, "result": receipt})
    assert found.hash == "0xab"
    (other,) = told(rpc.receipt("0xcd"), body={"id": 1, "result": receipt})
    assert isinstance(other, MalformedAnswerError)


def test_the_base_fee_is_that_of_the_next_block() -> None:
    body = {"id": 1, "result": {"oldestBlock": "0x1", "baseFeePerGas": ["0x7", "0x9"]}}
    assert told(rpc.base_fee(), body=body) == [9]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("0xea76c9b3", "ea76c9b3"),
        ({"message": "reverted", "data": "0xea76c9b3"}, "ea76c9b3"),
        ({"data": {"data": "0xEA76C9B3"}}, "ea76c9b3"),
        ("0x", None),
        ("reverted", None),
        ({}, None),
        (None, None),
        (["0xea76c9b3"], None),
    ],
)
def test_both_forms_of_a_contracts_refusal_are_read(data: Any, expected: str | None) -> None:
    found = rpc.refusal_data(data)
    assert (None if found is None else found.hex()) == expected


@pytest.mark.parametrize(
    ("message", "data", "trouble"),
    [
        ("execution reverted", None, False),
        ("whatever", "0xea76c9b3", False),
        ("insufficient funds for gas * price + value", None, False),
        ("nonce too low", None, False),
        ("replacement transaction underpriced", None, False),
        ("already known", None, False),
        ("limit exceeded", None, True),
        ("header not found", None, True),
        ("method not found", None, True),
    ],
)
def test_what_another_endpoint_may_do_better_is_told_apart(
    message: str, data: str | None, trouble: bool
) -> None:
    assert (
        rpc.is_trouble(RpcError("http://node refused eth_chainId", said=message, data=data))
        is trouble
    )


def test_values_are_no_trouble() -> None:
    assert not rpc.is_trouble(5)
    assert rpc.is_trouble(ApiError("down"))


@pytest.mark.parametrize("number", [[1], {}, None, "1", True, 1.5])
def test_an_answer_whose_number_is_none_is_the_answer_to_nothing(number: object) -> None:
    body = [{"id": number, "result": "0x1"}, {"id": 2, "result": "0x5"}]
    first, tip = told(rpc.chain_id(), rpc.tip(), body=body)
    assert isinstance(first, RpcError) is (number is not True)
    assert tip == 5


def test_a_receipt_of_the_largest_numbers_is_read() -> None:
    most = "0x" + "f" * 64
    said = {
        "transactionHash": "0xab",
        "blockNumber": most,
        "gasUsed": most,
        "effectiveGasPrice": most,
        "status": "0x1",
    }
    (receipt,) = told(rpc.receipt("0xab"), body={"id": 1, "result": said})
    assert receipt.fee == from_wei((2**256 - 1) ** 2)


def test_a_redirection_does_not_show_the_key_in_the_url_of_an_endpoint() -> None:
    headers = {"location": "https://node/v3/secret"}
    with pytest.raises(MalformedAnswerError, match="redirection") as caught:
        rpc.ask([rpc.tip()]).parse(Answer(301, headers, b"", node="http://node"))
    assert "secret" not in str(caught.value)
