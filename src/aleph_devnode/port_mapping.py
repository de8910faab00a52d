"""Ports of machines that the compute node forwards, by the owner's aggregate; the real node's faults included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

KEY = "port-forwarding"
PROTOCOLS = ("udp", "tcp")

Mapped = dict[int, dict[str, Any]]


def requested(content: Any, vm_hash: str) -> dict[int, Any]:
    """Return what the aggregate asks for one machine, by its port.

    What cannot be read counts as no port at all, not even that of SSH, as on the real node.
    """
    try:
        entry = content.get(vm_hash, {}) or {}
        ports = {int(port): flags for port, flags in entry.get("ports", {}).items()}
    except Exception:  # noqa: BLE001 - the real node swallows whatever goes wrong here
        return {}
    if not ports.get(22):
        ports[22] = {"tcp": True, "udp": False}
    return ports


def apply(mapped: Mapped, wanted: dict[int, Any], free_port: Callable[[], int]) -> bool:
    """Change the mapping in place, and tell whether the node remembers the change.

    Raises KeyError or TypeError for flags that are incomplete, with the change half done: what is no
    longer wanted goes first.
    """
    removed, added = set(mapped) - set(wanted), set(wanted) - set(mapped)
    kept = set(mapped) & set(wanted)
    changed = bool(removed or added)
    for port in removed:
        del mapped[port]
    for port in added:
        host, flags = free_port(), wanted[port]
        for protocol in PROTOCOLS:
            bool(flags[protocol])
        mapped[port] = {"host": host, **flags}
    for port in kept:
        current, flags = mapped[port], wanted[port]
        for protocol in PROTOCOLS:
            changed = changed or current[protocol] != flags[protocol]
            bool(flags[protocol])
        mapped[port] = {"host": current["host"], **flags}
    return changed
