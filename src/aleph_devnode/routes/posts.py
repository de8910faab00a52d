"""Lists of posts, amends merged."""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection, Row
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import listing, posts
from ..answers import Refusal, answer, cursor_page_size, parse_query, path_page
from ..cursors import InvalidCursor, decode_moment, encode_moment
from ..node import node_of
from ..queries import PostsQuery

Show = Callable[[Connection, Row], dict[str, Any]]


async def list_v0(request: Request) -> Response:
    return await _list(request, posts.shown_v0)


async def list_v1(request: Request) -> Response:
    return await _list(request, lambda _connection, row: posts.shown_v1(row))


async def _list(request: Request, show: Show) -> Response:
    query = parse_query(request, PostsQuery)
    path_page(request, query)
    if query.cursor is not None:
        return await _list_by_cursor(request, query, query.cursor, show)

    def work(connection: Connection) -> tuple[list[dict[str, Any]], int]:
        rows, total = listing.merged_posts(
            connection, query, limit=query.pagination, offset=query.offset
        )
        return [show(connection, row) for row in rows], total

    shown, total = await node_of(request).database.run(work)
    return answer(
        {
            "posts": shown,
            "pagination_per_page": query.pagination,
            "pagination_page": query.page,
            "pagination_total": total,
            "pagination_item": "posts",
        }
    )


async def _list_by_cursor(request: Request, query: PostsQuery, cursor: str, show: Show) -> Response:
    size = cursor_page_size(query)
    try:
        after = decode_moment(cursor) if cursor else None
    except InvalidCursor as error:
        raise Refusal(422, str(error)) from error

    def work(connection: Connection) -> tuple[list[dict[str, Any]], str | None]:
        rows, _ = listing.merged_posts(connection, query, limit=size + 1, after=after)
        last = rows[size - 1] if len(rows) > size else None
        following = (
            None
            if last is None
            else encode_moment(last["last_updated"], last["original_item_hash"])
        )
        return [show(connection, row) for row in rows[:size]], following

    shown, following = await node_of(request).database.run(work)
    return answer({"posts": shown, "pagination_per_page": size, "next_cursor": following})


ROUTES = [
    Route("/api/v0/posts.json", list_v0),
    Route("/api/v0/posts/page/{page}.json", list_v0),
    Route("/api/v1/posts.json", list_v1),
    Route("/api/v1/posts/page/{page}.json", list_v1),
]
