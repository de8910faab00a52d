"""Starting confidential machines, step by step."""

from __future__ import annotations

import os
import ssl
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from aleph_core.booting import firmware_digests
from aleph_core.calls import confidential as calls
from aleph_core.calls.machines import check_vm_hash
from aleph_core.errors import (
    ApiError,
    AttestationError,
    ConfigurationError,
    MalformedAnswerError,
)
from aleph_core.models.certificates_result import CertificatesResult
from aleph_core.models.vm_result import VmResult
from aleph_core.retry import RetryPolicy
from aleph_core.settings import Settings
from aleph_core.waiting import check_timeout

from ._platform_roots import PlatformRoots
from ._runtime import FileSink, HttpClient, Timeout, clock, run_blocking, sleep
from ._wall_clock import now
from .vm_client import VmClient

if TYPE_CHECKING:
    from aleph_core.accounts import Account
    from aleph_core.sev import PlatformCertificates, SEVMeasurement, TrustedRoot

    from ._platform_roots import Roots
    from ._remote import RemoteAccount

__all__ = ["ConfidentialOperations"]

StrPath = str | os.PathLike[str]


class ConfidentialOperations(VmClient):
    def __init__(
        self,
        account: Account | RemoteAccount,
        node_url: str,
        timeout: float | Timeout | None = None,
        ssl_context: ssl.SSLContext | None = None,
        *,
        sevctl_path: StrPath | None = None,
        roots: Roots | None = None,
        domain: str | None = None,
        raise_on_error: bool = False,
        retry: RetryPolicy | None = RetryPolicy(),  # noqa: B008 - frozen
        http_client: HttpClient | None = None,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(
            account,
            node_url,
            timeout,
            ssl_context,
            domain=domain,
            raise_on_error=raise_on_error,
            retry=retry,
            http_client=http_client,
            settings=settings,
        )
        if sevctl_path is not None:
            warnings.warn(
                "sevctl_path is not used: everything is done without sevctl, leave it out",
                DeprecationWarning,
                stacklevel=2,
            )
        self._roots = PlatformRoots(self, roots)

    async def get_certificates(
        self, output_path: StrPath | None = None, *, raise_on_error: bool | None = None
    ) -> CertificatesResult:
        """Fetch the certificates of the node's platform into a file: ``status, path = result``.

        The file is a new one in a private temporary folder, and yours to remove, or ``output_path``.
        Nothing of it is verified yet. Where the node has none, 503 as a rule, there is no path. An
        answer that claims to be certificates and is none is a ``MalformedAnswerError``.
        """
        try:
            chain = await self._send(calls.certificates())
        except MalformedAnswerError:
            raise
        except ApiError as error:
            result = CertificatesResult(status=error.status, error=error)
            wanted = self.raise_on_error if raise_on_error is None else raise_on_error
            return result.raise_for_status() if wanted else result
        return CertificatesResult(status=200, path=await _write(chain.to_bytes(), output_path))

    async def verify_certificates(
        self, certificates: StrPath | bytes, *, roots: Roots | None = None
    ) -> TrustedRoot:
        """Return the root to which a platform's certificates go back; ``product`` is its name.

        ``roots`` take the place of those of the client. Raises ``CertificateError``, whose ``check``
        names what does not hold, and ``RootsUnavailable`` when a root that is needed cannot be had.
        """
        return await self._roots.verify(await _read_chain(certificates), roots)

    async def create_session(
        self,
        certificate_prefix: str,
        platform_certificate_path: StrPath,
        policy: int = 1,
        *,
        folder: StrPath | None = None,
        roots: Roots | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Make the keys of one launch on a platform, and return the folder of their files.

        These are the files of ``sevctl session``, readable by their owner alone, in ``folder``, the
        current one unless told: ``PREFIX_session.b64`` and ``PREFIX_godh.b64`` for ``initialize``,
        ``PREFIX_tik.bin`` and ``PREFIX_tek.bin``, which are secret, for the steps after it. Existing
        ones stay, and are an ``ArgumentError``, unless ``overwrite`` is set. The platform's certificates
        are verified first, as ``verify_certificates`` does. Today's nodes start machines with policy 1.
        """
        from aleph_core.sev import LaunchSession

        target = Path.cwd() if folder is None else Path(folder)
        chain = await _read_chain(platform_certificate_path)
        await self._roots.verify(chain, roots)
        session = LaunchSession.create(chain, policy)

        def save() -> None:
            session.save(target, certificate_prefix, overwrite=overwrite)

        await run_blocking(save)
        return target

    async def initialize(self, vm_id: str, session: StrPath | bytes, godh: StrPath | bytes) -> str:
        """Start a machine that waits for its owner, halted; return what the node says.

        ``session`` and ``godh`` are the files of ``create_session``, or their content, in base64 or not.
        Raises ``VmRunning``, ``NotConfidential``, ``InitializationRefused``. A session that does not fit
        the platform is taken, and ends the machine: there will be no measurement.
        """
        from aleph_core.sev.session_files import transport_text

        vm_id = check_vm_hash(vm_id)
        call = calls.initialize(
            vm_id,
            session=await run_blocking(transport_text, session, "session"),
            godh=await run_blocking(transport_text, godh, "godh"),
            clock=now,
            address=self._address,
        )
        return (await self._perform(call, raise_on_error=True)).text

    async def measurement(self, vm_id: str, *, timeout: float = 60.0) -> SEVMeasurement:
        """Return what the platform measured when it started a machine; nothing of it is validated.

        A machine that does not run yet is asked again for ``timeout`` seconds, then the error is
        ``VmNotRunning``. Raises ``NotAuthorized``, ``VmNotFound``, and ``AttestationError`` for
        something that is no measurement.
        """
        from aleph_core.sev import SEVMeasurement

        call = calls.measurement(vm_id, clock=now, address=self._address)
        waiting = calls.MeasurementWaiting(check_timeout(timeout))
        begun = clock()
        while True:
            result = await self._perform(call, raise_on_error=False)
            pause = waiting.pause(result, elapsed=clock() - begun)
            if pause is None:
                return SEVMeasurement.from_answer(result.raise_for_status().data)
            await sleep(pause)

    async def validate_measure(
        self,
        sev_data: SEVMeasurement | Mapping[str, Any],
        tik_path: StrPath,
        firmware_hash: bytes | str | Iterable[bytes | str],
        *,
        policy: int | None = None,
    ) -> bool:
        """Tell whether a platform started this firmware with the keys of this session, and nothing else.

        ``firmware_hash`` is the SHA-256 of the firmware, from your own copy of it, or one of several
        launch digests. ``policy`` is the one that the machine must have, any one unless told. A
        ``sev_data`` that is no measurement at all is an ``AttestationError``.
        """
        from aleph_core.sev import SEVMeasurement, check_measurement
        from aleph_core.sev.session_files import read_transport_key

        if not isinstance(sev_data, SEVMeasurement):
            sev_data = SEVMeasurement.from_answer(sev_data)
        wanted = sev_data.sev_info.policy if policy is None else policy
        digests = firmware_digests(firmware_hash)
        tik = await run_blocking(read_transport_key, tik_path)
        try:
            check_measurement(sev_data, tik=tik, digest=digests, policy=wanted)
        except AttestationError:
            return False
        return True

    async def build_secret(
        self,
        tek_path: StrPath,
        tik_path: StrPath,
        sev_data: SEVMeasurement | Mapping[str, Any],
        secret: str | Mapping[UUID | str, bytes],
    ) -> tuple[str, str]:
        """Seal a disk passphrase, or entries by GUID, for one launch: return packet header and secret.

        ``sev_data`` must be a measurement that ``validate_measure`` found right: whoever started
        something else with the session's keys could read the secret.
        """
        from aleph_core.sev import SEVMeasurement, seal_secret
        from aleph_core.sev.session_files import read_transport_key

        if not isinstance(sev_data, SEVMeasurement):
            sev_data = SEVMeasurement.from_answer(sev_data)
        packet = seal_secret(
            secret,
            tek=await run_blocking(read_transport_key, tek_path),
            tik=await run_blocking(read_transport_key, tik_path),
            measure=sev_data.measure,
        )
        return packet.header_base64, packet.payload_base64

    async def inject_secret(
        self, vm_id: str, packet_header: str | bytes, secret: str | bytes
    ) -> dict[str, Any]:
        """Give a machine what ``build_secret`` made, which starts it; return what the node says.

        Both are in base64, or bytes. ``status`` of the answer tells whether the CPU runs; whether the
        disk was unlocked, the machine's logs tell. Raises ``SecretRefused`` and ``VmNotRunning``.
        """
        from aleph_core.sev.secret import packet_text

        call = calls.inject_secret(
            vm_id,
            packet_header=packet_text(packet_header, "packet_header"),
            secret=packet_text(secret, "secret"),
            clock=now,
            address=self._address,
        )
        result: VmResult = await self._perform(call, raise_on_error=True)
        return dict(result.data)


async def _read_chain(certificates: StrPath | bytes) -> PlatformCertificates:
    from aleph_core.accounts.key_files import read_public_file
    from aleph_core.sev import PlatformCertificates

    if not isinstance(certificates, bytes):
        certificates = await run_blocking(read_public_file, certificates)
    return PlatformCertificates.from_bytes(certificates)


async def _write(data: bytes, path: StrPath | None) -> Path:
    if path is None:
        path = Path(await run_blocking(_private_folder), "certificates.cert")
    async with FileSink(path) as sink:
        await sink.write(data)
        await sink.commit()
    return Path(path)


def _private_folder() -> str:
    try:
        return tempfile.mkdtemp(prefix="aleph-sev-")
    except OSError as error:
        raise ConfigurationError(
            f"no temporary folder can be made, give output_path: {error}"
        ) from error
