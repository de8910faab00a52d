"""Whether a call is sent again, when, and to which node: a pure decision after each attempt."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from random import random as random_fraction
from typing import Final

import attrs

from .call import Answer
from .errors import (
    AlephError,
    ApiError,
    ArgumentError,
    RateLimited,
    TransportError,
    TransportTimeout,
)

__all__ = [
    "Fail",
    "Outcome",
    "RetryPlan",
    "RetryPolicy",
    "Return",
    "Step",
    "Wait",
    "is_lost",
    "retry_after",
]

REPEATED_STATUSES: Final = frozenset({429, 502, 503, 504})


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _finite(*, least: float, most: float = math.inf) -> Callable[[object, object, float], None]:
    def check(_instance: object, attribute: object, value: float) -> None:
        name = getattr(attribute, "name", "value")
        if not _is_number(value):
            raise ArgumentError(name, f"must be a number, not {value!r}")
        if not math.isfinite(value) or not least <= value <= most:
            bounds = f"at least {least:g}" + (f" and at most {most:g}" if most < math.inf else "")
            raise ArgumentError(name, f"must be finite, {bounds}, not {value!r}")

    return check


def _count(_instance: object, attribute: object, value: int) -> None:
    if not _is_number(value) or value < 1 or value % 1:
        name = getattr(attribute, "name", "value")
        raise ArgumentError(name, f"must be a whole number of at least 1, not {value!r}")


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often and how patiently a call that may be repeated is sent again.

    ``attempts`` counts the first one. Delays are in seconds and double after each round over the
    nodes; ``jitter`` is the share of a delay that is left to chance. Nothing is begun again later
    than ``deadline`` seconds after the first attempt began.
    """

    attempts: int = attrs.field(default=4, validator=_count)
    initial_delay: float = attrs.field(default=0.25, validator=_finite(least=0.0))
    maximum_delay: float = attrs.field(default=8.0, validator=_finite(least=0.0))
    jitter: float = attrs.field(default=0.5, validator=_finite(least=0.0, most=1.0))
    deadline: float = attrs.field(default=90.0, validator=_finite(least=0.0))


Outcome = Answer | TransportError


@attrs.frozen
class Return:
    """Hand this answer to the parser of the call, which raises the typed error for a refusal."""

    answer: Answer


@attrs.frozen
class Wait:
    """Sleep for ``seconds`` (0: go on at once), then send to the node of this index."""

    seconds: float
    node: int


@attrs.frozen
class Fail:
    """Raise this error, which carries the number of attempts and what ended each of them."""

    error: AlephError


Step = Return | Wait | Fail


class RetryPlan:
    """The course of one call over its attempts.

    Only an idempotent call is repeated once it may have reached a node; a call of which nothing
    was sent may always go to the next node. The next node is tried without waiting until each had
    its turn. Without a policy there is one attempt. Without ``repeat_timeouts`` a node that took the
    call and left it unanswered was the last one.
    """

    def __init__(
        self,
        policy: RetryPolicy | None,
        *,
        nodes: int = 1,
        idempotent: bool = True,
        repeat_timeouts: bool = True,
        first_node: int = 0,
        random: Callable[[], float] = random_fraction,
    ) -> None:
        if nodes < 1:
            raise ArgumentError("nodes", "must be at least 1")
        self.node = first_node % nodes
        self.attempts = 0
        self.causes: list[str] = []
        self._policy = policy
        self._nodes = nodes
        self._idempotent = idempotent
        self._repeat_timeouts = repeat_timeouts
        self._random = random
        self._ready = [0.0] * nodes

    def after(self, outcome: Outcome, *, elapsed: float, now: float | None = None) -> Step:
        """Decide what follows an attempt.

        ``elapsed`` is in seconds since the first attempt began. ``now`` is the Unix time, used for
        a ``Retry-After`` date when the answer carries no ``Date``.
        """
        self.attempts += 1
        self.causes.append(_cause(outcome))
        asked = None
        if isinstance(outcome, Answer):
            if outcome.status not in REPEATED_STATUSES:
                return Return(attrs.evolve(outcome, attempts=self.attempts))
            asked = retry_after(outcome.headers, now=now)
            if asked is not None:
                self._ready[self.node] = elapsed + asked
        policy = self._policy
        if policy is None or self.attempts >= policy.attempts or not self._repeatable(outcome):
            return self._end(outcome)
        seconds, node = self._next(policy, elapsed)
        if elapsed + seconds > policy.deadline:
            if isinstance(outcome, Answer) and asked is not None:
                return Fail(self._rate_limited(outcome, asked))
            return self._end(outcome)
        self.node = node
        return Wait(seconds, node)

    def _repeatable(self, outcome: Outcome) -> bool:
        if isinstance(outcome, TransportError) and not outcome.sent:
            return True
        if isinstance(outcome, TransportTimeout) and not self._repeat_timeouts:
            return False
        return self._idempotent

    def _next(self, policy: RetryPolicy, elapsed: float) -> tuple[float, int]:
        rounds, begun = divmod(self.attempts, self._nodes)
        pause = 0.0 if begun else self._backoff(policy, rounds)
        # The first in turn wins among equals, so nodes rotate unless one asked to be left alone.
        turns = [(self.node + step) % self._nodes for step in range(1, self._nodes + 1)]
        node = min(turns, key=lambda index: max(self._ready[index] - elapsed, 0.0))
        return max(pause, self._ready[node] - elapsed), node

    def _backoff(self, policy: RetryPolicy, rounds: int) -> float:
        # The exponent is bounded because 2.0 ** 1024 overflows.
        delay = min(policy.initial_delay * 2.0 ** min(rounds - 1, 64), policy.maximum_delay)
        return delay * (1.0 - policy.jitter * self._random())

    def _end(self, outcome: Outcome) -> Return | Fail:
        if isinstance(outcome, Answer):
            return Return(attrs.evolve(outcome, attempts=self.attempts))
        outcome.attempts = self.attempts
        outcome.causes = tuple(self.causes)
        if self.attempts > 1:
            others = [cause for cause in dict.fromkeys(self.causes) if cause != outcome.message]
            told = f": {'; '.join(others)}" if others else ""
            outcome.message += f" (after {self.attempts} attempts{told})"
        return Fail(outcome)

    def _rate_limited(self, answer: Answer, asked: float) -> RateLimited:
        return RateLimited(
            f"{answer.node or 'the node'} answered {answer.status} and asks to wait {asked:g} s, "
            f"longer than this call may still take; try again then",
            retry_after=asked,
            status=answer.status,
            node=answer.node,
            body=answer.text,
            attempts=self.attempts,
        )


def is_lost(error: AlephError) -> bool:
    """Tell whether the request may have been carried out although its answer says nothing of it."""
    if isinstance(error, TransportError):
        return error.sent
    return isinstance(error, ApiError) and error.status in REPEATED_STATUSES


def retry_after(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Read ``Retry-After`` (seconds or an HTTP date) as seconds from now, None without a sane one.

    A date is held against the ``Date`` of the answer, then against ``now`` (Unix time).
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.replace(".", "", 1).isdigit():
        seconds = float(text)
        return seconds if math.isfinite(seconds) else None
    then = _unix_time(text)
    base = _unix_time(headers.get("date", ""))
    if base is None:
        base = now
    if then is None or base is None:
        return None
    return max(then - base, 0.0)


def _unix_time(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _cause(outcome: Outcome) -> str:
    if isinstance(outcome, Answer):
        return f"{outcome.node or 'the node'} answered {outcome.status}"
    return outcome.message
