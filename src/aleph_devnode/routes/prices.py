"""What messages cost, or would cost."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterable
from decimal import Decimal
from sqlite3 import Connection
from typing import Any

from aleph_message.models import BaseContent, StoreContent
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import costs, processed
from ..answers import Refusal, answer, message_hash, parse_body, parse_query, read_body
from ..costs import Cost
from ..envelopes import CONTENT_MODELS, InvalidEnvelope, parse_content, parse_json
from ..node import node_of
from ..queries import CostsQuery
from ..rejections import Rejected

PRICED = ("STORE", "PROGRAM", "INSTANCE", "V-PROGRAM")


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "false").lower() == "true"


def _shown(
    owner: str, payment_type: str, parts: Iterable[Cost], *, with_size: bool
) -> dict[str, Any]:
    parts = list(parts)
    required = costs.total(parts, payment_type)
    return {
        "required_tokens": float(required),
        "payment_type": payment_type,
        "cost": costs.written(required),
        "detail": [part.shown(with_size=with_size) for part in parts],
        "charged_address": owner,
    }


async def price(request: Request) -> Response:
    item_hash = message_hash(request)
    with_size = _flag(request, "include_size")

    def work(connection: Connection) -> dict[str, Any] | None:
        row = processed.find(connection, item_hash)
        if row is None:
            raise Refusal(404, f"Message not found with hash: {item_hash}")
        if row["status"] == processed.PENDING:
            return None
        if row["status"] == processed.REJECTED:
            raise Refusal(404, f"This message was rejected: {item_hash}")
        if row["status"] == processed.FORGOTTEN:
            if row["type"] != "STORE" or row["file_size"] is None:
                raise Refusal(410, f"This message has been forgotten: {item_hash}")
            size = costs.size_in_mib(row["file_size"])
            parts = costs.of_storage(size, row["payment_type"], item_hash)
            return _shown(row["owner"], row["payment_type"], parts, with_size=with_size)
        if row["type"] not in PRICED:
            raise Refusal(400, f"Message is not an executable or store message: {item_hash}")
        saved = costs.saved(connection, item_hash=item_hash)
        payment_type = saved[0][2] if saved else costs.HOLD
        return _shown(row["owner"], payment_type, (part for *_, part in saved), with_size=with_size)

    shown = await node_of(request).database.run(work)
    if shown is None:
        await _outwait(request)
        raise Refusal(503, reason="the node stops")
    return answer(shown)


async def _outwait(request: Request) -> None:
    """Keep the client waiting, as the real node's status 102 does, until it leaves or the node stops."""
    stopping = asyncio.create_task(node_of(request).stopping.wait())
    leaving = asyncio.create_task(_left(request))
    await asyncio.wait({stopping, leaving}, return_when=asyncio.FIRST_COMPLETED)
    for task in (stopping, leaving):
        task.cancel()
    await asyncio.gather(stopping, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def estimate(request: Request) -> Response:
    """Price a message that need not be signed; files that are not here yet have an estimated size."""
    body = parse_body(await read_body(request, node_of(request).settings.max_json_body))
    message = body["message"]
    kind = message["type"]
    if kind not in PRICED or kind not in CONTENT_MODELS:
        raise TypeError(f"the real node fails on estimates of {kind}")
    try:
        content = parse_json(message["item_content"])
        return answer(await _estimate(request, kind, content))
    except (InvalidEnvelope, Rejected, ValueError) as error:
        raise Refusal(422, "InvalidMessageFormat") from error


async def estimate_instance(request: Request) -> Response:
    content = parse_body(await read_body(request, node_of(request).settings.max_json_body))
    if isinstance(content, dict):
        content = {"time": 0, "allow_amend": False, **content}
    try:
        return answer(await _estimate(request, "INSTANCE", content))
    except Rejected as error:
        problems = error.errors or []
        lines = [f"{len(problems)} validation errors for CostEstimationInstanceContent"]
        for problem in problems:
            lines += [
                ".".join(map(str, problem["loc"])),
                f"  {problem['msg']} [type={problem['type']}]",
            ]
        raise Refusal(422, "\n".join(lines)) from error


async def _estimate(request: Request, kind: str, content: Any) -> dict[str, Any]:
    content = copy.deepcopy(content)
    sizes = _take_estimates(content)
    parsed = parse_content(kind, content)
    return await node_of(request).database.run(
        lambda connection: _price_of_content(connection, parsed, sizes)
    )


def _price_of_content(
    connection: Connection, content: BaseContent, sizes: dict[str, float]
) -> dict[str, Any]:
    payment_type = costs.payment_type_of(content)
    if isinstance(content, StoreContent):
        if "STORAGE" in sizes:
            parts = costs.of_storage(Decimal(sizes["STORAGE"]), payment_type, "")
        else:
            parts = costs.of_store(connection, content, "")
    elif isinstance(content, costs.Executable):
        parts = costs.of_executable(connection, content, sizes)
    else:
        raise TypeError(f"{type(content).__name__} has no price")
    return _shown(content.address, payment_type, parts, with_size=True)


def _take_estimates(content: Any) -> dict[str, float]:
    """Take the estimated sizes, which no schema knows, out of content."""
    found: dict[str, float] = {}
    if not isinstance(content, dict):
        return found
    places = [("STORAGE", content)]
    places += [
        (f"EXECUTION_PROGRAM_VOLUME_{name.upper()}", content[name])
        for name in ("code", "runtime", "data")
        if isinstance(content.get(name), dict)
    ]
    volumes = content.get("volumes")
    for number, volume in enumerate(volumes if isinstance(volumes, list) else []):
        if isinstance(volume, dict):
            places.append(
                (f"#{number}:{volume.get('mount') or 'EXECUTION_VOLUME_INMUTABLE'}", volume)
            )
    for name, place in places:
        size = place.pop("estimated_size_mib", None)
        if size is not None:
            found[name] = size
    return found


async def summary(request: Request) -> Response:
    query = parse_query(request, CostsQuery)
    if query.include_details >= 2 and not (query.address or query.item_hash):
        raise Refusal(
            422,
            "include_details=2 requires at least one of 'address' or 'item_hash' filters"
            " to avoid fetching breakdowns for all resources",
        )
    payment_type = None if query.payment_type is None else query.payment_type.value
    saved = await node_of(request).database.run(
        lambda connection: costs.saved(
            connection, owner=query.address, item_hash=query.item_hash, payment_type=payment_type
        )
    )
    resources: dict[tuple[str, str, str], list[Cost]] = {}
    for item_hash, owner, kind, part in saved:
        resources.setdefault((item_hash, owner, kind), []).append(part)
    everything = [part for *_, part in saved]
    shown: dict[str, Any] = {
        "summary": {"total_consumed_credits": 0}
        | {f"total_{name}": text for name, text in _sums(everything).items()}
        | {"resource_count": len(resources)},
        "filters": {
            "address": query.address,
            "item_hash": query.item_hash,
            "payment_type": payment_type,
        },
        "resources": None,
        "pagination_page": None,
        "pagination_total": None,
        "pagination_per_page": None,
        "pagination_item": None,
    }
    if query.include_details:
        start = (query.page - 1) * query.pagination
        shown |= {
            "resources": [
                {
                    "item_hash": item_hash,
                    "owner": owner,
                    "payment_type": kind,
                    "consumed_credits": 0,
                }
                | _sums(parts)
                | {
                    "detail": [part.shown(with_size=query.include_size) for part in parts]
                    if query.include_details >= 2
                    else None
                }
                for (item_hash, owner, kind), parts in list(resources.items())[
                    start : start + query.pagination
                ]
            ],
            "pagination_page": query.page,
            "pagination_total": len(resources),
            "pagination_per_page": query.pagination,
            "pagination_item": "resources",
        }
    return answer(shown)


def _sums(parts: list[Cost]) -> dict[str, str]:
    return {
        "cost_hold": costs.written(costs.total(parts, costs.HOLD)),
        "cost_stream": costs.written(costs.total(parts, costs.STREAM)),
        "cost_credit": costs.written(costs.total(parts, costs.CREDIT)),
    }


async def recalculate(_request: Request) -> Response:
    raise Refusal(401)


ROUTES = [
    Route("/api/v0/price/estimate", estimate, methods=["POST"]),
    Route("/api/v0/price/estimate/instance", estimate_instance, methods=["POST"]),
    Route("/api/v0/price/recalculate", recalculate, methods=["POST"]),
    Route("/api/v0/price/{item_hash}/recalculate", recalculate, methods=["POST"]),
    Route("/api/v0/price/{item_hash}", price),
    Route("/api/v0/costs", summary),
]
