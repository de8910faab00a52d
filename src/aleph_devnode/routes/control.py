"""The compute node's operations on machines, for their owners and whom these authorized."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from sqlite3 import Connection

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from .. import machine_control
from ..answers import Refusal
from ..compute_answers import Handler, PlainRefusal, endpoint, machine_ref
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
    return machine_control.reboot(connection, node.machines, machine)


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


def machine_route(
    path: str, handler: Callable[[Request], Awaitable[Response]], method: str
) -> Route:
    return Route(f"/control/machine/{{ref}}/{path}", endpoint(handler), methods=[method])


ROUTES: list[BaseRoute] = [
    machine_route("stop", operation(stop), "POST"),
    machine_route("reboot", operation(reboot), "POST"),
    machine_route("erase", operation(erase), "POST"),
    machine_route("reinstall", operation(reinstall), "POST"),
    machine_route("expire", operation(expire), "POST"),
]
