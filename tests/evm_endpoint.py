"""An endpoint of an EVM chain that says by method, or by contract function, what a test wants."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_utils import keccak

from tests.hostile import HostileServer, Peer, answer

GWEI = 10**9
COIN = 10**18


class Refused(Exception):
    """What the endpoint says instead of a result."""

    def __init__(self, message: str, code: int = -32_000, data: object = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message, "data": data}


Said = Any | Callable[..., Any]


class Endpoint:
    """Answers as a chain on which everything succeeds, but for what is put into ``says``.

    A value that can be called gets the parameters, may raise ``Refused``, and is the next answer.
    ``interrupt`` may answer a request of some methods itself, and returns whether it did.
    """

    def __init__(self, chain_id: int = 43_114) -> None:
        self.sent: list[str] = []
        self.methods: list[list[str]] = []
        self.interrupt: Callable[[Peer, list[str]], bool] = lambda peer, methods: False
        self.says: dict[str, Said] = {
            "eth_chainId": hex(chain_id),
            "eth_estimateGas": hex(300_000),
            "eth_feeHistory": {"baseFeePerGas": [hex(20 * GWEI), hex(25 * GWEI)]},
            "eth_maxPriorityFeePerGas": hex(GWEI),
            "eth_getBalance": hex(COIN),
            "eth_getTransactionCount": "0x7",
            "eth_sendRawTransaction": self._take,
            "eth_getTransactionReceipt": self.receipt,
            "eth_getTransactionByHash": lambda known: None,
            "getFlowInfo(address,address,address)": ["uint256", "int96", "uint256", "uint256"],
            "getAccountFlowrate(address,address)": ["int96"],
            "getBufferAmountByFlowrate(address,int96)": ["uint256"],
            "realtimeBalanceOfNow(address)": ["int256", "uint256", "uint256", "uint256"],
            "balanceOf(address)": ["uint256"],
        }
        self.values: dict[str, list[int]] = {
            "getFlowInfo": [0, 0, 0, 0],
            "getAccountFlowrate": [0],
            "getBufferAmountByFlowrate": [COIN],
            "realtimeBalanceOfNow": [10 * COIN, 0, 0, 0],
            "balanceOf": [5 * COIN],
        }
        self.server = HostileServer(self._play)

    @property
    def url(self) -> str:
        return self.server.url

    def receipt(self, hash: str, *, status: int = 1, gas: int = 200_000) -> dict[str, str]:  # noqa: A002
        return {
            "transactionHash": hash,
            "blockNumber": "0x10",
            "gasUsed": hex(gas),
            "effectiveGasPrice": hex(26 * GWEI),
            "status": hex(status),
        }

    def transactions(self) -> list[Any]:
        """Return who sent the transactions, and what they say, as ``eth_account`` reads them."""
        from eth_account.typed_transactions import TypedTransaction
        from hexbytes import HexBytes

        return [
            (Account.recover_transaction(raw), TypedTransaction.from_bytes(HexBytes(raw)).as_dict())
            for raw in self.sent
        ]

    def _take(self, raw: str) -> str:
        self.sent.append(raw)
        return "0x" + keccak(hexstr=raw).hex()

    def _play(self, peer: Peer) -> None:
        peer.read_body()
        body = json.loads(peer.request.body)
        entries = body if isinstance(body, list) else [body]
        methods = [entry["method"] for entry in entries]
        self.methods.append(methods)
        if self.interrupt(peer, methods):
            return
        answers = [self._answer(entry) for entry in entries]
        answer(answers if isinstance(body, list) else answers[0], read_body=False)(peer)

    def _answer(self, entry: dict[str, Any]) -> dict[str, Any]:
        reply = {"jsonrpc": "2.0", "id": entry["id"]}
        try:
            return {**reply, "result": self._result(entry["method"], entry["params"])}
        except Refused as refused:
            return {**reply, "error": refused.error}

    def _result(self, method: str, params: list[Any]) -> Any:
        if method == "eth_call" and method not in self.says:
            return self._call(params[0]["data"])
        said = self.says[method]
        return said(*params) if callable(said) else said

    def _call(self, data: str) -> str:
        for signature, types in self.says.items():
            if "(" in signature and data.startswith("0x" + keccak(text=signature)[:4].hex()):
                values = self.values[signature.partition("(")[0]]
                return "0x" + encode(types, values).hex()
        return "0x"


@contextmanager
def endpoint(chain_id: int = 43_114) -> Iterator[Endpoint]:
    made = Endpoint(chain_id)
    with made.server:
        yield made
