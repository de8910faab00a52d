"""The compute node's part in starting confidential machines: certificates, session, measurement, secret."""

from __future__ import annotations

from collections.abc import AsyncIterator
from sqlite3 import Connection
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData
from starlette.formparsers import FormParser, MultiPartParser
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from .. import files, machine_logs
from ..answers import Refusal, answer, parse_body, read_body
from ..compute_answers import InvalidBody, endpoint, machine_ref
from ..launches import STAND_IN_FIRMWARE
from ..machines import Machine
from ..node import Node, node_of
from ..uploads import is_form
from .control import machine_route, owned_machine, signer_of

URLENCODED = "application/x-www-form-urlencoded"
# What initialize wants, and what it says when it is not there.
FIELDS = {
    "session": "Session field is missing",
    "godh": "godh field is missing. Please provide a GODH file",
}


class Packet(BaseModel):
    """The body that carries a secret, both parts in base64."""

    packet_header: str
    secret: str


async def certificates(request: Request) -> Response:
    node = node_of(request)
    if not node.settings.confidential:
        raise Refusal(503, "Confidential computing setting not enabled on that server")
    return Response(node.launches.certificates(), media_type="application/octet-stream")


async def initialize(request: Request) -> Response:
    """Start a machine with its owner's session; it stays halted."""
    node, address, vm_hash = node_of(request), signer_of(request), machine_ref(request)

    def find(connection: Connection) -> tuple[Machine, bytes]:
        machine = owned_machine(connection, node, vm_hash, address)
        return machine, _firmware(connection, node, machine)

    machine, firmware = await node.database.run(find)
    if machine.running:
        return _refused("vm_running", "Operation not allowed, instance already running")
    if not machine.confidential:
        return _refused("not_confidential", "Instance is not a confidential instance")
    form = await _form(request)
    try:
        sent: dict[str, bytes] = {}
        for name, problem in FIELDS.items():
            field: Any = form.get(name)
            if not field:
                return _refused("field_missing", problem)
            # A part that has no file name is text, and what comes of it an accident, as on the real node.
            sent[name] = field.file.read()
    finally:
        await form.close()

    def start(connection: Connection) -> None:
        machine = owned_machine(connection, node, vm_hash, address)
        machine.running = node.launches.start(vm_hash, firmware=firmware, **sent)
        node.machines.save(connection, machine)

    await node.database.run(start)
    return PlainTextResponse(f"Started VM with ref {vm_hash}")


def _refused(code: str, description: str) -> JSONResponse:
    return answer({"code": code, "description": description}, 400)


def _firmware(connection: Connection, node: Node, machine: Machine) -> bytes:
    """Return the firmware that the message of a machine names, if this node has it."""
    trusted = (machine.content.get("environment") or {}).get("trusted_execution") or {}
    pin = files.pin_of_message(connection, str(trusted.get("firmware")))
    return STAND_IN_FIRMWARE if pin is None else node.store.read(pin["file_hash"])


async def _form(request: Request) -> FormData:
    body = await read_body(request, node_of(request).settings.max_json_body)

    async def chunks() -> AsyncIterator[bytes]:
        yield body
        yield b""

    if is_form(request):
        # What is no form is an accident, as on the real node.
        return await MultiPartParser(request.headers, chunks()).parse()  # type: ignore[arg-type]
    if request.headers.get("content-type", "").partition(";")[0] == URLENCODED:
        return await FormParser(request.headers, chunks()).parse()  # type: ignore[arg-type]
    return FormData()


async def measurement(request: Request) -> Response:
    node, address, vm_hash = node_of(request), signer_of(request), machine_ref(request)
    machine = await node.database.run(
        lambda connection: owned_machine(connection, node, vm_hash, address)
    )
    if not machine.running:
        raise Refusal(403, "Operation not running")
    return answer(node.launches.measurement(vm_hash))


async def inject_secret(request: Request) -> Response:
    """Give a machine its secret and let it run."""
    node, address = node_of(request), signer_of(request)
    body = await read_body(request, node.settings.max_json_body)
    try:
        packet = Packet.model_validate(parse_body(body))
    except ValidationError as error:
        raise InvalidBody(error) from error
    except ValueError as error:
        raise Refusal(400, "Body is not valid JSON") from error
    vm_hash = machine_ref(request)
    machine = await node.database.run(
        lambda connection: owned_machine(connection, node, vm_hash, address)
    )
    if not machine.running:
        raise RuntimeError("VM is not running (QMP socket missing)")
    status = node.launches.inject(vm_hash, packet_header=packet.packet_header, secret=packet.secret)
    await node.database.run(lambda connection: machine_logs.write_boot(connection, vm_hash))
    return answer({"status": status})


ROUTES: list[BaseRoute] = [
    Route("/about/certificates", endpoint(certificates), methods=["GET"]),
    machine_route("confidential/initialize", initialize, "POST"),
    machine_route("confidential/measurement", measurement, "GET"),
    machine_route("confidential/inject_secret", inject_secret, "POST"),
]
