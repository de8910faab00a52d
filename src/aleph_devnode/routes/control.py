"""The compute node's operations on machines, for their owners and whom these authorized."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from sqlite3 import Connection
from typing import Any

import attrs
from aleph_message.models import InstanceContent
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from .. import capacity, machine_control
from ..answers import Refusal, answer, parse_body, read_body
from ..compute_answers import Handler, InvalidBody, PlainRefusal, endpoint, machine_ref, moment
from ..logins import authenticate
from ..machines import Machine
from ..node import Node, node_of
from ..owners import may_control

Work = Callable[[Node, Connection, Machine, Request], str]


def signer_of(request: Request) -> str:
    """Return the address that signed the request; raises ``LoginRefused``."""
    return authenticate(
        request.headers,
        method=request.method,
        path=request.scope["path"],
        domain=node_of(request).domain_name,
    )


def owned_machine(connection: Connection, node: Node, vm_hash: str, address: str) -> Machine:
    """Return a machine that an address controls; raises ``Refusal`` 404 and ``PlainRefusal`` 403."""
    machine = node.machines.find(connection, vm_hash)
    if machine is None:
        raise Refusal(404, f"No virtual machine with ref {vm_hash}")
    if not may_control(connection, address, machine.owner):
        raise PlainRefusal(403, "Unauthorized sender")
    return machine


def operation(work: Work) -> Handler:
    """Make a handler of what is done to a machine for its owner; it answers with a sentence."""

    async def handler(request: Request) -> Response:
        node, address, vm_hash = node_of(request), signer_of(request), machine_ref(request)

        def transact(connection: Connection) -> str:
            machine = owned_machine(connection, node, vm_hash, address)
            return work(node, connection, machine, request)

        return PlainTextResponse(await node.database.run(transact))

    return handler


def stop(_node: Node, connection: Connection, machine: Machine, _request: Request) -> str:
    return machine_control.stop(connection, machine)


def reboot(node: Node, connection: Connection, machine: Machine, _request: Request) -> str:
    said = machine_control.reboot(connection, node.machines, machine)
    if machine.confidential and machine.running and not node.launches.start_over(machine.vm_hash):
        machine.running = False
        node.machines.save(connection, machine)
    return said


def erase(_node: Node, connection: Connection, machine: Machine, _request: Request) -> str:
    return machine_control.erase(connection, machine)


def reinstall(node: Node, connection: Connection, machine: Machine, request: Request) -> str:
    return machine_control.reinstall(
        connection,
        node.machines,
        machine,
        erase_volumes=request.query_params.get("erase_volumes", "true") != "false",
    )


def expire(_node: Node, _connection: Connection, _machine: Machine, _request: Request) -> str:
    # The real node reads the time from a part of the path that its route does not have.
    raise Refusal(400, "Invalid timeout duration")


async def reserve(request: Request) -> Response:
    """Tell anyone who signs whether a machine could be hosted, and hold its GPUs for that wallet."""
    node, address = node_of(request), signer_of(request)
    content = await _instance_content(request)
    machines = await node.database.run(node.machines.each)
    if not capacity.is_enough(node.settings, machines, content):
        raise Refusal(503, "This CRN cannot reserve the requested resources at this time.")
    try:
        expires = node.reservations.hold(node.settings, machines, content, address)
    except Exception as error:  # noqa: BLE001 - what the real node answers with
        refused = {
            "status": "error",
            "error": "Failed to reserves all resources",
            "reason": str(error),
        }
        return answer(refused, 400)
    return answer({"status": "reserved", "expires": moment(expires)})


async def _instance_content(request: Request) -> dict[str, Any]:
    try:
        body = parse_body(await read_body(request, node_of(request).settings.max_json_body))
        content = InstanceContent.model_validate(body)
    except ValidationError as error:
        raise InvalidBody(error) from error
    except ValueError as error:
        raise Refusal(400, "Body is not valid JSON") from error
    return content.model_dump(mode="json")


async def look(request: Request) -> Response:
    """Tell tests of a machine what no real node tells."""
    node, vm_hash = node_of(request), str(request.path_params["ref"])
    machine = await node.database.run(lambda connection: node.machines.find(connection, vm_hash))
    if machine is None:
        raise Refusal(404)
    return answer(attrs.asdict(machine))


def machine_route(
    path: str, handler: Callable[[Request], Awaitable[Response]], method: str
) -> Route:
    return Route(f"/control/machine/{{ref}}/{path}", endpoint(handler), methods=[method])


ROUTES: list[BaseRoute] = [
    Route("/_devnode/machines/{ref}", look),
    Route("/control/reserve_resources", endpoint(reserve), methods=["POST"]),
    machine_route("stop", operation(stop), "POST"),
    machine_route("reboot", operation(reboot), "POST"),
    machine_route("erase", operation(erase), "POST"),
    machine_route("reinstall", operation(reinstall), "POST"),
    machine_route("expire", operation(expire), "POST"),
]
