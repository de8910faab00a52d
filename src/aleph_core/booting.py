"""Booting a confidential machine: its steps, what each must show, and what a failure leaves to be undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import attrs

from .confidential_errors import VmRunning
from .errors import AlephError, ApiError, ArgumentError, AttestationError, TransportError
from .excerpts import shown
from .machine_errors import VmNotRunning
from .waiting import Pauses

if TYPE_CHECKING:
    from uuid import UUID

    from .models.executions import CrnExecutions
    from .sev import SEVMeasurement

__all__ = [
    "BootAttestationError",
    "BootError",
    "BootProgress",
    "BootStep",
    "BootSteps",
    "Booted",
    "RunWaiting",
    "boot_error",
    "check_secret",
    "expected_digests",
    "firmware_digests",
    "is_running",
    "must_stop",
    "require_waiting",
    "running_status",
]

Digest = bytes | str

_DIGEST_SIZE: Final = 32


class BootStep(StrEnum):
    """The steps of a boot, in their order."""

    NOTIFY = "notify"
    CERTIFICATES = "certificates"
    VERIFY = "verify"
    SESSION = "session"
    INITIALIZE = "initialize"
    MEASURE = "measure"
    VALIDATE = "validate"
    SEAL = "seal"
    INJECT = "inject"
    RUN = "run"


_STEPS: Final = tuple(BootStep)
# From when a machine has a session whose keys are lost with the boot, until it has its secret.
_BEGUN: Final = frozenset({BootStep.MEASURE, BootStep.VALIDATE, BootStep.SEAL, BootStep.INJECT})


@attrs.frozen
class BootProgress:
    """A step of a boot that begins."""

    vm_id: str
    step: BootStep

    @property
    def number(self) -> int:
        """Which one it is, from 1."""
        return _STEPS.index(self.step) + 1

    @property
    def total(self) -> int:
        """How many there are."""
        return len(_STEPS)

    def __str__(self) -> str:
        return f"{self.number}/{self.total} {self.step}"


class BootSteps:
    """Where a boot is; whoever watches it is told of each step as it begins."""

    def __init__(self, vm_id: str, watch: Callable[[BootProgress], None] | None = None) -> None:
        self.vm_id = vm_id
        self.step = BootStep.NOTIFY
        self._watch = watch

    def begin(self, step: BootStep) -> None:
        self.step = step
        if self._watch is not None:
            self._watch(BootProgress(self.vm_id, step))


@attrs.frozen(kw_only=True)
class Booted:
    """A confidential machine that runs with its secret, and what was proved of it.

    ``root`` is the product of AMD's to which the platform goes back, ``digest`` what was measured, in
    hexadecimal, and ``status`` what its hypervisor said when it started.
    """

    vm_id: str
    node: str
    root: str
    policy: int
    digest: str
    measurement: SEVMeasurement
    status: Mapping[str, Any]


class BootError(AlephError):
    """A confidential machine was not booted; what went wrong at ``step`` is the ``cause``.

    ``stopped`` says whether the machine, already begun, was stopped again: False when that failed,
    None when there was nothing to stop.
    """

    def __init__(
        self,
        message: str,
        *,
        step: BootStep,
        item_hash: str = "",
        node: str | None = None,
        stopped: bool | None = None,
        **data: Any,
    ) -> None:
        super().__init__(message, **data)
        self.step = step
        self.item_hash = item_hash
        self.node = node
        self.stopped = stopped

    @property
    def cause(self) -> BaseException | None:
        """The error that ended the boot."""
        return self.__cause__


class BootAttestationError(BootError, AttestationError):
    """A boot that ended because the platform or the machine did not prove what it must."""


def firmware_digests(value: object, argument: str = "firmware_hash") -> tuple[bytes, ...]:
    """Return launch digests, each of which was given as 32 bytes or their hexadecimal digits."""
    if isinstance(value, Digest):
        value = [value]
    if not isinstance(value, Iterable):
        raise ArgumentError(argument, f"expected a SHA-256, not {shown(value)}")
    found = tuple(_digest(each, argument) for each in value)
    if not found:
        raise ArgumentError(argument, "names no digest")
    return found


def _digest(value: object, argument: str) -> bytes:
    if isinstance(value, str):
        try:
            value = bytes.fromhex(value)
        except ValueError:
            value = None
    if not isinstance(value, bytes) or len(value) != _DIGEST_SIZE:
        raise ArgumentError(argument, "expected a SHA-256: 32 bytes, or 64 hexadecimal digits")
    return value


def expected_digests(
    measured: str | None, firmware_hash: object, *, policy: int, default: str
) -> tuple[bytes, ...]:
    """Return the digests of which the measurement must show one.

    ``measured`` is the SHA-256 of a firmware that was given itself, ``default`` that of the usual one.
    """
    from .sev import Policy

    if measured is not None and firmware_hash is not None:
        raise ArgumentError("firmware_hash", "give the firmware or its hash, not both")
    if firmware_hash is not None:
        return firmware_digests(firmware_hash)
    if policy & Policy.ES:
        raise ArgumentError(
            "firmware_hash",
            "is missing: a policy with SEV-ES measures the CPUs too, so give the digests of "
            "sev.launch_digest(firmware, vcpus=..., cpu=...)",
        )
    return firmware_digests(default if measured is None else measured)


def check_secret(secret: str | Mapping[UUID | str, bytes]) -> None:
    """Raise ``ArgumentError`` for a secret that cannot be sealed; it is never shown."""
    from .sev import seal_secret

    seal_secret(secret, tek=bytes(16), tik=bytes(16), measure=bytes(32))


def must_stop(step: BootStep, error: BaseException) -> bool:
    """Tell whether a machine has to be stopped whose boot ended at this step.

    A session that the node refused started nothing, and the machine may be somebody else's doing.
    """
    if step in _BEGUN:
        return True
    if step != BootStep.INITIALIZE:
        return False
    if isinstance(error, ApiError):
        return not 400 <= error.status < 500
    if isinstance(error, TransportError):
        return error.sent
    return not isinstance(error, AlephError)


def boot_error(
    error: AlephError, steps: BootSteps, *, node: str, stopped: bool | None
) -> BootError:
    """Return the error of a boot that ended because of another one."""
    vm_id, step = steps.vm_id, steps.step
    said = (
        f"the boot of machine {vm_id} at {node} failed at {step} "
        f"({BootProgress(vm_id, step).number} of {len(_STEPS)}): {error}"
    )
    said += {
        None: "",
        True: "; the machine was stopped",
        False: "; the machine could not be stopped: do it before you boot it again",
    }[stopped]
    failed: BootError
    if isinstance(error, AttestationError):
        failed = BootAttestationError(
            said, step=step, item_hash=vm_id, node=node, stopped=stopped, check=error.check
        )
    else:
        failed = BootError(said, step=step, item_hash=vm_id, node=node, stopped=stopped)
    failed.__cause__ = error
    return failed


def require_waiting(machines: CrnExecutions, vm_id: str) -> None:
    """Raise ``VmRunning`` for a machine that does not wait for its owner."""
    if is_running(machines, vm_id):
        raise VmRunning(
            f"machine {vm_id} runs at {machines.node} already, so it cannot be given a session: stop it "
            "first; one that runs as soon as the node is notified of it is not confidential",
            item_hash=vm_id,
            code="vm_running",
            node=machines.node,
        )


def is_running(machines: CrnExecutions, vm_id: str) -> bool:
    machine = machines.get(vm_id)
    return machine is not None and machine.running


def running_status(answer: Mapping[str, Any], vm_id: str, node: str) -> Mapping[str, Any]:
    """Return what a hypervisor said of a machine that runs; raise ``VmNotRunning`` otherwise."""
    status = answer.get("status")
    if isinstance(status, Mapping) and status.get("running") is True:
        return status
    raise VmNotRunning(
        f"machine {vm_id} at {node} took its secret and does not run: {shown(status)}",
        item_hash=vm_id,
        node=node,
    )


class RunWaiting:
    """The wait until a node lists a machine as running."""

    def __init__(self, vm_id: str, node: str, timeout: float) -> None:
        self._vm_id = vm_id
        self._node = node
        self._timeout = timeout
        self._pauses = Pauses(timeout, first=0.1, longest=3.0)

    def pause(self, *, elapsed: float) -> float:
        """Return the seconds until the next look; raise ``VmNotRunning`` at the end of the time."""
        pause = self._pauses.next(elapsed=elapsed)
        if pause is None:
            raise VmNotRunning(
                f"machine {self._vm_id} does not run at {self._node} {self._timeout:g} s after it got its "
                "secret; read its logs",
                item_hash=self._vm_id,
                node=self._node,
            )
        return pause
