"""What machines wrote, for their owners; and lines that tests let them write."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import partial
from sqlite3 import Connection
from typing import Literal

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute

from .. import machine_logs
from ..answers import Refusal, answer, parse_body, read_body
from ..compute_answers import PlainRefusal, endpoint, machine_ref
from ..log_sockets import known_owner, log_socket
from ..node import Node, node_of
from ..owners import may_control
from .control import machine_route, signer_of

PATH = "/control/machine/{ref}/stream_logs"


class Line(BaseModel):
    """The body of a line for a machine's log; of the older ones only the newest ``keep`` stay."""

    type: Literal["stdout", "stderr"] = "stdout"
    message: str
    keep: int | None = Field(default=None, ge=0)


async def past_log(request: Request) -> Response:
    node, address, vm_hash = node_of(request), signer_of(request), machine_ref(request)

    def check(connection: Connection) -> None:
        owner, _ = known_owner(connection, node, vm_hash)
        if not may_control(connection, address, owner):
            raise PlainRefusal(403, "Unauthorized sender")

    await node.database.run(check)
    return StreamingResponse(_array(node, vm_hash), media_type="application/json")


async def _array(node: Node, vm_hash: str) -> AsyncIterator[str]:
    last = 0
    yield "["
    while rows := await node.database.run(partial(machine_logs.after, vm_hash=vm_hash, last=last)):
        for row in rows:
            yield ("," if last else "") + json.dumps(machine_logs.shown(row))
            last = row["id"]
    yield "]"


async def upgrade_only(request: Request) -> Response:
    """Answer a request without an upgrade: a machine that is not here is told first."""
    node, vm_hash = node_of(request), machine_ref(request)
    await node.database.run(lambda connection: known_owner(connection, node, vm_hash))
    raise PlainRefusal(400, 'No WebSocket UPGRADE hdr: None\n Can "Upgrade" only to "WebSocket".')


async def write(request: Request) -> Response:
    node, vm_hash = node_of(request), str(request.path_params["ref"])
    try:
        line = Line.model_validate(
            parse_body(await read_body(request, node.settings.max_json_body))
        )
    except ValidationError as error:
        raise Refusal(422, error.json()) from error
    except ValueError as error:
        raise Refusal(422) from error

    def work(connection: Connection) -> None:
        if line.keep is not None:
            machine_logs.rotate(connection, vm_hash, line.keep)
        machine_logs.write(connection, vm_hash, line.type, line.message)

    await node.database.run(work)
    return answer({"status": "success"})


ROUTES: list[BaseRoute] = [
    Route("/_devnode/machines/{ref}/log", write, methods=["POST"]),
    machine_route("logs", past_log, "GET"),
    WebSocketRoute(PATH, log_socket),
    Route(PATH, endpoint(upgrade_only), methods=["GET"]),
]
