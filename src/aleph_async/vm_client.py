"""The client of one compute node: start machines, control them, read their logs, keep backups."""

from __future__ import annotations

from ._vm_logs import VmLogs

__all__ = ["VMClient", "VmClient"]


class VmClient(VmLogs):
    pass


VMClient = VmClient
