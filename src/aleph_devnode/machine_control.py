"""What an owner does with a machine: stop, reboot, erase, reinstall; the real node's oddities included."""

from __future__ import annotations

from sqlite3 import Connection

from . import machine_logs
from .machines import Machine, Machines, forget, remove
from .times import now

IMAGE = "image"


def stop(connection: Connection, machine: Machine) -> str:
    """Stop a machine, of which the node then knows its past alone."""
    if not machine.running:
        return "Already stopped, nothing to do"
    _end(connection, machine)
    remove(connection, machine.vm_hash)
    return f"Stopped VM with ref {machine.vm_hash}"


def reboot(connection: Connection, machines: Machines, machine: Machine) -> str:
    """Reboot a machine; of one that does not run the node only says that it starts.

    A confidential one is started by QEMU with the session that it has, and waits for its secret again.
    """
    if not machine.running:
        return f"Starting VM (was not running) with ref {machine.vm_hash}"
    if not machine.confidential:
        machines.restart(connection, machine)
    return f"Rebooted VM with ref {machine.vm_hash}"


def erase(connection: Connection, machine: Machine) -> str:
    """Stop a machine and forget it with its ports and volumes."""
    _end(connection, machine)
    forget(connection, machine.vm_hash)
    return f"Erased VM with ref {machine.vm_hash}"


def reinstall(
    connection: Connection, machines: Machines, machine: Machine, *, erase_volumes: bool
) -> str:
    """Give a machine a fresh disk and start it, whether it ran or not."""
    machine.disk = IMAGE
    if erase_volumes:
        machine.volumes_erased += 1
    machines.restart(connection, machine)
    return f"Reinstalled VM with ref {machine.vm_hash}"


def restore(connection: Connection, machines: Machines, machine: Machine, *, disk: str) -> None:
    """Put another disk into a machine and start it again."""
    machine.disk = disk
    machines.restart(connection, machine)


def _end(connection: Connection, machine: Machine) -> None:
    machine.times |= {"stopping_at": now(), "stopped_at": now()}
    machine.running = False
    machine_logs.remember(connection, machine.vm_hash, machine.owner)
