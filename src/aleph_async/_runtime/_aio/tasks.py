"""Time, locks and concurrent work in an event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

A = TypeVar("A")
T = TypeVar("T")

Job = Callable[[], Awaitable[T]]
Fetch = Callable[[A], Awaitable[T]]

clock = time.monotonic

_running: set[asyncio.Task[Any]] = set()


async def sleep(seconds: float) -> None:
    """Wait that long; at once when it is zero or less."""
    await asyncio.sleep(max(seconds, 0.0))


# How often a lock is looked at that a task of another event loop holds, in seconds.
_OTHER_LOOP = 0.01


class Lock:
    """Mutual exclusion between callers, of whatever thread and event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # The tasks of one loop queue up among themselves; the first of each contends for the lock.
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            WeakKeyDictionary()
        )

    async def __aenter__(self) -> None:
        queue = self._queues.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        await queue.acquire()
        try:
            while not self._lock.acquire(blocking=False):
                await asyncio.sleep(_OTHER_LOOP)
        except BaseException:
            queue.release()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()
        self._queues[asyncio.get_running_loop()].release()


def home() -> object:
    """Return where the caller lives: what it opens can be used there alone."""
    return asyncio.get_running_loop()


async def run_blocking(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function that blocks without holding up anything else."""
    return await asyncio.to_thread(function, *arguments)


async def gather(calls: Sequence[Job[T]], *, limit: int = 8) -> list[T]:
    """Make the calls, at most ``limit`` at a time; return their results in order.

    The first error is raised bare; what has not begun by then never does.
    """
    results: dict[int, T] = {}
    waiting = iter(enumerate(calls))

    async def work() -> None:
        for index, call in waiting:
            results[index] = await call()

    workers = [asyncio.ensure_future(work()) for _ in range(min(max(limit, 1), len(calls)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [results[index] for index in range(len(calls))]


class Later(Generic[T]):
    """Work that goes on in the background; abandoning it is allowed."""

    def __init__(self, call: Job[T]) -> None:
        self._task: asyncio.Task[T] = asyncio.ensure_future(_awaited(call))
        # The loop keeps only weak references; without this one the work could vanish unfinished.
        _running.add(self._task)
        self._task.add_done_callback(_forget)

    async def result(self) -> T:
        """Wait for the work and return its result, or raise its error."""
        return await self._task

    async def cancel(self) -> None:
        """Give the work up; its result and its error are dropped."""
        self._task.cancel()
        await asyncio.wait([self._task])


def start(call: Job[T]) -> Later[T]:
    """Begin the call in the background."""
    return Later(call)


async def _awaited(call: Job[T]) -> T:
    return await call()


def _forget(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled():
        # Asking for the error marks it as seen, so that an abandoned one is not logged.
        task.exception()
