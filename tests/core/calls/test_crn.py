from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.call import Answer, Call
from aleph_core.calls import crn as calls
from aleph_core.errors import (
    AlephError,
    ApiError,
    InvalidItemHashError,
    MalformedAnswerError,
    RateLimited,
    UnsupportedByNode,
)
from aleph_core.machine_errors import VmNotFound
from aleph_core.models.executions import CrnExecutionV1, CrnExecutionV2
from tests.core.compute import (
    CONFIG,
    CRN,
    EXECUTION,
    EXECUTION_V1,
    H100,
    NODE_HASH,
    OTHER_VM,
    USAGE,
    VM,
)
from tests.core.recorded import ANSWERS, JSON, altered, answer

CALLS: list[Call[Any]] = [
    calls.crns(only_active=True),
    calls.last_version(),
    calls.executions(2),
    calls.executions(1),
    calls.update_instance(VM),
    calls.system_usage(),
    calls.capability(),
    calls.config(),
    calls.check("host"),
    calls.check_version("1.2.3"),
]


def odd(recorded: dict[str, Any], *required: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return the recording with any values in place of what may be odd, and further fields."""
    fixed = {name: st.just(recorded[name]) for name in required}
    loose = {name: JSON | st.just(value) for name, value in recorded.items() if name not in fixed}
    return st.fixed_dictionaries(fixed, optional={**loose, "future": JSON})


@given(st.sampled_from(CALLS), ANSWERS)
def test_any_answer_is_read_or_an_error_of_the_family(call: Call[Any], found: Answer) -> None:
    try:
        call.parse(found)
    except AlephError as error:
        assert str(error)


def test_the_list_of_nodes_is_asked_for_as_the_service_spells_it() -> None:
    for only_active, text in ((True, "true"), (False, "false")):
        call = calls.crns(only_active=only_active)
        assert (call.method, call.path, [*call.params]) == (
            "GET",
            "",
            [("filter_inactive", text)],
        )


def test_a_node_of_the_list_is_read_whole() -> None:
    (crn,) = calls.crns(only_active=True).parse(answer({"crns": [CRN]}))
    assert (crn.address, crn.version, crn.score) == ("https://crn.example", "1.6.0-rc1", 0.9645)
    assert crn.has_ipv6
    assert crn.takes_streams
    assert crn.extra == {}
    assert crn["hash"] == NODE_HASH
    assert crn.system_usage is not None
    (gpu,) = crn.system_usage.gpu.devices
    assert (gpu.model, gpu.label) == (None, "AD104GL [RTX 4000 SFF Ada Generation]")


def test_bad_nodes_are_reported_and_sparse_ones_kept() -> None:
    sparse = {"hash": "e" * 64, "name": "sparse", "address": "https://sparse.example"}
    entries = [CRN, None, altered(CRN, address=None), altered(CRN, hash=5), sparse]
    found = calls.crns(only_active=True).parse(answer({"crns": entries}))
    assert [crn.name for crn in found] == ["Test GPU Instance", "sparse"]
    assert [entry.raw for entry in found.invalid] == entries[1:4]
    assert not found[1].gpu_support
    assert found[1].system_usage is None


@given(odd(CRN, "hash", "name", "address"))
def test_whatever_a_node_tells_it_stays_in_the_list(entry: dict[str, Any]) -> None:
    found = calls.crns(only_active=True).parse(answer({"crns": [entry]}))
    assert len(found) == 1
    found.filter_crn(
        "1.2",
        ipv6=True,
        stream_address=True,
        confidential=True,
        gpu=True,
        vm_resources={"vcpus": 1},
    )
    assert found.find_gpu_on_network().total_gpu_count >= 0


def test_the_machines_of_a_node_are_read() -> None:
    waiting = altered(
        EXECUTION, networking={}, running=False, awaiting_confidential_init=True, vm_type=...
    )
    found = calls.executions(2).parse(answer({VM: EXECUTION, OTHER_VM: waiting}))
    machine, other = found[VM], found[OTHER_VM]
    assert isinstance(machine, CrnExecutionV2)
    assert isinstance(other, CrnExecutionV2)
    assert machine.status.defined_at == datetime(2026, 11, 23, 6, 50, 45, 974627, UTC)
    assert machine.networking.mapped_ports["22"].host == 24000
    assert (other.networking.host_ipv4, other.networking.mapped_ports) == (None, {})
    assert other.awaiting_confidential_init
    assert found.root == {VM: machine, OTHER_VM: other}


def test_one_odd_machine_hides_no_other_and_is_not_taken_for_a_missing_one() -> None:
    found = calls.executions(2).parse(answer({OTHER_VM: "odd", VM: EXECUTION}))
    assert list(found) == [VM]
    assert [entry.item_hash for entry in found.invalid] == [OTHER_VM]
    assert found.get("f" * 64) is None
    assert OTHER_VM not in found
    with pytest.raises(MalformedAnswerError, match=OTHER_VM):
        found.get(OTHER_VM)


@given(odd(EXECUTION))
def test_whatever_a_node_tells_of_a_machine_it_is_there(entry: dict[str, Any]) -> None:
    found = calls.executions(2).parse(answer({VM: entry, OTHER_VM: EXECUTION}))
    assert set(found) == {VM, OTHER_VM}
    assert not found.invalid


@given(odd(EXECUTION_V1))
def test_so_it_is_in_the_older_list(entry: dict[str, Any]) -> None:
    machine = calls.executions(1).parse(answer({VM: entry}))[VM]
    assert isinstance(machine, CrnExecutionV1)
    assert machine.running is not machine.awaiting_confidential_init


def test_an_older_node_is_told_apart_from_a_failing_one() -> None:
    missing = answer({"error": "404: Invalid message reference"}, 404)
    with pytest.raises(UnsupportedByNode):
        calls.executions(2).parse(missing)
    with pytest.raises(ApiError, match="no network") as caught:
        calls.executions(1).parse(answer({"error": "no network"}, 500))
    assert not isinstance(caught.value, UnsupportedByNode)


def test_an_update_is_posted_to_the_machine() -> None:
    call = calls.update_instance("0x" + VM.upper())
    assert (call.method, call.path) == ("POST", f"/control/machine/{VM}/update")
    assert call.parse(answer({})) == {}
    early = {"status": "ok", "msg": "VM not starting yet"}
    assert call.parse(answer(early)) == early
    with pytest.raises(VmNotFound):
        call.parse(answer({"error": "404: VM not found"}, 404))
    with pytest.raises(UnsupportedByNode):
        call.parse(answer({"error": "404: Invalid message reference"}, 404))
    failed = answer({"error": "'udp'", "error_type": "<class 'KeyError'>"}, 500)
    with pytest.raises(ApiError, match="both flags"):
        call.parse(failed)
    with pytest.raises(InvalidItemHashError):
        calls.update_instance("../etc")


def test_usage_capability_and_configuration_are_read() -> None:
    usage = calls.system_usage().parse(answer(USAGE))
    assert usage.cpu is not None
    assert usage.cpu.free == 1
    assert usage.mem is not None
    assert usage.mem.available_kB == 24017170
    assert usage.extra == {}
    config = calls.config().parse(answer(CONFIG))
    assert (config.domain_name, config.node_hash) == ("crn.example", None)
    assert config.confidential_support
    assert not config.gpu_support
    assert config.payment_receiver_address == CONFIG["payment"]["PAYMENT_RECEIVER_ADDRESS"]
    empty = calls.capability().parse(answer({"cpu": {"count": None}, "memory": None}))
    assert (empty.cpu.count, empty.memory.size) == (None, None)
    with pytest.raises(MalformedAnswerError, match="DOMAIN_NAME"):
        calls.config().parse(answer({}))


@given(odd(USAGE))
def test_whatever_the_usage_holds_it_is_read(body: dict[str, Any]) -> None:
    usage = calls.system_usage().parse(answer(body))
    assert usage.cpu is None or usage.cpu.free >= 0


@given(odd(CONFIG, "DOMAIN_NAME"))
def test_whatever_the_configuration_holds_it_is_read(body: dict[str, Any]) -> None:
    config = calls.config().parse(answer(body))
    assert config.confidential_support in (True, False)
    assert config.payment_receiver_address is None or isinstance(
        config.payment_receiver_address, str
    )


def test_a_failed_check_is_an_answer() -> None:
    host = {"ipv4": {"egress": True, "http": False}, "ipv6": {"egress": False}}
    found = calls.check("host").parse(answer(host, 503))
    assert not found
    assert found["ipv6"] == {"egress": False}
    assert calls.check("host").parse(answer({"ipv4": {"egress": True}}))
    assert not calls.check("ipv6").parse(answer({"host": True, "vm": False}))
    assert calls.check("ipv6").parse(answer({"host": True, "vm": True}))
    for body in ({"error": "Server disconnected: x"}, b"<html>", []):
        with pytest.raises(ApiError):
            calls.check("fastapi").parse(answer(body, 503))
    assert not calls.check("fastapi").idempotent


def test_a_version_is_new_enough_or_not_or_the_node_cannot_tell() -> None:
    call = calls.check_version("1.14.0")
    assert [*call.params] == [("reference", "1.14.0")]
    assert call.parse(answer("Up-to-date: version 1.14.0 >= 1.14.0")) is True
    assert call.parse(answer({"error": "Outdated: version 1.13.0 < 1.14.0"}, 403)) is False
    with pytest.raises(ApiError, match="blocked"):
        call.parse(answer("blocked", 403))
    with pytest.raises(ApiError, match="Invalid version"):
        call.parse(answer({"error": "Invalid version: 'version-unavailable'"}, 503))


def test_the_last_release_is_its_tag() -> None:
    call = calls.last_version()
    assert call.parse(answer({"tag_name": "1.14.0", "name": "a release"})) == "1.14.0"
    limited = answer(
        {"message": "API rate limit exceeded"},
        403,
        x_ratelimit_remaining="0",
        x_ratelimit_reset="1795000000",
    )
    with pytest.raises(RateLimited, match="1795000000"):
        call.parse(limited)
    with pytest.raises(ApiError) as caught:
        call.parse(answer("forbidden", 403))
    assert not isinstance(caught.value, RateLimited)
    for body in ({}, {"tag_name": None}, {"tag_name": ""}, []):
        with pytest.raises(MalformedAnswerError):
            call.parse(answer(body))


def test_a_card_is_found_under_each_of_its_names() -> None:
    (crn,) = calls.crns(only_active=True).parse(answer({"crns": [CRN]}))
    (gpu,) = crn.compatible_gpus
    for name in ("H100", "h100", "10DE:2331", H100["device_name"]):
        assert gpu.is_called(name)
    assert not gpu.is_called("A100")
