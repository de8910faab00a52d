from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import InsufficientFundsError, RejectedMessage
from aleph_core.rejections import REASONS, rejection
from tests.core.recorded import HASHES, JSON


@given(st.none() | st.integers() | st.sampled_from([*REASONS]), JSON | st.builds(dict, errors=JSON))
def test_whatever_the_node_says_is_a_rejection(code: int | None, details: Any) -> None:
    error = rejection(HASHES[0], code, details, status=200)
    assert isinstance(error, InsufficientFundsError) == (code in (5, 6))
    assert (error.item_hash, error.error_code, error.status) == (HASHES[0], code, 200)
    assert error.details is details
    assert HASHES[0] in str(error)
    assert len(str(error)) < 2000


def test_every_known_code_says_what_to_do() -> None:
    for code, reason in REASONS.items():
        assert reason in str(rejection(HASHES[0], code))
    assert "error code 999" in str(rejection(HASHES[0], 999))
    assert "gave no reason" in str(rejection(HASHES[0], None))


@pytest.mark.parametrize(
    ("code", "entry", "amounts"),
    [
        (5, {"required_balance": "4.2", "account_balance": "1"}, ("4.2", "1", "ALEPH")),
        (6, {"required_credits": "10", "account_credits": 3}, ("10", "3", "credits")),
        (6, {}, (None, None, "credits")),
    ],
)
def test_missing_funds_tell_the_amounts(
    code: int, entry: dict[str, Any], amounts: tuple[Any, ...]
) -> None:
    error = rejection(HASHES[0], code, {"errors": [entry]})
    assert isinstance(error, InsufficientFundsError)
    assert (error.required, error.available, error.currency) == amounts
    if amounts[0]:
        assert f"{amounts[0]} {amounts[2]} required, {amounts[1]} available" in str(error)


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({"errors": ["not authorized", "x"]}, "not authorized; x"),
        ({"errors": "not a list"}, "not a list"),
        ({"errors": 5}, ": 5"),
        ({"reason": "other form"}, "other form"),
        ("only words", "only words"),
        ([{"message": "m"}], "'message': 'm'"),
    ],
)
def test_the_words_of_the_node_are_shown_in_any_form(details: Any, words: str) -> None:
    error = rejection(HASHES[0], 2, details)
    assert type(error) is RejectedMessage
    assert words in str(error)


def test_endless_words_are_cut() -> None:
    assert len(str(rejection(HASHES[0], 2, {"errors": ["x" * 10_000] * 10_000}))) < 800
