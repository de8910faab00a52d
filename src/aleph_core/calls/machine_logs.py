"""What machines wrote: the live log of a websocket, and the past one as an array."""

from __future__ import annotations

from typing import Any

from ..call import Answer, Call
from ..errors import MalformedAnswerError
from ..excerpts import shown
from ..json_text import parse_json
from ..models.log_entry import LogEntry
from ..structuring import when
from .machine_answers import Operation, refuse_login, refuse_operation

__all__ = [
    "STARTING",
    "check_login",
    "live_path",
    "past_logs",
    "read_frame",
    "read_past_line",
    "why_refused",
]

# In seconds: the node may have to look through a long journal.
_JOURNAL_PATIENCE = 120.0

STARTING = "VM is starting"
"""How the node begins to say that a machine has no log yet."""


def live_path(vm_hash: str) -> str:
    return f"/control/machine/{vm_hash}/stream_logs"


def past_logs(operation: Operation) -> Call[None]:
    """Ask for the past log, an array that is read while it comes; parsing raises for a refusal."""

    def parse(answer: Answer) -> None:
        refuse_operation(answer, operation)

    path = f"/control/machine/{operation.vm_hash}/logs"
    return Call("GET", path, parse, minimum_timeout=_JOURNAL_PATIENCE)


def why_refused(operation: Operation) -> Call[None]:
    """Ask in plain HTTP why there is no websocket, since the answer to its request cannot be read."""

    def parse(answer: Answer) -> None:
        if answer.status in (403, 404):
            refuse_operation(answer, operation)

    return Call("GET", live_path(operation.vm_hash), parse)


def check_login(text: str, operation: Operation, *, node: str) -> None:
    """Raise the error for a login that was refused, by the node's first words."""
    try:
        reply: Any = parse_json(text)
    except ValueError:
        reply = None
    status = reply.get("status") if isinstance(reply, dict) else None
    if status == "connected":
        return
    if status == "failed":
        refuse_login(str(reply.get("reason") or "no reason given"), operation, node=node)
    raise MalformedAnswerError(
        f"expected {node} to accept or refuse the login for {operation}, not {shown(text)}",
        node=node,
        body=text[:1000],
    )


def read_frame(text: str) -> LogEntry:
    """Read a line of a live log; one in another form is kept as it came."""
    try:
        value = parse_json(text)
    except ValueError:
        value = None
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        kind = value.get("type")
        return LogEntry(type=kind if isinstance(kind, str) else "stdout", message=value["message"])
    return LogEntry(type="unreadable", message=text)


def read_past_line(value: Any) -> LogEntry:
    """Read a line of a past log; one in another form is kept as it came."""
    if isinstance(value, dict) and isinstance(value.get("MESSAGE"), str):
        kind = value.get("file")
        return LogEntry(
            type=kind if isinstance(kind, str) else "stdout",
            message=value["MESSAGE"],
            time=when(value.get("__REALTIME_TIMESTAMP")),
        )
    return LogEntry(type="unreadable", message=shown(value, 1000))
