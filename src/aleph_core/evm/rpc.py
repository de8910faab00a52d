"""JSON-RPC of EVM nodes: questions, several of which travel in one request, and their answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, NoReturn, TypeVar

import attrs

from ..call import Answer, Call, JsonBody
from ..calls.answers import facts, malformed, refuse
from ..errors import ApiError, MalformedAnswerError
from ..excerpts import shown
from ..json_text import json_text
from .abi import Function
from .errors import RpcError
from .transactions import Action, Receipt, read_receipt

__all__ = [
    "Query",
    "ask",
    "balance",
    "base_fee",
    "call",
    "chain_id",
    "gas",
    "is_trouble",
    "nonce",
    "receipt",
    "refusal_data",
    "send",
    "simulate",
    "tip",
    "transaction",
]

T = TypeVar("T")

_QUANTITY: Final = re.compile("0x[0-9a-fA-F]{1,64}")
_BYTES: Final = re.compile("0x(?:[0-9a-fA-F]{2})*")


@attrs.frozen
class Query(Generic[T]):
    """One question to a node of a chain; ``read`` raises ``ValueError`` for what is no answer."""

    method: str
    params: tuple[Any, ...]
    read: Callable[[Any], T]


def ask(queries: Sequence[Query[Any]]) -> Call[list[Any]]:
    """Ask all of it in one request; each answer is a value or the ``ApiError`` that came for it.

    The call raises ``ApiError`` when the request as a whole is refused.
    """
    requests = [
        {"jsonrpc": "2.0", "id": number, "method": query.method, "params": list(query.params)}
        for number, query in enumerate(queries, 1)
    ]
    body = requests[0] if len(requests) == 1 else requests

    def parse(answer: Answer) -> list[Any]:
        return _read(answer, queries)

    # The hash of a signed transaction is known before it is sent, so it may be sent again too.
    return Call("POST", "", parse, body=JsonBody(json_text(body).encode()))


def chain_id() -> Query[int]:
    return Query("eth_chainId", (), quantity)


def gas(sender: str, action: Action) -> Query[int]:
    """Ask for the least gas with which the action would succeed now."""
    return Query("eth_estimateGas", (_call_object(sender, action),), quantity)


def simulate(sender: str, action: Action, block: int | None = None) -> Query[bytes]:
    """Carry the action out to no effect, in the state after a block, None for the latest."""
    state = "latest" if block is None else hex(block)
    return Query("eth_call", (_call_object(sender, action), state), _bytes)


def call(contract: str, function: Function, *arguments: Any) -> Query[tuple[Any, ...]]:
    """Ask a contract."""

    def read(value: Any) -> tuple[Any, ...]:
        data = _bytes(value)
        if not data:
            raise ValueError(f"there is no such contract at {contract}")
        return function.decode(data)

    data = "0x" + function.encode(*arguments).hex()
    return Query("eth_call", ({"to": contract, "data": data}, "latest"), read)


def base_fee() -> Query[int]:
    """Ask for the base fee of the next block."""

    def read(value: Any) -> int:
        return quantity(value["baseFeePerGas"][-1])

    return Query("eth_feeHistory", ("0x1", "latest", []), read)


def tip() -> Query[int]:
    """Ask what is usual to pay above the base fee."""
    return Query("eth_maxPriorityFeePerGas", (), quantity)


def balance(address: str) -> Query[int]:
    """Ask for native coins, in units of 10^-18."""
    return Query("eth_getBalance", (address, "latest"), quantity)


def nonce(address: str) -> Query[int]:
    """Ask for the next free nonce, behind what waits to be mined."""
    return Query("eth_getTransactionCount", (address, "pending"), quantity)


def send(raw: bytes) -> Query[str]:
    return Query("eth_sendRawTransaction", ("0x" + raw.hex(),), str)


def receipt(transaction_hash: str) -> Query[Receipt | None]:
    """Ask what came of a transaction; None while it is not mined."""

    def read(value: Any) -> Receipt | None:
        # Some nodes tell of what is still pending.
        if value is None or value.get("blockNumber") is None:
            return None
        found = read_receipt(value, quantity)
        if found.hash != transaction_hash:
            raise ValueError(f"the receipt is that of {found.hash}")
        return found

    return Query("eth_getTransactionReceipt", (transaction_hash,), read)


def transaction(transaction_hash: str) -> Query[bool]:
    """Ask whether a transaction is known, mined or waiting."""
    return Query("eth_getTransactionByHash", (transaction_hash,), lambda value: value is not None)


def is_trouble(outcome: object) -> bool:
    """Tell whether an answer says that its endpoint fails, where another may do better."""
    if not isinstance(outcome, RpcError):
        return isinstance(outcome, ApiError)
    if refusal_data(outcome.data) is not None:
        return False
    return not _DECISION.search(outcome.said)


# What nodes say of the transaction itself, which all of them would.
_DECISION: Final = re.compile(
    r"revert|insufficient|nonce|underpriced|already (?:known|imported|exists)|intrinsic|"
    r"out of gas|gas required exceeds|less than block base fee|fee cap|exceeds block gas limit|"
    r"invalid sender|chain.?id|invalid opcode|tx type not supported",
    re.IGNORECASE,
)


def refusal_data(data: object) -> bytes | None:
    """Return what a contract refused with, in either form in which nodes tell it."""
    while isinstance(data, Mapping):
        data = data.get("data")
    if isinstance(data, str) and len(data) >= 10 and _BYTES.fullmatch(data):
        return bytes.fromhex(data[2:])
    return None


def quantity(value: Any) -> int:
    if isinstance(value, str) and _QUANTITY.fullmatch(value):
        return int(value, 16)
    raise ValueError(f"{shown(value)} is no number in hexadecimal digits")


def _bytes(value: Any) -> bytes:
    if isinstance(value, str) and _BYTES.fullmatch(value):
        return bytes.fromhex(value[2:])
    raise ValueError(f"{shown(value)} is not bytes in hexadecimal digits")


def _call_object(sender: str, action: Action) -> dict[str, str]:
    # Without a price, an estimate does not depend on what the sender can pay.
    return {
        "from": sender,
        "to": action.to,
        "data": "0x" + action.data.hex(),
        "value": hex(action.value),
    }


def _read(answer: Answer, queries: Sequence[Query[Any]]) -> list[Any]:
    try:
        body = answer.json()
    except MalformedAnswerError:
        if answer.status != 200:
            _refuse(answer, queries[0].method)
        raise
    entries = body if isinstance(body, list) else [body]
    spoken = [
        entry
        for entry in entries
        if isinstance(entry, dict) and ("result" in entry or entry.get("error") is not None)
    ]
    if not spoken:
        if answer.status != 200:
            _refuse(answer, queries[0].method)
        malformed(answer, "an answer of JSON-RPC")
    if not isinstance(body, list):
        if len(queries) > 1:
            raise _refusal(answer, queries[0], spoken[0])
        return [_outcome(answer, queries[0], spoken[0])]
    by_number = {entry["id"]: entry for entry in spoken if isinstance(entry.get("id"), int)}
    return [
        _outcome(answer, query, by_number.get(number, {}))
        for number, query in enumerate(queries, 1)
    ]


def _refuse(answer: Answer, method: str) -> NoReturn:
    # An endpoint sends to another address of its own, with the key that is in the URL.
    headers = {name: value for name, value in answer.headers.items() if name != "location"}
    refuse(attrs.evolve(answer, headers=headers), method)


def _outcome(answer: Answer, query: Query[Any], entry: Mapping[str, Any]) -> Any:
    if entry.get("error") is not None or "result" not in entry:
        return _refusal(answer, query, entry)
    try:
        return query.read(entry["result"])
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        return MalformedAnswerError(
            f"{answer.node or 'the node'} answered {query.method} with {shown(entry['result'])}: "
            f"{error!s:.200}",
            **facts(answer),
        )


def _refusal(answer: Answer, query: Query[Any], entry: Mapping[str, Any]) -> RpcError:
    error = entry.get("error")
    error = error if isinstance(error, Mapping) else {"message": error}
    code = error.get("code")
    words = error.get("message")
    said = " ".join(words.split())[:300] if isinstance(words, str) else "no reason given"
    return RpcError(
        f"{answer.node or 'the node'} refused {query.method}: {said}",
        said=said,
        code=code if isinstance(code, int) else None,
        data=error.get("data"),
        **facts(answer),
    )
