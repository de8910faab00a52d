from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import AlephError, MalformedAnswerError
from aleph_core.models.page import InvalidEntry, Page
from aleph_core.paging import Position, next_counted, next_position

BAD = InvalidEntry(AlephError("bad"))


def page(count: int = 2, *, cursor: str | None = None, invalid: int = 0) -> Page[int]:
    return Page(tuple(range(count)), per_page=2, next_cursor=cursor, invalid=(BAD,) * invalid)


def walk(cursors: list[str]) -> Position:
    position = Position()
    for cursor in cursors:
        following = next_position(position, page(cursor=cursor), node="http://node")
        assert following is not None
        assert following.cursor == cursor
        position = following
    return position


def test_the_first_cursor_is_empty_and_the_next_one_is_the_nodes() -> None:
    assert Position().params() == [("cursor", "")]
    following = next_position(Position(), page(cursor="abc"))
    assert following is not None
    assert following.params() == [("cursor", "abc")]
    assert next_position(following, page(cursor=None)) is None


def test_a_list_by_numbers_ends_with_the_first_page_that_is_not_full() -> None:
    first = Position(page=1)
    assert first.params() == [("page", "1")]
    assert next_position(first, page(2)) == Position(page=2)
    assert next_position(first, page(1, invalid=1)) == Position(page=2)
    assert next_position(first, page(1)) is None


@pytest.mark.parametrize("length", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("before", [0, 1, 20])
def test_a_circle_of_cursors_is_noticed(length: int, before: int) -> None:
    cursors = [f"before-{n}" for n in range(before)] + [f"circle-{n}" for n in range(length)] * 20
    with pytest.raises(MalformedAnswerError, match="never end") as caught:
        walk(cursors)
    assert caught.value.node == "http://node"


@given(st.lists(st.text(min_size=1), unique=True))
def test_a_list_with_an_end_is_walked_to_its_end(cursors: list[str]) -> None:
    assert next_position(walk(cursors), page()) is None


def counted(count: int, total: int | None, *, invalid: int = 0) -> Page[int]:
    return Page(tuple(range(count)), per_page=200, total=total, invalid=(BAD,) * invalid)


def test_a_list_with_a_total_goes_on_after_a_short_page() -> None:
    second = next_counted(Position(page=1), counted(1, 4, invalid=1))
    assert second == Position(page=2, seen=2)
    assert second.params() == [("page", "2")]
    third = next_counted(second, counted(1, 4))
    assert third == Position(page=3, seen=3)
    assert next_counted(third, counted(1, 4)) is None


def test_an_empty_page_ends_every_list() -> None:
    assert next_counted(Position(page=7), counted(0, 1000)) is None
    assert next_counted(Position(page=7), counted(0, None)) is None
    further = next_counted(Position(page=1), counted(3, None))
    assert further is not None
    assert (further.page, further.seen) == (2, 3)


@pytest.mark.parametrize(("count", "invalid"), [(3, 0), (0, 1), (2, 2)])
def test_a_page_that_comes_again_and_again_is_malformed(count: int, invalid: int) -> None:
    again = counted(count, None, invalid=invalid)
    position = next_counted(Position(page=1), again)
    assert position is not None
    with pytest.raises(MalformedAnswerError, match="came twice"):
        next_counted(position, again)
    assert next_counted(position, counted(count + 1, None, invalid=invalid)) is not None


@given(st.lists(st.integers(1, 5), max_size=30))
def test_all_entries_that_the_total_counts_are_walked_through(sizes: list[int]) -> None:
    position: Position | None = Position(page=1)
    walked = 0
    for size in sizes:
        assert position is not None
        assert position.seen == walked
        walked += size
        position = next_counted(position, counted(size, sum(sizes)))
    assert (position is None) == bool(sizes)
