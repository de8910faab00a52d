"""Backups of machines, as their compute node tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from .record import Record

__all__ = ["VmBackup"]


@attrs.frozen(kw_only=True)
class VmBackup(Record):
    """An archive of a machine's disks; sizes are in bytes.

    ``checksum`` is like ``sha256:…``. ``download_url`` lets anyone take the archive for a day.
    """

    backup_id: str
    size: int | None = None
    volumes: tuple[str, ...] = ()
    expires_at: datetime | None = None
    checksum: str | None = None
    source_sizes: Mapping[str, int] = attrs.field(factory=dict)
    download_url: str | None = attrs.field(default=None, repr=False)
