"""Publishing, finding and reading messages."""

from __future__ import annotations

import json
from sqlite3 import Row
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import listing, processed
from ..answers import (
    Refusal,
    answer,
    cursor_page_size,
    message_hash,
    parse_body,
    parse_query,
    path_page,
    read_body,
)
from ..cursors import InvalidCursor, decode_moment, encode_moment
from ..envelopes import Envelope, InvalidEnvelope, parse_envelope
from ..node import node_of
from ..processed import PENDING, PROCESSED
from ..queries import HashesQuery, MessagesQuery, Publication, Status

STATUS_CODES = {PROCESSED: 200, PENDING: 202, processed.REJECTED: 422}
PUBLISHED = {"status": "success", "failed": []}


def parse_message(request: Request, message: dict[str, Any]) -> Envelope:
    """Check a submitted message; raises ``Refusal`` 422 without a reason, like the real node."""
    try:
        return parse_envelope(
            message, max_inline_characters=node_of(request).settings.max_inline_characters
        )
    except InvalidEnvelope as error:
        raise Refusal(422, "InvalidMessageFormat") from error


async def publish(request: Request) -> Response:
    node = node_of(request)
    body = await read_body(request, node.settings.max_json_body)
    try:
        publication = Publication.model_validate(parse_body(body))
    except ValidationError as error:
        raise Refusal(422, error.json()) from error
    except ValueError as error:
        raise Refusal(422) from error
    envelope = parse_message(request, publication.message_dict)
    status = await node.intake.publish(publication.message_dict, envelope, sync=publication.sync)
    return answer({"publication_status": PUBLISHED, "message_status": status}, STATUS_CODES[status])


async def publish_on_topic(request: Request) -> Response:
    """Serve the deprecated way to publish: a message as JSON text in a pubsub envelope."""
    node = node_of(request)
    body = parse_body(await read_body(request, node.settings.max_json_body))
    topic, expected = body.get("topic"), node.settings.message_topic
    if topic != expected:
        raise Refusal(403, reason=f"Unauthorized P2P topic: {topic}. Use {expected}.")
    data = body.get("data")
    if not isinstance(data, str):
        raise Refusal(422, reason="'data': expected a serialized JSON string.")
    try:
        message = json.loads(data)
    except ValueError as error:
        raise Refusal(422, reason="'data': must be deserializable as JSON.") from error
    if not isinstance(message, dict):
        raise Refusal(422, "InvalidMessageFormat")
    await node.intake.publish(message, parse_message(request, message), sync=False)
    return answer(PUBLISHED)


async def _find(request: Request) -> Row:
    item_hash = message_hash(request)
    row = await node_of(request).database.run(
        lambda connection: processed.find(connection, item_hash)
    )
    if row is None:
        raise Refusal(404)
    return row


async def view(request: Request) -> Response:
    return answer(processed.with_status(await _find(request)))


async def view_status(request: Request) -> Response:
    return answer(processed.status_line(await _find(request)))


async def view_content(request: Request) -> Response:
    row = await _find(request)
    if row["status"] != PROCESSED:
        status = str(row["status"]).upper()
        raise Refusal(
            422, f"Message {row['item_hash']} is not processed (status: MessageStatus.{status})"
        )
    content = json.loads(row["content"])
    return answer(content.get("content") if row["type"] == "POST" else content)


async def consumed_credits(request: Request) -> Response:
    return answer({"item_hash": request.path_params["item_hash"], "consumed_credits": 0})


async def search(request: Request) -> Response:
    query = parse_query(request, MessagesQuery)
    path_page(request, query)
    statuses = set(query.message_statuses or ())
    if statuses & {Status.FORGOTTEN, Status.REMOVED}:
        return await _search_terminated(request, query, statuses)
    database = node_of(request).database
    content_format = query.format.value
    if query.cursor is not None:
        size = cursor_page_size(query)
        after = _mark(query.cursor)
        rows, _ = await database.run(
            lambda connection: listing.messages(connection, query, limit=size + 1, after=after)
        )
        last = rows[size - 1] if len(rows) > size else None
        return answer(
            {
                "messages": [processed.listed(row, content_format) for row in rows[:size]],
                "pagination_per_page": size,
                "next_cursor": None
                if last is None
                else encode_moment(last["time"], last["item_hash"]),
            }
        )
    rows, total = await database.run(
        lambda connection: listing.messages(
            connection, query, limit=query.pagination, offset=query.offset
        )
    )
    return answer(_page(query, [processed.listed(row, content_format) for row in rows], total))


def _mark(cursor: str) -> tuple[float, str] | None:
    try:
        return decode_moment(cursor) if cursor else None
    except InvalidCursor as error:
        raise Refusal(422, str(error)) from error


def _page(query: MessagesQuery, messages: list[dict[str, Any]], total: int) -> dict[str, Any]:
    if query.pagination and len(messages) < query.pagination:
        # The real node infers the total from a short page, wrongly past the end.
        total = query.offset + len(messages)
    return {
        "messages": messages,
        "pagination_per_page": query.pagination,
        "pagination_page": query.page,
        "pagination_total": total,
        "pagination_item": "messages",
    }


async def _search_terminated(
    request: Request, query: MessagesQuery, statuses: set[Status]
) -> Response:
    if len(statuses) > 1:
        raise Refusal(400, "msgStatuses=forgotten/removed cannot be combined with other statuses")
    status = next(iter(statuses)).value
    if query.cursor is not None:
        raise Refusal(400, f"Cursor pagination is not supported for {status} message queries")
    unsupported = {
        "refs": query.refs,
        "contentTypes": query.content_types,
        "contentHashes": query.content_hashes,
        "contentKeys": query.content_keys,
        "tags": query.tags,
        "startBlock": query.start_block,
        "endBlock": query.end_block,
    }
    offending = [name for name, value in unsupported.items() if value]
    if offending:
        raise Refusal(
            400, f"Filters not supported for {status} message queries: {', '.join(offending)}"
        )
    rows, total = await node_of(request).database.run(
        lambda connection: listing.forgotten(
            connection, query, limit=query.pagination, offset=query.offset
        )
    )
    shown = [
        processed.skeleton(row)
        | {"status": status, "forgotten_by": json.loads(row["forgotten_by"])}
        for row in rows
    ]
    return answer(_page(query, shown, total))


async def hashes(request: Request) -> Response:
    query = parse_query(request, HashesQuery)
    found, total = await node_of(request).database.run(
        lambda connection: listing.hashes(connection, query)
    )
    if found and not query.hash_only:
        raise RuntimeError(
            "the real node fails on hash_only=false whenever it has something to show"
        )
    return answer(
        {
            "hashes": found,
            "pagination_per_page": query.pagination,
            "pagination_page": query.page,
            "pagination_total": total,
            "pagination_item": "hashes",
        }
    )


async def channels(request: Request) -> Response:
    found = await node_of(request).database.run(
        lambda connection: connection.execute(
            "SELECT DISTINCT channel FROM messages WHERE status = ? AND channel IS NOT NULL ORDER BY channel",
            (PROCESSED,),
        ).fetchall()
    )
    return answer({"channels": [row["channel"] for row in found]})


async def subscribed_programs(request: Request) -> Response:
    """List the programs that messages start."""
    unknown = set(request.query_params) - {"sort_order"}
    order = request.query_params.get("sort_order", "-1")
    if unknown or order not in ("1", "-1"):
        raise Refusal(
            400, reason=f"Invalid query parameters: {', '.join(sorted(unknown)) or 'sort_order'}"
        )
    direction = "ASC" if order == "1" else "DESC"
    rows = await node_of(request).database.run(
        lambda connection: connection.execute(
            "SELECT item_hash, content FROM messages WHERE status = ? AND type = 'PROGRAM'"
            f" AND json_extract(content, '$.on.message') IS NOT NULL ORDER BY time {direction}",
            (PROCESSED,),
        ).fetchall()
    )
    return answer(
        [
            {
                "item_hash": row["item_hash"],
                "content": {"on": {"message": json.loads(row["content"])["on"]["message"]}},
            }
            for row in rows
        ]
    )


ROUTES = [
    Route("/api/v0/messages", publish, methods=["POST"]),
    Route("/api/v0/ipfs/pubsub/pub", publish_on_topic, methods=["POST"]),
    Route("/api/v0/p2p/pubsub/pub", publish_on_topic, methods=["POST"]),
    Route("/api/v0/messages.json", search),
    Route("/api/v0/messages/page/{page}.json", search),
    Route("/api/v0/messages/hashes", hashes),
    Route("/api/v0/messages/{item_hash}", view),
    Route("/api/v0/messages/{item_hash}/status", view_status),
    Route("/api/v0/messages/{item_hash}/content", view_content),
    Route("/api/v0/messages/{item_hash}/consumed_credits", consumed_credits),
    Route("/api/v0/channels/list.json", channels),
    Route("/api/v0/programs/on/message", subscribed_programs),
]
