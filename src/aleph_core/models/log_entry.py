"""Lines that a machine wrote to its console."""

from __future__ import annotations

from datetime import datetime

import attrs

__all__ = ["LogEntry"]


@attrs.frozen(kw_only=True)
class LogEntry:
    """A line of a machine's console; as text it is the ``message``.

    ``type`` is ``stdout`` or ``stderr``, ``system`` for what the node itself says, and ``unreadable``
    for what the node sent in another form. ``time`` is None in live logs, which carry none.
    """

    type: str
    message: str
    time: datetime | None = None

    def __str__(self) -> str:
        return self.message
