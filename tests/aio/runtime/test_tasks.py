from __future__ import annotations

import contextvars
import functools

import pytest

from aleph_async._runtime import Lock, clock, gather, run_blocking, sleep, start

pytestmark = pytest.mark.anyio


async def test_results_of_gather_are_in_the_order_of_the_calls() -> None:
    async def late(seconds: float) -> float:
        await sleep(seconds)
        return seconds

    delays = [0.03, 0.0, 0.02, 0.01]
    assert await gather([functools.partial(late, delay) for delay in delays]) == delays


async def test_gather_of_nothing_is_nothing() -> None:
    assert await gather([]) == []


async def test_gather_runs_as_many_at_once_as_it_may_and_no_more() -> None:
    running: list[int] = []
    peak: list[int] = []

    async def call(index: int) -> int:
        running.append(index)
        peak.append(len(running))
        await sleep(0.05)
        running.remove(index)
        return index

    await gather([functools.partial(call, index) for index in range(9)], limit=3)
    assert max(peak) == 3


async def test_the_first_error_of_gather_is_raised_bare_and_the_rest_never_begins() -> None:
    begun: list[int] = []

    async def call(index: int) -> int:
        begun.append(index)
        if index == 1:
            raise KeyError(index)
        await sleep(0.2)
        return index

    with pytest.raises(KeyError) as caught:
        await gather([functools.partial(call, index) for index in range(50)], limit=2)
    assert caught.value.args == (1,)
    assert len(begun) <= 3


async def test_work_begun_early_goes_on_alone_and_gives_its_result() -> None:
    seen: list[str] = []

    async def work() -> str:
        seen.append("begun")
        return "done"

    later = start(work)
    end = clock() + 5
    while not seen and clock() < end:
        await sleep(0.001)
    assert seen == ["begun"]
    assert await later.result() == "done"
    assert await later.result() == "done"


async def test_work_begun_early_gives_its_error() -> None:
    async def work() -> str:
        raise KeyError("no")

    later = start(work)
    with pytest.raises(KeyError):
        await later.result()


async def test_cancelled_or_abandoned_work_is_quiet_whatever_becomes_of_it() -> None:
    async def fail() -> None:
        raise KeyError("nobody asked")

    async def wait() -> None:
        await sleep(0.05)

    for call in (fail, wait):
        await start(call).cancel()
        start(call)
        later = start(call)
        await sleep(0.1)
        await later.cancel()


async def test_background_work_sees_the_context_of_its_start() -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    async def read() -> str:
        return variable.get()

    variable.set("set")
    assert await start(read).result() == "set"
    assert await gather([read, read]) == ["set", "set"]


async def test_a_lock_lets_one_in_at_a_time() -> None:
    lock = Lock()
    inside: list[int] = []

    async def enter() -> None:
        async with lock:
            inside.append(1)
            assert len(inside) == 1
            await sleep(0.005)
            inside.pop()

    await gather([enter] * 8)
    assert inside == []


async def test_a_lock_is_free_again_after_an_error() -> None:
    lock = Lock()
    with pytest.raises(KeyError):
        async with lock:
            raise KeyError
    async with lock:
        pass


async def test_blocking_work_gives_its_result_or_its_error() -> None:
    assert await run_blocking(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await run_blocking(divmod, 7, 0)


async def test_sleep_takes_its_time_and_none_when_there_is_none_to_take() -> None:
    began = clock()
    await sleep(0.05)
    assert clock() - began >= 0.045
    await sleep(0)
    await sleep(-1)
