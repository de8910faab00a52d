"""Reading what a compute node answers to an operation on a machine: its sentences, its JSON, and why it refuses.

As aleph-vm 1.14 answers. A refusal is told by its status and its form, by its words where nothing else
tells it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NoReturn

import attrs

from ..call import Answer
from ..errors import (
    ApiError,
    MalformedAnswerError,
    MessageNotFoundError,
    UnpaidMessageError,
    UnsupportedByNode,
)
from ..json_text import parse_json
from ..machine_errors import (
    BackupFailed,
    BackupNotFound,
    ClockSkew,
    KeyExpired,
    LoginRefused,
    NoCapacity,
    NotAuthorized,
    VmBusy,
    VmNotRunning,
    VmStartError,
    WrongDomain,
)
from ..models.vm_result import VmResult
from ..rejection_errors import InsufficientCreditsError
from ..structuring import amount
from ..vm_auth import CLOCK_TOLERANCE
from .answers import facts
from .crn_answers import CrnRefusal, read_refusal, refuse_by_node

__all__ = ["Operation", "read_result", "refuse_login", "refuse_operation", "start_error"]

# What a clock may be off before it is blamed: less than the node allows, for the request travels too.
_SUSPICIOUS: Final = CLOCK_TOLERANCE - 20.0
_SIDES = re.compile(r"Signed: '([^']*)' != Request: '([^']*)'")
_AMOUNTS = re.compile(r"Required: (\S+) \w+ Current user \w+: (\S+)")


@attrs.frozen(kw_only=True)
class Operation:
    """What was asked of a node, in the words of an error; ``clock`` tells the time of the answer."""

    doing: str
    clock: Callable[[], datetime]
    vm_hash: str = ""
    address: str | None = None

    def __str__(self) -> str:
        return f"{self.doing} of machine {self.vm_hash}" if self.vm_hash else self.doing


def read_result(answer: Answer, operation: Operation, *, expects_json: bool = False) -> VmResult:
    """Read any answer; what is no success has an ``error``."""
    text = answer.body.decode("utf-8", "replace")
    try:
        data: Any = parse_json(answer.body)
    except ValueError:
        data = text
    error: ApiError | None = None
    if answer.status not in (200, 202):
        error = _refusal(answer, operation)
    elif not isinstance(data, dict) if expects_json else _is_page(answer):
        # Some servers say 200 to anything.
        error = MalformedAnswerError(
            f"{answer.node} answered {answer.status} to {operation} with something else than a "
            f"compute node does, check its URL: {answer.excerpt!r}",
            **facts(answer),
        )
    return VmResult(status=answer.status, text=text, data=data, error=error)


def _is_page(answer: Answer) -> bool:
    return "html" in answer.headers.get("content-type", "").lower()


def _refusal(answer: Answer, operation: Operation) -> ApiError:
    try:
        refuse_operation(answer, operation)
    except ApiError as error:
        return error


def refuse_operation(answer: Answer, operation: Operation) -> NoReturn:
    """Raise the error for an answer that is no success."""
    kind = _KINDS.get(answer.status)
    if kind is not None:
        kind(_Refused(answer, operation, read_refusal(answer)))
    refuse_by_node(answer, str(operation), vm_hash=operation.vm_hash)


@attrs.frozen
class _Refused:
    """A refusal, and what it answers."""

    answer: Answer
    operation: Operation
    refusal: CrnRefusal

    @property
    def reason(self) -> str:
        return self.refusal.reason

    @property
    def said(self) -> str:
        return (
            f"{self.answer.node or 'the node'} answered {self.answer.status} to {self.operation}: "
            f"{self.reason or 'no reason given'}"
        )

    @property
    def data(self) -> dict[str, Any]:
        return facts(self.answer)

    @property
    def about(self) -> dict[str, Any]:
        return {"item_hash": self.operation.vm_hash, **self.data}

    @property
    def skew(self) -> float | None:
        """By how many seconds the clock here is ahead, None where the node does not tell its time."""
        try:
            theirs = parsedate_to_datetime(self.answer.headers.get("date", ""))
            return self.operation.clock().timestamp() - theirs.timestamp()
        except (ValueError, TypeError, OverflowError, IndexError):
            return None


def _bad_request(refused: _Refused) -> None:
    reason = refused.reason
    if reason.startswith("Invalid X-SignedOperation fields"):
        skew = refused.skew
        if skew is None or abs(skew) >= _SUSPICIOUS:
            _clock_skew(refused, skew)
    if "X-Signed" in reason:
        raise LoginRefused(refused.said, **refused.data)
    if reason == "Invalid timeout duration":
        raise UnsupportedByNode(
            f"{refused.said}; no version of the node's software lets a machine expire: stop or erase it",
            **refused.data,
        )
    if reason.startswith("VM must be running"):
        raise VmNotRunning(f"{refused.said}; start it first", **refused.about)


def _clock_skew(refused: _Refused, skew: float | None) -> NoReturn:
    if skew is None:
        hint = "the clock of this machine is probably wrong"
    else:
        side = "ahead of" if skew > 0 else "behind"
        hint = f"the clock of this machine is {abs(skew):.0f} s {side} the node's"
    raise ClockSkew(
        f"{refused.said}; {hint}, and {CLOCK_TOLERANCE:.0f} s are tolerated: set the clock",
        skew=skew,
        **refused.data,
    )


def _unauthenticated(refused: _Refused) -> None:
    reason, data = refused.reason, refused.data
    if reason.startswith("Token expired"):
        skew = refused.skew
        hint = "the next call signs a new key"
        if skew is not None and abs(skew) >= _SUSPICIOUS:
            hint = f"the clocks differ by {abs(skew):.0f} s, set the clock of this machine"
        raise KeyExpired(f"{refused.said}; {hint}", skew=skew, **data)
    if reason.startswith("Invalid domain"):
        _wrong_domain(refused.said, reason, data)
    raise LoginRefused(refused.said, **data)


def _wrong_domain(said: str, reason: str, data: dict[str, Any]) -> NoReturn:
    sides = _SIDES.search(reason)
    signed, expected = sides.groups() if sides else (None, None)
    name = f"{expected!r}" if expected else "DOMAIN_NAME in its /status/config"
    raise WrongDomain(
        f"{said}; use the name that the node has itself, {name}, in node_url or as domain",
        signed=signed,
        expected=expected,
        **data,
    )


def _payment_required(refused: _Refused) -> NoReturn:
    amounts = _AMOUNTS.search(refused.reason)
    kind = InsufficientCreditsError if "credit" in refused.reason else UnpaidMessageError
    raise kind(
        f"{refused.said}; pay more, then start the machine again",
        required=amount(amounts[1]) if amounts else None,
        available=amount(amounts[2]) if amounts else None,
        **refused.about,
    )


def _forbidden(refused: _Refused) -> None:
    if refused.reason == "Operation not running":
        raise VmNotRunning(refused.said, **refused.about)
    # A node that refuses for another reason, a backup of somebody else for one, does it in JSON.
    if refused.refusal.is_json or not refused.operation.vm_hash:
        return
    _not_authorized(refused.said, refused.operation, refused.data)


def _not_authorized(said: str, operation: Operation, data: dict[str, Any]) -> NoReturn:
    raise NotAuthorized(
        f"{said}; {operation.address or 'this account'} neither owns the machine nor is authorized by "
        "its owner for INSTANCE, of which a node learns within two minutes",
        item_hash=operation.vm_hash,
        address=operation.address,
        **data,
    )


def _not_found(refused: _Refused) -> None:
    if refused.refusal.is_json and "backup" in refused.reason.lower():
        raise BackupNotFound(refused.said, **refused.about)


def _method_not_allowed(refused: _Refused) -> NoReturn:
    raise UnsupportedByNode(
        f"{refused.said}; compute nodes never answer that, check that it is the URL of one",
        **refused.data,
    )


def _conflict(refused: _Refused) -> NoReturn:
    raise VmBusy(f"{refused.said}; try again later", **refused.about)


def _failed(refused: _Refused) -> None:
    reason = refused.reason
    if reason.startswith("Aleph message not found"):
        raise MessageNotFoundError(
            f"{refused.said}; its own source does not have the message processed (yet), try again later",
            **refused.about,
        )
    if reason.startswith("Backup failed") or refused.answer.status == 507:
        raise BackupFailed(
            refused.said, reason=reason.removeprefix("Backup failed: "), **refused.about
        )


def _unavailable(refused: _Refused) -> None:
    if refused.reason.startswith("This CRN cannot"):
        raise NoCapacity(f"{refused.said}; choose another node", **refused.data)
    try:
        body = parse_json(refused.answer.body)
    except ValueError:
        return
    if isinstance(body, dict) and body.get("failing"):
        raise start_error(refused.answer, refused.operation, body)


def start_error(answer: Answer, operation: Operation, body: dict[str, Any]) -> VmStartError:
    """Return the error for an allocation of which something failed."""
    errors = body.get("errors")
    reasons = {str(k): str(v) for k, v in errors.items()} if isinstance(errors, dict) else {}
    words = "; ".join(reasons.values()) or "no reason given"
    return VmStartError(
        f"{answer.node} failed at {operation}: {words[:300]}", reasons=reasons, **facts(answer)
    )


_KINDS: Final[dict[int, Callable[[_Refused], None]]] = {
    400: _bad_request,
    401: _unauthenticated,
    402: _payment_required,
    403: _forbidden,
    404: _not_found,
    405: _method_not_allowed,
    409: _conflict,
    500: _failed,
    503: _unavailable,
    507: _failed,
}


def refuse_login(reason: str, operation: Operation, *, node: str) -> NoReturn:
    """Raise the error for a login that a websocket refused, with the node's words."""
    data: dict[str, Any] = {"node": node, "body": reason}
    said = f"{node} refused the login for {operation}: {' '.join(reason.split())[:300]}"
    if reason == "unauthorized sender":
        _not_authorized(said, operation, data)
    if "Token expired" in reason:
        raise KeyExpired(f"{said}; the next call signs a new key", **data)
    if "Time is too far" in reason:
        raise ClockSkew(f"{said}; set the clock of this machine", **data)
    if reason.startswith("Invalid domain"):
        _wrong_domain(said, reason, data)
    raise LoginRefused(said, **data)
