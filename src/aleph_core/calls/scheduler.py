"""Asking the scheduler: ``/api/v0`` for its plan, ``/api/v1`` for machines and nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

from ..call import Answer, Call
from ..errors import ArgumentError, ResourceNotFoundError
from ..item_hash import check_address, check_item_hash
from ..models.page import Page
from ..models.record import Record
from ..models.scheduler import (
    AllocationItem,
    SchedulerNode,
    SchedulerNodes,
    SchedulerPlan,
    SchedulerVm,
)
from ..paging import Position
from ..structuring import structure_entries
from .answers import as_count, facts, json_list, json_object, read_record, refuse, segment

__all__ = ["LARGEST_PAGE", "allocation", "node", "nodes", "plan", "scheduler_nodes", "vm", "vms"]

R = TypeVar("R", bound=Record)

LARGEST_PAGE = 200


def plan() -> Call[SchedulerPlan]:
    return Call("GET", "/api/v0/plan", _record(SchedulerPlan, "the plan"))


def scheduler_nodes() -> Call[SchedulerNodes]:
    return Call("GET", "/api/v0/nodes", _record(SchedulerNodes, "the nodes"))


def allocation(vm_hash: str) -> Call[AllocationItem]:
    vm_hash = check_item_hash(vm_hash, "vm_hash")
    what = f"an allocation of {vm_hash}"
    return Call("GET", f"/api/v0/allocation/{vm_hash}", _record(AllocationItem, what))


def vm(vm_hash: str) -> Call[SchedulerVm]:
    vm_hash = check_item_hash(vm_hash, "vm_hash")
    return Call("GET", f"/api/v1/vms/{vm_hash}", _record(SchedulerVm, f"a machine {vm_hash}"))


def node(node_hash: str) -> Call[SchedulerNode]:
    _check_part(node_hash, "node_hash")
    what = f"a node {node_hash}"
    return Call("GET", f"/api/v1/nodes/{segment(node_hash)}", _record(SchedulerNode, what))


def vms(
    position: Position,
    page_size: int,
    *,
    owner: str | None = None,
    sender: str | None = None,
    vm_hash: str | None = None,
) -> Call[Page[SchedulerVm]]:
    """``vm_hash`` is the beginning of hashes."""
    params = []
    for name, address in (("owner", owner), ("sender", sender)):
        if address is not None:
            params.append((name, check_address(address, name)))
    if vm_hash is not None:
        params.append(("vm_hash", _check_part(vm_hash, "vm_hash")))
    return _list("/api/v1/vms", SchedulerVm, "machines", position, page_size, params)


def nodes(
    position: Position, page_size: int, *, node_hash: str | None = None
) -> Call[Page[SchedulerNode]]:
    """``node_hash`` is the beginning or the end of hashes."""
    params = [] if node_hash is None else [("hash", _check_part(node_hash, "node_hash"))]
    return _list("/api/v1/nodes", SchedulerNode, "nodes", position, page_size, params)


def _check_part(text: object, argument: str) -> str:
    if not isinstance(text, str) or not text.isascii() or not text.isalnum():
        raise ArgumentError(argument, f"{str(text)[:80]!r} is no part of a hash")
    return text


def _record(kind: type[R], what: str) -> Any:
    def parse(answer: Answer) -> R:
        if answer.status != 200:
            _refuse(answer, what)
        return read_record(answer, json_object(answer), kind)

    return parse


def _list(
    path: str,
    kind: type[R],
    what: str,
    position: Position,
    page_size: int,
    params: Sequence[tuple[str, str]],
) -> Call[Page[R]]:
    def parse(answer: Answer) -> Page[R]:
        if answer.status != 200:
            _refuse(answer, what)
        body = json_object(answer)
        items, invalid = structure_entries(json_list(answer, body, "items"), kind)
        pagination = body.get("pagination")
        numbers = pagination if isinstance(pagination, dict) else {}
        return Page(
            items=items,
            per_page=as_count(numbers.get("page_size")) or page_size,
            page=as_count(numbers.get("page")) or position.page,
            total=as_count(numbers.get("total_items")),
            invalid=invalid,
            kind=what,
        )

    size = [("page_size", str(page_size))]
    return Call("GET", path, parse, params=[*params, *position.params(), *size])


def _refuse(answer: Answer, what: str) -> NoReturn:
    if answer.status == 404:
        raise ResourceNotFoundError(
            f"the scheduler at {answer.node} has no {what.removeprefix('an ').removeprefix('a ')}; "
            "it places machines that are held for or persistent, others are started on their node",
            **facts(answer),
        )
    refuse(answer, f"the request for {what}")
