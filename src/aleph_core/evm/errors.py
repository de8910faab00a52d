"""What can go wrong between an account and an EVM chain, with the chain's numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ..errors import AlephError, ApiError, ConfigurationError, InsufficientFundsError

__all__ = [
    "FlowExistsError",
    "FlowNotFoundError",
    "InsufficientDepositError",
    "InsufficientGasError",
    "NonceTakenError",
    "RevertedError",
    "RpcError",
    "TransactionError",
    "TransactionTimeout",
    "UnderpricedError",
    "WrongChainError",
]


class RpcError(ApiError):
    """An endpoint of a chain refused a request.

    ``code``, ``data`` and ``said``, its words, are those of JSON-RPC.
    """

    def __init__(
        self,
        message: str,
        *,
        said: str = "",
        code: int | None = None,
        data: object = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.said = said
        self.code = code
        self.data = data


class WrongChainError(ConfigurationError):
    """The endpoint serves another chain than the account pays on; nothing was sent."""

    def __init__(self, message: str, *, expected: int, found: int, node: str | None = None) -> None:
        super().__init__(message)
        self.expected = expected
        self.found = found
        self.node = node


class TransactionError(AlephError):
    """A transaction was not made, or did not do what it was made for.

    ``transaction_hash`` is None when it was never sent.
    """

    def __init__(
        self, message: str, *, network: str = "", transaction_hash: str | None = None
    ) -> None:
        super().__init__(message)
        self.network = network
        self.transaction_hash = transaction_hash


class RevertedError(TransactionError):
    """A contract refused: ``reason`` is its word for it, ``selector`` the first bytes of its data.

    With a ``transaction_hash`` the transaction was mined to no effect, and its gas is spent.
    """

    def __init__(
        self, message: str, *, reason: str | None = None, selector: str | None = None, **data: Any
    ) -> None:
        super().__init__(message, **data)
        self.reason = reason
        self.selector = selector


class FlowExistsError(RevertedError):
    """There is a flow to this receiver already; update it instead."""


class FlowNotFoundError(RevertedError):
    """There is no flow to this receiver; create it first."""


class InsufficientDepositError(RevertedError, InsufficientFundsError):
    """The super tokens do not cover the deposit of a flow: hours of it, returned when it ends.

    ``required`` is what must be there besides the deposits that are locked already.
    """

    def __init__(
        self,
        message: str,
        *,
        required: Decimal | None = None,
        available: Decimal | None = None,
        token: str = "ALEPH",  # noqa: S107 - a currency
        **data: Any,
    ) -> None:
        super().__init__(message, **data)
        self.required = required
        self.available = available
        self.token = token


class InsufficientGasError(TransactionError, InsufficientFundsError):
    """The native coins do not cover what the transaction may cost; ``token`` is their name."""

    def __init__(
        self,
        message: str,
        *,
        required: Decimal | None = None,
        available: Decimal | None = None,
        token: str = "ETH",  # noqa: S107 - a currency
        **data: Any,
    ) -> None:
        super().__init__(message, **data)
        self.required = required
        self.available = available
        self.token = token


class NonceTakenError(TransactionError):
    """Another transaction of the account has this ``nonce``; nothing of this one happened."""

    def __init__(self, message: str, *, nonce: int | None = None, **data: Any) -> None:
        super().__init__(message, **data)
        self.nonce = nonce


class UnderpricedError(NonceTakenError):
    """The fee is too low for the endpoint, or to replace what waits under the same ``nonce``."""


class TransactionTimeout(TransactionError, TimeoutError):
    """The transaction was sent and not mined in time; it still may be: look for its hash."""

    def __init__(self, message: str, *, timeout: float = 0.0, **data: Any) -> None:
        super().__init__(message, **data)
        self.timeout = timeout
