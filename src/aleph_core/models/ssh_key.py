"""Public SSH keys that an address keeps on the network."""

from __future__ import annotations

from datetime import datetime

import attrs

from .record import Record

__all__ = ["SshKey"]


@attrs.frozen(kw_only=True)
class SshKey(Record):
    """One key as a line for ``authorized_keys``; ``item_hash`` is that of the post, to forget it by.

    ``fingerprint`` is the SHA-256 one that ``ssh-keygen -l`` shows, empty for what is no key.
    """

    item_hash: str
    key: str
    label: str | None = None
    created: datetime | None = None
    fingerprint: str = ""
