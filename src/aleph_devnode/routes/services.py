"""The small counterparts of the network's other services: scheduler, list of nodes, names, releases."""

from __future__ import annotations

import math
from sqlite3 import Connection
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from .. import scheduling
from ..answers import Refusal, answer
from ..executions import host_ipv4, networking, usage
from ..machines import Machine
from ..node import Node, node_of

# The scheduler gives no more on a page, whatever it is asked for.
LARGEST_PAGE = 100


async def _machines(request: Request) -> list[Machine]:
    node = node_of(request)
    return await node.database.run(node.machines.each)


def _node_item(node: Node) -> dict[str, Any]:
    return {
        "node_id": node.settings.node_hash,
        "url": node.url,
        "ipv6": None,
        "supports_ipv6": False,
    }


async def plan(request: Request) -> Response:
    placed = [machine for machine in await _machines(request) if machine.placed]
    kinds = {"persistent_vms": "persistent_program", "instances": "instance"}
    lists: dict[str, list[str]] = {
        name: [machine.vm_hash for machine in placed if machine.vm_type == kind]
        for name, kind in kinds.items()
    }
    lists |= {"on_demand_vms": [], "jobs": []}
    node_hash = node_of(request).settings.node_hash
    return answer({"period": scheduling.period(), "plan": {node_hash: lists}})


async def scheduler_nodes(request: Request) -> Response:
    return answer({"nodes": [_node_item(node_of(request))]})


async def placement(request: Request) -> Response:
    vm_hash = request.path_params["vm_hash"]
    for machine in await _machines(request):
        if machine.vm_hash == vm_hash and machine.placed:
            return answer(
                {
                    "vm_hash": vm_hash,
                    "vm_type": machine.vm_type,
                    "vm_ipv6": networking(machine, node_of(request)).get("ipv6_ip"),
                    "period": scheduling.period(),
                    "node": _node_item(node_of(request)),
                }
            )
    return answer({"detail": "Allocation not found"}, 404)


async def vms(request: Request) -> Response:
    query = request.query_params
    found = await _entries(
        request,
        owner=query.get("owner"),
        sender=query.get("sender"),
        prefix=query.get("vm_hash", ""),
    )
    return _page(request, found)


async def vm(request: Request) -> Response:
    vm_hash = request.path_params["vm_hash"]
    for entry in await _entries(request, owner=None, sender=None, prefix=vm_hash):
        if entry["vm_hash"] == vm_hash:
            return answer(entry)
    return answer({"detail": "VM not found"}, 404)


async def _entries(
    request: Request, *, owner: str | None, sender: str | None, prefix: str
) -> list[dict[str, Any]]:
    node = node_of(request)

    def work(connection: Connection) -> list[dict[str, Any]]:
        machines = {machine.vm_hash: machine for machine in node.machines.each(connection)}
        return scheduling.vms(
            connection,
            machines,
            node.settings.node_hash,
            owner=owner,
            sender=sender,
            prefix=prefix,
        )

    return await node.database.run(work)


def _node_entry(node: Node) -> dict[str, Any]:
    return {
        "node_hash": node.settings.node_hash,
        "name": node.settings.node_name,
        "address": node.url,
        "status": "healthy",
    }


async def node_entries(request: Request) -> Response:
    entry = _node_entry(node_of(request))
    part = request.query_params.get("hash", "")
    node_hash = entry["node_hash"]
    return _page(request, [entry] if node_hash.startswith(part) or node_hash.endswith(part) else [])


async def node_entry(request: Request) -> Response:
    entry = _node_entry(node_of(request))
    if request.path_params["node_hash"] != entry["node_hash"]:
        return answer({"detail": "Node not found"}, 404)
    return answer(entry)


def _page(request: Request, entries: list[dict[str, Any]]) -> Response:
    try:
        page = int(request.query_params.get("page", "1"))
        size = int(request.query_params.get("page_size", str(LARGEST_PAGE)))
    except ValueError as error:
        raise Refusal(422) from error
    if page < 1 or size < 1:
        raise Refusal(422)
    size = min(size, LARGEST_PAGE)
    pagination = {
        "page": page,
        "page_size": size,
        "total_items": len(entries),
        "total_pages": math.ceil(len(entries) / size),
    }
    return answer({"items": entries[(page - 1) * size : page * size], "pagination": pagination})


async def crns(request: Request) -> Response:
    """List the one node that there is; it is active whatever the question."""
    node = node_of(request)
    settings = node.settings
    used = usage(node, await _machines(request))
    entry = {
        "hash": settings.node_hash,
        "name": settings.node_name,
        "address": node.url,
        "owner": settings.reward_address,
        "score": 1.0,
        "status": "linked",
        "type": "compute",
        "locked": False,
        "parent": None,
        "stream_reward": settings.reward_address,
        "inactive_since": None,
        "terms_and_conditions": "",
        "version": settings.compute_version,
        "payment_receiver_address": settings.reward_address,
        "gpu_support": bool(settings.gpus),
        "confidential_support": settings.confidential,
        "qemu_support": True,
        "ipv6_check": {"host": True, "vm": True},
        "system_usage": used,
        "compatible_gpus": used["gpu"]["devices"],
        "compatible_available_gpus": used["gpu"]["available_devices"],
    }
    return answer({"crns": [entry]})


async def names(request: Request) -> Response:
    """List the names of the instances here; ``crn`` names the host, other parameters are not looked at."""
    node = node_of(request)
    if request.query_params.get("crn") not in (None, node.domain_name):
        return answer([])
    return answer(
        [
            {
                "name": f"{machine.vm_hash[:12]}.instances.localhost",
                "item_hash": machine.vm_hash,
                "ipv4": {
                    "public": host_ipv4(node),
                    "local": networking(machine, node)["ipv4_network"],
                },
                "ipv6": networking(machine, node)["ipv6_ip"],
            }
            for machine in await _machines(request)
            if machine.created and machine.vm_type == "instance"
        ]
    )


async def latest_release(request: Request) -> Response:
    version = node_of(request).settings.compute_version
    return answer({"tag_name": version, "name": version, "draft": False, "prerelease": False})


ROUTES: list[BaseRoute] = [
    Route("/api/v0/plan", plan),
    Route("/api/v0/nodes", scheduler_nodes),
    Route("/api/v0/allocation/{vm_hash}", placement),
    Route("/api/v1/vms", vms),
    Route("/api/v1/vms/{vm_hash}", vm),
    Route("/api/v1/nodes", node_entries),
    Route("/api/v1/nodes/{node_hash}", node_entry),
    Route("/crns.json", crns),
    Route("/instances/list", names),
    Route("/releases/latest", latest_release),
]
