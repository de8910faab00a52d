"""The client of confidential machines: what ``VmClient`` does, and booting them with a secret."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from aleph_core.booting import (
    Booted,
    BootProgress,
    BootStep,
    BootSteps,
    RunWaiting,
    boot_error,
    check_secret,
    expected_digests,
    is_running,
    must_stop,
    require_waiting,
    running_status,
)
from aleph_core.calls import confidential as calls
from aleph_core.calls import crn
from aleph_core.calls.machines import check_vm_hash
from aleph_core.errors import AlephError, ArgumentError, UnsupportedByNode
from aleph_core.hashing import sha256_hasher
from aleph_core.models.executions import CrnExecutions
from aleph_core.waiting import check_timeout

from ._confidential import ConfidentialOperations
from ._runtime import FileSource, clock, sleep

if TYPE_CHECKING:
    from ._platform_roots import Roots

__all__ = ["VMConfidentialClient", "VmConfidentialClient"]


class VmConfidentialClient(ConfidentialOperations):
    """Start confidential machines at their compute node, without other programs, and control them.

    Arguments are those of ``VmClient``, and two. ``roots`` are what the platforms of machines may go back
    to, AMD's unless told: paths of files of AMD's, or ``TrustedRoot`` and ``RootSource`` of ``sev``. AMD's
    are fetched from AMD, held against the fingerprints that are part of this library, and kept in
    ``ALEPH_CONFIG_HOME``. ``sevctl_path`` is not used, and deprecated. A step that the node refuses
    always raises; of ``VmClient``'s methods, those that return a result do as they do there.
    """

    async def boot(
        self,
        vm_id: str,
        secret: str | Mapping[UUID | str, bytes],
        *,
        firmware: bytes | str | os.PathLike[str] | None = None,
        firmware_hash: bytes | str | Iterable[bytes | str] | None = None,
        policy: int = 1,
        roots: Roots | None = None,
        timeout: float = 60.0,
        on_progress: Callable[[BootProgress], None] | None = None,
    ) -> Booted:
        """Start a confidential machine and give it a secret that nobody but its processor can open.

        ``secret`` is the passphrase of its disk, or entries by GUID. It is sent when the platform has
        proved to be AMD's, and to have started ``firmware``, your own copy of it or a path, or one of
        that SHA-256, the network's usual one unless told. For a ``policy`` with SEV-ES, ``firmware_hash``
        are the digests of ``sev.launch_digest``. ``timeout`` is in seconds, for each of the three waits.
        ``on_progress`` is told of each step as it begins. Keys stay in memory, and are for this boot alone.

        Raises ``ArgumentError`` before anything is sent, and ``BootError``, which tells the ``step`` and
        the ``cause``; as ``BootAttestationError`` when something was not proved, and the secret not
        sent. A machine that has a session by then and no secret is stopped, also when the boot is
        cancelled. One that waited only goes on waiting, one that ran before goes on running, and one
        that has its secret is left alone.
        """
        from aleph_core.sev.policy import require_secrecy

        vm_id = check_vm_hash(vm_id)
        require_secrecy(policy)
        check_secret(secret)
        check_timeout(timeout)
        digests = expected_digests(
            None if firmware is None else await _sha256(firmware),
            firmware_hash,
            policy=policy,
            default=self.settings.DEFAULT_CONFIDENTIAL_FIRMWARE_HASH,
        )
        steps = BootSteps(vm_id, on_progress)
        try:
            return await self._boot(
                steps, secret, digests=digests, policy=policy, roots=roots, timeout=timeout
            )
        except BaseException as error:
            stopped = await self._stop_begun(steps, error)
            if not isinstance(error, AlephError):
                raise
            raise boot_error(error, steps, node=self._node, stopped=stopped) from error

    async def _boot(
        self,
        steps: BootSteps,
        secret: str | Mapping[UUID | str, bytes],
        *,
        digests: tuple[bytes, ...],
        policy: int,
        roots: Roots | None,
        timeout: float,
    ) -> Booted:
        from aleph_core.sev import LaunchSession, check_measurement, seal_secret

        vm_id = steps.vm_id
        steps.begin(BootStep.NOTIFY)
        await self.notify_allocation(vm_id, timeout=timeout, raise_on_error=True)
        require_waiting(await self._machines(), vm_id)
        steps.begin(BootStep.CERTIFICATES)
        chain = await self._send(calls.certificates())
        steps.begin(BootStep.VERIFY)
        root = await self._roots.verify(chain, roots)
        steps.begin(BootStep.SESSION)
        session = LaunchSession.create(chain, policy)
        steps.begin(BootStep.INITIALIZE)
        await self.initialize(vm_id, session.session, session.godh)
        steps.begin(BootStep.MEASURE)
        measurement = await self.measurement(vm_id, timeout=timeout)
        steps.begin(BootStep.VALIDATE)
        digest = check_measurement(measurement, tik=session.tik, digest=digests, policy=policy)
        steps.begin(BootStep.SEAL)
        packet = seal_secret(secret, tek=session.tek, tik=session.tik, measure=measurement.measure)
        steps.begin(BootStep.INJECT)
        answer = await self.inject_secret(vm_id, packet.header, packet.payload)
        status = running_status(answer, vm_id, self._node)
        steps.begin(BootStep.RUN)
        await self._wait_until_running(vm_id, timeout)
        return Booted(
            vm_id=vm_id,
            node=self._node,
            root=root.product,
            policy=policy,
            digest=digest.hex(),
            measurement=measurement,
            status=status,
        )

    async def _wait_until_running(self, vm_id: str, timeout: float) -> None:
        waiting = RunWaiting(vm_id, self._node, timeout)
        begun = clock()
        while not is_running(await self._machines(), vm_id):
            await sleep(waiting.pause(elapsed=clock() - begun))

    async def _machines(self) -> CrnExecutions:
        try:
            return await self._send(crn.executions(2))
        except UnsupportedByNode:
            return await self._send(crn.executions(1))

    async def _stop_begun(self, steps: BootSteps, error: BaseException) -> bool | None:
        """Stop the machine of a boot that failed; tell whether it is, None when it may go on as it is."""
        if not must_stop(steps.step, error):
            return None
        try:
            return (await self.stop_instance(steps.vm_id, raise_on_error=False)).ok
        except AlephError as failure:
            error.add_note(f"the machine could not be stopped: {failure}")
            return False


async def _sha256(firmware: bytes | str | os.PathLike[str]) -> str:
    source = FileSource(firmware, argument="firmware")
    if not source.size:
        raise ArgumentError("firmware", "is empty")
    hasher = sha256_hasher()
    async for piece in source.chunks():
        hasher.update(piece)
    return hasher.finalize()


VMConfidentialClient = VmConfidentialClient
