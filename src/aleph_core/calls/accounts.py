"""What belongs to addresses: pyaleph ``/api/v0/addresses``, ``/balances`` and ``/credit_balances``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import attrs

from ..call import Answer, Call
from ..errors import ArgumentError, MalformedAnswerError, VerificationError
from ..excerpts import shown
from ..filters import (
    SortOrder,
    as_texts,
    check_count,
    check_known,
    check_paging,
    check_text,
    check_texts,
)
from ..item_hash import check_address, check_addresses, check_item_hash
from ..models.accounts import (
    AccountFile,
    AccountFiles,
    AddressStats,
    Balance,
    ChainBalance,
)
from ..models.page import Page
from ..models.record import Record
from ..paging import LARGEST_PAGE as LARGEST_CURSOR_PAGE
from ..paging import Position
from ..structuring import amount, structure
from .answers import (
    is_nothing,
    json_list,
    json_object,
    malformed,
    read_page,
    read_record,
    refuse,
    segment,
)

__all__ = [
    "LARGEST_PAGE",
    "address_stats",
    "balance",
    "chain_balances",
    "channels",
    "files",
    "post_types",
    "stats_of",
]

R = TypeVar("R", bound=Record)

LARGEST_PAGE = 1000
"""Newer nodes take no larger pages of what belongs to addresses."""

_LONGEST_PIECE = 66
_STATS_ORDERS = ("aggregate", "forget", "instance", "post", "program", "store", "total")


def paged(position: Position, page_size: int) -> list[tuple[str, str]]:
    """Return the parameters of a page; raise ``ArgumentError`` for one that nodes refuse or shorten."""
    by_cursor = position.page is None
    check_paging(
        position.page, page_size, largest=LARGEST_CURSOR_PAGE if by_cursor else LARGEST_PAGE
    )
    return [("pagination", str(page_size)), *position.params()]


def balance(
    address: str, *, chain: object = None, include_credit_details: bool = False
) -> Call[Balance]:
    """Ask what an address holds, tokens on one chain only if one is named; zeros when nothing."""
    check_address(address)
    name = None if chain is None else check_text(chain, "chain")
    params = [] if name is None else [("chain", name)]
    if include_credit_details:
        params.append(("include_credit_details", "true"))

    def parse(answer: Answer) -> Balance:
        found = read_record(answer, of_address(answer, address, "the balance"), Balance)
        if name is not None and not found.details:
            # Nodes leave the details out when they tell of one chain alone.
            found = attrs.evolve(found, details={name: found.balance})
        return found

    return Call("GET", f"/api/v0/addresses/{segment(address)}/balance", parse, params=params)


def chain_balances(
    *,
    chains: str | Iterable[str] = (),
    min_balance: int | None = None,
    position: Position,
    page_size: int,
) -> Call[Page[ChainBalance]]:
    wanted = check_texts(as_texts(chains), "chains")
    params = paged(position, page_size)
    if wanted:
        params.append(("chains", ",".join(wanted)))
    params += least(min_balance)

    def read(raw: Any) -> ChainBalance:
        found = structure(raw, ChainBalance)
        if (wanted and found.chain not in wanted) or found.balance < (min_balance or 0):
            raise VerificationError(f"the balance {shown(raw, 200)} was not asked for")
        return found

    def parse(answer: Answer) -> Page[ChainBalance]:
        return read_page(answer, "balances", read, page_size=page_size)

    return Call("GET", "/api/v0/balances", parse, params=params)


def least(min_balance: int | None) -> list[tuple[str, str]]:
    if min_balance is None:
        return []
    return [("min_balance", str(check_count(min_balance, "min_balance", 1)))]


def files(
    address: str,
    *,
    sort_order: SortOrder | None = None,
    file_hash: str | None = None,
    position: Position,
    page_size: int,
) -> Call[AccountFiles]:
    """List the files that an address keeps, the latest first; one without any has an empty page."""
    check_address(address)
    params = paged(position, page_size)
    # This list alone has the name of its order in snake case.
    if sort_order is not None:
        params.append(("sort_order", sort_order.value))
    if file_hash is not None:
        file_hash = check_item_hash(file_hash, "file_hash")
        params.append(("file_hash", file_hash))

    def read(raw: Any) -> AccountFile:
        found = structure(raw, AccountFile)
        if file_hash not in (None, found.file_hash):
            raise VerificationError(f"the file {shown(found.file_hash)} was not asked for")
        return found

    def parse(answer: Answer) -> AccountFiles:
        if is_nothing(answer):
            empty: Page[AccountFile] = nothing("files", position, page_size)
            # With one file asked for, nothing is said of the others.
            all_of_it = empty.total if file_hash is None else None
            return _with_size(empty, total=all_of_it, total_size=all_of_it)
        page = read_page(answer, "files", read, page_size=page_size)
        size = amount(json_object(answer).get("total_size"))
        return _with_size(
            page,
            # Nodes count all files, whichever was asked for.
            total=page.total if file_hash is None else None,
            total_size=None if size is None else int(size),
        )

    return Call("GET", f"/api/v0/addresses/{segment(address)}/files", parse, params=params)


def _with_size(
    page: Page[AccountFile], *, total: int | None, total_size: int | None
) -> AccountFiles:
    fields = {field.name: getattr(page, field.name) for field in attrs.fields(Page)}
    return AccountFiles(**{**fields, "total": total, "total_size": total_size})


def stats_of(addresses: str | Sequence[str]) -> Call[Page[AddressStats]]:
    """Count the messages of these addresses; those that published nothing are absent."""
    wanted = check_addresses(addresses)
    if not wanted:
        raise ArgumentError("addresses", "name at least one")

    def parse(answer: Answer) -> Page[AddressStats]:
        return _read_stats(answer, page_size=len(wanted), addresses=wanted)

    params = [("addresses[]", address) for address in wanted]
    return Call("GET", "/api/v0/addresses/stats.json", parse, params=params)


def address_stats(
    *,
    address_contains: str | None = None,
    sort_by: object = None,
    sort_order: SortOrder | None = None,
    position: Position,
    page_size: int,
) -> Call[Page[AddressStats]]:
    """Count the messages of all addresses, or of those with these letters in them, most first."""
    params = paged(position, page_size)
    piece: str | None = None
    if address_contains is not None:
        piece = check_text(address_contains, "address_contains")
        if len(piece) > _LONGEST_PIECE:
            raise ArgumentError("address_contains", f"longer than {_LONGEST_PIECE} characters")
        params.append(("addressContains", piece))
    if sort_by is not None:
        order = check_text(sort_by, "sort_by")
        check_known([order], _STATS_ORDERS, "sort_by")
        params.append(("sortBy", order))
    if sort_order is not None:
        params.append(("sortOrder", sort_order.value))

    def parse(answer: Answer) -> Page[AddressStats]:
        return _read_stats(answer, page_size=page_size, piece=piece)

    return Call("GET", "/api/v1/addresses/stats.json", parse, params=params)


def _read_stats(
    answer: Answer,
    *,
    page_size: int,
    addresses: Sequence[str] | None = None,
    piece: str | None = None,
) -> Page[AddressStats]:
    def read(entry: tuple[str, Any]) -> AddressStats:
        address, counts = entry
        if not isinstance(counts, Mapping):
            raise MalformedAnswerError(f"the statistics of {address} came as {shown(counts)}")
        if (addresses and address not in addresses) or (
            piece and piece.lower() not in address.lower()
        ):
            raise VerificationError(f"the statistics of {address} were not asked for")
        return structure({**counts, "address": address}, AddressStats)

    def entries(body: Mapping[str, Any]) -> list[tuple[str, Any]]:
        data = body.get("data")
        if not isinstance(data, dict):
            malformed(answer, f"statistics by address under 'data', not {shown(data)}")
        return [*data.items()]

    return read_page(answer, "addresses", read, page_size=page_size, entries=entries)


def post_types(address: str) -> Call[list[str]]:
    """List the types of the posts that an address published."""
    return _names(f"/api/v0/addresses/{segment(check_address(address))}/post_types", "post_types")


def channels(address: str | None = None) -> Call[list[str]]:
    """List the channels of an address, or all; nodes look for new ones every other hour."""
    if address is None:
        return _names("/api/v0/channels/list.json", "channels")
    return _names(f"/api/v0/addresses/{segment(check_address(address))}/channels", "channels")


def _names(path: str, name: str) -> Call[list[str]]:
    def parse(answer: Answer) -> list[str]:
        if answer.status != 200:
            refuse(answer, f"the list of {name}")
        found = json_list(answer, json_object(answer), name)
        return [entry for entry in found if isinstance(entry, str)]

    return Call("GET", path, parse)


def of_address(answer: Answer, address: str, what: str) -> dict[str, Any]:
    if answer.status != 200:
        refuse(answer, f"the question for {what} of {address}")
    body = json_object(answer)
    if body.get("address", address) != address:
        malformed(answer, f"{what} of {address}, not of {shown(body['address'])}")
    return body


def nothing(kind: str, position: Position, page_size: int) -> Page[Any]:
    """Return the page of a list that nodes answer with 404 when nothing, or nothing more, is in it."""
    first = position.page == 1
    return Page((), page_size, position.page, 0 if first else None, kind=kind)
