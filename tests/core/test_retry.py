from __future__ import annotations

import math
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.call import Answer
from aleph_core.errors import ArgumentError, RateLimited, TransportError, TransportTimeout
from aleph_core.retry import (
    REPEATED_STATUSES,
    Fail,
    RetryPlan,
    RetryPolicy,
    Return,
    Step,
    Wait,
    retry_after,
)

STEADY = RetryPolicy(jitter=0.0)


def answer(status: int, **headers: str) -> Answer:
    return Answer(
        status, {k.replace("_", "-"): v for k, v in headers.items()}, b"", node="http://n"
    )


def cut(*, sent: bool = True) -> TransportError:
    return TransportError("the wire broke", node="http://n", sent=sent)


@pytest.mark.parametrize("status", [200, 202, 302, 400, 402, 404, 408, 413, 422, 500, 501])
def test_an_answer_that_means_something_is_returned_at_once(status: int) -> None:
    step = RetryPlan(STEADY, nodes=3).after(answer(status), elapsed=0.0)
    assert isinstance(step, Return)
    assert (step.answer.status, step.answer.attempts) == (status, 1)


@pytest.mark.parametrize("status", sorted(REPEATED_STATUSES))
def test_a_passing_refusal_is_repeated(status: int) -> None:
    assert RetryPlan(STEADY).after(answer(status), elapsed=0.0) == Wait(0.25, 0)


def test_the_last_answer_is_returned_with_its_attempts_when_they_are_used_up() -> None:
    plan = RetryPlan(RetryPolicy(attempts=2))
    assert isinstance(plan.after(answer(503), elapsed=0.0), Wait)
    step = plan.after(answer(502), elapsed=1.0)
    assert isinstance(step, Return)
    assert (step.answer.status, step.answer.attempts) == (502, 2)


def test_the_last_error_carries_the_attempts_and_all_their_causes() -> None:
    plan = RetryPlan(RetryPolicy(attempts=3))
    plan.after(answer(503), elapsed=0.0)
    plan.after(TransportTimeout("no answer from http://n within 30 s"), elapsed=1.0)
    error = cut()
    step = plan.after(error, elapsed=2.0)
    assert step == Fail(error)
    assert error.attempts == 3
    assert error.causes == (
        "http://n answered 503",
        "no answer from http://n within 30 s",
        "the wire broke",
    )
    assert str(error) == (
        "the wire broke (after 3 attempts: http://n answered 503; no answer from http://n within 30 s)"
    )


def test_one_cause_of_all_attempts_is_told_once() -> None:
    plan = RetryPlan(RetryPolicy(attempts=2))
    plan.after(cut(), elapsed=0.0)
    error = cut()
    assert plan.after(error, elapsed=1.0) == Fail(error)
    assert str(error) == "the wire broke (after 2 attempts)"


def test_without_a_policy_nothing_is_repeated() -> None:
    error = cut(sent=False)
    assert RetryPlan(None, nodes=3).after(error, elapsed=0.0) == Fail(error)
    assert str(error) == "the wire broke"
    assert isinstance(RetryPlan(None, nodes=3).after(answer(503), elapsed=0.0), Return)


@pytest.mark.parametrize("outcome", [cut(), answer(429), answer(503)])
def test_a_call_that_is_not_idempotent_is_not_repeated_once_it_may_have_arrived(
    outcome: Answer | TransportError,
) -> None:
    step = RetryPlan(STEADY, nodes=2, idempotent=False).after(outcome, elapsed=0.0)
    assert isinstance(step, (Return, Fail))


@pytest.mark.parametrize("sent", [True, False])
def test_a_call_that_a_node_may_leave_unanswered_is_not_repeated_when_it_does(sent: bool) -> None:
    late = TransportTimeout("no answer", node="http://n", sent=sent)
    step = RetryPlan(STEADY, nodes=2, repeat_timeouts=False).after(late, elapsed=30.0)
    assert isinstance(step, Fail if sent else Wait)
    for outcome in (cut(), answer(503)):
        plan = RetryPlan(STEADY, nodes=2, repeat_timeouts=False)
        assert isinstance(plan.after(outcome, elapsed=0.0), Wait)


def test_a_call_of_which_nothing_was_sent_goes_to_the_next_node_even_if_not_idempotent() -> None:
    plan = RetryPlan(STEADY, nodes=2, idempotent=False)
    assert plan.after(cut(sent=False), elapsed=0.0) == Wait(0.0, 1)


def test_every_node_is_tried_before_anything_waits() -> None:
    plan = RetryPlan(RetryPolicy(attempts=7, jitter=0.0), nodes=3, first_node=2)
    steps = [plan.after(cut(), elapsed=0.0) for _ in range(6)]
    assert steps == [Wait(0, 0), Wait(0, 1), Wait(0.25, 2), Wait(0, 0), Wait(0, 1), Wait(0.5, 2)]


def test_delays_double_up_to_the_maximum() -> None:
    plan = RetryPlan(RetryPolicy(attempts=2000, jitter=0.0, maximum_delay=1.5))
    steps = [plan.after(cut(), elapsed=0.0) for _ in range(1999)]
    assert steps[:5] == [Wait(s, 0) for s in (0.25, 0.5, 1.0, 1.5, 1.5)]
    assert steps[-1] == Wait(1.5, 0)


def test_jitter_leaves_its_share_of_the_delay_to_chance() -> None:
    policy = RetryPolicy(initial_delay=1.0, jitter=0.5)
    assert RetryPlan(policy, random=lambda: 0.0).after(cut(), elapsed=0.0) == Wait(1.0, 0)
    assert RetryPlan(policy, random=lambda: 1.0).after(cut(), elapsed=0.0) == Wait(0.5, 0)


def test_retry_after_is_honoured_beyond_the_maximum_delay() -> None:
    assert RetryPlan(STEADY).after(answer(429, retry_after="20"), elapsed=0.0) == Wait(20.0, 0)


def test_a_node_that_asked_for_time_is_left_alone_while_another_one_is_there() -> None:
    plan = RetryPlan(RetryPolicy(attempts=9, jitter=0.0), nodes=2)
    assert plan.after(answer(429, retry_after="60"), elapsed=0.0) == Wait(0.0, 1)
    assert plan.after(cut(), elapsed=1.0) == Wait(0.25, 1)
    assert plan.after(cut(), elapsed=2.0) == Wait(0.0, 1)


def test_a_retry_after_beyond_the_deadline_fails_now_and_says_when_to_come_back() -> None:
    step = RetryPlan(RetryPolicy(deadline=10.0)).after(answer(429, retry_after="11"), elapsed=0.0)
    assert isinstance(step, Fail)
    assert isinstance(step.error, RateLimited)
    assert (step.error.retry_after, step.error.status, step.error.attempts) == (11.0, 429, 1)


def test_nothing_is_begun_again_after_the_deadline() -> None:
    error = cut()
    assert RetryPlan(RetryPolicy(deadline=5.0)).after(error, elapsed=4.99) == Fail(error)


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0},
        {"attempts": 1.5},
        {"attempts": True},
        {"initial_delay": -1},
        {"maximum_delay": math.inf},
        {"jitter": 1.1},
        {"jitter": "0.5"},
        {"deadline": math.nan},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_by_name(options: dict[str, float]) -> None:
    with pytest.raises(ArgumentError) as caught:
        RetryPolicy(**options)  # type: ignore[arg-type]
    assert caught.value.argument in options


def test_a_plan_needs_a_node() -> None:
    with pytest.raises(ArgumentError, match="nodes"):
        RetryPlan(STEADY, nodes=0)


@pytest.mark.parametrize(
    ("headers", "now", "seconds"),
    [
        ({"retry-after": "7"}, None, 7.0),
        ({"retry-after": " 0 "}, None, 0.0),
        ({"retry-after": "1.5"}, None, 1.5),
        ({"retry-after": formatdate(1030, usegmt=True)}, 1000.0, 30.0),
        ({"retry-after": formatdate(970, usegmt=True)}, 1000.0, 0.0),
        ({"retry-after": formatdate(1030), "date": formatdate(1020)}, 5.0, 10.0),
        ({"retry-after": formatdate(1030)}, None, None),
        ({"retry-after": "-1"}, 0.0, None),
        ({"retry-after": "1e3"}, 0.0, None),
        ({"retry-after": "²"}, 0.0, None),
        ({"retry-after": "9" * 400}, 0.0, None),
        ({"retry-after": "soon"}, 0.0, None),
        ({}, 0.0, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_or_not_at_all(
    headers: dict[str, str], now: float | None, seconds: float | None
) -> None:
    assert retry_after(headers, now=now) == seconds


@given(
    st.text(),
    st.text(),
    st.none() | st.floats(min_value=0, max_value=1e11),
)
def test_retry_after_is_never_a_crash_nor_a_negative_or_endless_wait(
    text: str, date: str, now: float | None
) -> None:
    seconds = retry_after({"retry-after": text, "date": date}, now=now)
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


outcomes = st.one_of(
    st.builds(cut, sent=st.booleans()),
    st.builds(
        lambda status, after: answer(status, **({} if after is None else {"retry_after": after})),
        st.sampled_from([200, 404, 429, 500, 502, 503, 504]),
        st.none() | st.integers(0, 200).map(str),
    ),
)


@given(
    policy=st.none()
    | st.builds(
        RetryPolicy,
        attempts=st.integers(1, 6),
        initial_delay=st.floats(0, 5),
        maximum_delay=st.floats(0, 10),
        jitter=st.floats(0, 1),
        deadline=st.floats(0, 120),
    ),
    nodes=st.integers(1, 4),
    first=st.integers(0, 9),
    idempotent=st.booleans(),
    script=st.lists(st.tuples(outcomes, st.floats(0, 40)), min_size=8, max_size=8),
)
def test_every_course_ends_in_time_and_keeps_the_rules(
    policy: RetryPolicy | None,
    nodes: int,
    first: int,
    idempotent: bool,
    script: list[tuple[Answer | TransportError, float]],
) -> None:
    plan = RetryPlan(policy, nodes=nodes, first_node=first, idempotent=idempotent)
    elapsed = 0.0
    for attempt, (outcome, duration) in enumerate(script, start=1):
        elapsed += duration
        step: Step = plan.after(outcome, elapsed=elapsed)
        if not isinstance(step, Wait):
            break
        assert policy is not None
        assert attempt < policy.attempts
        assert step.seconds >= 0
        assert elapsed + step.seconds <= policy.deadline
        assert step.node == plan.node
        assert 0 <= step.node < nodes
        assert idempotent or (isinstance(outcome, TransportError) and not outcome.sent)
        elapsed += step.seconds
    else:
        raise AssertionError("the plan never ended")
    if isinstance(step, Return):
        assert step.answer.attempts == attempt
        assert step.answer.status == getattr(outcome, "status", None)
    elif isinstance(step.error, TransportError):
        assert step.error is outcome
        assert (step.error.attempts, len(step.error.causes)) == (attempt, attempt)
    else:
        assert isinstance(step.error, RateLimited)
        assert isinstance(outcome, Answer)
