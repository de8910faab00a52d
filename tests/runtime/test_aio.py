"""What only an event loop does."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from aleph_async import ETHAccount
from aleph_async._runtime import (
    FileSink,
    FileSource,
    Http,
    Lock,
    Request,
    gather,
    run_blocking,
    start,
)
from aleph_core.errors import (
    ArgumentError,
    ClosedClientError,
    MissingDependencyError,
    TransportTimeout,
)
from tests.evm_endpoint import endpoint
from tests.hostile import TEXT, HostileServer, answer, frame, never, never_read, websocket
from tests.runtime.test_blocking import run

LIMIT = 1024
MIB = 1024 * 1024

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["httpx", "aiohttp"])
def prefer_aiohttp(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "aiohttp")


def get(server: HostileServer) -> Request:
    return Request(method="GET", url=server.url)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.002)


async def test_cancelling_a_request_cancels_it_and_spoils_nothing(prefer_aiohttp: bool) -> None:
    http = Http(prefer_aiohttp=prefer_aiohttp)
    with HostileServer([never(), answer(b"1")]) as server:
        task = asyncio.create_task(http.exchange(get(server), limit=LIMIT))
        await until(lambda: server.requests)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await http.exchange(get(server), limit=LIMIT)).body == b"1"
        await http.aclose()


async def test_cancelling_an_upload_closes_its_file(prefer_aiohttp: bool, tmp_path: Path) -> None:
    path = tmp_path / "big.bin"
    with path.open("wb") as file:
        file.truncate(64 * MIB)
    http = Http(prefer_aiohttp=prefer_aiohttp)
    with HostileServer(never_read()) as server:
        request = Request(method="POST", url=server.url, file=FileSource(path))
        task = asyncio.create_task(http.exchange(request, limit=LIMIT))
        await until(lambda: server.requests)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await http.aclose()
    gc.collect()


async def test_a_timeout_around_a_request_is_the_callers(prefer_aiohttp: bool) -> None:
    http = Http(prefer_aiohttp=prefer_aiohttp)
    with HostileServer(never()) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await http.exchange(get(server), limit=LIMIT)
        await http.aclose()


async def test_a_timeout_around_an_upload_is_the_callers(prefer_aiohttp: bool) -> None:
    http = Http(prefer_aiohttp=prefer_aiohttp)
    with HostileServer(never_read()) as server:
        request = Request(method="POST", url=server.url, file=FileSource(bytes(32 * MIB)))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await http.exchange(request, limit=LIMIT)
        await http.aclose()


async def test_cancelling_a_receive_leaves_the_websocket_usable() -> None:
    http = Http()
    with HostileServer(websocket(frame(TEXT, "late"), then="open", after=0.3)) as server:
        async with http.websocket(server.url, maximum_message_bytes=LIMIT) as socket:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await socket.receive()
            assert await socket.receive(5) == "late"
        await http.aclose()


@pytest.mark.parametrize("moment", ["before", "during"])
async def test_a_cancelled_download_leaves_nothing(tmp_path: Path, moment: str) -> None:
    begun = asyncio.Event()

    async def download() -> None:
        async with FileSink(tmp_path / "out.bin") as sink:
            begun.set()
            while True:
                await sink.write(bytes(MIB))
                if moment == "before":
                    await asyncio.sleep(60)

    task = asyncio.create_task(download())
    await begun.wait()
    await until(lambda: list(tmp_path.iterdir()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []
    gc.collect()


async def test_cancelling_gather_cancels_what_runs() -> None:
    ended: list[str] = []

    async def call() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("ended")

    task = asyncio.create_task(gather([call] * 5, limit=3))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["ended"] * 3


async def test_an_error_in_gather_cancels_what_runs() -> None:
    ended: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("ended")

    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError

    with pytest.raises(KeyError):
        await gather([wait, fail])
    assert ended == ["ended"]


async def test_cancelling_background_work_ends_it() -> None:
    ended: list[str] = []

    async def call() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("ended")

    later = start(call)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await later.cancel()
    assert ended == ["ended"]


def test_a_lock_holds_between_event_loops_in_threads() -> None:
    lock = Lock()
    inside: list[int] = []
    most: list[int] = []

    async def enter() -> None:
        async with lock:
            inside.append(1)
            most.append(len(inside))
            await asyncio.sleep(0.002)
            inside.pop()

    async def work() -> None:
        await asyncio.gather(*(enter() for _ in range(5)))

    threads = [threading.Thread(target=asyncio.run, args=(work(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == [1] * 20


def test_an_account_pays_from_several_event_loops_at_once() -> None:
    with endpoint() as chain:
        account = ETHAccount.generate("AVAX")
        account.switch_chain(rpc=chain.url)
        chain.says["eth_getTransactionCount"] = lambda *params: hex(len(chain.sent))

        async def work(first: int) -> None:
            receivers = [f"0x{number:040x}" for number in range(first, first + 3)]
            await asyncio.gather(*(account.create_flow(each, "0.00001") for each in receivers))
            await account.aclose()

        with ThreadPoolExecutor(4) as pool:
            works = [work(first) for first in (1, 11, 21, 31)]
            assert list(pool.map(asyncio.run, works)) == [None] * 4
        nonces = sorted(transaction["nonce"] for _, transaction in chain.transactions())
        assert nonces == list(range(12))
        # One loop after the other.
        asyncio.run(work(41))
        assert len(chain.sent) == 15


async def test_a_wait_for_a_lock_can_be_given_up() -> None:
    lock = Lock()
    async with lock:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02), lock:
                pass
    async with lock:
        pass


def test_a_wait_for_a_lock_of_another_loop_can_be_given_up() -> None:
    lock = Lock()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), lock:
                pass

    async def hold() -> None:
        async with lock:
            await asyncio.to_thread(asyncio.run, give_up())
        async with lock:
            pass

    asyncio.run(hold())


async def test_blocking_work_is_off_the_loop() -> None:
    assert await run_blocking(threading.get_ident) != threading.get_ident()


async def test_reading_and_writing_files_is_off_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(MIB))
    ticks: list[int] = []

    async def tick() -> None:
        while True:
            ticks.append(1)
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    async with FileSink(tmp_path / "b.bin") as sink:
        async for chunk in FileSource(path).chunks():
            await sink.write(chunk)
        await sink.commit()
    ticking.cancel()
    assert len(ticks) > 8


def test_one_http_serves_several_loops_in_a_row(prefer_aiohttp: bool) -> None:
    http = Http(prefer_aiohttp=prefer_aiohttp)
    with HostileServer(answer(b"1")) as server:

        async def call() -> bytes:
            return (await http.exchange(get(server), limit=LIMIT)).body

        assert [asyncio.run(call()) for _ in range(3)] == [b"1"] * 3
        assert server.connections == 3
        asyncio.run(http.aclose())


async def test_an_http_that_is_dropped_closes_its_connections(prefer_aiohttp: bool) -> None:
    with HostileServer(answer(b"1")) as server:
        http = Http(prefer_aiohttp=prefer_aiohttp)
        await http.exchange(get(server), limit=LIMIT)
        del http
        gc.collect()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("prefer", [False, True])
def test_a_program_that_closes_nothing_ends_without_a_word(prefer: bool) -> None:
    program = f"""
import asyncio, logging, sys
from aleph_async._runtime import Http, Request, start
logging.getLogger("asyncio").setLevel(logging.ERROR)
http = Http(prefer_aiohttp={prefer})
async def main():
    request = Request(method="GET", url=sys.argv[1])
    assert (await http.exchange(request, limit=9)).body == b"1"
    start(lambda: asyncio.sleep(60))
asyncio.run(main())
asyncio.run(main())
"""
    with HostileServer(answer(b"1")) as server:
        assert run(program, server.url) == ""


async def test_aiohttp_is_used_when_it_is_installed_and_not_switched_off() -> None:
    seen: dict[bool | None, str] = {}
    for prefer in (None, True, False):
        with HostileServer(answer(b"1")) as server:
            http = Http(prefer_aiohttp=prefer)
            await http.exchange(get(server), limit=LIMIT)
            pool = next(iter(http._pools.values()))
            seen[prefer] = type(pool.client).__name__
            await http.aclose()
    assert seen == {None: "HttpxAiohttpClient", True: "HttpxAiohttpClient", False: "AsyncClient"}


async def test_aiohttp_that_is_wanted_but_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from aleph_async._runtime._aio import http as module

    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="aiohttp"):
        Http(prefer_aiohttp=True)
    Http(prefer_aiohttp=None)


async def test_a_given_client_keeps_its_timeout_and_stays_open() -> None:
    with HostileServer(never()) as server:
        async with httpx.AsyncClient(timeout=0.2) as client:
            http = Http(http_client=client)
            with pytest.raises(TransportTimeout, match=r"0\.2 s"):
                await http.exchange(get(server), limit=LIMIT)
            await http.aclose()
            assert not client.is_closed
            with pytest.raises(ClosedClientError):
                await http.exchange(get(server), limit=LIMIT)


async def test_a_given_client_that_was_closed_is_a_clear_error() -> None:
    client = httpx.AsyncClient()
    await client.aclose()
    with pytest.raises(ClosedClientError):
        await Http(http_client=client).exchange(
            Request(method="GET", url="http://127.0.0.1:1"), limit=LIMIT
        )


async def test_a_blocking_client_is_refused_by_name() -> None:
    with httpx.Client() as client, pytest.raises(ArgumentError, match=r"^http_client: must be an"):
        Http(http_client=client)  # type: ignore[arg-type]
