"""What machines wrote: the live log of a websocket, and the past one as an array."""

from __future__ import annotations

from typing import Any

from ..call import Answer, Call
from ..errors import MalformedAnswerError
from ..excerpts import shown
from ..json_array import JsonArray
from ..json_text import parse_json
from ..models.log_entry import LogEntry
from ..structuring import when
from .machine_answers import Operation, refuse_login, refuse_operation

__all__ = [
    "STARTING",
    "PastLog",
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


class PastLog:
    """The past log of a machine, as it comes from its node in pieces.

    What is no such log raises ``MalformedAnswerError``, once the lines before were handed out.
    """

    def __init__(self, node: str) -> None:
        self._node = node
        self._lines = JsonArray()

    @property
    def has_begun(self) -> bool:
        """Whether lines of it have come."""
        return self._lines.count > 0

    def feed(self, data: bytes) -> list[LogEntry]:
        """Take more of the answer and return the lines that it completes."""
        try:
            return [read_past_line(value) for value in self._lines.feed(data)]
        except ValueError as error:
            raise self._malformed(error) from error

    def finish(self) -> None:
        """Raise unless the whole log has come."""
        try:
            self._lines.finish()
        except ValueError as error:
            raise self._malformed(error) from error

    def _malformed(self, error: ValueError) -> MalformedAnswerError:
        return MalformedAnswerError(
            f"{self._node} sent a log that is not whole: {error}", status=200, node=self._node
        )


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
