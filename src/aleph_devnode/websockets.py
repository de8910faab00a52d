"""The websocket of messages: some history, then what is processed from now on."""

from __future__ import annotations

import asyncio
import json
from sqlite3 import Row
from typing import Any

from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from . import listing
from .broadcasting import Subscription
from .node import Node, node_of
from .processed import listed
from .queries import ContentFormat, SocketQuery, SortOrder

RAW = "aleph_devnode.transport"
TRY_AGAIN_LATER = 1013
POLICY_VIOLATION = 1008


class SocketProtocol(WebSocketsSansIOProtocol):
    """Hand the transport to the application, which must answer bad parameters like the real node does."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = {
                **(self.scope.get("extensions") or {}),
                RAW: self.transport,
            }
            self.scope["extensions"] = extensions


async def message_socket(socket: WebSocket) -> None:
    node = node_of(socket)
    try:
        query = SocketQuery.model_validate(dict(socket.query_params))
    except ValidationError as error:
        await socket.accept()
        answer_in_plain_http(socket, "422 Unprocessable Entity", error.json())
        return
    if node.broadcaster.full:
        await socket.accept()
        await socket.close(TRY_AGAIN_LATER, "Too many connections")
        return
    with node.broadcaster.subscribed(query) as subscription:
        await socket.accept()
        sender = asyncio.create_task(_send(socket, node, subscription))
        listener = asyncio.create_task(_listen(socket))
        try:
            await asyncio.wait({sender, listener}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sender, listener):
                task.cancel()
            await asyncio.gather(sender, listener, return_exceptions=True)


def answer_in_plain_http(socket: WebSocket, status: str, text: str) -> None:
    """Write an HTTP answer into the upgraded connection: what the real node's server does with late errors."""
    transport: asyncio.Transport = socket.scope["extensions"][RAW]
    body = text.encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    transport.write(head.encode() + body)
    transport.close()


async def _send(socket: WebSocket, node: Node, subscription: Subscription) -> None:
    sent: set[str] = set()
    try:
        for row in await _history(node, subscription.query):
            sent.add(row["item_hash"])
            full = subscription.query.format == ContentFormat.FULL
            await _send_frame(socket, listed(row, "full" if full else "none"))
        while not (subscription.overrun and subscription.frames.empty()):
            frame = await subscription.frames.get()
            # What was processed while the history was read is in both.
            if frame["item_hash"] not in sent:
                await _send_frame(socket, frame)
        await socket.close(POLICY_VIOLATION, "Too slow")
    except (WebSocketDisconnect, RuntimeError):
        return


async def _send_frame(socket: WebSocket, shown: dict[str, Any]) -> None:
    await socket.send_text(json.dumps(shown, ensure_ascii=False, separators=(",", ":")))


async def _history(node: Node, query: SocketQuery) -> list[Row]:
    """Return the latest matching messages, oldest first."""
    if not query.history:
        return []
    limit = query.history
    rows, _ = await node.database.run(
        lambda connection: listing.messages(connection, query, limit=limit)
    )
    return rows if query.sort_order == SortOrder.ASCENDING else rows[::-1]


async def _listen(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
