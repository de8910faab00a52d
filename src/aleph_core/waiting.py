"""Waiting until a message is processed: when to look again, and when to give up."""

from __future__ import annotations

import math

import attrs

from .errors import ArgumentError, ProcessingTimeout
from .excerpts import shown
from .models.message import MessageStatus

__all__ = ["PATIENCE", "Waiting", "check_timeout", "patience"]

PATIENCE = 60.0
"""How many seconds are waited for a message unless another number is given."""

_LONGEST = 1_000_000_000
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
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
class Waiting:
    """The wait for one message, look after look."""

    item_hash: str
    timeout: float
    node: str | None = None
    _pause: float = _FIRST_PAUSE

    def pause(self, status: MessageStatus | None, *, elapsed: float) -> float:
        """Return the seconds until the next look at a message that is not processed yet.

        ``status`` is None while the node does not know the message; ``elapsed`` is in seconds since
        the first look began. The last look is at the end of the time; after it ``ProcessingTimeout``
        is raised.
        """
        left = self.timeout - elapsed
        if left <= 0:
            raise ProcessingTimeout(
                f"message {self.item_hash} is {status or 'unknown'} after {self.timeout:g} s; "
                "it may still be processed, ask for its status later",
                item_hash=self.item_hash,
                status=status,
                timeout=self.timeout,
                node=self.node,
            )
        pause = min(self._pause, left)
        self._pause = min(self._pause * _GROWTH, _LONGEST_PAUSE)
        return pause
