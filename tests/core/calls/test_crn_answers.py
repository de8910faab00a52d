from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from aleph_core.call import Answer
from aleph_core.calls.crn_answers import check_results, read_refusal, refuse_by_node
from aleph_core.errors import ApiError, RateLimited, UnsupportedByNode
from aleph_core.machine_errors import VmNotFound
from tests.core.compute import VM
from tests.core.recorded import ANSWERS, NODE, answer

ERRORS = json.dumps(
    [
        {"type": "missing", "loc": ["instance"], "msg": "Field required", "input": {}},
        {"type": "model_type", "loc": [], "msg": "Input should be a valid dictionary"},
        {"type": "odd"},
        3,
    ]
)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (403, "Unauthorized sender", "Unauthorized sender"),
        (403, {"error": "Operation not running"}, "Operation not running"),
        (400, {"error": "400: Message is not an instance"}, "Message is not an instance"),
        (400, {"error": "Invalid ref: 'nothash'"}, "Invalid ref: 'nothash'"),
        (
            400,
            {"code": "vm_running", "description": "Operation not allowed, instance is running"},
            "Operation not allowed, instance is running",
        ),
        (500, {"error": "'udp'", "error_type": "<class 'KeyError'>"}, "'udp'"),
        (
            500,
            "500 Internal Server Error\n\nServer got itself in trouble",
            "500 Internal Server Error Server got itself in trouble",
        ),
        (
            400,
            {"status": "error", "error": "Failed to reserves all resources", "reason": "no GPU"},
            "no GPU",
        ),
        (503, {}, "{}"),
        (502, b"<html>bad gateway", "<html>bad gateway"),
        (500, b"", ""),
        (500, [1], "[1]"),
        (400, {"error": {"nested": 1}}, '{"error": {"nested": 1}}'),
    ],
)
def test_the_reason_is_found_in_every_form_of_body(status: int, body: Any, reason: str) -> None:
    assert read_refusal(answer(body, status)).reason == reason


def test_a_list_of_errors_inside_a_string_is_unwrapped() -> None:
    refusal = read_refusal(answer(json.dumps(ERRORS), 400))
    assert refusal.problems == (
        "instance: Field required",
        "Input should be a valid dictionary",
    )
    assert refusal.reason == "; ".join(refusal.problems)
    assert read_refusal(answer(json.dumps("only text"), 400)).reason == "only text"


def test_names_of_reasons_and_classes_of_errors_are_kept() -> None:
    refused = read_refusal(answer({"code": "field_missing", "description": "d"}, 400))
    assert (refused.code, refused.error_type) == ("field_missing", None)
    failed = read_refusal(answer({"error": "x", "error_type": "<class 'TypeError'>"}, 500))
    assert failed.error_type == "<class 'TypeError'>"


@pytest.mark.parametrize(
    "text",
    [f"No virtual machine with ref {VM}", "404: VM not found", "No execution found for this VM"],
)
def test_a_machine_that_is_not_there_is_told_apart(text: str) -> None:
    with pytest.raises(VmNotFound, match=VM) as caught:
        refuse_by_node(answer({"error": text}, 404), "the update", vm_hash=VM)
    error = caught.value
    assert (error.item_hash, error.status, error.node) == (VM, 404, NODE)
    assert text in error.body


@pytest.mark.parametrize("text", ["404: Not Found", "404: Invalid message reference"])
def test_an_operation_that_the_node_does_not_have_is_told_apart(text: str) -> None:
    found = answer({"error": text}, 404, server="aleph-vm/1.8.0")
    with pytest.raises(UnsupportedByNode, match=r"node of version 1\.8\.0 has no such") as caught:
        refuse_by_node(found, "the update", vm_hash=VM)
    assert caught.value.node_version == "1.8.0"


@pytest.mark.parametrize("body", ["404: Not Found", b"<html>nginx", {"detail": "Not Found"}])
def test_a_server_that_is_no_compute_node_is_suspected(body: Any) -> None:
    with pytest.raises(UnsupportedByNode, match="URL of a compute node") as caught:
        refuse_by_node(answer(body, 404), "the update")
    assert caught.value.node_version is None


def test_other_refusals_carry_the_nodes_words() -> None:
    with pytest.raises(ApiError, match="answered 403 to the update: Unauthorized sender"):
        refuse_by_node(answer("Unauthorized sender", 403), "the update")
    with pytest.raises(RateLimited):
        refuse_by_node(answer("slow", 429), "the update")


@given(ANSWERS)
def test_any_refusal_becomes_an_error_of_the_family(found: Answer) -> None:
    with pytest.raises(ApiError) as caught:
        refuse_by_node(found, "the request", vm_hash=VM)
    assert caught.value.status == found.status
    assert len(str(caught.value)) < 1500


@given(ANSWERS)
def test_checks_are_read_or_there_are_none(found: Answer) -> None:
    def flags(results: Any) -> bool:
        return all(
            isinstance(value, bool) or (isinstance(value, dict) and flags(value))
            for value in results.values()
        )

    assert flags(check_results(found))
