"""Iterating over every page, the next one fetched while the present one is consumed."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Protocol, TypeVar

from aleph_core.models.page import InvalidEntry, Page
from aleph_core.paging import Position, next_position

from ._runtime import Fetch, start

__all__ = ["OnInvalid", "each", "report"]

T = TypeVar("T")
OnInvalid = Callable[[InvalidEntry], object]

_log = logging.getLogger("aleph")


async def each(
    fetch: Fetch[Position, Page[T]],
    first: Position,
    *,
    on_invalid: OnInvalid | None,
    follow: Callable[[Position, Page[T]], Position | None] = next_position,
) -> AsyncIterator[T]:
    """Yield the entries of all pages; entries that were left out go to ``on_invalid`` and the log."""
    position: Position | None = first
    page = await fetch(first)
    while position is not None:
        position = follow(position, page)
        later = None if position is None else start(partial(fetch, position))
        try:
            report(page, on_invalid)
            for item in page:
                yield item
            if later is None:
                return
            page = await later.result()
        except BaseException:
            if later is not None:
                await later.cancel()
            raise


class Listed(Protocol):
    """A page, or another list that was read from an answer."""

    @property
    def kind(self) -> str: ...

    @property
    def invalid(self) -> tuple[InvalidEntry, ...]: ...


def report(
    page: Listed, on_invalid: OnInvalid | None = None, *, level: int = logging.WARNING
) -> None:
    """Tell about the entries that were left out of a page, or of another list."""
    for entry in page.invalid:
        _log.log(level, "left out of the list of %s: %s", page.kind, entry.error)
        if on_invalid is not None:
            on_invalid(entry)
