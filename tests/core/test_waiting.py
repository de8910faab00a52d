from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import AlephError, ArgumentError, ProcessingTimeout, TransportError
from aleph_core.models.message import MessageStatus
from aleph_core.waiting import PATIENCE, Waiting, check_timeout, patience
from tests.core.recorded import HASHES


@pytest.mark.parametrize(
    ("wait", "seconds"), [(True, PATIENCE), (False, None), (0, None), (2, 2.0), (0.5, 0.5)]
)
def test_waiting_is_asked_for_with_a_truth_value_or_a_number(
    wait: bool | float, seconds: float | None
) -> None:
    assert patience(wait) == seconds


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, 10**400, "5", None, [1]])
def test_a_time_to_wait_is_a_number_of_seconds(value: Any) -> None:
    for check, argument in ((check_timeout, "timeout"), (patience, "wait")):
        with pytest.raises(ArgumentError) as caught:
            check(value)
        assert caught.value.argument == argument


def test_a_truth_value_is_no_number_of_seconds() -> None:
    with pytest.raises(ArgumentError):
        check_timeout(True)


@given(timeout=st.floats(0, 1000), took=st.floats(0, 30))
def test_looks_grow_rarer_and_the_last_one_is_at_the_end_of_the_time(
    timeout: float, took: float
) -> None:
    waiting = Waiting(HASHES[0], timeout)
    elapsed = took
    pauses: list[float] = []
    while elapsed < timeout:
        pauses.append(waiting.pause(MessageStatus.PENDING, elapsed=elapsed))
        elapsed += pauses[-1]
    with pytest.raises(ProcessingTimeout):
        waiting.pause(MessageStatus.PENDING, elapsed=elapsed)
    assert elapsed == pytest.approx(max(timeout, took))
    assert pauses[:-1] == sorted(pauses[:-1])
    assert all(0 < pause <= 2.0 for pause in pauses)


@pytest.mark.parametrize(
    ("status", "said"), [(MessageStatus.PENDING, "is pending"), (None, "is unknown")]
)
def test_giving_up_tells_what_was_waited_for(status: MessageStatus | None, said: str) -> None:
    with pytest.raises(ProcessingTimeout, match=f"{said} after 1.5 s") as caught:
        Waiting(HASHES[0], 1.5, "http://n").pause(status, elapsed=1.5)
    error = caught.value
    assert (error.item_hash, error.status) == (HASHES[0], status)
    assert (error.timeout, error.node) == (1.5, "http://n")
    assert isinstance(error, AlephError)
    assert isinstance(error, TimeoutError)
    assert not isinstance(error, TransportError)
