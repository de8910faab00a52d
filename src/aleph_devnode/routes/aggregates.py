"""Aggregates, and the authorizations kept in them."""

from __future__ import annotations

import json
from sqlite3 import Connection, Row
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import aggregates, authorizations
from ..answers import Refusal, answer, cursor_page_size, parse_query
from ..cursors import InvalidCursor, decode, encode, moment
from ..node import node_of
from ..queries import (
    AddressAggregatesQuery,
    AggregateOrder,
    AggregatesQuery,
    AuthorizationsQuery,
    SortOrder,
)
from ..times import iso_offset

JSON = "application/json"


async def of_address(request: Request) -> Response:
    query = parse_query(request, AddressAggregatesQuery, media_type=JSON)
    address = request.path_params["address"]
    # The real node ignores the keys when it is asked for the info too.
    keys = None if query.with_info else query.keys
    rows = await node_of(request).database.run(
        lambda connection: aggregates.of_owner(connection, address, keys)
    )
    if not rows:
        raise Refusal(404, "No aggregate found for this address")
    data = {row["key"]: json.loads(row["content"]) for row in rows}
    if query.value_only and query.keys and len(query.keys) == 1:
        return answer(data[query.keys[0]])
    info = {row["key"]: _info(row) for row in rows} if query.with_info else {}
    return answer({"address": address, "data": data, "info": info})


def _info(row: Row) -> dict[str, str]:
    return {
        "created": iso_offset(row["created"]),
        "last_updated": iso_offset(row["last_updated"]),
        "original_item_hash": row["last_element"],
        "last_update_item_hash": row["last_element"],
    }


def _shown(row: Row) -> dict[str, Any]:
    return {
        "address": row["owner"],
        "key": row["key"],
        "content": json.loads(row["content"]),
        "created": iso_offset(row["created"]),
        "last_updated": iso_offset(row["last_updated"]),
    }


async def search(request: Request) -> Response:
    query = parse_query(request, AggregatesQuery, media_type=JSON)
    by_creation = query.sort_by == AggregateOrder.CREATION_TIME
    by_cursor = query.cursor is not None
    size = cursor_page_size(query) if by_cursor else query.pagination
    after = _mark(query.cursor) if query.cursor else None

    def work(connection: Connection) -> tuple[list[Row], int]:
        return aggregates.search(
            connection,
            keys=query.keys,
            owners=query.addresses,
            by_creation=by_creation,
            ascending=query.sort_order == SortOrder.ASCENDING,
            limit=size + 1 if by_cursor else size,
            offset=0 if by_cursor else query.offset,
            after=after,
        )

    rows, total = await node_of(request).database.run(work)
    shown = {"aggregates": [_shown(row) for row in rows[:size]], "pagination_per_page": size}
    if not by_cursor:
        return answer(
            shown
            | {
                "pagination_page": query.page,
                "pagination_total": total,
                "pagination_item": "aggregates",
            }
        )
    last = rows[size - 1] if len(rows) > size else None
    return answer(shown | {"next_cursor": None if last is None else _cursor(last, by_creation)})


def _cursor(row: Row, by_creation: bool) -> str:
    return encode(
        t=iso_offset(row["created" if by_creation else "last_updated"]),
        k=row["key"],
        o=row["owner"],
    )


def _mark(cursor: str) -> tuple[float, str, str]:
    try:
        time, key, owner = decode(cursor, "t", "k", "o")
        return moment(time), str(key), str(owner)
    except InvalidCursor as error:
        raise Refusal(422, str(error)) from error


async def granted(request: Request) -> Response:
    return await _authorizations(request, authorizations.granted, "grantee")


async def received(request: Request) -> Response:
    return await _authorizations(request, authorizations.received, "granter")


async def _authorizations(request: Request, find: Any, party: str) -> Response:
    query = parse_query(request, AuthorizationsQuery, media_type=JSON)
    address = request.path_params["address"]
    grouped = await node_of(request).database.run(lambda connection: find(connection, address))
    wanted = {
        "types": query.types,
        "channels": query.channels,
        "post_types": query.post_types,
        "chain": query.chains,
        "aggregate_keys": query.aggregate_keys,
    }
    chosen = getattr(query, party)
    kept: dict[str, list[Any]] = {}
    for other, entries in grouped.items():
        matching = [entry for entry in entries if authorizations.matches(entry, wanted)]
        if matching and chosen in (None, "", other):
            kept[other] = matching
    start = (query.page - 1) * query.pagination
    names = list(kept)[start : start + query.pagination]
    return answer(
        {
            "authorizations": {name: kept[name] for name in names},
            "pagination_page": query.page,
            "pagination_per_page": query.pagination,
            "pagination_total": len(kept),
            "pagination_item": "authorizations",
            "address": address,
        }
    )


ROUTES = [
    Route("/api/v0/aggregates", search),
    Route("/api/v0/aggregates.json", search),
    Route("/api/v0/aggregates/{address}.json", of_address),
    Route("/api/v0/authorizations/granted/{address}.json", granted),
    Route("/api/v0/authorizations/received/{address}.json", received),
]
