"""A JSON array that comes in pieces and is never held whole."""

from __future__ import annotations

import re
from typing import Any, Final

from .json_text import parse_json

__all__ = ["JsonArray"]

_STRUCTURE = re.compile(rb'["\[\]{},]')
_IN_TEXT = re.compile(rb'["\\]')
_SPACE: Final = b" \t\r\n"
_LARGEST_ENTRY = 16 * 1024 * 1024


class JsonArray:
    """The entries of an array, one by one; ``limit`` is the largest one in bytes.

    What is no array raises ``ValueError``, once the entries before the mistake were handed out.
    """

    def __init__(self, *, limit: int = _LARGEST_ENTRY) -> None:
        self.count = 0
        self._limit = limit
        self._buffer = bytearray()
        self._position = 0
        self._depth = 0
        self._in_text = False
        self._begun = False
        self._ended = False
        self._mistake: ValueError | None = None

    def feed(self, data: bytes) -> list[Any]:
        """Take more of the text and return the entries that it completes."""
        self._raise()
        self._buffer += data
        found: list[Any] = []
        try:
            self._read(found)
        except ValueError as error:
            self._mistake = error
        if not found:
            self._raise()
        return found

    def _read(self, found: list[Any]) -> None:
        while not self._ended and self._step(found):
            pass
        if self._ended and self._buffer.strip(_SPACE):
            raise ValueError("something follows the array")
        if len(self._buffer) > self._limit:
            raise ValueError(f"an entry has more than {self._limit} bytes")

    def _raise(self) -> None:
        if self._mistake is not None:
            raise self._mistake

    def finish(self) -> None:
        """Raise ``ValueError`` unless the whole array has come."""
        self._raise()
        if not self._ended:
            raise ValueError(f"the array breaks off after {self.count} entries")

    def _step(self, found: list[Any]) -> bool:
        """Go on to the next character that means something; return False when there is none yet."""
        if not self._begun:
            return self._begin()
        pattern = _IN_TEXT if self._in_text else _STRUCTURE
        match = pattern.search(self._buffer, self._position)
        if match is None:
            self._position = len(self._buffer)
            return False
        character = match[0]
        if character == b"\\":
            if match.end() == len(self._buffer):
                # What it escapes is still to come.
                self._position = match.start()
                return False
            self._position = match.end() + 1
            return True
        self._position = match.end()
        if character == b'"':
            self._in_text = not self._in_text
        elif character in b"[{":
            self._depth += 1
        elif self._depth == 1 and character in b",]":
            self._take(match.start(), found, last=character == b"]")
        elif character in b"]}":
            self._depth -= 1
        return True

    def _begin(self) -> bool:
        start = len(self._buffer) - len(self._buffer.lstrip(_SPACE))
        if start == len(self._buffer):
            self._buffer.clear()
            return False
        if self._buffer[start : start + 1] != b"[":
            raise ValueError("expected an array")
        del self._buffer[: start + 1]
        self._begun = True
        self._depth = 1
        return True

    def _take(self, end: int, found: list[Any], *, last: bool) -> None:
        text = bytes(self._buffer[:end]).strip(_SPACE)
        del self._buffer[: self._position]
        self._position = 0
        self._ended = last
        if not text and last and self.count == 0:
            return
        found.append(parse_json(text))
        self.count += 1
