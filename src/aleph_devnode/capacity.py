"""What the compute node can host, and what of it is free."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import attrs

from .machines import Machine, disk_mib, wanted_gpus
from .settings import NodeSettings

# How many virtual processors the real node promises for each one it has.
CPU_OVERCOMMIT = 4


@attrs.frozen
class Resources:
    vcpus: int
    memory_mib: int
    disk_mib: int


def required(content: dict[str, Any]) -> Resources:
    resources = content.get("resources") or {}
    return Resources(
        int(resources.get("vcpus") or 0), int(resources.get("memory") or 0), disk_mib(content)
    )


def used(machines: Iterable[Machine]) -> Resources:
    parts = [required(machine.content) for machine in machines]
    return Resources(
        sum(part.vcpus for part in parts),
        sum(part.memory_mib for part in parts),
        sum(part.disk_mib for part in parts),
    )


def is_enough(settings: NodeSettings, machines: Iterable[Machine], content: dict[str, Any]) -> bool:
    """Tell whether the node can host one more machine."""
    busy, more = used(machines), required(content)
    return (
        busy.vcpus + more.vcpus <= settings.cpus * CPU_OVERCOMMIT
        and busy.memory_mib + more.memory_mib <= settings.memory_mib
        and busy.disk_mib + more.disk_mib <= settings.disk_mib
    )


def free_gpus(settings: NodeSettings, machines: Iterable[Machine]) -> list[dict[str, Any]]:
    taken = {gpu for machine in machines for gpu in machine.gpus}
    return [dict(gpu) for gpu in settings.gpus if gpu.get("pci_host") not in taken]


def assign_gpus(
    settings: NodeSettings,
    machines: Iterable[Machine],
    content: dict[str, Any],
    *,
    held: Collection[str] = (),
) -> list[str]:
    """Return the places of the GPUs for one more machine, which are none of those ``held`` for others.

    Raises Exception, as the real node does.
    """
    free = [gpu for gpu in free_gpus(settings, machines) if gpu.get("pci_host") not in held]
    chosen: list[str] = []
    for wanted in wanted_gpus(content):
        found = next((gpu for gpu in free if gpu.get("device_id") == wanted["device_id"]), None)
        if found is None:
            raise Exception(f"Failed to find available GPU matching spec {wanted}")
        free.remove(found)
        chosen.append(str(found["pci_host"]))
    return chosen
