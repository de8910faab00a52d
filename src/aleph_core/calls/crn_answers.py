"""Reading the refusals of compute nodes, whose bodies are text, JSON, or JSON inside a JSON string."""

from __future__ import annotations

import re
from typing import Any, NoReturn, TypeVar

import attrs

from ..call import Answer
from ..errors import ApiError, UnsupportedByNode
from ..json_text import parse_json
from ..machine_errors import VmNotFound
from ..models.record import Record
from .answers import facts, json_object, read_record, refuse

__all__ = ["CrnRefusal", "check_results", "crn_record", "read_refusal", "refuse_by_node"]

R = TypeVar("R", bound=Record)

# Nodes put the status before some reasons: "400: Message is not an instance".
_STATUS = re.compile(r"[45]\d\d: ")
_SHOWN = 500
# What nodes say for paths that they do not serve, and of machines that they do not have.
_MISSING_ENDPOINT = ("Not Found", "Invalid message reference")
_MISSING_VM = ("No virtual machine with ref", "VM not found", "No execution found for this VM")
_SERVER = re.compile(r"aleph-vm/(?P<version>\S+)")


@attrs.frozen
class CrnRefusal:
    """What a node said: its reason without the status before it, and what it gave beside that.

    ``code`` names the reason where the node has names for reasons, ``error_type`` is the class of an
    error that escaped it, ``problems`` tell what is wrong with the body that it was sent, and
    ``is_json`` whether it answered in JSON.
    """

    status: int
    reason: str
    code: str | None = None
    error_type: str | None = None
    problems: tuple[str, ...] = ()
    is_json: bool = False

    @property
    def is_missing_endpoint(self) -> bool:
        """Whether the node has no such operation."""
        return self.status == 404 and self.is_json and self.reason in _MISSING_ENDPOINT

    @property
    def is_missing_vm(self) -> bool:
        """Whether the node does not have the machine."""
        return self.status == 404 and self.reason.startswith(_MISSING_VM)


def read_refusal(answer: Answer) -> CrnRefusal:
    """Read any body of an answer that is no success; the content decides, whatever media type it claims."""
    try:
        body = parse_json(answer.body)
    except ValueError:
        return CrnRefusal(answer.status, answer.excerpt)
    problems: tuple[str, ...] = ()
    code = error_type = None
    if isinstance(body, str):
        problems = _problems(body)
        reason = "; ".join(problems) or body
    elif isinstance(body, dict):
        code, error_type = _text(body.get("code")), _text(body.get("error_type"))
        texts = [_text(body.get(name)) for name in ("description", "reason", "error", "message")]
        reason = next((text for text in texts if text), "") or answer.excerpt
    else:
        reason = answer.excerpt
    reason = _STATUS.sub("", " ".join(reason[:_SHOWN].split()), count=1)
    return CrnRefusal(answer.status, reason, code, error_type, problems, is_json=True)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _problems(text: str) -> tuple[str, ...]:
    """Read the list of errors that a schema gave: each says where it is and what is wrong."""
    try:
        entries = parse_json(text)
    except ValueError:
        return ()
    found = []
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("msg"), str):
            place = entry.get("loc")
            where = ".".join(map(str, place)) if isinstance(place, list) else ""
            found.append(f"{where}: {entry['msg']}" if where else entry["msg"])
    return tuple(found)


def refuse_by_node(answer: Answer, what: str, *, vm_hash: str = "") -> NoReturn:
    """Raise the error for an answer of a compute node that is no success.

    A 404 tells either that the machine is not there (``VmNotFound``) or that the operation is
    not (``UnsupportedByNode``).
    """
    if not 400 <= answer.status < 600 or answer.status in (413, 429):
        refuse(answer, what)
    refusal, data = read_refusal(answer), facts(answer)
    node = answer.node or "the node"
    if refusal.is_missing_vm:
        raise VmNotFound(
            f"{node} has no machine {vm_hash}; it may run elsewhere, or wait to be started "
            f"with start_instance: {refusal.reason!r}",
            item_hash=vm_hash,
            **data,
        )
    if answer.status == 404:
        match = _SERVER.search(answer.headers.get("server", ""))
        version = None if match is None else match["version"]
        told = f" of version {version}" if version else ""
        problem = (
            f"the compute node{told} has no such operation; a newer one may"
            if refusal.is_missing_endpoint
            else f"check that it is the URL of a compute node: {refusal.reason!r}"
        )
        raise UnsupportedByNode(
            f"{node} answered 404 to {what}: {problem}", node_version=version, **data
        )
    raise ApiError(
        f"{node} answered {answer.status} to {what}: {refusal.reason or 'no reason given'}", **data
    )


def crn_record(answer: Answer, kind: type[R], what: str) -> R:
    """Read an answer that is one record."""
    if answer.status != 200:
        refuse_by_node(answer, what)
    return read_record(answer, json_object(answer), kind)


def check_results(answer: Answer) -> dict[str, Any]:
    """Read the results of a check, by their names; nothing when the answer is none."""
    try:
        return _flags(parse_json(answer.body))
    except ValueError:
        return {}


def _flags(value: Any) -> dict[str, Any]:
    entries = value.items() if isinstance(value, dict) else ()
    return {
        name: _flags(result) if isinstance(result, dict) else result
        for name, result in entries
        if isinstance(result, bool | dict)
    }
