"""What belongs to an address: balances, credits, files, and counts of its messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sqlite3 import Connection, Row
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import costs, files, funds
from ..answers import Refusal, answer, cursor_page_size, parse_query
from ..cursors import InvalidCursor, decode, decode_moment, encode, encode_moment
from ..listing import Conditions
from ..node import node_of
from ..processed import PROCESSED
from ..queries import (
    BalanceQuery,
    BalancesQuery,
    CreditBalancesQuery,
    Direction,
    FilesQuery,
    HistoryFilter,
    HistoryQuery,
    Page,
    SortOrder,
    StatsQuery,
)
from ..times import iso_zulu, now

TYPES = ("aggregate", "forget", "instance", "post", "program", "store")


async def balance(request: Request) -> Response:
    query = parse_query(request, BalanceQuery)
    address = request.path_params["address"]

    def work(connection: Connection) -> dict[str, Any]:
        by_chain = funds.by_chain(connection, address)
        wanted = (
            by_chain if query.chain is None else {query.chain: by_chain.get(query.chain.value, 0)}
        )
        found = funds.details(connection, address) if query.include_credit_details else None
        return {
            "address": address,
            "balance": float(sum(wanted.values())),
            "details": {name: float(amount) for name, amount in by_chain.items()}
            if query.chain is None
            else {},
            "locked_amount": float(costs.current(connection, address, costs.HOLD)),
            "credit_balance": funds.credits_of(connection, address),
            "credit_balance_details": found and [_credit_detail(row) for row in found],
        }

    return answer(await node_of(request).database.run(work))


def _credit_detail(row: Any) -> dict[str, Any]:
    return {"expiration_date": _iso(row["expiration"]), "amount": row["amount"]}


def _iso(time: float | None) -> str | None:
    return None if time is None else iso_zulu(time)


async def balances(request: Request) -> Response:
    query = parse_query(request, BalancesQuery)
    found = Conditions()
    found.one_of("chain", query.chains)
    found.add("CAST(balance AS REAL) >= ?", query.min_balance)
    rows = await node_of(request).database.run(
        lambda connection: connection.execute(
            f"SELECT address, chain, CAST(balance AS REAL) AS balance FROM balances WHERE {found} ORDER BY address",
            found.values,
        ).fetchall()
    )
    return _by_address(query, "balances", [dict(row) for row in rows])


async def credit_balances(request: Request) -> Response:
    query = parse_query(request, CreditBalancesQuery)
    rows = await node_of(request).database.run(
        lambda connection: connection.execute(
            "SELECT address, sum(remaining) AS credits FROM credit_lots WHERE expiration IS NULL OR expiration > ?"
            " GROUP BY address HAVING sum(remaining) >= ? ORDER BY address",
            (now(), query.min_balance),
        ).fetchall()
    )
    return _by_address(query, "credit_balances", [dict(row) for row in rows])


def _by_address(query: Page, name: str, found: list[dict[str, Any]]) -> Response:
    """Answer with one page of a list that is sorted by address."""
    if query.cursor is not None:
        size = cursor_page_size(query)
        after = _decode(query.cursor, "a")[0] if query.cursor else ""
        rest = [entry for entry in found if entry["address"] > after]
        following = encode(a=rest[size - 1]["address"]) if len(rest) > size else None
        return answer({name: rest[:size], "pagination_per_page": size, "next_cursor": following})
    return answer(
        {
            name: _page(found, query),
            "pagination_per_page": query.pagination,
            "pagination_page": query.page,
            "pagination_total": len(found),
            "pagination_item": name,
        }
    )


def _page(found: Sequence[Any], query: Page) -> Sequence[Any]:
    return found[query.offset : query.offset + query.pagination] if query.pagination else found


def _decode(cursor: str, *names: str) -> list[Any]:
    try:
        return decode(cursor, *names)
    except InvalidCursor as error:
        raise Refusal(422, str(error)) from error


async def owned_files(request: Request) -> Response:
    query = parse_query(request, FilesQuery)
    address = request.path_params["address"]
    by_cursor = query.cursor is not None
    size = cursor_page_size(query) if by_cursor else query.pagination
    try:
        after = decode_moment(query.cursor) if query.cursor else None
    except InvalidCursor as error:
        raise Refusal(422, str(error)) from error

    def work(connection: Connection) -> tuple[list[Row], tuple[int, int]]:
        rows = files.list_owned(
            connection,
            address,
            file_hash=query.file_hash,
            ascending=query.sort_order == SortOrder.ASCENDING,
            limit=size + 1 if by_cursor else size,
            offset=0 if by_cursor else query.offset,
            after=after,
        )
        return rows, files.owned(connection, address)

    rows, (count, total_size) = await node_of(request).database.run(work)
    if not rows:
        raise Refusal(404)
    if not by_cursor:
        return answer(
            {
                "address": address,
                "total_size": total_size,
                "files": [_file(row, iso_zulu) for row in rows],
                "pagination_page": query.page,
                "pagination_total": count,
                "pagination_per_page": query.pagination,
            }
        )
    last = rows[size - 1] if len(rows) > size else None
    return answer(
        {
            "address": address,
            "total_size": float(total_size),
            "files": [_file(row, float) for row in rows[:size]],
            "pagination_per_page": size,
            "next_cursor": None
            if last is None
            else encode_moment(last["created"], last["item_hash"]),
        }
    )


def _file(row: Row, show_time: Callable[[float], Any]) -> dict[str, Any]:
    return dict(row) | {"created": show_time(row["created"])}


_STATS = (
    "SELECT sender AS address, count(*) AS total, "
    + ", ".join(f"sum(type = '{name.upper()}') AS {name}" for name in TYPES)
    + " FROM messages WHERE status = 'processed' AND {conditions} GROUP BY sender"
)


def _counts(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    return {
        row["address"]: {"messages": row["total"]} | {name: row[name] for name in TYPES}
        for row in rows
    }


async def stats_v0(request: Request) -> Response:
    found = Conditions()
    found.one_of("sender", request.query_params.getlist("addresses[]"))
    statement = _STATS.format(conditions=found)
    rows = await node_of(request).database.run(
        lambda connection: connection.execute(
            f"{statement} ORDER BY sender DESC", found.values
        ).fetchall()
    )
    return answer({"data": _counts(rows)})


async def stats_v1(request: Request) -> Response:
    query = parse_query(request, StatsQuery)
    found = Conditions()
    if query.address_contains:
        found.add("instr(lower(sender), ?)", query.address_contains.lower())
    column, descending = query.sort_by.value, query.sort_order == SortOrder.DESCENDING
    statement = _STATS.format(conditions=found)
    rows = await node_of(request).database.run(
        lambda connection: connection.execute(
            f"{statement} ORDER BY {column} {'DESC' if descending else 'ASC'}, address",
            found.values,
        ).fetchall()
    )
    if query.cursor is not None:
        size = cursor_page_size(query)
        if query.cursor:
            value, address = _decode(query.cursor, "v", "a")
            sign = -1 if descending else 1
            mark = (sign * int(value), str(address))
            rows = [row for row in rows if (sign * row[column], row["address"]) > mark]
        last = rows[size - 1] if len(rows) > size else None
        following = None if last is None else encode(v=last[column], a=last["address"])
        return answer(
            {"data": _counts(rows[:size]), "pagination_per_page": size, "next_cursor": following}
        )
    return answer(
        {
            "data": _counts(_page(rows, query)),
            "pagination_per_page": query.pagination,
            "pagination_page": query.page,
            "pagination_total": len(rows),
            "pagination_item": "addresses",
        }
    )


async def post_types(request: Request) -> Response:
    return await _distinct(request, "content_type", "post_types", "type = 'POST'")


async def channels(request: Request) -> Response:
    return await _distinct(request, "channel", "channels", "1")


async def _distinct(request: Request, column: str, name: str, condition: str) -> Response:
    address = request.path_params["address"]
    rows = await node_of(request).database.run(
        lambda connection: connection.execute(
            f"SELECT DISTINCT {column} FROM messages WHERE status = ? AND sender = ? AND {condition}"
            f" AND {column} IS NOT NULL ORDER BY {column}",
            (PROCESSED, address),
        ).fetchall()
    )
    return answer({"address": address, name: [row[0] for row in rows]})


def _history(connection: Connection, address: str, query: HistoryFilter) -> list[dict[str, Any]]:
    """Return the entries of an address that match, in order of time and reference."""
    rows = connection.execute(
        "SELECT * FROM credit_history WHERE address = ?", (address,)
    ).fetchall()
    return [shown for shown in map(_entry, rows) if _matches(shown, query)]


def _entry(row: Row) -> dict[str, Any]:
    return {
        "amount": row["amount"],
        "price": None,
        "bonus_amount": None,
        "tx_hash": None,
        "token": None,
        "chain": None,
        "provider": row["provider"],
        "origin": row["origin"],
        "origin_ref": None,
        "payment_method": row["payment_method"],
        "credit_ref": row["credit_ref"],
        "credit_index": row["credit_index"],
        "expiration_date": row["expiration"],
        "message_timestamp": row["time"],
        "expense_count": None,
        "expense_size_mib": None,
    }


def _matches(entry: dict[str, Any], query: HistoryFilter) -> bool:
    same = ("tx_hash", "token", "chain", "provider", "origin", "origin_ref", "payment_method")
    if any((wanted := getattr(query, name)) is not None and entry[name] != wanted for name in same):
        return False
    time, expiration = entry["message_timestamp"], entry["expiration_date"]
    signs = {
        None: True,
        Direction.INCOMING: entry["amount"] > 0,
        Direction.OUTGOING: entry["amount"] < 0,
    }
    return (
        signs[query.direction]
        and entry["payment_method"] not in (query.exclude_payment_method or ())
        and (query.has_expiration is None or query.has_expiration == (expiration is not None))
        and not (query.start_date and time < query.start_date)
        and not (query.end_date and time >= query.end_date)
        and not query.resource_types
        and query.resource in (None, entry["origin"])
    )


async def credit_history(request: Request) -> Response:
    query = parse_query(request, HistoryQuery)
    address = request.path_params["address"]
    field = query.sort_by.value
    descending = query.sort_order == SortOrder.DESCENDING
    found = await node_of(request).database.run(
        lambda connection: _history(connection, address, query)
    )
    found.sort(key=lambda entry: (entry["credit_ref"], entry["credit_index"]), reverse=descending)
    known = [entry for entry in found if entry[field] is not None]
    known.sort(key=lambda entry: entry[field], reverse=descending)
    found = [*known, *(entry for entry in found if entry[field] is None)]
    if not found:
        raise Refusal(404, "No credit history found for this address")
    if query.cursor is not None:
        return answer(_history_by_cursor(query, address, found))
    return answer(
        {
            "address": address,
            "credit_history": [_dated(entry) for entry in _page(found, query)],
            "pagination_page": query.page,
            "pagination_total": len(found),
            "pagination_per_page": query.pagination,
        }
    )


def _dated(entry: dict[str, Any]) -> dict[str, Any]:
    return entry | {
        "message_timestamp": iso_zulu(entry["message_timestamp"]),
        "expiration_date": _iso(entry["expiration_date"]),
    }


def _history_by_cursor(
    query: HistoryQuery, address: str, found: list[dict[str, Any]]
) -> dict[str, Any]:
    size = cursor_page_size(query)
    start = 0
    if query.cursor:
        ref, index, sort, order = _decode(query.cursor, "r", "i", "s", "o")
        if (sort, order) != (query.sort_by.value, int(query.sort_order)):
            raise Refusal(422, "Invalid cursor: it was made for another sort order")
        places = [(entry["credit_ref"], entry["credit_index"]) for entry in found]
        start = places.index((ref, index)) + 1 if (ref, index) in places else len(found)
    page = found[start : start + size]
    following = None
    if start + size < len(found):
        last = page[-1]
        following = encode(
            r=last["credit_ref"],
            i=last["credit_index"],
            s=query.sort_by.value,
            o=int(query.sort_order),
        )
    return {
        "address": address,
        "credit_history": page,
        "pagination_per_page": size,
        "next_cursor": following,
    }


async def credit_summary(request: Request) -> Response:
    query = parse_query(request, HistoryFilter)
    address = request.path_params["address"]
    found = await node_of(request).database.run(
        lambda connection: _history(connection, address, query)
    )
    amounts = [entry["amount"] for entry in found]
    return answer(
        {
            "address": address,
            "entry_count": len(amounts),
            "total_amount": sum(amounts),
            "total_incoming": sum(amount for amount in amounts if amount > 0),
            "total_outgoing": sum(amount for amount in amounts if amount < 0),
        }
    )


ROUTES = [
    Route("/api/v0/addresses/stats.json", stats_v0),
    Route("/api/v1/addresses/stats.json", stats_v1),
    Route("/api/v0/balances", balances),
    Route("/api/v0/credit_balances", credit_balances),
    Route("/api/v0/addresses/{address}/balance", balance),
    Route("/api/v0/addresses/{address}/files", owned_files),
    Route("/api/v0/addresses/{address}/post_types", post_types),
    Route("/api/v0/addresses/{address}/channels", channels),
    Route("/api/v0/addresses/{address}/credit_history", credit_history),
    Route("/api/v0/addresses/{address}/credit_history/summary", credit_summary),
]
