"""What the node says about itself, and the funding of test accounts."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from .. import funds
from ..answers import Refusal, answer, parse_body, read_body
from ..node import Node, node_of
from ..processed import PENDING, PROCESSED
from ..settings import DEFAULT_FUND_ALEPH, DEFAULT_FUND_CREDITS
from ..websockets import message_socket

METRICS_INTERVAL = 10.0


class Funding(BaseModel):
    """The body of a funding: tokens and credits to add to what an address owns."""

    address: str = Field(min_length=1)
    aleph: Decimal = Field(default=Decimal(DEFAULT_FUND_ALEPH), ge=0)
    credits: int = Field(default=DEFAULT_FUND_CREDITS, ge=0, lt=2**62)


async def fund(request: Request) -> Response:
    node = node_of(request)
    try:
        funding = Funding.model_validate(
            parse_body(await read_body(request, node.settings.max_json_body))
        )
    except ValidationError as error:
        raise Refusal(422, error.json()) from error
    except ValueError as error:
        raise Refusal(422) from error

    await node.database.run(
        lambda connection: funds.add(
            connection, funding.address, tokens=funding.aleph, credit=funding.credits
        )
    )
    return answer({"status": "success", "address": funding.address})


async def version(request: Request) -> Response:
    return answer({"version": node_of(request).settings.version})


async def addresses(_request: Request) -> Response:
    return answer({"node_multi_addresses": []})


async def node_metrics(_request: Request) -> Response:
    raise Refusal(404)


async def _metrics(node: Node) -> dict[str, Any]:
    rows = await node.database.run(
        lambda connection: connection.execute(
            "SELECT status, count(*) FROM messages GROUP BY status"
        ).fetchall()
    )
    counts = {row[0]: row[1] for row in rows}
    return {
        "pyaleph_build_info": {"version": node.settings.version},
        "pyaleph_status_sync_messages_total": counts.get(PROCESSED, 0),
        "pyaleph_status_sync_pending_messages_total": counts.get(PENDING, 0),
    }


async def metrics_json(request: Request) -> Response:
    return answer(await _metrics(node_of(request)))


async def metrics(request: Request) -> Response:
    found = await _metrics(node_of(request))
    lines = [f"{name} {value}" for name, value in found.items() if isinstance(value, int)]
    return PlainTextResponse("\n".join(lines) + "\n")


async def status_socket(socket: WebSocket) -> None:
    """Push the metrics when they change."""
    node = node_of(socket)
    await socket.accept()
    pushing = asyncio.create_task(_push_metrics(socket, node))
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)


async def _push_metrics(socket: WebSocket, node: Node) -> None:
    last: dict[str, Any] | None = None
    while True:
        found = await _metrics(node)
        if found != last:
            try:
                await socket.send_json(found)
            except (WebSocketDisconnect, RuntimeError):
                return
            last = found
        await asyncio.sleep(METRICS_INTERVAL)


async def upgrade_only(_request: Request) -> Response:
    raise Refusal(400, 'No WebSocket UPGRADE hdr: None\n Can "Upgrade" only to "WebSocket".')


ROUTES: list[BaseRoute] = [
    Route("/_devnode/fund", fund, methods=["POST"]),
    Route("/version", version),
    Route("/api/v0/version", version),
    Route("/api/v0/info/public.json", addresses),
    Route("/api/v0/core/{node_id}/metrics", node_metrics),
    Route("/api/v0/compute/{node_id}/metrics", node_metrics),
    Route("/metrics", metrics),
    Route("/metrics.json", metrics_json),
    WebSocketRoute("/api/ws0/messages", message_socket),
    WebSocketRoute("/api/ws0/status", status_socket),
    Route("/api/ws0/messages", upgrade_only),
    Route("/api/ws0/status", upgrade_only),
]
