"""Refusals of contracts and nodes as typed errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..errors import AlephError, ApiError
from .abi import Function, selector
from .errors import (
    FlowExistsError,
    FlowNotFoundError,
    InsufficientDepositError,
    InsufficientGasError,
    NonceTakenError,
    RevertedError,
    RpcError,
    UnderpricedError,
    WrongChainError,
)
from .networks import EvmNetwork
from .rpc import is_trouble, refusal_data
from .transactions import Action, Cost
from .units import from_wei

__all__ = [
    "already_known",
    "data_of",
    "explained",
    "is_doubtful",
    "of_new_flow",
    "poor",
    "reverted",
    "too_poor_for_deposit",
    "wrong_chain",
]

# By what a contract refuses: the type of the error, and what the caller can do.
_REASONS: Final[Mapping[str, tuple[type[RevertedError], str]]] = {
    "CFA_INSUFFICIENT_BALANCE": (
        InsufficientDepositError,
        "the super tokens do not cover its deposit; add some, or choose a lower rate",
    ),
    "CFA_FLOW_ALREADY_EXISTS": (FlowExistsError, "there is one already; update it instead"),
    "CFA_FLOW_DOES_NOT_EXIST": (FlowNotFoundError, "there is none; create it first"),
    "CFA_INVALID_FLOW_RATE": (RevertedError, "the rate must be above zero"),
    "CFA_FWD_INVALID_FLOW_RATE": (RevertedError, "the rate must not be negative"),
    "CFA_NO_SELF_FLOW": (RevertedError, "no flow leads back to its sender"),
    "CFA_ZERO_ADDRESS_RECEIVER": (RevertedError, "the receiver is the zero address"),
    "CFA_FLOW_RATE_TOO_BIG": (RevertedError, "the rate is too large"),
    "CFA_DEPOSIT_TOO_BIG": (RevertedError, "the rate is too large for any deposit"),
    "CFA_ACL_OPERATOR_NO_CREATE_PERMISSIONS": (RevertedError, "the sender did not permit it"),
    "CFA_ACL_OPERATOR_NO_UPDATE_PERMISSIONS": (RevertedError, "the sender did not permit it"),
    "CFA_ACL_OPERATOR_NO_DELETE_PERMISSIONS": (RevertedError, "the sender did not permit it"),
    "CFA_NON_CRITICAL_SENDER": (RevertedError, "its sender can still pay"),
    "SF_TOKEN_MOVE_INSUFFICIENT_BALANCE": (RevertedError, "there are not as many tokens"),
    "HOST_NEED_MORE_GAS": (RevertedError, "the gas did not suffice"),
}
SELECTORS: Final = {selector(f"{name}()"): name for name in _REASONS}
_INTERNAL_ERROR: Final = -32_603
_TEXT: Final = Function("Error(string)", ("string",))
_PANIC: Final = Function("Panic(uint256)", ("uint256",))


def reverted(
    network: EvmNetwork,
    action: Action,
    data: bytes,
    *,
    said: str = "",
    transaction_hash: str | None = None,
) -> RevertedError:
    """Return the error for what a contract refused with; ``said`` is used where that says nothing."""
    name = SELECTORS.get(data[:4])
    kind, advice = _REASONS.get(name or "", (RevertedError, ""))
    reason = name or _words(data) or said or None
    shown = f"{advice} ({name})" if name else reason or "it gave no reason"
    spent = f"; transaction {transaction_hash} was mined to no effect" if transaction_hash else ""
    return kind(
        f"{network.name} refuses to {_deed(action)}: {shown}{spent}",
        reason=reason,
        selector="0x" + data[:4].hex() if len(data) >= 4 else None,
        network=network.name,
        transaction_hash=transaction_hash,
    )


def explained(
    error: ApiError, network: EvmNetwork, action: Action, *, nonce: int | None = None
) -> AlephError:
    """Return what the refusal of a transaction, or of its estimate, means; else the error itself."""
    if not isinstance(error, RpcError):
        return error
    data = refusal_data(error.data)
    words = error.said
    low = words.lower()
    if data is not None or "revert" in low:
        return reverted(network, action, data or b"", said=words)
    if "insufficient" in low and ("fund" in low or "balance" in low):
        return InsufficientGasError(
            f"{network.currency} on {network.name} does not cover the gas to {_deed(action)}: "
            f"{words}",
            token=network.currency,
            network=network.name,
        )
    if "nonce" in low and "low" in low:
        return NonceTakenError(
            f"another transaction of the account took the nonce {nonce} on {network.name}, so "
            f"nothing was done; try again to {_deed(action)}",
            nonce=nonce,
            network=network.name,
        )
    if "underpriced" in low or "less than block base fee" in low or "fee too low" in low:
        return UnderpricedError(
            f"the fee is too low to {_deed(action)} with nonce {nonce} on {network.name} "
            f"({words}): wait for what the account sent before, then try again",
            nonce=nonce,
            network=network.name,
        )
    return error


def of_new_flow(
    network: EvmNetwork,
    action: Action,
    *,
    gas: int | ApiError,
    base_fee: int,
    tip: int,
    coins: int,
    deposit: int,
    tokens: int,
) -> AlephError | None:
    """Return why a flow cannot begin, None when it can; ``gas`` is its estimate, or what refused that.

    The sender has ``coins`` for the gas and ``tokens`` for the deposit, both in units of 10^-18.
    """
    if tokens < deposit:
        return too_poor_for_deposit(network, action, deposit, tokens)
    if isinstance(gas, ApiError):
        return explained(gas, network, action)
    total = Cost(gas, base_fee, tip).total
    return poor(network, action, total, coins) if coins < total else None


def already_known(error: ApiError) -> bool:
    """Tell whether a node refuses a transaction since it has it."""
    low = error.said.lower() if isinstance(error, RpcError) else ""
    return any(words in low for words in ("already known", "already imported", "already exists"))


def is_doubtful(error: ApiError) -> bool:
    """Tell whether an endpoint failed rather than refused, so that it may have passed on what it was sent."""
    if not isinstance(error, RpcError):
        return error.status >= 500 or 200 <= error.status < 300
    if not is_trouble(error):
        return False
    low = error.said.lower()
    return error.code == _INTERNAL_ERROR or "timeout" in low or "timed out" in low


def poor(
    network: EvmNetwork, action: Action, required: int, available: int
) -> InsufficientGasError:
    """Return the error for an account whose native coins do not cover gas and value."""
    return InsufficientGasError(
        f"to {_deed(action)} on {network.name}, the account needs {from_wei(required)} "
        f"{network.currency} for gas and has {from_wei(available)}; send it some",
        required=from_wei(required),
        available=from_wei(available),
        token=network.currency,
        network=network.name,
    )


def too_poor_for_deposit(
    network: EvmNetwork, action: Action, required: int, available: int
) -> InsufficientDepositError:
    """Return the error for an account whose super tokens do not cover deposits."""
    name = "CFA_INSUFFICIENT_BALANCE"
    return InsufficientDepositError(
        f"to {_deed(action)} on {network.name}, {from_wei(required)} ALEPH are locked as deposit, "
        f"and the account has {from_wei(available)}; add some, or choose a lower rate",
        required=from_wei(required),
        available=from_wei(available),
        reason=name,
        selector="0x" + selector(f"{name}()").hex(),
        network=network.name,
    )


def data_of(outcome: object) -> bytes:
    """Return what a contract refused with, nothing for any other answer."""
    return (refusal_data(outcome.data) or b"") if isinstance(outcome, RpcError) else b""


def wrong_chain(network: EvmNetwork, found: int, node: str) -> WrongChainError:
    return WrongChainError(
        f"{node} serves the chain {found}, not {network.chain_id} of {network.name}: correct "
        f"ALEPH_CHAINS_{network.name}_RPC, or the rpc of switch_chain",
        expected=network.chain_id,
        found=found,
        node=node,
    )


def _deed(action: Action) -> str:
    return action.what if action.what != "the transaction" else "send the transaction"


def _words(data: bytes) -> str | None:
    """Return the text of what a contract refused with, in the two forms of Solidity itself."""
    for function in (_TEXT, _PANIC):
        if data[:4] == selector(function.signature):
            try:
                (value,) = function.decode(data[4:])
            except ValueError:
                return None
            return f"panic {value:#x}" if function is _PANIC else " ".join(str(value).split())[:300]
    return None
