from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.call import Answer
from aleph_core.calls.machine_answers import Operation
from aleph_core.calls.machine_logs import (
    check_login,
    read_frame,
    read_past_line,
    why_refused,
)
from aleph_core.errors import ApiError, MalformedAnswerError, UnsupportedByNode
from aleph_core.machine_errors import (
    ClockSkew,
    KeyExpired,
    LoginRefused,
    NotAuthorized,
    VmNotFound,
    WrongDomain,
)
from aleph_core.models.log_entry import LogEntry

VM = "a" * 64
NODE = "https://crn.example.org"
OPERATION = Operation(
    doing="the logs", vm_hash=VM, address="0x0", clock=lambda: datetime(2026, 1, 1, tzinfo=UTC)
)


def test_an_accepted_login_is_no_error() -> None:
    check_login('{"status": "connected"}', OPERATION, node=NODE)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("unauthorized sender", NotAuthorized),
        ("Invalid domain", WrongDomain),
        ("Invalid domain: Signed: 'a' != Request: 'b'", WrongDomain),
        ("Signature could not verified", LoginRefused),
        ("missing 'auth' key in message", LoginRefused),
        ("1 validation error for Key\n  Value error, Token expired [type=value_error]", KeyExpired),
        ("1 validation error\n  Value error, Time is too far in the past", ClockSkew),
        (None, LoginRefused),
    ],
)
def test_a_refused_login_is_told(reason: str | None, kind: type[ApiError]) -> None:
    with pytest.raises(kind) as caught:
        check_login(json.dumps({"status": "failed", "reason": reason}), OPERATION, node=NODE)
    assert type(caught.value) is kind
    assert VM in str(caught.value)
    assert caught.value.node == NODE


@given(st.text() | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
def test_anything_else_is_no_login(text: str) -> None:
    with pytest.raises(MalformedAnswerError):
        check_login(text, OPERATION, node=NODE)


def test_frames_are_entries() -> None:
    entry = read_frame('{"type": "stderr", "message": "wärn"}')
    assert entry == LogEntry(type="stderr", message="wärn")
    assert f"Log: {entry}" == "Log: wärn"


@given(st.text() | st.dictionaries(st.text(), st.integers()).map(json.dumps))
def test_a_frame_of_another_form_is_kept(text: str) -> None:
    assert read_frame(text) == LogEntry(type="unreadable", message=text)


def test_past_lines_have_times() -> None:
    line = {
        "SYSLOG_IDENTIFIER": f"vm-{VM}-stdout",
        "MESSAGE": "boot line 1",
        "file": "stdout",
        "__REALTIME_TIMESTAMP": "2026-01-01 00:00:00.123456+00:00",
    }
    moment = datetime(2026, 1, 1, microsecond=123456, tzinfo=UTC)
    assert read_past_line(line) == LogEntry(type="stdout", message="boot line 1", time=moment)
    del line["__REALTIME_TIMESTAMP"]
    assert read_past_line(line).time is None


@pytest.mark.parametrize("value", [None, 5, "text", {}, {"MESSAGE": None}, [1]])
def test_a_past_line_of_another_form_is_kept(value: Any) -> None:
    assert read_past_line(value).type == "unreadable"


def test_why_there_is_no_websocket() -> None:
    def parse(status: int, body: object, content_type: str = "application/json") -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        headers = {"content-type": content_type}
        why_refused(OPERATION).parse(Answer(status, headers, text.encode(), node=NODE))

    with pytest.raises(VmNotFound):
        parse(404, {"error": f"No virtual machine with ref {VM}"})
    with pytest.raises(UnsupportedByNode):
        parse(404, "404: Not Found", "text/plain")
    parse(400, "No WebSocket UPGRADE hdr", "text/plain")
