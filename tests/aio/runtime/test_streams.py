from __future__ import annotations

import threading
import tracemalloc

import pytest

from aleph_async._runtime import Http, Request
from aleph_core.errors import MalformedAnswerError, TransportError, TransportTimeout
from tests.hostile import (
    HostileServer,
    Peer,
    Step,
    answer,
    chunked,
    chunked_garbage,
    gzipped,
    head,
    never,
    slow_drip,
    truncated,
)

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


def get(server: HostileServer, **options: object) -> Request:
    return Request(method="GET", url=server.url, **options)  # type: ignore[arg-type]


async def test_status_headers_and_length_are_there_before_the_body(http: Http) -> None:
    with HostileServer(answer(b"x" * MIB, content_type="application/x-thing")) as server:
        async with http.stream(get(server)) as streamed:
            assert (streamed.status, streamed.length) == (200, MIB)
            assert streamed.headers["content-type"] == "application/x-thing"
            assert streamed.node == server.url
            received = [chunk async for chunk in streamed.chunks()]

    assert b"".join(received) == b"x" * MIB
    assert len(received) > 1
    assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_a_body_without_a_length_is_read_to_its_end(http: Http) -> None:
    with HostileServer(chunked(b"ab", b"cd")) as server:
        async with http.stream(get(server)) as streamed:
            assert streamed.length is None
            assert await streamed.read(10) == b"abcd"


async def test_a_body_that_is_compressed_although_nobody_asked_is_unpacked(http: Http) -> None:
    with HostileServer(gzipped(b"x" * 1000)) as server:
        async with http.stream(get(server)) as streamed:
            assert streamed.length is None
            assert await streamed.read(1000) == b"x" * 1000


async def test_garbage_that_comes_after_the_first_chunk_ends_the_answer(hasty: Http) -> None:
    received = threading.Event()

    def play(peer: Peer) -> None:
        peer.read_body()
        peer.send(head(200, {"Transfer-Encoding": "chunked"}), b"5\r\nhello\r\n")
        assert received.wait(10)
        peer.send(b"this is no chunk size\r\n")
        peer.hang()

    async def consume() -> None:
        async with hasty.stream(get(server)) as streamed:
            async for chunk in streamed.chunks():
                assert chunk == b"hello"
                received.set()

    with HostileServer(play) as server, pytest.raises(TransportError) as caught:
        await consume()

    assert (caught.value.sent, caught.value.node) == (True, server.url)


async def test_progress_counts_what_was_received(http: Http) -> None:
    seen: list[tuple[int, int | None]] = []
    with HostileServer(answer(b"x" * MIB)) as server:
        async with http.stream(
            get(server, on_progress=lambda done, total: seen.append((done, total)))
        ) as streamed:
            await streamed.read(MIB)
    assert seen[-1] == (MIB, MIB)
    assert len(seen) > 1


async def test_memory_stays_constant_however_big_the_body(http: Http) -> None:
    size = 64 * MIB

    def big(peer: Peer) -> None:
        peer.send(head(200, {"Content-Length": str(size)}))
        for _ in range(64):
            peer.send(b"x" * MIB)

    with HostileServer([answer(b"1"), big]) as server:
        await http.exchange(get(server), limit=1)
        tracemalloc.start()
        received = 0
        async with http.stream(get(server)) as streamed:
            async for chunk in streamed.chunks():
                received += len(chunk)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert received == size
    assert peak < 8 * MIB


@pytest.mark.parametrize(
    "step",
    [truncated(b"x" * MIB), chunked_garbage(), chunked(b"ab", end=b""), gzipped(b"ab", cut=4)],
)
async def test_a_body_that_is_cut_is_a_transport_error(http: Http, step: Step) -> None:
    async def download() -> None:
        async with http.stream(get(server)) as streamed:
            async for _ in streamed.chunks():
                pass

    with HostileServer(step) as server, pytest.raises(TransportError) as caught:
        await download()
    assert (caught.value.sent, caught.value.node) == (True, server.url)


async def test_a_body_that_stops_coming_times_out(hasty: Http) -> None:
    def stalled(peer: Peer) -> None:
        peer.send(head(200, {"Content-Length": "10"}), b"12345")
        peer.hang()

    with HostileServer(stalled) as server:
        async with hasty.stream(get(server)) as streamed:
            with pytest.raises(TransportTimeout):
                await streamed.read(10)


async def test_a_body_that_drips_times_out(hasty: Http) -> None:
    with HostileServer(slow_drip(b"x" * 10_000, interval=0.02)) as server:
        async with hasty.stream(get(server)) as streamed:
            with pytest.raises(TransportTimeout, match="too slowly"):
                await streamed.read(20_000)


async def test_leaving_in_the_middle_closes_the_connection_and_harms_nothing(http: Http) -> None:
    with HostileServer([answer(b"x" * 16 * MIB), answer(b"next")]) as server:
        async with http.stream(get(server)) as streamed:
            async for _ in streamed.chunks():
                break
        found = await http.exchange(get(server), limit=10)
    assert found.body == b"next"
    assert server.connections == 2


async def test_an_error_in_the_middle_passes_unchanged(http: Http) -> None:
    with HostileServer(answer(b"x" * MIB)) as server, pytest.raises(OSError, match="disk full"):
        async with http.stream(get(server)):
            raise OSError("disk full")


async def test_a_body_above_the_limit_is_malformed(http: Http) -> None:
    with HostileServer(answer(b"x" * 11, status=404)) as server:
        async with http.stream(get(server)) as streamed:
            with pytest.raises(MalformedAnswerError) as caught:
                await streamed.read(10)
    assert caught.value.status == 404


async def test_a_silent_node_times_out_before_the_body_of_with(hasty: Http) -> None:
    with HostileServer(never()) as server, pytest.raises(TransportTimeout):
        async with hasty.stream(get(server)):
            raise AssertionError("there is no answer")
