"""The client of one compute node: start machines, control them, read their logs, keep backups."""

from __future__ import annotations

from ._vm_operations import VmOperations

__all__ = ["VMClient", "VmClient"]


class VmClient(VmOperations):
    __doc__ = VmOperations.__doc__


VMClient = VmClient
