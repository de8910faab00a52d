"""The client of one compute node: start machines, control them, read their logs, keep backups."""

from __future__ import annotations

from ._vm_backups import VmBackups
from ._vm_logs import VmLogs

__all__ = ["VMClient", "VmClient"]


class VmClient(VmBackups, VmLogs):
    """Control machines at their compute node, and read their logs.

    ``node_url`` is the address of the node on which the machines run, by https unless it says otherwise;
    ``domain`` is what that node calls itself, its host name unless told. Every operation returns a
    result that unpacks to ``status, response`` and is ``ok`` or has an ``error``; with
    ``raise_on_error``, here or in a call, refusals are raised. No answer at all is always a
    ``TransportError``. ``timeout`` is in seconds for each step of an exchange, and calls that the node
    delays get the minutes they need. What must not happen twice is repeated only when nothing of it was
    sent; ``retry=None`` never repeats. ``http_client`` is used and not closed.

    The wallet of the account signs once a day that a key may sign the requests. Raises ``ArgumentError``
    for an account of a chain whose signatures compute nodes do not know: they take those of Ethereum
    and of Solana, and of their relatives.
    """


VMClient = VmClient
