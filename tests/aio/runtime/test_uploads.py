from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest

from aleph_async._runtime import FileSource, Http, Request
from aleph_core.errors import ArgumentError, TransportError, TransportTimeout
from tests.hostile import (
    HostileServer,
    Peer,
    answer,
    early_refusal,
    never_read,
    reset_after_head,
    reset_after_request,
)

pytestmark = pytest.mark.anyio

LIMIT = 1024
MIB = 1024 * 1024


def post(server: HostileServer, file: FileSource, **options: object) -> Request:
    return Request(method="POST", url=server.url, file=file, **options)  # type: ignore[arg-type]


async def test_a_file_is_sent_between_head_and_tail_with_its_length(
    http: Http, tmp_path: Path
) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(bytes(range(256)) * 4096)
    with HostileServer(answer(b"1")) as server:
        request = post(server, FileSource(path), head=b"<head>", tail=b"<tail>")
        await http.exchange(request, limit=LIMIT)

    received = server.requests[0]
    assert received.body == b"<head>" + path.read_bytes() + b"<tail>"
    assert received.headers["content-length"] == str(request.length)
    assert "transfer-encoding" not in received.headers


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 300_000])
async def test_an_open_file_is_sent_from_where_it_stands_and_stays_open(
    http: Http, content: bytes
) -> None:
    file = io.BytesIO(b"skipped" + content)
    file.seek(7)
    with HostileServer(answer(b"1")) as server:
        await http.exchange(post(server, FileSource(file)), limit=LIMIT)
    assert server.requests[0].body == content
    assert not file.closed


async def test_progress_counts_the_bytes_of_the_file_up_to_its_size(http: Http) -> None:
    seen: list[tuple[int, int | None]] = []
    source = FileSource(b"x" * MIB)
    with HostileServer(answer(b"1")) as server:
        request = post(
            server,
            source,
            head=b"h",
            tail=b"t",
            on_progress=lambda done, of: seen.append((done, of)),
        )
        await http.exchange(request, limit=LIMIT)
    done = [count for count, _ in seen]
    assert done == sorted(done)
    assert len(done) > 1
    assert seen[-1] == (MIB, MIB)
    assert {total for _, total in seen} == {MIB}


async def test_the_same_request_can_be_sent_again_from_the_start(http: Http) -> None:
    with HostileServer([reset_after_request(), answer(b"1")]) as server:
        request = post(server, FileSource(io.BytesIO(b"abc")), head=b"<", tail=b">")
        with pytest.raises(TransportError) as caught:
            await http.exchange(request, limit=LIMIT)
        await http.exchange(request, limit=LIMIT)
    assert caught.value.sent is True
    assert [received.body for received in server.requests] == [b"<abc>", b"<abc>"]


async def test_memory_stays_constant_however_big_the_file(http: Http, tmp_path: Path) -> None:
    path = tmp_path / "big.bin"
    with path.open("wb") as file:
        file.truncate(64 * MIB)

    def count(peer: Peer) -> None:
        left = int(peer.request.headers["content-length"]) - len(peer.buffer)
        peer.buffer.clear()
        while left:
            left -= len(peer.receive(MIB))
        answer(b"1", read_body=False)(peer)

    with HostileServer([answer(b"1"), count]) as server:
        await http.exchange(post(server, FileSource(b"")), limit=1)
        tracemalloc.start()
        found = await http.exchange(post(server, FileSource(path)), limit=LIMIT)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert found.body == b"1"
    assert peak < 8 * MIB


@pytest.mark.parametrize("change", [b"longer and longer", b"less", b"same!"])
async def test_a_file_that_changes_before_it_is_sent_is_named_and_the_request_is_cut(
    http: Http, tmp_path: Path, change: bytes
) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"12345")
    source = FileSource(path, argument="file_path")
    path.unlink()
    path.write_bytes(change)
    with (
        HostileServer(answer(b"1")) as server,
        pytest.raises(ArgumentError, match=r"^file_path: file\.bin changed") as caught,
    ):
        await http.exchange(post(server, source), limit=LIMIT)
    assert caught.value.argument == "file_path"


@pytest.mark.parametrize("size", [0, 3 * MIB, 5 * MIB])
async def test_a_file_that_changes_while_it_is_sent_is_named_and_never_accepted(
    http: Http, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(bytes(4 * MIB))

    def change(done: int, total: int | None) -> None:
        if done >= MIB and path.stat().st_size != size:
            with path.open("r+b") as file:
                file.truncate(size)

    with HostileServer(answer(b"1")) as server:
        with pytest.raises(ArgumentError, match="changed while it was being sent"):
            await http.exchange(
                post(server, FileSource(path), tail=b"t", on_progress=change), limit=LIMIT
            )
        server.wait_for_requests(1)
        assert server.requests[0].body == b""


async def test_an_error_of_the_progress_callback_is_raised_as_it_is(http: Http) -> None:
    class Enough(Exception):
        pass

    def stop(done: int, total: int | None) -> None:
        raise Enough

    with HostileServer(answer(b"1")) as server, pytest.raises(Enough):
        await http.exchange(post(server, FileSource(b"x" * MIB), on_progress=stop), limit=LIMIT)


async def test_an_early_refusal_is_read_although_the_file_was_not_sent_to_its_end(
    http: Http, tmp_path: Path
) -> None:
    path = tmp_path / "big.bin"
    with path.open("wb") as file:
        file.truncate(64 * MIB)
    with HostileServer(early_refusal(413)) as server:
        found = await http.exchange(post(server, FileSource(path)), limit=LIMIT)
    assert (found.status, found.text) == (413, "Maximum request body size exceeded.")


async def test_a_reset_in_the_middle_of_an_upload_is_a_transport_error(http: Http) -> None:
    with HostileServer(reset_after_head()) as server, pytest.raises(TransportError) as caught:
        await http.exchange(post(server, FileSource(b"x" * 32 * MIB)), limit=LIMIT)
    assert caught.value.sent is True


async def test_a_node_that_takes_no_more_of_the_file_times_out(hasty: Http) -> None:
    with (
        HostileServer(never_read()) as server,
        pytest.raises(TransportTimeout, match="took no more of the request"),
    ):
        await hasty.exchange(post(server, FileSource(b"x" * 32 * MIB)), limit=LIMIT)


async def test_an_upload_may_take_longer_than_the_timeout_of_a_step(hasty: Http) -> None:
    def slow_reader(peer: Peer) -> None:
        left = int(peer.request.headers["content-length"]) - len(peer.buffer)
        peer.buffer.clear()
        while left:
            peer.wait(0.02)
            left -= len(peer.receive(4 * MIB))
        answer(b"1", read_body=False)(peer)

    with HostileServer(slow_reader) as server:
        found = await hasty.exchange(post(server, FileSource(b"x" * 64 * MIB)), limit=LIMIT)
    assert found.body == b"1"
