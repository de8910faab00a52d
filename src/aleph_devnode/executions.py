"""What the compute node tells of its machines and of its host, in the forms of its answers."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from . import capacity
from .compute_answers import moment
from .machines import Machine
from .node import Node
from .port_mapping import Mapped
from .times import from_seconds, now

# What the real node gives its machines: a network of each kind, and an address in it.
IPV4_POOL = int(IPv4Address("172.16.0.0"))
IPV6_POOL = int(IPv6Address("fc00:1:2:3:3::"))
LOCAL_IPV4 = "127.0.0.1"


def ipv4_network(machine: Machine) -> str:
    return f"{IPv4Address(IPV4_POOL + machine.number * 256)}/24"


def ipv6_network(machine: Machine) -> str:
    return f"{IPv6Address(IPV6_POOL + (machine.number << 32))}/124"


def host_ipv4(node: Node) -> str:
    try:
        return str(IPv4Address(node.url.partition("://")[2].rpartition(":")[0]))
    except ValueError:
        return LOCAL_IPV4


def networking(machine: Machine, node: Node) -> dict[str, Any]:
    if not machine.created:
        return {}
    return {
        "ipv4_network": ipv4_network(machine),
        "host_ipv4": host_ipv4(node),
        "ipv6_network": ipv6_network(machine),
        "ipv6_ip": _address(ipv6_network(machine), 1),
        "ipv4_ip": _address(ipv4_network(machine), 2),
        "mapped_ports": _shown_ports(machine.mapped_ports),
    }


def _address(network: str, number: int) -> str:
    return str(ip_address(network.partition("/")[0]) + number)


def _shown_ports(mapped: Mapped) -> dict[str, dict[str, Any]]:
    return {str(port): mapping for port, mapping in mapped.items()}


def listed(machine: Machine, node: Node) -> dict[str, Any]:
    """Return a machine as the list of executions shows it."""
    return {
        "networking": networking(machine, node),
        "status": {name: moment(time) for name, time in machine.times.items()},
        "running": machine.running,
        "awaiting_confidential_init": machine.awaiting_confidential_init,
        "vm_type": machine.vm_type,
    }


def listed_v1(machine: Machine) -> dict[str, Any]:
    """Return a machine as the older list shows it."""
    return {
        "networking": {"ipv4": ipv4_network(machine), "ipv6": ipv6_network(machine)},
        "vm_type": machine.vm_type,
        "awaiting_confidential_init": machine.awaiting_confidential_init,
    }


def usage(node: Node, machines: list[Machine]) -> dict[str, Any]:
    """Return the usage of the host; kB are 1000 bytes, and what is null is left out."""
    settings, used = node.settings, capacity.used(machines)
    minute = from_seconds(now() // 60 * 60).isoformat().replace("+00:00", "Z")
    load = float(min(used.vcpus, settings.cpus))
    return {
        "cpu": {
            "count": settings.cpus,
            "load_average": {"load1": load, "load5": load, "load15": load},
            "core_frequencies": {"min": 2600.0, "max": 2600.0},
        },
        "mem": _in_kb(settings.memory_mib, used.memory_mib),
        "disk": _in_kb(settings.disk_mib, used.disk_mib),
        "period": {"start_timestamp": minute, "duration_seconds": 60.0},
        "properties": {"cpu": cpu(node)},
        "gpu": {
            "devices": [_without_nulls(gpu) for gpu in settings.gpus],
            "available_devices": [
                _without_nulls(gpu) for gpu in capacity.free_gpus(settings, machines)
            ],
        },
        "active": True,
    }


def _in_kb(total_mib: int, used_mib: int) -> dict[str, int]:
    bytes_of = 1024 * 1024
    return {
        "total_kB": total_mib * bytes_of // 1000,
        "available_kB": max(total_mib - used_mib, 0) * bytes_of // 1000,
    }


def cpu(node: Node) -> dict[str, Any]:
    features = ["sev", "sev_es"] if node.settings.confidential else []
    return {"architecture": "x86_64", "vendor": "AuthenticAMD", "features": features}


def _without_nulls(device: Any) -> dict[str, Any]:
    return {name: value for name, value in dict(device).items() if value is not None}
