"""What can be set on a local node, with the defaults of the network's nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

MIB = 1024 * 1024

DEFAULT_FUND_ALEPH = 100_000
DEFAULT_FUND_CREDITS = 1_000_000_000


@attrs.frozen
class NodeSettings:
    """Hold the limits and delays of a node; sizes in bytes, times in seconds.

    A message that waits for something is tried ``max_retries`` times, ``retry_delay`` apart at first and twice as
    long each time after (at most ``retry_delay_limit``), and is then rejected. It is also tried, without counting, as
    soon as what it waits for arrives. ``sync_timeout`` is how long a publication with ``sync`` waits for an outcome.
    A backup takes ``backup_seconds``, and fails when there is a ``backup_failure``, the reason.
    A confidential machine can be asked for its measurement ``qemu_seconds`` after it got its session.
    """

    max_retries: int = 5
    retry_delay: float = 0.25
    retry_delay_limit: float = 300.0
    sync_timeout: float = 30.0
    max_json_body: int = MIB
    max_inline_characters: int = 200_000
    max_storage_file: int = 100 * MIB
    max_unsigned_file: int = 25 * MIB
    max_ipfs_file: int = 1024 * MIB
    max_ipfs_car: int = 4096 * MIB
    known_messages: int = 200_000
    max_message_sockets: int = 10_000
    socket_ping_interval: float = 30.0
    socket_ping_timeout: float = 15.0
    message_topic: str = "ALEPH-TEST"
    version: str = "0.10.3-rc5"
    domain_name: str | None = None
    node_hash: str = "d0de" * 16
    node_name: str = "devnode"
    reward_address: str = "0xD0DeD0DEd0deD0dED0DED0Ded0dED0DeD0DED0De"
    compute_version: str = "1.14.0"
    cpus: int = 64
    memory_mib: int = 512 * 1024
    disk_mib: int = 16 * 1024 * 1024
    gpus: Sequence[Mapping[str, Any]] = ()
    confidential: bool = True
    streams_flow: bool = True
    boot_seconds: float = 0.0
    backup_seconds: float = 0.0
    backup_failure: str | None = None
    qemu_seconds: float = 0.05

    def retry_wait(self, attempts: int) -> float:
        """Return the seconds to wait after so many failed attempts."""
        return min(self.retry_delay * 2.0 ** min(max(attempts - 1, 0), 60), self.retry_delay_limit)
