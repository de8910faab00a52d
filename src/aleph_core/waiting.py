"""Waiting until a message is processed: when to look again, and when to give up."""

from __future__ import annotations

import math

import attrs

from .errors import ArgumentError, ProcessingTimeout
from .excerpts import shown
from .models.message import MessageStatus

__all__ = ["PATIENCE", "Pauses", "Waiting", "check_timeout", "patience"]

PATIENCE = 60.0
"""How many seconds are waited for a message unless another number is given."""

_LONGEST = 1_000_000_000
_GROWTH = 1.5


def check_timeout(value: object, argument: str = "timeout") -> float:
    """Return a number of seconds, at least 0."""
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not 0 <= number <= _LONGEST:
        raise ArgumentError(
            argument, f"expected a number of seconds from 0 to {_LONGEST}, not {shown(value)}"
        )
    return float(number)


def patience(wait: object) -> float | None:
    """Return for how many seconds ``wait=`` asks to wait, or None for not at all."""
    if wait is True:
        return PATIENCE
    return None if wait is False else check_timeout(wait, "wait") or None


@attrs.define
class Pauses:
    """The pauses between looks at something that takes its time: each longer than the one before.

    All are in seconds. The last look is at the end of ``timeout``.
    """

    timeout: float
    first: float
    longest: float
    _taken: int = attrs.field(default=0, init=False)

    def next(self, *, elapsed: float) -> float | None:
        """Return the seconds until the next look, None after the last one.

        ``elapsed`` is the time since the first look began.
        """
        left = self.timeout - elapsed
        if left <= 0:
            return None
        pause = min(self.first * _GROWTH**self._taken, self.longest)
        self._taken += pause < self.longest
        return min(pause, left)


class Waiting:
    """The wait for one message, look after look."""

    def __init__(self, item_hash: str, timeout: float, node: str | None = None) -> None:
        self.item_hash = item_hash
        self.timeout = timeout
        self.node = node
        self._pauses = Pauses(timeout, first=0.05, longest=2.0)

    def pause(self, status: MessageStatus | None, *, elapsed: float) -> float:
        """Return the seconds until the next look at a message that is not processed yet.

        ``status`` is None while the node does not know the message; ``elapsed`` is in seconds since
        the first look began. After the last one ``ProcessingTimeout`` is raised.
        """
        pause = self._pauses.next(elapsed=elapsed)
        if pause is None:
            raise ProcessingTimeout(
                f"message {self.item_hash} is {status or 'unknown'} after {self.timeout:g} s; "
                "it may still be processed, ask for its status later",
                item_hash=self.item_hash,
                status=status,
                timeout=self.timeout,
                node=self.node,
            )
        return pause
