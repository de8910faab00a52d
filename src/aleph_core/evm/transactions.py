"""Transactions of type 2 (EIP-1559): what they may cost, how they are written, what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from importlib import import_module
from typing import Any, Final

import attrs

from ..errors import ArgumentError
from ..excerpts import shown
from ..waiting import Pauses, check_timeout
from .abi import missing
from .addresses import address_bytes, checked_address, keccak256
from .errors import TransactionTimeout
from .units import from_wei

__all__ = [
    "Action",
    "Cost",
    "Mining",
    "Receipt",
    "SignedTransaction",
    "Transaction",
    "read_action",
    "read_receipt",
]

_TYPE: Final = b"\x02"


@attrs.frozen
class Action:
    """What a transaction does: a call of a contract; ``what`` names it in errors."""

    to: str
    data: bytes = attrs.field(default=b"", repr=lambda data: f"<{len(data)} bytes>")
    value: int = 0
    what: str = "the transaction"


def read_action(tx: Mapping[str, Any] | Action) -> Action:
    """Read the fields of a transaction that say what it does; the rest is decided when it is sent."""
    if isinstance(tx, Action):
        return tx
    if not isinstance(tx, Mapping):
        raise ArgumentError("tx", f"expected a mapping with to, data and value, not {shown(tx)}")
    data, value = tx.get("data") or b"", tx.get("value") or 0
    if isinstance(data, str):
        try:
            data = bytes.fromhex(data.removeprefix("0x"))
        except ValueError:
            raise ArgumentError("tx", "its data must be bytes or hexadecimal digits") from None
    if not isinstance(data, bytes):
        raise ArgumentError("tx", f"its data must be bytes, not {shown(data)}")
    if not isinstance(value, int) or not 0 <= value < 2**256:
        raise ArgumentError("tx", f"its value must be in units of 10^-18, not {shown(value)}")
    return Action(checked_address(tx.get("to"), "tx"), data, value)


@attrs.frozen
class Cost:
    """What a transaction may cost at most, in gas and in units of 10^-18 native coins.

    The estimate of a node is the least with which the call succeeds in the present state, and the
    state moves on: a fifth is added. The base fee may double before the transaction is mined.
    """

    estimate: int
    base_fee: int
    tip: int

    @property
    def gas_limit(self) -> int:
        return -(-self.estimate * 12 // 10)

    @property
    def max_fee(self) -> int:
        return 2 * self.base_fee + self.tip

    @property
    def total(self) -> int:
        return self.gas_limit * self.max_fee


@attrs.frozen
class Transaction:
    """A transaction before it is signed; fees are in units of 10^-18 coins for each gas."""

    chain_id: int
    nonce: int
    tip: int
    max_fee: int
    gas_limit: int
    action: Action

    def unsigned(self) -> bytes:
        """Return the bytes that are signed: the type and the list of its fields, as RLP."""
        return _TYPE + _rlp(self._fields())

    def signed(self, signature: bytes) -> SignedTransaction:
        """Return the transaction with a signature of 65 bytes: r, s and the parity of y."""
        r, s = (int.from_bytes(signature[begin : begin + 32], "big") for begin in (0, 32))
        raw = _TYPE + _rlp([*self._fields(), signature[64], r, s])
        return SignedTransaction(raw, "0x" + keccak256(raw).hex(), self)

    def _fields(self) -> list[Any]:
        action = self.action
        return [
            self.chain_id,
            self.nonce,
            self.tip,
            self.max_fee,
            self.gas_limit,
            address_bytes(action.to),
            action.value,
            action.data,
            [],
        ]


@attrs.frozen
class SignedTransaction:
    """A transaction as it is sent; its hash is known before."""

    raw: bytes
    hash: str
    transaction: Transaction


@attrs.frozen
class Receipt:
    """What came of a transaction: ``fee`` is in native coins, ``gas`` what was used of its limit.

    The text of a receipt is the hash, with ``0x``.
    """

    hash: str
    block: int
    gas: int
    fee: Decimal
    succeeded: bool = True

    def __str__(self) -> str:
        return self.hash


def read_receipt(value: Mapping[str, Any], quantity: Any) -> Receipt:
    """Read a receipt of JSON-RPC; rollups add the price of their data on the chain below."""
    gas = quantity(value["gasUsed"])
    price = quantity(value.get("effectiveGasPrice") or "0x0")
    below = quantity(value.get("l1Fee") or "0x0")
    return Receipt(
        hash=str(value["transactionHash"]).lower(),
        block=quantity(value["blockNumber"]),
        gas=gas,
        fee=from_wei(gas * price + below),
        succeeded=quantity(value["status"]) == 1,
    )


@attrs.define
class Mining:
    """The wait for one transaction, look after look."""

    hash: str
    network: str
    timeout: float = attrs.field(converter=check_timeout)
    _pauses: Pauses = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._pauses = Pauses(self.timeout, first=0.25, longest=2.0)

    def pause(self, *, elapsed: float) -> float:
        """Return the seconds until the next look; ``elapsed`` is since the transaction was sent.

        After the last one ``TransactionTimeout`` is raised.
        """
        pause = self._pauses.next(elapsed=elapsed)
        if pause is None:
            raise TransactionTimeout(
                f"the transaction {self.hash} is not mined on {self.network} after "
                f"{self.timeout:g} s; it may still be: look for it before you send another",
                network=self.network,
                transaction_hash=self.hash,
                timeout=self.timeout,
            )
        return pause


def _rlp(fields: list[Any]) -> bytes:
    try:
        # Untyped.
        rlp: Any = import_module("rlp")
    except ImportError as error:
        raise missing() from error
    encoded: bytes = rlp.encode(fields)
    return encoded
