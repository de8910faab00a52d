"""Operations on machines at their compute node: aleph-vm ``/control``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

import attrs

from ..call import Answer, Body, Call, JsonBody
from ..errors import ApiError, ArgumentError, MessageNotFoundError
from ..excerpts import shown
from ..item_hash import as_list, check_item_hash
from ..json_text import json_text
from ..machine_errors import VmNotFound, VmNotRunning
from ..models.vm_result import VmResult
from ..waiting import Pauses
from .answers import facts, segment
from .crn import update_instance
from .machine_answers import Operation, read_result, start_error

__all__ = [
    "ALL_DONE",
    "OPERATIONS",
    "StartWaiting",
    "check_domain",
    "check_flag",
    "check_method",
    "check_operation",
    "check_operations",
    "check_params",
    "check_vm_hash",
    "control",
    "done_before",
    "notify",
    "reboot",
    "reserve",
    "signed_path",
    "stop",
    "update",
]

Clock = Callable[[], datetime]

OPERATIONS: Final = frozenset({"stop", "reboot", "erase", "reinstall", "backup", "expire"})
"""What can be asked for in a row: POST requests that need nothing but the machine."""

# In seconds: systemd stops and starts machines while the request waits, and images are fetched.
_QUICK = 60.0
_SLOW = 300.0
_SLOWEST = 900.0
_METHODS = ("POST", "GET", "DELETE")
_PATIENCE: Final[Mapping[str, float]] = {
    "stop": _SLOW,
    "erase": _SLOW,
    "reboot": _SLOW,
    "reinstall": _SLOWEST,
    "restore": _SLOWEST,
}
ALL_DONE: Final = "All operations completed successfully"
_NOT_STARTED = "Starting VM (was not running)"
_DOMAIN = re.compile(r"[^\s/?#@]{1,253}")
_OPERATION = re.compile(r"[a-z][a-z0-9_]*(?:/[A-Za-z0-9_-]+)*")


def check_vm_hash(value: object) -> str:
    """Return the item hash of a machine; raise ``ArgumentError`` for what is none."""
    return check_item_hash(value, "vm_id")


def check_operation(value: object) -> str:
    """Return the name of an operation, below the path of a machine; an enumeration's value counts."""
    value = getattr(value, "value", value)
    if isinstance(value, str) and _OPERATION.fullmatch(value):
        return str.__str__(value)
    raise ArgumentError("operation", f"{shown(value)} is no operation, such as 'stop' or 'reboot'")


def check_operations(values: object) -> list[str]:
    """Return the names of operations that can be asked for in a row."""
    names = [check_operation(value) for value in as_list(values, "operations")]
    for name in names:
        if name not in OPERATIONS:
            known = ", ".join(sorted(OPERATIONS))
            raise ArgumentError("operations", f"{name!r:.80} is none of {known}")
    return names


def check_method(value: object) -> str:
    if isinstance(value, str) and value.upper() in _METHODS:
        return value.upper()
    raise ArgumentError("method", f"{shown(value)} is none of {', '.join(_METHODS)}")


def check_flag(value: object, argument: str) -> bool:
    """Return a choice; a text such as ``"false"`` would count as true, and delete what it should keep."""
    if isinstance(value, bool):
        return value
    raise ArgumentError(argument, f"expected True or False, not {shown(value)}")


def check_params(params: object) -> list[tuple[str, str]]:
    """Return the parameters of a query; numbers are written in digits."""
    if params is None:
        return []
    if not isinstance(params, Mapping):
        raise ArgumentError("params", f"expected a mapping, not {shown(params)}")
    for name, value in params.items():
        fits = isinstance(value, str | int) and not isinstance(value, bool)
        if not isinstance(name, str) or not fits:
            raise ArgumentError("params", f"expected texts by name, not {shown({name: value})}")
    return [(name, str(value)) for name, value in params.items()]


def check_domain(domain: object) -> str:
    """Return the name for which requests are signed; raise ``ArgumentError`` for what names no host."""
    if isinstance(domain, str) and _DOMAIN.fullmatch(domain):
        return str.__str__(domain).lower()
    raise ArgumentError("domain", f"{shown(domain)} is no name of a host, without a port")


def done_before(operation: str, done: Sequence[str]) -> str:
    """Say how far a row of operations came."""
    return f"during {operation}; done before: {', '.join(done) or 'nothing'}"


def signed_path(call: Call[Any]) -> str:
    """Return the path as the signature under a request names it."""
    return unquote(call.path)


def control(
    vm_hash: str,
    operation: str,
    *,
    clock: Clock,
    address: str | None = None,
    method: str = "POST",
    params: Sequence[tuple[str, str]] = (),
    body: Body | None = None,
    idempotent: bool = False,
    expects_json: bool = False,
) -> Call[VmResult]:
    """Ask for any signed operation on one machine; ``clock`` tells the time of an answer."""
    vm_hash = check_vm_hash(vm_hash)
    asked = Operation(doing=f"the {operation}", vm_hash=vm_hash, address=address, clock=clock)
    return Call(
        method,
        f"/control/machine/{segment(vm_hash)}/{operation}",
        partial(read_result, operation=asked, expects_json=expects_json),
        params=params,
        body=body,
        idempotent=idempotent,
        minimum_timeout=_PATIENCE.get(operation, _QUICK),
    )


def stop(vm_hash: str, *, clock: Clock, address: str | None = None) -> Call[VmResult]:
    """Stop a machine; one that the node does not know any more is stopped."""
    call = control(vm_hash, "stop", clock=clock, address=address, idempotent=True)

    def parse(answer: Answer) -> VmResult:
        result = call.parse(answer)
        gone = isinstance(result.error, VmNotFound)
        return attrs.evolve(result, error=None) if gone else result

    return attrs.evolve(call, parse=parse)


def reboot(vm_hash: str, *, clock: Clock, address: str | None = None) -> Call[VmResult]:
    """Reboot a machine; of one that does not run the node says that it starts, and starts nothing."""
    call = control(vm_hash, "reboot", clock=clock, address=address)

    def parse(answer: Answer) -> VmResult:
        result = call.parse(answer)
        if not result.ok or not result.text.startswith(_NOT_STARTED):
            return result
        error = VmNotRunning(
            f"machine {vm_hash} does not run at {answer.node}, and a reboot does not start it: "
            "use start_instance",
            item_hash=vm_hash,
            **facts(answer),
        )
        return attrs.evolve(result, error=error)

    return attrs.evolve(call, parse=parse)


def notify(vm_hash: str, *, clock: Clock) -> Call[VmResult]:
    """Tell the node to fetch the message of an instance and to start it; the answer comes when it is up."""
    vm_hash = check_vm_hash(vm_hash)
    asked = Operation(doing="the start", vm_hash=vm_hash, clock=clock)

    def parse(answer: Answer) -> VmResult:
        result = read_result(answer, asked, expects_json=True)
        # Of several machines some may fail, and the status says nothing of it.
        if result.ok and result.data.get("failing"):
            error = start_error(answer, asked, result.data)
            return attrs.evolve(result, error=error)
        return result

    return Call(
        "POST",
        "/control/allocation/notify",
        parse,
        body=JsonBody(json_text({"instance": vm_hash}).encode()),
        idempotent=False,
        minimum_timeout=_SLOWEST,
    )


class StartWaiting:
    """The wait for a node that does not know the message of an instance yet."""

    def __init__(self, timeout: float) -> None:
        self._pauses = Pauses(timeout, first=0.5, longest=5.0)

    def pause(self, result: VmResult, *, elapsed: float) -> float | None:
        """Return the seconds until the node is told again, None when the result is to be kept.

        ``elapsed`` is in seconds since the first notification began.
        """
        if not isinstance(result.error, MessageNotFoundError):
            return None
        return self._pauses.next(elapsed=elapsed)


def update(vm_hash: str) -> Call[VmResult]:
    """Let the node read the ports to forward to a machine anew; unsigned."""
    call = update_instance(check_vm_hash(vm_hash))

    def parse(answer: Answer) -> VmResult:
        text = answer.body.decode("utf-8", "replace")
        try:
            return VmResult(status=answer.status, text=text, data=call.parse(answer))
        except ApiError as error:
            return VmResult(status=answer.status, text=text, data=text, error=error)

    return Call(call.method, call.path, parse, minimum_timeout=call.minimum_timeout)


def reserve(content: Any, *, clock: Clock) -> Call[VmResult]:
    """Ask whether a node can host an instance, by the content of its message."""
    asked = Operation(doing="the reservation", clock=clock)
    text = json_text(instance_content(content), "instance_content")
    return Call(
        "POST",
        "/control/reserve_resources",
        partial(read_result, operation=asked, expects_json=True),
        body=JsonBody(text.encode()),
        # A node without room says 503, which is no reason to ask it again at once.
        idempotent=False,
        minimum_timeout=_QUICK,
    )


def instance_content(content: Any) -> dict[str, Any]:
    """Return the content of an instance as JSON; a model of pydantic is read too."""
    if callable(getattr(content, "model_dump", None)):
        content = content.model_dump(mode="json", exclude_none=True)
    if isinstance(content, Mapping) and content:
        return dict(content)
    raise ArgumentError(
        "instance_content", f"expected the content of an INSTANCE, not {shown(content)}"
    )
