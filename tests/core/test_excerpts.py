from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from aleph_core.excerpts import shown
from tests.core.recorded import JSON


@given(JSON)
def test_any_value_is_shown_within_the_limit(value: Any) -> None:
    assert len(shown(value)) <= 81
    assert len(shown(value, 500)) <= 501


@pytest.mark.parametrize(("value", "text"), [("a", "'a'"), (5, "5"), (None, "None"), ([1], "[1]")])
def test_small_values_are_shown_whole(value: Any, text: str) -> None:
    assert shown(value) == text


def test_depth_and_size_cost_nothing() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert len(shown(deep)) < 80
    assert len(shown("x" * 10_000_000)) < 90
    while deep:
        (deep,) = deep


def test_a_number_too_long_to_be_written_is_named_by_its_type() -> None:
    assert shown(10**5000) == "<int>"


def test_a_long_text_keeps_its_beginning() -> None:
    assert shown("beginning" + "x" * 1000).startswith("'beginning")
    assert json.dumps(shown("\ud800"))
