"""Tokens and credits of addresses, and the messages that move credits."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from sqlite3 import Connection
from typing import Any

import attrs
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from .processed import Message
from .rejections import invalid_format
from .times import now

TRANSFER_TYPE, TRANSFER_CHANNEL = "aleph_credit_transfer", "ALEPH_CREDIT"
PROVIDER = "ALEPH"


class _Entry(BaseModel):
    address: str = Field(min_length=1)
    amount: int = Field(gt=0)
    expiration: int | None = None

    @field_validator("amount", mode="before")
    @classmethod
    def _whole(cls, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"amount must be an integer, got {type(value).__name__}")
        return value


class _Entries(BaseModel):
    credits: list[_Entry] = Field(min_length=1)


class _Transfer(BaseModel):
    transfer: _Entries

    @model_validator(mode="after")
    def _distinct(self) -> _Transfer:
        receivers = [entry.address for entry in self.transfer.credits]
        if len(set(receivers)) != len(receivers):
            raise ValueError("Duplicate recipient addresses are not allowed in a single transfer")
        return self


@attrs.frozen
class _Lot:
    """Hold credits that came, or went, in one step; times in seconds."""

    address: str
    amount: int
    ref: str
    index: int
    time: float
    expiration: float | None = None


def add(connection: Connection, address: str, *, tokens: Decimal, credit: int) -> None:
    """Add tokens (on Ethereum) and credits that never expire to what an address owns."""
    if tokens:
        balance = by_chain(connection, address).get("ETH", Decimal(0)) + tokens
        connection.execute(
            "INSERT INTO balances VALUES (?, 'ETH', ?) ON CONFLICT (address, chain)"
            " DO UPDATE SET balance = excluded.balance",
            (address, str(balance)),
        )
    if credit:
        (number,) = connection.execute(
            "SELECT count(*) FROM credit_history WHERE credit_ref = 'fund'"
        ).fetchone()
        # Granted before any message, so that back-dated messages can spend it.
        lot = _Lot(address, credit, "fund", number, time=0.0)
        _grant(connection, lot)
        _record(connection, attrs.evolve(lot, time=now()), origin=None, method="devnode")


def tokens_of(connection: Connection, address: str) -> Decimal:
    return sum(by_chain(connection, address).values(), Decimal(0))


def by_chain(connection: Connection, address: str) -> dict[str, Decimal]:
    rows = connection.execute(
        "SELECT chain, balance FROM balances WHERE address = ?", (address,)
    ).fetchall()
    return {row["chain"]: Decimal(row["balance"]) for row in rows}


def credits_of(connection: Connection, address: str) -> int:
    (amount,) = connection.execute(
        "SELECT coalesce(sum(remaining), 0) FROM credit_lots"
        " WHERE address = ? AND (expiration IS NULL OR expiration > ?)",
        (address, now()),
    ).fetchone()
    return int(amount)


def is_transfer(message: Message) -> bool:
    content = message.content
    return (
        content.get("type") == TRANSFER_TYPE
        and message.channel == TRANSFER_CHANNEL
        and bool(content.get("content"))
    )


def transfer(connection: Connection, message: Message) -> None:
    """Move credits from the owner of a message as it says; raises ``Rejected``."""
    try:
        entries = _Transfer.model_validate(message.content["content"]).transfer.credits
    except ValidationError as error:
        raise invalid_format(f"Invalid credit transfer content: {error.errors()}") from error
    sender = message.owner
    if any(entry.address == sender for entry in entries):
        raise invalid_format(f"Self-transfer not allowed: sender and recipient are both {sender}")
    required, available = sum(entry.amount for entry in entries), credits_of(connection, sender)
    if required > available:
        raise invalid_format(
            f"Insufficient credit balance for transfer. Required: {required}, Available: {available}"
        )
    index, time = 0, message.content_time
    for entry in entries:
        requested = None if entry.expiration is None else entry.expiration / 1000
        for amount, expiration in _consume(connection, sender, entry.amount, requested, time):
            lot = _Lot(entry.address, amount, message.item_hash, index, time, expiration)
            _grant(connection, lot)
            _record(connection, lot, origin=sender)
            index += 1
        spent = _Lot(sender, -entry.amount, message.item_hash, index, time)
        _record(connection, spent, origin=entry.address)
        index += 1


def _consume(
    connection: Connection, address: str, amount: int, requested: float | None, time: float
) -> list[tuple[int, float | None]]:
    """Take credits, oldest first; what they become expires with them, or earlier when asked."""
    taken: list[tuple[int, float | None]] = []
    for lot in connection.execute(
        "SELECT rowid, remaining, expiration FROM credit_lots WHERE address = ? AND remaining > 0"
        " AND (expiration IS NULL OR expiration > ?) ORDER BY granted, credit_ref, credit_index",
        (address, time),
    ).fetchall():
        part = min(amount, lot["remaining"])
        if part == 0:
            break
        amount -= part
        connection.execute(
            "UPDATE credit_lots SET remaining = remaining - ? WHERE rowid = ?", (part, lot["rowid"])
        )
        limits = [limit for limit in (lot["expiration"], requested) if limit is not None]
        expiration = min(limits, default=None)
        if taken and taken[-1][1] == expiration:
            taken[-1] = (taken[-1][0] + part, expiration)
        else:
            taken.append((part, expiration))
    return taken


def _grant(connection: Connection, lot: _Lot) -> None:
    connection.execute(
        "INSERT INTO credit_lots VALUES (?, ?, ?, ?, ?, ?)",
        (lot.address, lot.ref, lot.index, lot.amount, lot.expiration, lot.time),
    )


def _record(
    connection: Connection, lot: _Lot, *, origin: str | None, method: str = "credit_transfer"
) -> None:
    connection.execute(
        "INSERT INTO credit_history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            lot.address,
            lot.amount,
            PROVIDER,
            origin,
            method,
            lot.ref,
            lot.index,
            lot.expiration,
            lot.time,
        ),
    )


def details(connection: Connection, address: str) -> list[Mapping[str, Any]]:
    """Return what is left by expiration: never first, then the soonest."""
    return connection.execute(
        "SELECT expiration, sum(remaining) AS amount FROM credit_lots WHERE address = ? AND remaining > 0"
        " AND (expiration IS NULL OR expiration > ?) GROUP BY expiration"
        " ORDER BY expiration IS NOT NULL, expiration",
        (address, now()),
    ).fetchall()
