"""Superfluid's contracts: streams of tokens from one account to another, as calls and questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .abi import Function, encode
from .addresses import address_bytes
from .flows import Flow, FlowChange
from .networks import EvmNetwork
from .rpc import Query, call
from .transactions import Action
from .units import from_wei

__all__ = [
    "account_rate",
    "apply",
    "deposit_for",
    "flow_info",
    "read_flow",
    "real_balance",
    "token_balance",
]

# The forwarder, which takes one change at a time.
_FORWARDER: Final = {
    "create": Function("createFlow(address,address,address,int96,bytes)", ("bool",)),
    "update": Function("updateFlow(address,address,address,int96,bytes)", ("bool",)),
    "delete": Function("deleteFlow(address,address,address,bytes)", ("bool",)),
}
FLOW_INFO: Final = Function(
    "getFlowInfo(address,address,address)", ("uint256", "int96", "uint256", "uint256")
)
ACCOUNT_RATE: Final = Function("getAccountFlowrate(address,address)", ("int96",))
DEPOSIT: Final = Function("getBufferAmountByFlowrate(address,int96)", ("uint256",))
# The agreement itself, whose calls go through the host, many in one transaction.
_AGREEMENT: Final = {
    "create": Function("createFlow(address,address,int96,bytes)"),
    "update": Function("updateFlow(address,address,int96,bytes)"),
    "delete": Function("deleteFlow(address,address,address,bytes)"),
}
BATCH: Final = Function("batchCall((uint32,address,bytes)[])")
_CALL_AGREEMENT: Final = 201
# The token.
REAL_BALANCE: Final = Function(
    "realtimeBalanceOfNow(address)", ("int256", "uint256", "uint256", "uint256")
)
BALANCE: Final = Function("balanceOf(address)", ("uint256",))


def apply(network: EvmNetwork, sender: str, changes: Sequence[FlowChange]) -> Action:
    """Make changes of the sender's flows, all of them or none."""
    if len(changes) == 1:
        return _apply_one(network, sender, changes[0])
    token, agreement = network.need("super_token"), network.need("cfa")
    operations = []
    for change in changes:
        sides = [sender, change.receiver] if change.ends else [change.receiver, change.rate]
        inner = _AGREEMENT[change.kind].encode(token, *sides, b"")
        operation = encode(["bytes", "bytes"], (inner, b""))
        operations.append((_CALL_AGREEMENT, address_bytes(agreement), operation))
    what = " and ".join(change.what for change in changes)
    return Action(network.need("host"), BATCH.encode(operations), what=what)


def _apply_one(network: EvmNetwork, sender: str, change: FlowChange) -> Action:
    token = network.need("super_token")
    arguments = [token, sender, change.receiver, *([] if change.ends else [change.rate]), b""]
    data = _FORWARDER[change.kind].encode(*arguments)
    return Action(network.need("forwarder"), data, what=change.what)


def flow_info(network: EvmNetwork, sender: str, receiver: str) -> Query[tuple[int, ...]]:
    """Ask for a flow: when it last changed, its rate, its deposit, and the deposit that is owed."""
    forwarder, token = network.need("forwarder"), network.need("super_token")
    return call(forwarder, FLOW_INFO, token, sender, receiver)


def account_rate(network: EvmNetwork, account: str) -> Query[tuple[int, ...]]:
    """Ask for the rate of all flows of an account together, negative for what goes out."""
    return call(network.need("forwarder"), ACCOUNT_RATE, network.need("super_token"), account)


def deposit_for(network: EvmNetwork, rate: int) -> Query[tuple[int, ...]]:
    """Ask for the deposit that a flow of a rate locks."""
    return call(network.need("forwarder"), DEPOSIT, network.need("super_token"), rate)


def real_balance(network: EvmNetwork, account: str) -> Query[tuple[int, ...]]:
    """Ask for super tokens: what is available, below zero for who cannot pay, and deposits."""
    return call(network.need("super_token"), REAL_BALANCE, account)


def token_balance(token: str, account: str) -> Query[tuple[int, ...]]:
    return call(token, BALANCE, account)


def read_flow(
    sender: str, receiver: str, info: Sequence[int], real: Sequence[int], net_rate: int
) -> Flow:
    """Put the answers to ``flow_info``, ``real_balance`` and ``account_rate`` together."""
    updated, rate, deposit, owed = info
    return Flow(
        sender=sender,
        receiver=receiver,
        rate=from_wei(rate),
        deposit=from_wei(deposit),
        owed_deposit=from_wei(owed),
        updated=updated,
        available=from_wei(real[0]),
        net_rate=from_wei(net_rate),
    )
