"""What belongs to addresses: tokens, credits, files, and how many messages they published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import attrs

from .page import Page
from .record import Record

__all__ = [
    "AccountFile",
    "AccountFiles",
    "AddressStats",
    "Balance",
    "ChainBalance",
    "CreditBalance",
    "CreditDetail",
    "CreditEntry",
    "CreditSummary",
]


@attrs.frozen(kw_only=True)
class CreditDetail(Record):
    """Credits that expire together; without a date they never do."""

    amount: Decimal
    expiration_date: datetime | None = None


@attrs.frozen(kw_only=True)
class Balance(Record):
    """What one address holds; ``details`` are the tokens by chain.

    ``locked_amount`` are the tokens that what it runs requires to be held.
    ``credit_balance_details`` come only when they are asked for. None is what the node did not tell.
    """

    address: str
    balance: Decimal
    details: Mapping[str, Decimal] = attrs.field(factory=dict)
    locked_amount: Decimal | None = None
    credit_balance: Decimal | None = None
    credit_balance_details: tuple[CreditDetail, ...] = ()


@attrs.frozen(kw_only=True)
class ChainBalance(Record):
    """The tokens of an address on one chain."""

    address: str
    balance: Decimal
    chain: str


@attrs.frozen(kw_only=True)
class CreditBalance(Record):
    """The credits of an address."""

    address: str
    credits: Decimal


@attrs.frozen(kw_only=True)
class CreditEntry(Record):
    """Credits that came, or went if ``amount`` is negative, and how.

    ``origin`` is the other party; ``credit_ref`` and ``credit_index`` name the entry.
    """

    amount: Decimal
    price: Decimal | None = None
    bonus_amount: Decimal | None = None
    tx_hash: str | None = None
    token: str | None = None
    chain: str | None = None
    provider: str | None = None
    origin: str | None = None
    origin_ref: str | None = None
    payment_method: str | None = None
    credit_ref: str | None = None
    credit_index: int | None = None
    expiration_date: datetime | None = None
    message_timestamp: datetime | None = None
    expense_count: int | None = None
    expense_size_mib: Decimal | None = None


@attrs.frozen(kw_only=True)
class CreditSummary(Record):
    """The sums over a credit history; what went is negative."""

    address: str
    entry_count: int
    total_amount: Decimal
    total_incoming: Decimal | None = None
    total_outgoing: Decimal | None = None


@attrs.frozen(kw_only=True)
class AddressStats(Record):
    """How many messages an address published, in all and by type; None is what the node left out."""

    address: str
    messages: int
    post: int | None = None
    aggregate: int | None = None
    store: int | None = None
    forget: int | None = None
    program: int | None = None
    instance: int | None = None
    v_program: int | None = None


@attrs.frozen(kw_only=True)
class AccountFile(Record):
    """A file that an address keeps on the network by the STORE message ``item_hash``.

    ``size`` is in bytes, ``type`` is ``file`` or ``directory``.
    """

    file_hash: str
    item_hash: str
    size: int | None = None
    type: str | None = None
    created: datetime | None = None


@attrs.frozen(repr=False)
class AccountFiles(Page[AccountFile]):
    """A page of files; ``total_size`` is that of all files of the address, in bytes."""

    total_size: int | None = None
