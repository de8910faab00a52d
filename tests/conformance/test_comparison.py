"""The comparator must see every difference, or the conformance test proves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.comparison import Tolerance, differences, resolve, response_differences

RECORDED: dict[str, Any] = {"a": 1, "b": {"c": [1, "x", None]}, "d": True, "e": "0.10", "f": 0.1}


@pytest.mark.parametrize(
    "actual",
    [
        RECORDED | {"a": 2},
        RECORDED | {"a": "1"},
        RECORDED | {"a": True},
        RECORDED | {"b": {"c": [1, "x"]}},
        RECORDED | {"b": {"c": [1, "x", None, None]}},
        RECORDED | {"b": {"c": ["x", 1, None]}},
        RECORDED | {"d": 1},
        RECORDED | {"e": "0.1"},
        RECORDED | {"f": 0.1001},
        RECORDED | {"more": None},
        {name: value for name, value in RECORDED.items() if name != "a"},
        [],
        None,
    ],
)
def test_any_difference_is_seen(actual: Any) -> None:
    assert list(differences(RECORDED, actual, Tolerance()))


def test_equal_values_and_numbers_of_another_type_are_the_same() -> None:
    assert not list(differences(RECORDED, RECORDED | {"a": 1.0}, Tolerance()))


def test_only_the_type_of_a_volatile_value_counts() -> None:
    tolerance = Tolerance(volatile=[{"pointer": "/b/c/*", "type": "number|string"}])
    assert not list(differences({"b": {"c": [1]}}, {"b": {"c": ["other"]}}, tolerance))
    assert list(differences({"b": {"c": [1]}}, {"b": {"c": [None]}}, tolerance))


def test_an_optional_key_may_be_absent_or_extra() -> None:
    tolerance = Tolerance(volatile=[{"pointer": "/o", "type": "string", "optional": True}])
    assert not list(differences({"o": "x"}, {}, tolerance))
    assert not list(differences({}, {"o": "x"}, tolerance))
    assert list(differences({"o": "x"}, {"o": 1}, tolerance))


def test_unordered_lists_are_compared_as_sets_with_repetitions() -> None:
    tolerance = Tolerance(unordered=["/l"])
    assert not list(differences({"l": [1, 2, 2]}, {"l": [2, 1, 2]}, tolerance))
    assert list(differences({"l": [1, 2, 2]}, {"l": [1, 1, 2]}, tolerance))
    assert list(differences({"l": [1]}, {"l": [1, 2]}, tolerance))


def test_a_list_that_may_hold_more_must_still_hold_what_was_recorded() -> None:
    tolerance = Tolerance(contains=["/l"])
    assert not list(differences({"l": [1]}, {"l": [3, 1]}, tolerance))
    assert list(differences({"l": [1]}, {"l": [3]}, tolerance))


@pytest.mark.parametrize(
    ("recorded", "actual"),
    [
        ({"text": "a"}, {"text": "b"}),
        ({"text": "a", "text_regex": "a+"}, {"text": "b"}),
        ({"json": 1}, {"text": "1"}),
        ({"json": 1}, {"json": 2}),
        ({"base64": "AA=="}, {"base64": "AQ=="}),
        ({"headers": {"content-length": "1"}}, {"headers": {}}),
        ({"status": 201}, {}),
        ({"content_type": "text/html"}, {}),
    ],
)
def test_any_difference_between_answers_is_seen(
    recorded: dict[str, Any], actual: dict[str, Any]
) -> None:
    same = {"status": 200, "content_type": "text/plain"}
    assert list(response_differences(same | recorded, same | actual, Tolerance()))
    assert not list(response_differences(same | recorded, same | recorded, Tolerance()))


def test_a_pointer_into_nothing_resolves_to_nothing() -> None:
    assert resolve({"a": [{"b/c": 1}]}, "/a/0/b~1c") == 1
    assert resolve({"a": []}, "/a/0/b") is None
    assert resolve(None, "/a") is None
