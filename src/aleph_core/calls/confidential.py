"""Starting confidential machines at their compute node, and the files of AMD's roots.

As aleph-vm 1.14 does it: ``/about/certificates`` and ``/control/machine/{ref}/confidential``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import attrs

from ..call import Answer, Call, JsonBody, Part, form_body
from ..confidential_errors import (
    ConfidentialDisabled,
    InitializationRefused,
    NotConfidential,
    SecretRefused,
    VmRunning,
)
from ..errors import ApiError, CertificateError, MalformedAnswerError
from ..json_text import json_text
from ..machine_errors import VmNotRunning
from ..models.vm_result import VmResult
from ..waiting import Pauses
from .answers import facts, refuse, segment
from .crn_answers import read_refusal, refuse_by_node
from .machine_answers import Operation, read_result
from .machines import check_vm_hash

if TYPE_CHECKING:
    from ..sev import PlatformCertificates

__all__ = [
    "MeasurementWaiting",
    "authority_file",
    "certificates",
    "initialize",
    "inject_secret",
    "measurement",
]

Clock = Callable[[], datetime]

# In seconds: a node exports its certificates when it is first asked, and speaks with QEMU meanwhile.
_PATIENCE: Final = 60.0
# AMD's files have some thousand bytes.
_LARGEST_FILE: Final = 65_536


def certificates() -> Call[PlatformCertificates]:
    """The certificates of the node's platform; nothing of them is verified.

    Raises ``ConfidentialDisabled``, and ``MalformedAnswerError`` for what is no chain.
    """

    def parse(answer: Answer) -> PlatformCertificates:
        from ..sev import PlatformCertificates

        what = "the request for its platform's certificates"
        if answer.status == 503:
            reason = read_refusal(answer).reason
            raise ConfidentialDisabled(
                f"{answer.node} answered 503 to {what}: {reason}; choose a node with confidential "
                "computing",
                **facts(answer),
            )
        if answer.status != 200:
            refuse_by_node(answer, what)
        try:
            return PlatformCertificates.from_bytes(answer.body)
        except CertificateError as error:
            raise MalformedAnswerError(
                f"{answer.node} answered 200 to {what} with something else: {error}",
                **facts(answer),
            ) from error

    return Call("GET", "/about/certificates", parse, minimum_timeout=_PATIENCE)


def initialize(
    vm_hash: str, *, session: str, godh: str, clock: Clock, address: str | None = None
) -> Call[VmResult]:
    """Start a machine with its owner's session, halted; both parts are in base64."""
    asked = _operation("the initialization", vm_hash, clock, address)
    # The node takes parts without a file name for text, and fails.
    parts = [
        Part(name, text.encode(), "application/octet-stream", f"vm_{name}.b64")
        for name, text in (("session", session), ("godh", godh))
    ]

    def parse(answer: Answer) -> VmResult:
        result = read_result(answer, asked)
        refusal = None if answer.status == 200 else read_refusal(answer)
        if refusal is None or refusal.code is None:
            return result
        kind, hint = _REFUSALS.get(refusal.code, (InitializationRefused, "nothing was started"))
        error = kind(
            f"{answer.node} answered {answer.status} to {asked}: {refusal.reason}; {hint}",
            item_hash=asked.vm_hash,
            code=refusal.code,
            reason=refusal.reason,
            **facts(answer),
        )
        return attrs.evolve(result, error=error)

    return _call(
        "POST", asked, "initialize", parse, form_body(parts, f"aleph-{secrets.token_hex(16)}")
    )


_REFUSALS: Final[dict[str, tuple[type[InitializationRefused], str]]] = {
    "vm_running": (
        VmRunning,
        "it runs, or was given a session before: stop it and start it to give it another one",
    ),
    "not_confidential": (NotConfidential, "its message asks for no trusted execution environment"),
}


def measurement(vm_hash: str, *, clock: Clock, address: str | None = None) -> Call[VmResult]:
    """What the platform says that it started.

    While the machine does not run yet, or its hypervisor cannot be asked, the error is ``VmNotRunning``.
    """
    asked = _operation("the request for the measurement", vm_hash, clock, address)

    def parse(answer: Answer) -> VmResult:
        result = read_result(answer, asked, expects_json=True)
        return attrs.evolve(result, error=_without_socket(answer, asked, result.error))

    return attrs.evolve(_call("GET", asked, "measurement", parse), idempotent=True)


def inject_secret(
    vm_hash: str,
    *,
    packet_header: str,
    secret: str,
    clock: Clock,
    address: str | None = None,
) -> Call[VmResult]:
    """Give a machine its sealed secret, which starts it; both parts are in base64."""
    asked = _operation("the secret", vm_hash, clock, address)

    def parse(answer: Answer) -> VmResult:
        result = read_result(answer, asked, expects_json=True)
        refusal = read_refusal(answer)
        error = _without_socket(answer, asked, result.error)
        if answer.status == 500 and refusal.is_json:
            error = SecretRefused(
                f"{answer.node} answered 500 to {asked}: {refusal.reason or 'no reason given'}; a secret "
                "is for one launch, and can be given once",
                item_hash=asked.vm_hash,
                reason=refusal.reason,
                **facts(answer),
            )
        return attrs.evolve(result, error=error)

    body = {"packet_header": packet_header, "secret": secret}
    return _call("POST", asked, "inject_secret", parse, JsonBody(json_text(body).encode()))


class MeasurementWaiting:
    """The wait for the measurement of a machine that starts."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._pauses = Pauses(timeout, first=0.1, longest=3.0)

    def pause(self, result: VmResult, *, elapsed: float) -> float | None:
        """Return the seconds until the node is asked again, None when the result is to be kept.

        ``elapsed`` is in seconds since the node was first asked. The error of a machine that did not
        start in time tells what may be the reason.
        """
        error = result.error
        if error is None or not (isinstance(error, VmNotRunning) or error.status == 500):
            return None
        pause = self._pauses.next(elapsed=elapsed)
        if pause is None:
            error.message += (
                f" (after {self._timeout:g} s); a session for keys that the platform no longer has, or for "
                "another policy than the node's, ends a machine at its start"
            )
        return pause


def authority_file(url: str) -> tuple[str, Call[bytes]]:
    """Return where one of AMD's files is, and the call that fetches it; nothing of it is verified."""
    parts = urlsplit(url)

    def parse(answer: Answer) -> bytes:
        if answer.status != 200:
            refuse(answer, f"the request for AMD's roots at {parts.path}")
        if len(answer.body) > _LARGEST_FILE:
            raise MalformedAnswerError(
                f"{answer.node}{parts.path} has {len(answer.body)} bytes, far more than a file of roots",
                **facts(answer),
            )
        return answer.body

    return f"{parts.scheme}://{parts.netloc}", Call("GET", parts.path or "/", parse)


def _operation(doing: str, vm_hash: str, clock: Clock, address: str | None) -> Operation:
    return Operation(doing=doing, vm_hash=check_vm_hash(vm_hash), address=address, clock=clock)


def _call(
    method: str,
    asked: Operation,
    name: str,
    parse: Callable[[Answer], VmResult],
    body: Any = None,
) -> Call[VmResult]:
    path = f"/control/machine/{segment(asked.vm_hash)}/confidential/{name}"
    return Call(method, path, parse, body=body, idempotent=False, minimum_timeout=_PATIENCE)


def _without_socket(answer: Answer, asked: Operation, error: ApiError | None) -> ApiError | None:
    """Return the error of a node whose hypervisor is not there: it fails without a reason."""
    if answer.status != 500 or read_refusal(answer).is_json:
        return error
    return VmNotRunning(
        f"{answer.node} failed at {asked}: the machine does not run (yet), it has to be initialized first",
        item_hash=asked.vm_hash,
        **facts(answer),
    )
