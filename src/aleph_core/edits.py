"""Editing an aggregate without losing what somebody else writes at the same time.

Nodes merge the elements of an aggregate by top-level entry, the latest ``content.time`` wins. Two who
read, change and write one entry at once overwrite each other without a word. So an edit looks, after
its element was processed, for elements that it overwrote or that overwrote it, and is applied again
on top of them until it stands. What is edited is read from signed elements, never from the merged
answer of a node: otherwise a node could have its own entries signed by the owner.

Everybody cares for what they themselves overwrote: who finds an element that they had not seen puts
what it changed into their next one. What an element changed shows against the one that its author had
read, and to tell that one its time carries a mark: contents take no further field, and the
microseconds of a signed time mean nothing else.
"""

from __future__ import annotations

import copy
import math
import operator
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import random as random_fraction
from typing import Any

import attrs

from .errors import ArgumentError, VerificationError
from .item_hash import same_address
from .models.message import Message
from .permissions import is_authorized
from .verification import verify_message

__all__ = ["Change", "Edit", "Element", "History", "pause"]

Change = Callable[[dict[str, Any]], Mapping[str, Any]]

# From one element to the next, so that their order does not depend on their marks.
_TICK = 0.001
_FIRST_PAUSE = 0.05
# Seconds from reading an aggregate to writing it, as much as it may take.
_LONGEST_EDIT = 30.0


class _Nothing:
    """The value of an entry that is not there."""


_NOTHING = _Nothing()


@attrs.frozen
class Element:
    """What one AGGREGATE message writes; ``time`` is the signed one, in seconds since 1970."""

    item_hash: str
    sender: str
    chain: str
    channel: str | None
    time: float
    entries: Mapping[str, Any] = attrs.field(repr=False)


class History:
    """The elements of one aggregate of one owner, as far as they were read, in any order."""

    def __init__(self, owner: str, key: str) -> None:
        self.owner = owner
        self.key = key
        self._elements: dict[str, Element] = {}
        self._doubtful: dict[str, Element] = {}
        self._sorted: list[Element] = []

    def add(self, message: Message) -> Element | None:
        """Take a message that belongs to the aggregate, once its signature is verified.

        What somebody else signed for the owner counts only after ``admit``.
        """
        content = message.content
        if (
            message.type != "AGGREGATE"
            or content.get("key") != self.key
            or message.item_hash in self._elements
        ):
            return None
        entries, time = content.get("content"), content.get("time")
        if (
            not isinstance(entries, dict)
            or not isinstance(time, int | float)
            or content.get("address") != self.owner
        ):
            return None
        verify_message(message)
        element = Element(
            item_hash=message.item_hash,
            sender=message.sender,
            chain=message.chain,
            channel=message.channel,
            time=float(time),
            entries=entries,
        )
        own = same_address(element.sender, self.owner)
        (self._elements if own else self._doubtful)[element.item_hash] = element
        return element

    @property
    def has_doubtful(self) -> bool:
        """Whether there are elements that another than the owner signed."""
        return bool(self._doubtful)

    def admit(self, securities: Iterable[Mapping[str, Any]]) -> None:
        """Let the elements count whose signers the owner allowed in any version of its ``security``.

        One whom the owner does not allow any more may have written while it was allowed.
        """
        allowed = list(securities)
        for item_hash, element in list(self._doubtful.items()):
            if any(
                is_authorized(
                    security,
                    sender=element.sender,
                    chain=element.chain,
                    channel=element.channel,
                    message_type="AGGREGATE",
                    aggregate_key=self.key,
                )
                for security in allowed
            ):
                self._elements[item_hash] = self._doubtful.pop(item_hash)

    def versions(self) -> list[Mapping[str, Any]]:
        """Return what each element wrote."""
        return [element.entries for element in self._elements.values()]

    def latest(self, entry: str) -> Element | None:
        """Return the element that gives an entry its value."""
        writers = [element for element in self._elements.values() if entry in element.entries]
        return max(writers, key=lambda element: element.time, default=None)

    def before(self, element: Element, entry: str) -> list[Element]:
        """Return the elements that the author of one may have read an entry of, newest first."""
        elements = self.elements()
        end = bisect_left(elements, element.time, key=lambda other: other.time)
        found: list[Element] = []
        for other in reversed(elements[:end]):
            if entry in other.entries:
                found.append(other)
                if other.time < element.time - _LONGEST_EDIT:
                    break
        return found

    def content(self) -> dict[str, Any]:
        """Return the merged entries, a copy."""
        merged: dict[str, Any] = {}
        for element in self.elements():
            merged.update(element.entries)
        return copy.deepcopy(merged)

    def elements(self) -> list[Element]:
        """Return the elements that count, oldest first."""
        if len(self._sorted) != len(self._elements):
            self._sorted = sorted(self._elements.values(), key=lambda element: element.time)
        return self._sorted

    def explains(self, said: Mapping[str, Any], entries: Sequence[str] | None) -> bool:
        """Tell whether the elements give the entries the values that the node shows."""
        wanted = said if entries is None else [entry for entry in entries if entry in said]
        content = self.content()
        return all(entry in content and content[entry] == said[entry] for entry in wanted)

    def is_past(self, time: float) -> bool:
        """Tell whether a time lies so long before the latest element that no edit began there."""
        latest = max((element.time for element in self._elements.values()), default=time)
        return time < latest - 2 * _LONGEST_EDIT

    def require(self, said: Mapping[str, Any], entries: Sequence[str] | None) -> None:
        """Raise ``VerificationError`` for an entry that the node shows and nobody signed."""
        wanted = said if entries is None else [entry for entry in entries if entry in said]
        for entry in wanted:
            if self.latest(entry) is None:
                raise VerificationError(
                    f"the node shows the entry {entry!r:.100} in the aggregate {self.key!r:.100} of "
                    f"{self.owner}, but no message that its owner, or one whom the owner allowed, "
                    "signed writes it; nothing was changed"
                )


class Edit:
    """One change on its way into an aggregate: what to write next, until it stands."""

    def __init__(self, change: Change, history: History) -> None:
        self._change = change
        self._seen: set[str] = set()
        self._mine: set[str] = set()
        # What there would be without this change, and with what others have still to repair.
        self._view: dict[str, Any] = {}
        self._take(history)

    def next_entries(self, history: History) -> dict[str, Any]:
        """Return the entries to write on top of the elements that there are; none when it stands."""
        self._take(history)
        wanted = self._change(copy.deepcopy(self._view))
        if not isinstance(wanted, Mapping):
            raise ArgumentError(
                "change", f"must return the entries to write, not {type(wanted).__name__}"
            )
        present = history.content()
        # Two who repair the same entry may put a list in different orders, which must not go on.
        same = _alike if self._mine else operator.eq
        return {
            entry: value
            for entry, value in wanted.items()
            if entry not in present or not same(present[entry], value)
        }

    def next_time(self, entries: Iterable[str], history: History, now: float) -> float:
        """Return a time at which an element of these entries is the latest one, with its mark."""
        writers = [element for entry in entries if (element := history.latest(entry))]
        last = max(writers, key=lambda element: element.time, default=None)
        begin = now if last is None else max(now, last.time + _TICK)
        mark = _mark("" if last is None else last.item_hash)
        seconds, milliseconds = divmod(math.ceil(begin * 1000), 1000)
        return float(f"{seconds}.{milliseconds:03}{mark:03}")

    def wrote(self, item_hash: str) -> None:
        self._mine.add(item_hash)
        self._seen.add(item_hash)

    def _take(self, history: History) -> None:
        """Put what elements that were not seen before changed into the view."""
        for element in history.elements():
            if element.item_hash in self._seen:
                continue
            self._seen.add(element.item_hash)
            for entry, value in element.entries.items():
                base = _base(element, entry, history, rival=bool(self._mine))
                self._view[entry] = _merged(base, value, self._view.get(entry, _NOTHING))


def _mark(item_hash: str) -> int:
    """Return the mark of an element, from 1 to 999; the empty hash stands for none."""
    return zlib.crc32(item_hash.encode()) % 999 + 1


def _base(element: Element, entry: str, history: History, *, rival: bool) -> Any:
    """Return the value of an entry that the author of an element had read.

    Elements of other software have no mark, or one that fits none, but for one in a thousand whose
    microseconds fit by chance. For them it is the value before,
    or for a rival, which may have read an older one, the one that differs least of those that there
    were shortly before; but not an equal one, for then nothing would have been written.
    """
    value = element.entries[entry]
    mark = round(element.time * 1_000_000) % 1000
    earlier = history.before(element, entry)
    values: list[Any] = [other.entries[entry] for other in earlier]
    for other, candidate in zip(earlier, values, strict=True):
        if mark == _mark(other.item_hash):
            return candidate
    if not earlier or earlier[-1].time >= element.time - _LONGEST_EDIT:
        values.append(_NOTHING)
    if mark == _mark("") and values[-1] is _NOTHING:
        return _NOTHING
    if not rival:
        return values[0]
    unlike = [candidate for candidate in values if not _alike(candidate, value)]
    return min(unlike, key=lambda candidate: _distance(candidate, value), default=value)


def _merged(base: Any, theirs: Any, ours: Any) -> Any:
    """Return our value with what changed from the base to theirs; where both changed, theirs."""
    if ours == base or theirs == ours:
        return theirs
    if theirs == base:
        return ours
    if isinstance(theirs, dict) and isinstance(ours, dict):
        old = base if isinstance(base, dict) else {}
        merged = {
            name: _merged(
                old.get(name, _NOTHING), theirs.get(name, _NOTHING), ours.get(name, _NOTHING)
            )
            for name in [*ours, *(name for name in theirs if name not in ours)]
        }
        return {name: value for name, value in merged.items() if value is not _NOTHING}
    if isinstance(theirs, list) and isinstance(ours, list):
        items = base if isinstance(base, list) else []
        gone = [item for item in items if item not in theirs]
        new = [item for item in theirs if item not in items and item not in ours]
        return [item for item in ours if item not in gone] + new
    return theirs


def _distance(one: Any, other: Any) -> int:
    """Return in how many places two values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = {*one, *other}
        return sum(_distance(one.get(n, _NOTHING), other.get(n, _NOTHING)) for n in names)
    if isinstance(one, list) and isinstance(other, list):
        gone = sum(item not in other for item in one)
        return gone + sum(item not in one for item in other)
    return int(one != other)


def _alike(one: Any, other: Any) -> bool:
    """Tell whether two values are equal but for the order of lists."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        left = list(other)
        for item in one:
            match = next((index for index, found in enumerate(left) if _alike(item, found)), None)
            if match is None:
                return False
            del left[match]
        return not left
    return bool(one == other)


def pause(attempt: int, random: Callable[[], float] = random_fraction) -> float:
    """Return how many seconds to wait before an edit is applied again, so that rivals fall out of step."""
    return float(_FIRST_PAUSE * 2 ** min(attempt, 6) * (0.5 + random()))
