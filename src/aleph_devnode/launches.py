"""The launches of confidential machines: QEMU's part, between the routes and the secure processor's model.

QEMU starts a machine halted, asks the processor for its measurement, and lets it run when it has its secret.
The words of its refusals are this module's own; nobody should match on those of the real one either.
"""

from __future__ import annotations

import base64
import threading
from typing import Any
from uuid import UUID

import attrs

from .secure_processor import Guest, LaunchRefused, SecureProcessor, disk_passphrase, read_secrets
from .settings import NodeSettings
from .times import now

# Compute nodes start every machine with it, whatever policy its message names.
POLICY = 1
STAND_IN_FIRMWARE = b"no firmware, but what the local node measures in place of one\n".ljust(
    4096, b"\0"
)


class QemuError(Exception):
    """QEMU refuses a command."""


@attrs.frozen
class Launch:
    """One start of a machine: what it was started with, and from when on QEMU can be asked about it."""

    session: bytes
    godh: bytes
    firmware: bytes
    guest: Guest
    ready_at: float


class Launches:
    """Start confidential machines on a secure processor, and keep what is in their memory.

    Of a machine that was started again, only the last launch is kept.
    """

    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._processor: SecureProcessor | None = None
        self._exported: bytes | None = None
        self._launches: dict[str, Launch] = {}

    @property
    def processor(self) -> SecureProcessor:
        """The processor; making its keys takes a moment, so it is made when it is first needed."""
        with self._lock:
            if self._processor is None:
                self._processor = SecureProcessor()
            return self._processor

    def certificates(self) -> bytes:
        """Return the platform's certificates, as they were when they were first asked for."""
        if self._exported is None:
            self._exported = self.processor.certificates()
        return self._exported

    def start(self, vm_hash: str, *, session: bytes, godh: bytes, firmware: bytes) -> bool:
        """Start a machine, halted; False when QEMU ended at once because the processor refused.

        ``session`` and ``godh`` are in base64, as their owner sent them.
        """
        self._launches.pop(vm_hash, None)
        try:
            guest = self.processor.launch(
                policy=POLICY, godh=_decoded(godh), session=_decoded(session)
            )
        except LaunchRefused:
            return False
        guest.update(firmware)
        guest.measure()
        ready_at = now() + self._settings.qemu_seconds
        self._launches[vm_hash] = Launch(session, godh, firmware, guest, ready_at)
        return True

    def start_over(self, vm_hash: str) -> bool:
        """Start a machine again with the session that it has, as a reboot does."""
        launch = self._launches.get(vm_hash)
        return launch is not None and self.start(
            vm_hash, session=launch.session, godh=launch.godh, firmware=launch.firmware
        )

    def measurement(self, vm_hash: str) -> dict[str, Any]:
        """Return what QEMU says of the platform and of the measurement.

        Raises RuntimeError while QEMU cannot be asked, and ``QemuError`` for a machine that runs already.
        """
        guest = self._guest(vm_hash)
        info = guest.info()
        return {"sev_info": info, "launch_measure": base64.b64encode(_ask(guest.measure)).decode()}

    def inject(self, vm_hash: str, *, packet_header: str, secret: str) -> dict[str, Any]:
        """Give a machine its secret and let it run; return what QEMU says of its state.

        Raises as ``measurement`` does, and ``QemuError`` for a packet that is not for this launch.
        """
        guest = self._guest(vm_hash)
        try:
            header, payload = (
                base64.b64decode(text, validate=True) for text in (packet_header, secret)
            )
        except ValueError as error:
            raise QemuError("SEV: Failed to decode the packet") from error
        _ask(guest.inject, header, payload)
        _ask(guest.finish)
        return {"status": "running", "running": True, "singlestep": False}

    def passphrase(self, vm_hash: str) -> str | None:
        """Return the disk passphrase that a machine was given, None when it was given none."""
        launch = self._launches.get(vm_hash)
        memory = [] if launch is None else launch.guest.memory
        return disk_passphrase(memory[0]) if memory else None

    def secrets(self, vm_hash: str) -> dict[UUID, bytes]:
        """Return all that a machine was given, by GUID."""
        launch = self._launches.get(vm_hash)
        memory = [] if launch is None else launch.guest.memory
        return {guid: data for page in memory for guid, data in read_secrets(page).items()}

    def _guest(self, vm_hash: str) -> Guest:
        launch = self._launches.get(vm_hash)
        if launch is None or now() < launch.ready_at:
            raise RuntimeError("VM is not running (QMP socket missing)")
        return launch.guest


def _decoded(data: bytes) -> bytes:
    try:
        return base64.b64decode(data)
    except ValueError as error:
        raise LaunchRefused("invalid-param", "the file holds no base64") from error


def _ask(command: Any, *arguments: bytes) -> Any:
    try:
        return command(*arguments)
    except LaunchRefused as refused:
        raise QemuError(f"SEV: {refused.status}: {refused}") from refused
