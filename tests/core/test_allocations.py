from __future__ import annotations

from typing import Any

import attrs
import pytest

from aleph_core.allocations import (
    bound_allocation,
    check_messages,
    execution_at,
    listed_allocation,
    name_of,
)
from aleph_core.errors import AlephError, ArgumentError, MalformedAnswerError
from aleph_core.models.allocations import (
    AllocationFailed,
    ExecutionFailed,
    InstanceAllocationsInfo,
    InstanceManual,
    InstancesExecutionList,
    InstanceWithScheduler,
)
from aleph_core.models.compute_nodes import CRN, CrnList
from aleph_core.models.executions import CrnExecutions, CrnExecutionV2
from aleph_core.models.message import Content, Message
from aleph_core.models.page import InvalidEntry
from aleph_core.models.scheduler import AllocationItem
from aleph_core.structuring import structure
from tests.core import compute
from tests.core.compute import NODE_HASH, OTHER_VM, VM

NODE = structure(compute.CRN, CRN)
URL = NODE.address
RECEIVER = NODE.payment_receiver_address or ""
NODES = CrnList((NODE,))
PLACED = InstanceWithScheduler(structure(compute.ALLOCATION, AllocationItem))


def instance(**content: Any) -> Message:
    return Message(
        chain="ETH",
        sender="0x0",
        type="INSTANCE",
        item_type="inline",
        item_hash=VM,
        time=0.0,
        content=Content(content),
    )


def stream(receiver: object) -> dict[str, Any]:
    return {"payment": {"type": "superfluid", "receiver": receiver, "chain": "AVAX"}}


def test_an_instance_that_names_its_node_is_there() -> None:
    bound = {"requirements": {"node": {"node_hash": NODE_HASH}}}
    assert bound_allocation(instance(**bound), NODES) == InstanceManual(URL, NODE_HASH)
    gone = bound_allocation(instance(**bound), CrnList(()))
    assert gone == InstanceManual("", NODE_HASH)


def test_a_stream_tells_the_node_if_one_alone_has_its_address() -> None:
    paid = instance(**stream(RECEIVER.lower()))
    assert bound_allocation(paid, NODES) == InstanceManual(URL, NODE_HASH)
    twin = attrs.evolve(NODE, hash="f" * 64)
    assert bound_allocation(paid, CrnList((NODE, twin))) is None
    assert bound_allocation(instance(**stream("0x" + "1" * 40)), NODES) is None


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"requirements": None, "payment": None},
        {"requirements": {"node": None}, "payment": {"type": "credit", "receiver": RECEIVER}},
        {"requirements": {"node": {"node_hash": None}}, "payment": "hold"},
        {"requirements": [], **stream(None)},
    ],
)
def test_an_instance_that_names_no_node_is_the_schedulers(content: dict[str, Any]) -> None:
    assert bound_allocation(instance(**content), NODES) is None


def test_the_node_that_the_scheduler_named_is_looked_up() -> None:
    assert listed_allocation(NODE_HASH, NODES) == InstanceManual(URL, NODE_HASH)
    assert listed_allocation("f" * 64, NODES) == InstanceManual("", "f" * 64)
    assert listed_allocation(None, NODES) is None


def test_places_have_urls() -> None:
    assert PLACED.crn_url == URL
    assert InstanceWithScheduler(None).crn_url == ""
    error = AlephError("lost")
    assert AllocationFailed(error).crn_url == ""
    kinds = (PLACED, InstanceManual(URL), AllocationFailed(error))
    assert [place.source for place in kinds] == ["scheduler", "manual", "failed"]


def test_what_runs_is_found_at_its_place() -> None:
    machine = CrnExecutionV2(running=True)
    odd = MalformedAnswerError("odd")
    there = CrnExecutions({VM: machine}, URL, (InvalidEntry(odd, item_hash=OTHER_VM),))
    machines = {URL: there}
    assert execution_at(VM, PLACED, machines) is machine
    assert execution_at("f" * 64, PLACED, machines) is None
    assert execution_at(VM, InstanceManual(""), machines) is None
    assert execution_at(OTHER_VM, PLACED, machines) == ExecutionFailed(odd, URL)
    unreachable = ExecutionFailed(AlephError("down"), URL)
    assert execution_at(VM, PLACED, {URL: unreachable}) is unreachable
    lost = AlephError("lost")
    assert execution_at(VM, AllocationFailed(lost), {}) == ExecutionFailed(lost)


def test_results_are_mappings_with_the_names_that_they_had() -> None:
    info = InstanceAllocationsInfo({VM: PLACED})
    assert (info[VM], len(info), list(info), info.root) == (PLACED, 1, [VM], {VM: PLACED})
    failure = ExecutionFailed(AlephError("down"))
    found = InstancesExecutionList({VM: CrnExecutionV2(), OTHER_VM: failure, "f" * 64: None})
    assert found.failed == {OTHER_VM: failure}
    assert VM in found
    with pytest.raises(KeyError):
        found["e" * 64]


def test_the_name_is_in_the_metadata() -> None:
    assert name_of(instance(metadata={"name": "web"})) == "web"
    for metadata in (None, {}, {"name": 5}, "web"):
        assert name_of(instance(metadata=metadata)) is None


@pytest.mark.parametrize("messages", [None, 5, "ab" * 32, ["ab" * 32], [None]])
def test_what_holds_no_messages_is_refused(messages: object) -> None:
    with pytest.raises(ArgumentError) as caught:
        check_messages(messages)
    assert caught.value.argument == "messages_list"
