from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.call import Answer, Call
from aleph_core.calls import scheduler as calls
from aleph_core.errors import (
    AlephError,
    ApiError,
    ArgumentError,
    MalformedAnswerError,
    ResourceNotFoundError,
)
from aleph_core.paging import Position
from tests.core.compute import (
    ALLOCATION,
    NODE_HASH,
    NODE_ITEM,
    PLAN,
    SCHEDULER_NODE,
    SCHEDULER_VM,
    VM,
)
from tests.core.recorded import ANSWERS, JSON, OWNER, altered, answer

FIRST = Position(page=1)
CALLS: list[Call[Any]] = [
    calls.plan(),
    calls.scheduler_nodes(),
    calls.allocation(VM),
    calls.vm(VM),
    calls.node(NODE_HASH),
    calls.vms(FIRST, 200),
    calls.nodes(FIRST, 200),
]


@given(st.sampled_from(CALLS), ANSWERS)
def test_any_answer_is_read_or_an_error_of_the_family(call: Call[Any], found: Answer) -> None:
    try:
        call.parse(found)
    except AlephError as error:
        assert str(error)


def test_the_plan_is_read_with_lists_that_are_none() -> None:
    plan = calls.plan().parse(answer(PLAN))
    item = plan.plan[NODE_HASH]
    assert item.instances == (VM,)
    assert item.persistent_vms == item.on_demand_vms == item.jobs == ()
    assert plan.node_of(VM) == NODE_HASH
    assert plan.node_of("a" * 64) is None
    assert plan.period is not None
    assert plan.period.start_timestamp == datetime(2023, 1, 1, tzinfo=UTC)
    assert plan.period.duration_seconds == 3600


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.dictionaries(st.sampled_from(["instances", "jobs", "persistent_vms", "x"]), JSON) | JSON,
    )
)
def test_an_odd_item_of_the_plan_costs_only_itself(items: dict[str, Any]) -> None:
    plan = calls.plan().parse(answer({"plan": {**items, NODE_HASH: PLAN["plan"][NODE_HASH]}}))
    assert plan.node_of(VM) == NODE_HASH


def test_a_plan_that_is_none_is_no_empty_plan() -> None:
    for body in ({}, {"plan": None}, {"plan": 3}, []):
        with pytest.raises(MalformedAnswerError):
            calls.plan().parse(answer(body))


def test_a_node_leads_to_its_url() -> None:
    bad = {"node_id": "f" * 64}
    nodes = calls.scheduler_nodes().parse(answer({"nodes": [NODE_ITEM, bad]}))
    assert nodes.get_url(NODE_HASH) == "https://crn.example/"
    assert nodes.get_url("f" * 64) is None
    assert nodes.extra["nodes"][1] == bad


def test_an_allocation_names_its_node() -> None:
    call = calls.allocation("0x" + VM.upper())
    assert call.path == f"/api/v0/allocation/{VM}"
    allocation = call.parse(answer(ALLOCATION))
    assert (allocation.vm_hash, allocation.node.url) == (VM, "https://crn.example/")
    sparse = altered(ALLOCATION, period=None, vm_ipv6=5, vm_type=..., future=1)
    assert call.parse(answer(sparse)).extra == {"vm_ipv6": 5, "future": 1}
    with pytest.raises(MalformedAnswerError, match="node"):
        call.parse(answer(altered(ALLOCATION, node=None)))


@pytest.mark.parametrize("call", [calls.allocation(VM), calls.vm(VM), calls.node(NODE_HASH)])
def test_what_the_scheduler_does_not_know_is_an_error(call: Call[Any]) -> None:
    with pytest.raises(ResourceNotFoundError, match=call.path.rpartition("/")[2]) as caught:
        call.parse(answer({"detail": "Not found"}, 404))
    assert caught.value.status == 404
    with pytest.raises(ApiError, match="down"):
        call.parse(answer("down", 500))


def test_the_newer_lists_are_filtered_and_paged() -> None:
    call = calls.vms(Position(page=3), 50, owner=OWNER, sender=OWNER, vm_hash="6da2")
    assert call.path == "/api/v1/vms"
    assert [*call.params] == [
        ("owner", OWNER),
        ("sender", OWNER),
        ("vm_hash", "6da2"),
        ("page", "3"),
        ("page_size", "50"),
    ]
    pagination = {"page": 3, "page_size": 20, "total_items": 43, "total_pages": 3}
    bad = altered(SCHEDULER_VM, vm_hash=None)
    page = call.parse(answer({"items": [SCHEDULER_VM, bad], "pagination": pagination}))
    (vm,) = page
    assert (vm.allocated_node, vm.status) == (NODE_HASH, "dispatched")
    assert [entry.raw for entry in page.invalid] == [bad]
    assert (page.page, page.per_page, page.total) == (3, 20, 43)
    nodes = calls.nodes(FIRST, 200, node_hash="cccc").parse(
        answer({"items": [SCHEDULER_NODE], "pagination": None})
    )
    assert (nodes[0].address, nodes.total) == (None, None)


@pytest.mark.parametrize("part", ["", "../", "a b", "é", 5])
def test_what_is_no_part_of_a_hash_is_not_sent(part: Any) -> None:
    for make in (
        lambda: calls.vms(FIRST, 1, vm_hash=part),
        lambda: calls.nodes(FIRST, 1, node_hash=part),
        lambda: calls.node(part),
    ):
        with pytest.raises(ArgumentError, match="hash"):
            make()
    with pytest.raises(ArgumentError, match="owner"):
        calls.vms(FIRST, 1, owner="me")
