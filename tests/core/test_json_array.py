from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.json_array import JsonArray

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def read(text: bytes, sizes: list[int]) -> list[Any]:
    """Feed the text in pieces of these sizes, and the rest at once."""
    array = JsonArray()
    found: list[Any] = []
    for size in sizes:
        found += array.feed(text[:size])
        text = text[size:]
    found += array.feed(text)
    array.finish()
    assert array.count == len(found)
    return found


@given(
    st.lists(VALUES),
    st.lists(st.integers(0, 9)),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_the_entries_are_those_of_the_array_however_it_is_cut(
    values: list[Any], sizes: list[int], indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=ascii_only)
    assert read(f" {text}\n".encode("utf-8", "surrogatepass"), sizes) == json.loads(text)


@given(st.lists(VALUES, min_size=1), st.data())
def test_an_array_that_breaks_off_is_noticed(values: list[Any], data: st.DataObject) -> None:
    text = json.dumps(values).encode()
    cut = data.draw(st.integers(0, len(text) - 1))
    array = JsonArray()
    found = array.feed(text[:cut])
    assert found == values[: len(found)]
    with pytest.raises(ValueError, match="breaks off"):
        array.finish()


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "null",
        "x",
        "[1,]",
        "[,1]",
        "[,]",
        "[1] 2",
        "[1]]",
        "[}",
        "[1 2]",
        '["a" "b"]',
        "[tru]",
    ],
)
def test_what_is_no_array_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        read(text.encode(), [])


@given(st.binary(max_size=40))
def test_any_bytes_are_an_array_or_a_value_error(data: bytes) -> None:
    array = JsonArray()
    try:
        found = array.feed(data)
        array.finish()
    except ValueError:
        return
    assert found == json.loads(data)


def test_an_entry_without_an_end_is_not_kept() -> None:
    array = JsonArray(limit=100)
    assert array.feed(b'["' + b"x" * 90 + b'"') == []
    assert array.feed(b',"y"') == ["x" * 90]
    with pytest.raises(ValueError, match="more than 100 bytes"):
        array.feed(b"z" * 101)
