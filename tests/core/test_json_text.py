from __future__ import annotations

import json
import sys
import time
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError
from aleph_core.json_text import json_text, parse_json

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


@given(VALUES)
def test_what_is_written_is_what_the_standard_library_reads(value: Any) -> None:
    text = json_text(value)
    assert json.loads(text) == value
    assert parse_json(text.encode()) == value


@given(VALUES)
def test_the_text_is_compact_and_keeps_the_order_of_keys(value: Any) -> None:
    expected = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    assert json_text(value) == expected


def test_golden_text() -> None:
    value = {"b": "héllo \u2028", "a": [1, 1.5, None, True], "": {"ü": 0.1 + 0.2}}
    assert json_text(value) == (
        '{"b":"héllo \u2028","a":[1,1.5,null,true],"":{"ü":0.30000000000000004}}'
    )


class Colour(StrEnum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


def test_members_of_enumerations_are_written_as_their_values() -> None:
    assert (
        json_text({"c": Colour.RED, "n": Number.ONE, "t": (1, 2)}) == '{"c":"red","n":1,"t":[1,2]}'
    )


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (float("nan"), "content:"),
        ({"a": float("inf")}, "content['a']:"),
        ({"a": [1, b"x"]}, "content['a'][1]:"),
        ({"a": {1, 2}}, "content['a']:"),
        ({1: "x"}, "content:"),
        ({None: "x"}, "content:"),
        ({"a": {"b": object()}}, "content['a']['b']:"),
        ("nul \x00", "content:"),
        ({"nul \x00": 1}, "content (key):"),
        ("\ud800", "content:"),
        ({"\ud800": 1}, "content:"),
        ([10**5000], "content:"),
        (complex(1, 2), "content:"),
    ],
)
def test_what_json_cannot_carry_is_named_with_its_path(value: Any, path: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        json_text(value)
    assert str(caught.value).startswith(path)


def test_the_argument_is_named() -> None:
    with pytest.raises(ArgumentError) as caught:
        json_text({1}, "post_content")
    assert caught.value.argument == "post_content"


def test_circles_and_towers_are_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ArgumentError, match="nested deeper"):
        json_text(circle)
    tower: dict[str, Any] = {}
    for _ in range(300):
        tower = {"a": tower}
    with pytest.raises(ArgumentError, match="nested deeper"):
        json_text(tower)


@given(st.binary() | st.text(st.characters(exclude_categories=())))
def test_any_data_is_json_or_a_value_error(data: bytes | str) -> None:
    try:
        parse_json(data)
    except ValueError:
        return


@pytest.mark.parametrize("opening", ["[", '{"a":', "[[{}],"])
@pytest.mark.parametrize("limit", [1_000, 100_000])
def test_a_bottomless_document_is_a_value_error_at_any_recursion_limit(
    opening: str, limit: int
) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        with pytest.raises(ValueError, match=r"."):
            parse_json(opening * 200_000)
        with pytest.raises(ValueError, match=r"."):
            parse_json(opening.encode() * 200_000)
    finally:
        sys.setrecursionlimit(before)


def test_brackets_inside_texts_do_not_count() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        assert parse_json(json.dumps("[" * 10_000 + '"{')) == "[" * 10_000 + '"{'
        assert parse_json("[" + "[],{}," * 4_000 + "1]")[-1] == 1
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize("unit", [b'\\"', b'"', b"\\", b'"\\', b"a"])
def test_counting_takes_time_in_proportion_to_the_data(unit: bytes) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        begun = time.perf_counter()
        with pytest.raises(ValueError, match=r"."):
            parse_json(b"[" * 5_001 + b'"' + unit * 1_000_000)
        assert time.perf_counter() - begun < 5
    finally:
        sys.setrecursionlimit(before)
