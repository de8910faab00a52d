"""One page of a list, with what could not be read reported beside what could."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

import attrs

from ..errors import AlephError

__all__ = ["InvalidEntry", "Page"]

T = TypeVar("T")


@attrs.frozen
class InvalidEntry:
    """An entry of an answer that was left out, and why."""

    error: AlephError
    raw: Any = attrs.field(repr=False, default=None)
    item_hash: str | None = None


@attrs.frozen(repr=False)
class Page(Generic[T]):
    """A page that iterates and indexes over its ``items``.

    ``total`` is the node's word, approximate for messages, and None in cursor mode. ``next_cursor``
    is None on the last page and in page mode.
    """

    items: tuple[T, ...]
    per_page: int
    page: int | None = None
    total: int | None = None
    next_cursor: str | None = None
    invalid: tuple[InvalidEntry, ...] = ()
    kind: str = "items"

    def __repr__(self) -> str:
        number = "" if self.page is None else f", page {self.page}"
        return f"<Page of {len(self.items)} {self.kind}{number}, {len(self.invalid)} invalid>"

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __bool__(self) -> bool:
        return bool(self.items)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self.items[index]

    @property
    def messages(self) -> tuple[T, ...]:
        return self.items

    @property
    def posts(self) -> tuple[T, ...]:
        return self.items

    @property
    def pagination_page(self) -> int | None:
        return self.page

    @property
    def pagination_total(self) -> int | None:
        return self.total

    @property
    def pagination_per_page(self) -> int:
        return self.per_page

    @property
    def pagination_item(self) -> str:
        return self.kind
