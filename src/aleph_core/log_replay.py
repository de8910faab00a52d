"""Where a log was left, so that one that is replayed from its beginning goes on behind that place."""

from __future__ import annotations

from collections import deque
from typing import Final

from .models.log_entry import LogEntry

__all__ = ["LogReplay"]

_HEAD: Final = 32
_TAIL: Final = 64
# So many lines in a row are the end of what was seen, and no coincidence.
_ENOUGH: Final = 3


class LogReplay:
    """The lines that were delivered: how many, and the first and last few.

    Lines are replayed in their order, so that they are counted off. When the first ones differ, the
    node has dropped the oldest, and the last ones that were delivered are looked for instead.
    """

    def __init__(self) -> None:
        self._forget()
        self.begin()

    def begin(self) -> None:
        """Expect all lines from the beginning again."""
        self.is_live = self._seen == 0
        self.is_lost = False
        self._replayed = 0
        self._differs = False
        self._window: deque[int] = deque(maxlen=_TAIL)

    def is_new(self, entry: LogEntry) -> bool:
        """Tell whether the line was not delivered yet, and remember it if so."""
        line = hash((entry.type, entry.message))
        if self.is_live:
            self._seen += 1
            if len(self._head) < _HEAD:
                self._head.append(line)
            self._tail.append(line)
            return True
        if self._replayed < len(self._head) and line != self._head[self._replayed]:
            self._differs = True
        self._replayed += 1
        self._window.append(line)
        if self._differs:
            self.is_live = len(self._window) >= _ENOUGH and self._is_at_end()
            self._lose(when=not self.is_live and self._replayed >= self._seen)
        else:
            self.is_live = self._replayed == self._seen
        return False

    def rest(self) -> None:
        """Take what was replayed for all there is: no line came for a while."""
        if not self.is_live:
            self.is_live = self._is_at_end()
            self._lose(when=not self.is_live)

    def _is_at_end(self) -> bool:
        size = min(len(self._window), len(self._tail))
        return size > 0 and list(self._window)[-size:] == list(self._tail)[-size:]

    def _lose(self, *, when: bool) -> None:
        # The place cannot be found again: rather deliver a line twice than not at all.
        if when:
            self._forget()
            self.is_lost = True

    def _forget(self) -> None:
        self._seen = 0
        self._head: list[int] = []
        self._tail: deque[int] = deque(maxlen=_TAIL)
