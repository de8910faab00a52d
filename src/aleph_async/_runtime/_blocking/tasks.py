"""Time, locks and concurrent work with threads."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Generic, TypeVar

A = TypeVar("A")
T = TypeVar("T")

Job = Callable[[], T]
Fetch = Callable[[A], T]

clock = time.monotonic


def sleep(seconds: float) -> None:
    """Wait that long; at once when it is zero or less."""
    time.sleep(max(seconds, 0.0))


class Lock:
    """Mutual exclusion between callers, of whatever thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()


class _Process:
    """Where all threads live."""


_process = _Process()


def home() -> object:
    """Return where the caller lives: what it opens can be used there alone."""
    return _process


def run_blocking(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function that blocks without holding up anything else."""
    return function(*arguments)


def gather(calls: Sequence[Job[T]], *, limit: int = 8) -> list[T]:
    """Make the calls, at most ``limit`` at a time; return their results in order.

    The first error is raised bare; what has not begun by then never does.
    """
    results: dict[int, T] = {}
    errors: list[BaseException] = []
    waiting = iter(enumerate(calls))
    turn = threading.Lock()

    def work() -> None:
        while True:
            with turn:
                index, call = next(waiting, (-1, None))
            if call is None or errors:
                return
            try:
                results[index] = call()
            except BaseException as error:  # noqa: BLE001 - raised again by the caller
                errors.append(error)

    workers = [
        threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
        for _ in range(min(max(limit, 1), len(calls)) - 1)
    ]
    for worker in workers:
        worker.start()
    # The calling thread works too: one call needs no thread, and Ctrl-C ends its share.
    work()
    for worker in workers:
        worker.join()
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(calls))]


class Later(Generic[T]):
    """Work that goes on in the background; abandoning it is allowed."""

    def __init__(self, call: Job[T]) -> None:
        self._results: list[T] = []
        self._errors: list[BaseException] = []
        # A daemon, so that abandoned work does not hold up the end of the program.
        self._thread = threading.Thread(
            target=contextvars.copy_context().run, args=(self._run, call), daemon=True
        )
        self._thread.start()

    def _run(self, call: Job[T]) -> None:
        try:
            self._results.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again by ``result``
            self._errors.append(error)

    def result(self) -> T:
        """Wait for the work and return its result, or raise its error."""
        self._thread.join()
        if self._errors:
            raise self._errors[0]
        return self._results[0]

    def cancel(self) -> None:
        """Give the work up; its result and its error are dropped."""


def start(call: Job[T]) -> Later[T]:
    """Begin the call in the background."""
    return Later(call)
