"""The compute node: what it says of itself and of its machines, and what anyone may ask of it."""

from __future__ import annotations

import asyncio
from sqlite3 import Connection

from aleph_message.models import ItemHash
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from aleph_core.versions import version_key

from .. import allocation, executions
from ..answers import Refusal, answer, parse_body, read_body
from ..compute_answers import Handler, InvalidBody, endpoint, machine_ref, unknown
from ..machines import Machine
from ..node import node_of
from ..times import now

METHODS = ["DELETE", "GET", "PATCH", "POST", "PUT"]


class Notification(BaseModel):
    """The body of a notification that a machine was allocated here."""

    instance: ItemHash


async def list_machines(request: Request) -> Response:
    node = node_of(request)
    machines = await node.database.run(node.machines.each)
    return answer({machine.vm_hash: executions.listed(machine, node) for machine in machines})


async def list_machines_v1(request: Request) -> Response:
    node = node_of(request)
    machines = await node.database.run(node.machines.each)
    return answer(
        {
            machine.vm_hash: executions.listed_v1(machine)
            for machine in machines
            if machine.running or machine.awaiting_confidential_init
        }
    )


async def system_usage(request: Request) -> Response:
    node = node_of(request)
    return answer(executions.usage(node, await node.database.run(node.machines.each)))


async def capability(request: Request) -> Response:
    node = node_of(request)
    cpu = executions.cpu(node) | {"model": None, "frequency": None, "count": node.settings.cpus}
    memory = {
        "size": node.settings.memory_mib,
        "units": "MiB",
        "type": None,
        "clock": None,
        "clock_units": None,
    }
    return answer({"cpu": cpu, "memory": memory})


async def config(request: Request) -> Response:
    node = node_of(request)
    settings = node.settings
    return answer(
        {
            "DOMAIN_NAME": node.domain_name,
            "node_hash": settings.node_hash,
            "version": settings.compute_version,
            "references": {"API_SERVER": node.url},
            "security": {"ALLOW_VM_NETWORKING": True, "USE_JAILER": True},
            "networking": {"IPV6_ADDRESS_POOL": "fc00:1:2:3::/64", "IPV6_SUBNET_PREFIX": 124},
            "debug": {"EXECUTION_LOG_ENABLED": False},
            "payment": {
                "PAYMENT_RECEIVER_ADDRESS": settings.reward_address,
                "AVAILABLE_PAYMENTS": {
                    "Chain.AVAX": {"chain_id": 43114, "active": True},
                    "Chain.BASE": {"chain_id": 8453, "active": True},
                },
                "PAYMENT_MONITOR_INTERVAL": 60.0,
            },
            "computing": {
                "ENABLE_QEMU_SUPPORT": True,
                "INSTANCE_DEFAULT_HYPERVISOR": "qemu",
                "ENABLE_CONFIDENTIAL_COMPUTING": settings.confidential,
                "ENABLE_GPU_SUPPORT": bool(settings.gpus),
            },
        }
    )


async def check_fastapi(_request: Request) -> Response:
    names = (
        "index environ messages dns ipv4 internet cache persistent_storage error_handling"
        " get_a_message lifespan"
    )
    return answer(dict.fromkeys(names.split(), True))


async def check_host(_request: Request) -> Response:
    checks = dict.fromkeys(("egress", "dns", "domain", "http"), True)
    return answer({"ipv4": checks, "ipv6": checks})


async def check_ipv6(_request: Request) -> Response:
    return answer({"host": True, "vm": True})


async def check_version(request: Request) -> Response:
    reference = request.query_params.get("reference")
    if not reference:
        raise Refusal(400, "Query field '?reference=` must be specified")
    current = node_of(request).settings.compute_version
    ours, wanted = version_key(current), version_key(reference)
    if wanted is None:
        raise Refusal(400, f"Invalid version: '{reference}'")
    if ours is None:
        raise Refusal(503, f"Invalid version: '{current}'")
    if ours < wanted:
        raise Refusal(403, f"Outdated: version {current} < {reference}")
    return PlainTextResponse(f"Up-to-date: version {current} >= {reference}")


async def notify(request: Request) -> Response:
    """Start a machine; the answer comes when it is up."""
    node = node_of(request)
    vm_hash = await _notified_hash(request)
    machine = await node.database.run(
        lambda connection: allocation.admit(
            connection, node.settings, node.machines, vm_hash, node.reservations
        )
    )
    await asyncio.sleep(max(machine.ready_at - now(), 0))
    failure = await node.database.run(
        lambda connection: node.machines.bring_up(connection, vm_hash)
    )
    if failure is not None:
        raise failure
    return answer({"success": True, "successful": True, "failing": [], "errors": {}})


async def _notified_hash(request: Request) -> str:
    body = await read_body(request, node_of(request).settings.max_json_body)
    try:
        notification = Notification.model_validate(parse_body(body))
    except ValidationError as error:
        raise InvalidBody(error) from error
    except ValueError as error:
        raise Refusal(400, "Body is not valid JSON") from error
    return str(notification.instance)


async def update(request: Request) -> Response:
    """Read the ports to forward anew."""
    node, vm_hash = node_of(request), machine_ref(request)

    def work(connection: Connection) -> tuple[Machine | None, Exception | None]:
        machine = node.machines.find(connection, vm_hash)
        if machine is None or not machine.created:
            return machine, None
        return machine, node.machines.update_ports(connection, machine)

    machine, failure = await node.database.run(work)
    if machine is None:
        raise Refusal(404, reason="VM not found")
    if failure is not None:
        raise failure
    return answer({} if machine.created else {"status": "ok", "msg": "VM not starting yet"})


def _get(path: str, handler: Handler) -> Route:
    return Route(path, endpoint(handler), methods=["GET"])


ROUTES: list[BaseRoute] = [
    _get("/about/executions/list", list_machines_v1),
    _get("/v2/about/executions/list", list_machines),
    _get("/about/usage/system", system_usage),
    _get("/about/capability", capability),
    _get("/status/config", config),
    _get("/status/check/fastapi", check_fastapi),
    _get("/status/check/fastapi/legacy", check_fastapi),
    _get("/status/check/host", check_host),
    _get("/status/check/ipv6", check_ipv6),
    _get("/status/check/version", check_version),
    Route("/control/allocation/notify", endpoint(notify), methods=["POST"]),
    Route("/control/machine/{ref}/update", endpoint(update), methods=["POST"]),
]
UNKNOWN: list[BaseRoute] = [
    Route(path, endpoint(unknown), methods=METHODS)
    for path in (
        "/about/{rest:path}",
        "/control/{rest:path}",
        "/status/{rest:path}",
        "/v2/{rest:path}",
    )
]
