"""Walking through every page: which page comes next, and when to stop."""

from __future__ import annotations

from typing import Any

import attrs

from .errors import MalformedAnswerError
from .excerpts import shown
from .models.page import Page

__all__ = ["LARGEST_PAGE", "Position", "next_counted", "next_position"]

# pyaleph caps the pages of cursor mode at this size without saying so.
LARGEST_PAGE = 200


@attrs.frozen
class Position:
    """Where the next page begins: a cursor (empty at first), or a page number for lists without cursors.

    ``steps`` and ``mark`` remember enough of the way to notice that it goes in a circle. ``seen``
    counts the entries of earlier pages where the total is to be relied on.
    """

    cursor: str | None = ""
    page: int | None = None
    steps: int = 0
    mark: str | None = None
    seen: int = 0

    def params(self) -> list[tuple[str, str]]:
        if self.page is not None:
            return [("page", str(self.page))]
        return [("cursor", self.cursor or "")]


def next_position(position: Position, page: Page[Any], *, node: str = "") -> Position | None:
    """Return where the page after this one begins, or None after the last.

    Totals are only approximate, so a list by page number ends with the first page that is not full.
    """
    if position.page is not None:
        received = len(page.items) + len(page.invalid)
        return Position(page=position.page + 1) if received >= page.per_page else None
    if page.next_cursor is None:
        return None
    if page.next_cursor in (position.cursor, position.mark):
        raise MalformedAnswerError(
            f"{node or 'the node'} answered with a cursor that leads nowhere: the list would never end",
            node=node,
        )
    # Brent's way to find a circle of any length: compare with a mark that moves on at each power of two.
    steps = position.steps + 1
    mark = page.next_cursor if steps & (steps - 1) == 0 else position.mark
    return Position(cursor=page.next_cursor, steps=steps, mark=mark)


def next_counted(position: Position, page: Page[Any]) -> Position | None:
    """Return where the page after this one begins in a list whose pages may be short before its end.

    The total decides, and without one the first page that is empty. A page that comes twice in a row
    then comes from a server that knows no pages, and raises ``MalformedAnswerError``.
    """
    received = len(page.items) + len(page.invalid)
    seen = position.seen + received
    if not received or (page.total is not None and seen >= page.total):
        return None
    mark = None if page.total is not None else _mark(page)
    if mark is not None and mark == position.mark:
        raise MalformedAnswerError(
            f"the same page of {page.kind} came twice: the list would never end"
        )
    return Position(page=(position.page or 1) + 1, seen=seen, mark=mark)


def _mark(page: Page[Any]) -> str:
    """Return a text by which a page is known again."""
    return str(hash(repr((page.items, [shown(entry.raw) for entry in page.invalid]))))
