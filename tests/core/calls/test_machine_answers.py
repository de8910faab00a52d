"""What compute nodes answer, as seen on the wire, and what is made of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.call import Answer
from aleph_core.calls import machines
from aleph_core.calls.machine_answers import Operation, read_result
from aleph_core.errors import (
    ApiError,
    ArgumentError,
    FileTooLarge,
    MalformedAnswerError,
    MessageNotFoundError,
    RateLimited,
    UnpaidMessageError,
    UnsupportedByNode,
)
from aleph_core.machine_errors import (
    BackupFailed,
    BackupNotFound,
    ClockSkew,
    KeyExpired,
    LoginRefused,
    NoCapacity,
    NotAuthorized,
    VmBusy,
    VmNotFound,
    VmNotRunning,
    VmStartError,
    WrongDomain,
)
from aleph_core.models.vm_result import VmResult
from aleph_core.rejection_errors import InsufficientCreditsError

VM = "a" * 64
NODE = "https://crn.example.org"
NOW = datetime(2026, 11, 23, 6, 50, tzinfo=UTC)
OPERATION = Operation(doing="the stop", vm_hash=VM, address="0x0", clock=lambda: NOW)


def answer(status: int, body: Any, *, content_type: str | None = None, **headers: str) -> Answer:
    text = isinstance(body, str)
    data = body.encode() if text else json.dumps(body).encode()
    kind = content_type or ("text/plain" if text else "application/json")
    return Answer(status, {"content-type": kind, **headers}, data, node=NODE)


def refused(answered: Answer) -> ApiError:
    result = read_result(answered, OPERATION)
    assert not result.ok
    assert result.error is not None
    assert result.error.status == answered.status
    assert result.error.node == NODE
    assert result.text == answered.body.decode()
    return result.error


def error(text: str) -> dict[str, str]:
    return {"error": text}


REFUSALS: list[tuple[int, Any, type[ApiError]]] = [
    (400, error("Missing X-SignedPubKey header"), LoginRefused),
    (400, error("Invalid X-SignedPubKey data"), LoginRefused),
    (400, error("Invalid X-SignedPubKey format"), LoginRefused),
    (400, error("Invalid X-SignedOperation fields"), ClockSkew),
    (400, error("Invalid timeout duration"), UnsupportedByNode),
    (400, error("VM must be running to create backup"), VmNotRunning),
    (400, error("Invalid ref: 'nothash'"), ApiError),
    (400, error("400: Message is not an instance"), ApiError),
    (400, json.dumps([{"loc": ["instance"], "msg": "Field required"}]), ApiError),
    (401, error("Token expired"), KeyExpired),
    (401, error("Invalid signature"), LoginRefused),
    (401, error("Signature could not verified"), LoginRefused),
    (401, error("Invalid path. Signed: '/a' != Request: '/b'"), LoginRefused),
    (401, error("Invalid domain: Signed: 'a' != Request: 'b'"), WrongDomain),
    (402, error("Empty payment stream for this instance"), UnpaidMessageError),
    (403, "Unauthorized sender", NotAuthorized),
    (403, error("Operation not running"), VmNotRunning),
    (403, error("Backup does not belong to this VM"), ApiError),
    (404, error(f"No virtual machine with ref {VM}"), VmNotFound),
    (404, error("No execution found for this VM"), VmNotFound),
    (404, error("404: VM not found"), VmNotFound),
    (404, error("No backup found for this VM"), BackupNotFound),
    (404, error("404: Invalid message reference"), UnsupportedByNode),
    (404, error("404: Not Found"), UnsupportedByNode),
    (404, "404: Not Found", UnsupportedByNode),
    (404, "<html><h1>404</h1></html>", UnsupportedByNode),
    (405, "405: Method Not Allowed", UnsupportedByNode),
    (409, error("A backup or restore is already in progress"), VmBusy),
    (413, "Maximum request body size exceeded", FileTooLarge),
    (429, "slow down", RateLimited),
    (302, "", MalformedAnswerError),
    (500, {"error": f"Aleph message not found: {VM}", "error_type": "x"}, MessageNotFoundError),
    (500, {"error": "boom", "error_type": "<class 'TypeError'>"}, ApiError),
    (500, "500 Internal Server Error\n\nServer got itself in trouble", ApiError),
    (500, "Backup failed: no space", BackupFailed),
    (503, error("This CRN cannot host the requested instance at this time."), NoCapacity),
    (503, error("This CRN cannot reserve the requested resources at this time."), NoCapacity),
    (503, error("503: Node hash not yet discovered, try again"), ApiError),
    (503, "<html>502 Bad Gateway</html>", ApiError),
    (507, "Not enough disk space", BackupFailed),
]


@pytest.mark.parametrize(("status", "body", "kind"), REFUSALS)
def test_each_refusal_has_its_error(status: int, body: Any, kind: type[ApiError]) -> None:
    found = refused(answer(status, body))
    assert type(found) is kind
    assert VM in str(found)


def test_double_encoded_problems_are_unwrapped() -> None:
    problems = json.dumps([{"loc": ["instance"], "msg": "Field required", "type": "missing"}])
    found = refused(answer(400, json.dumps(problems), content_type="application/json"))
    assert "instance: Field required" in str(found)


@pytest.mark.parametrize("seconds", [-600, -119, 119, 4000])
def test_a_skewed_clock_is_measured(seconds: int) -> None:
    date = format_datetime(NOW - timedelta(seconds=seconds), usegmt=True)
    found = refused(answer(400, error("Invalid X-SignedOperation fields"), date=date))
    assert isinstance(found, ClockSkew)
    assert found.skew == seconds
    assert f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'}" in str(found)


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Nov 2026 06:50:00 GMT"])
def test_a_node_without_a_clock_leaves_the_skew_open(date: str) -> None:
    found = refused(answer(400, error("Invalid X-SignedOperation fields"), date=date))
    assert isinstance(found, ClockSkew)
    assert found.skew is None


def test_a_good_clock_is_not_blamed() -> None:
    date = format_datetime(NOW - timedelta(seconds=20), usegmt=True)
    found = refused(answer(400, error("Invalid X-SignedOperation fields"), date=date))
    assert type(found) is LoginRefused


def test_an_expired_key_tells_the_skew_that_may_have_expired_it() -> None:
    date = format_datetime(NOW + timedelta(days=2), usegmt=True)
    found = refused(answer(401, error("Token expired"), date=date))
    assert isinstance(found, KeyExpired)
    assert found.skew == -2 * 86400
    assert "set the clock" in str(found)


def test_both_names_of_a_domain_are_told() -> None:
    text = "Invalid domain: Signed: '10.0.0.1' != Request: 'crn.example.org'"
    found = refused(answer(401, error(text)))
    assert isinstance(found, WrongDomain)
    assert (found.signed, found.expected) == ("10.0.0.1", "crn.example.org")


def test_what_is_to_be_paid_is_told() -> None:
    text = (
        "Insufficient credits for this instance\n\nRequired: 36.00 credits \n"
        "Current user credits: 0"
    )
    found = refused(answer(402, error(text)))
    assert isinstance(found, InsufficientCreditsError)
    assert (found.required, found.available) == (Decimal("36.00"), Decimal(0))
    text = "Insufficient balance\n\nRequired: 1E+3 token \nCurrent user balance: 12.5"
    found = refused(answer(402, error(text)))
    assert type(found) is UnpaidMessageError
    assert (found.required, found.available, found.item_hash) == (1000, Decimal("12.5"), VM)
    odd = refused(answer(402, error("Required: much token \nCurrent user balance: none")))
    assert isinstance(odd, UnpaidMessageError)
    assert (odd.required, odd.available) == (None, None)


def test_who_was_refused_is_told() -> None:
    found = refused(answer(403, "Unauthorized sender"))
    assert isinstance(found, NotAuthorized)
    assert (found.address, found.item_hash) == ("0x0", VM)


def test_the_version_of_an_older_node_is_told() -> None:
    found = refused(answer(404, error("404: Not Found"), server="aleph-vm/1.9.0"))
    assert isinstance(found, UnsupportedByNode)
    assert found.node_version == "1.9.0"


def test_a_success_is_text_or_json() -> None:
    result = read_result(answer(200, f"Stopped VM with ref {VM}"), OPERATION)
    assert (result.ok, result.data) == (True, f"Stopped VM with ref {VM}")
    result = read_result(answer(202, {"status": "in_progress"}), OPERATION, expects_json=True)
    assert (result.ok, result.data) == (True, {"status": "in_progress"})


@pytest.mark.parametrize("expects_json", [True, False])
def test_a_page_of_a_server_that_says_yes_to_anything_is_no_success(expects_json: bool) -> None:
    page = answer(200, "<html>welcome</html>", content_type="text/html; charset=utf-8")
    result = read_result(page, OPERATION, expects_json=expects_json)
    assert isinstance(result.error, MalformedAnswerError)


@given(
    st.integers(100, 599),
    st.binary(max_size=60)
    | st.recursive(st.text(), st.lists).map(lambda v: json.dumps(v).encode()),
    st.sampled_from(["application/json", "text/plain", "text/html", ""]),
    st.booleans(),
)
def test_any_answer_is_a_success_or_an_error_of_the_family(
    status: int, body: bytes, content_type: str, expects_json: bool
) -> None:
    answered = Answer(status, {"content-type": content_type}, body, node=NODE)
    result = read_result(answered, OPERATION, expects_json=expects_json)
    assert result.ok == (result.error is None)
    assert not result.ok or status in (200, 202)


def test_a_result_unpacks_and_raises() -> None:
    result = VmResult(status=200, text="done", data="done")
    status, response = result
    assert (status, response, result[0], result[1], len(result)) == (200, "done", 200, "done", 2)
    assert result.response == "done"
    assert result.raise_for_status() is result
    problem = ApiError("no", status=500)
    with pytest.raises(ApiError) as caught:
        VmResult(status=500, text="", error=problem).raise_for_status()
    assert caught.value is problem


class TestCalls:
    def test_a_stopped_machine_may_be_gone(self) -> None:
        call = machines.stop(VM, clock=lambda: NOW)
        assert (call.method, call.path) == ("POST", f"/control/machine/{VM}/stop")
        assert call.idempotent
        gone = call.parse(answer(404, error(f"No virtual machine with ref {VM}")))
        assert (gone.status, gone.ok) == (404, True)
        assert not call.parse(answer(404, "404: Not Found")).ok
        assert not call.parse(answer(403, "Unauthorized sender")).ok

    def test_a_reboot_that_starts_nothing_is_no_success(self) -> None:
        call = machines.reboot(VM, clock=lambda: NOW)
        assert not call.idempotent
        assert call.parse(answer(200, f"Rebooted VM with ref {VM}")).ok
        false = call.parse(answer(200, f"Starting VM (was not running) with ref {VM}"))
        assert false.status == 200
        assert isinstance(false.error, VmNotRunning)

    def test_a_start_that_failed_is_told_with_the_reasons(self) -> None:
        call = machines.notify(VM, clock=lambda: NOW)
        body = {
            "success": False,
            "successful": False,
            "failing": [VM],
            "errors": {VM: "VmSetupError('no')"},
        }
        for status in (200, 503):
            result = call.parse(answer(status, body))
            assert isinstance(result.error, VmStartError)
            assert result.error.reasons == {VM: "VmSetupError('no')"}
        assert not call.parse(answer(200, "ok")).ok

    def test_calls_that_take_minutes_may(self) -> None:
        assert machines.notify(VM, clock=lambda: NOW).minimum_timeout >= 600
        for operation in ("reinstall", "restore", "reboot"):
            assert machines.control(VM, operation, clock=lambda: NOW).minimum_timeout >= 300

    def test_a_start_is_repeated_while_the_message_is_unknown(self) -> None:
        unknown = VmResult(status=500, text="", error=MessageNotFoundError("no"))
        waiting = machines.StartWaiting(10.0)
        pauses = [waiting.pause(unknown, elapsed=0.0) for _ in range(12)]
        assert all(pause is not None and 0.1 <= pause <= 5 for pause in pauses)
        assert pauses[0] != pauses[5]
        assert waiting.pause(unknown, elapsed=9.0) == 1.0
        assert waiting.pause(unknown, elapsed=10.0) is None
        other = VmResult(status=503, text="", error=NoCapacity("full"))
        for kept in (other, VmResult(status=200, text="")):
            assert waiting.pause(kept, elapsed=0.0) is None

    @pytest.mark.parametrize(
        "operation", ["", "Stop", "../stop", "stop/", "a b", "stop?x=1", "s%2e", 5, None, "é"]
    )
    def test_what_is_no_operation_is_refused(self, operation: Any) -> None:
        with pytest.raises(ArgumentError):
            machines.check_operation(operation)

    @pytest.mark.parametrize("operation", ["stop", "stream_logs", f"backup/{VM}-20261123T064723Z"])
    def test_operations_may_have_steps(self, operation: str) -> None:
        assert machines.check_operation(operation) == operation

    def test_operations_in_a_row_are_known_ones_and_may_be_members_of_an_enumeration(self) -> None:
        class Theirs(Enum):
            STOP = "stop"
            RESCUE = "rescue"

        assert machines.check_operations([Theirs.STOP, "erase"]) == ["stop", "erase"]
        assert machines.check_operations("reboot") == ["reboot"]
        for wrong in ([Theirs.RESCUE], ["stop", "restore"], 5):
            with pytest.raises(ArgumentError) as caught:
                machines.check_operations(wrong)
            assert caught.value.argument == "operations"

    @pytest.mark.parametrize("content", [None, {}, [], "text"])
    def test_what_is_no_content_is_not_reserved(self, content: Any) -> None:
        with pytest.raises(ArgumentError):
            machines.reserve(content, clock=lambda: NOW)
