from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError
from aleph_core.versions import check_version, version_key

ASCENDING = [
    "0.4.1",
    "1.2",
    "1.9.1",
    "1.10.0.dev3",
    "1.10.0-alpha",
    "1.10.0a2",
    "1.10.0-beta.1",
    "1.10.0-rc1",
    "1.10.0-rc.2",
    "1.10.0-rc2-4-g6da21a3",
    "1.10.0-rc10",
    "1.10.0",
    "1.10.0-3-g6da21a3",
    "1.10.0-12-g6da21a3",
    "1.10.1",
    "1.14",
    "2",
]
NUMBERS = st.lists(st.integers(0, 10**6), min_size=1, max_size=4)


def test_versions_are_ordered_by_their_numbers_and_not_as_text() -> None:
    keys = [version_key(text) for text in ASCENDING]
    assert None not in keys
    for earlier, later in itertools.pairwise(keys):
        assert earlier is not None
        assert later is not None
        assert earlier < later


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("v1.14.0", "1.14"),
        ("1.6.0-rc1", "1.6.0rc1"),
        ("1.6.0-RC1", "1.6.0.c1"),
        ("1.14.0+ubuntu", "1.14.0-1~deb12"),
        (" 1.14.0 ", "1.14.0.0"),
    ],
)
def test_spellings_of_one_version_are_equal(one: str, other: str) -> None:
    assert version_key(one) == version_key(other) is not None


@pytest.mark.parametrize("text", [None, "", "version-unavailable", "latest", "1.x", "1..2", "-1"])
def test_what_is_no_version_has_no_place(text: str | None) -> None:
    assert version_key(text) is None
    with pytest.raises(ArgumentError, match="crn_version"):
        check_version(text, "crn_version")


@given(NUMBERS, NUMBERS)
def test_numbers_decide_as_they_do_alone(one: list[int], other: list[int]) -> None:
    length = max(len(one), len(other))
    padded = [numbers + [0] * (length - len(numbers)) for numbers in (one, other)]
    first, second = (version_key(".".join(map(str, numbers))) for numbers in (one, other))
    assert first is not None
    assert second is not None
    assert (first < second) == (padded[0] < padded[1])


@given(st.text())
def test_any_text_is_a_version_or_none(text: str) -> None:
    assert version_key(text) is None or version_key(text) == check_version(text, "v")
