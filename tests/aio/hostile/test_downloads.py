from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aleph_async import (
    AlephError,
    AlephHttpClient,
    ApiError,
    ArgumentError,
    ContentMismatchError,
    FileTooLarge,
    ResourceNotFoundError,
    Settings,
    TransportError,
)
from tests.hostile import (
    HostileServer,
    Step,
    answer,
    chunked,
    gzip_bomb,
    hang_up,
    html_error,
    longer_than_announced,
    never,
    redirect,
    reset_after_request,
    slow_drip,
    truncated,
    unavailable,
)
from tests.scripted import RAW, node, sha256

pytestmark = pytest.mark.anyio

Make = Callable[..., AlephHttpClient]
DATA = b"0123456789abcdef" * 20_000
HASH = sha256(DATA)
PATH = RAW + HASH

BAD: dict[str, tuple[Step, type[AlephError]]] = {
    "other bytes": (answer(DATA[:-1] + b"x"), ContentMismatchError),
    "too short": (answer(DATA[:-1]), ContentMismatchError),
    "too long": (answer(DATA + b"x"), ContentMismatchError),
    "nothing": (answer(b""), ContentMismatchError),
    "chunked and cut": (chunked(DATA[:1000], end=b""), TransportError),
    "chunked and short": (chunked(DATA[:1000]), ContentMismatchError),
    "cut": (truncated(DATA[:1000], missing=5000), TransportError),
    "reset": (reset_after_request(), TransportError),
    "hung up": (hang_up(), TransportError),
    "silence": (never(), TransportError),
    "slow": (slow_drip(DATA, interval=0.05), TransportError),
    "not found": (answer("Not found", status=404), ResourceNotFoundError),
    "bad hash": (answer("bad", status=400), ApiError),
    "server error": (html_error(500), ApiError),
    "busy": (unavailable(), ApiError),
    "long refusal": (answer(b"x" * 300_000, status=503), ApiError),
    "redirect": (redirect("http://127.0.0.1:1/"), ApiError),
    "no content": (answer(b"", status=204), ApiError),
    "partial": (answer(DATA[:10], status=206), ApiError),
    "bomb": (gzip_bomb(1 << 20), AlephError),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_download_that_fails_leaves_nothing(
    reading: Make, case: str, tmp_path: Path
) -> None:
    step, kind = BAD[case]
    existing = tmp_path / "existing"
    existing.write_bytes(b"old")
    with HostileServer(step) as server:
        async with reading(server, timeout=0.3) as client:
            with pytest.raises(kind) as caught:
                await client.download_file(HASH)
            buffer = io.BytesIO(b"kept")
            with pytest.raises(kind):
                await client.download_file_to_buffer(HASH, buffer)
            for path in (tmp_path / "new", existing):
                with pytest.raises(kind):
                    await client.download_file_to_path(HASH, path)
    assert caught.value.node == server.url
    assert (buffer.getvalue(), buffer.tell()) == (b"kept", 0)
    assert existing.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [existing]


async def test_a_download_cut_in_the_middle_begins_again(reading: Make, tmp_path: Path) -> None:
    steps = [truncated(DATA[:100_000], missing=1), unavailable(), answer(DATA)]
    with node({PATH: steps}) as server:
        async with reading(server) as client:
            path = await client.download_file_to_path(HASH, tmp_path / "file")
        assert len(server.requests) == 3
    assert path.read_bytes() == DATA


async def test_a_download_goes_on_with_the_next_node(reading: Make) -> None:
    for step in (truncated(DATA[:100_000], missing=1), hang_up(), unavailable()):
        with HostileServer(step) as bad, node({PATH: answer(DATA)}) as good:
            async with reading(bad, good) as client:
                assert await client.download_file(HASH) == DATA


async def test_without_retry_a_download_is_tried_once(reading: Make) -> None:
    with HostileServer(hang_up()) as server:
        async with reading(server, retry=None) as client:
            with pytest.raises(TransportError):
                await client.download_file(HASH)
        assert len(server.requests) == 1


async def test_garbage_behind_the_bytes_is_not_taken(reading: Make) -> None:
    with node({PATH: [longer_than_announced(DATA), answer(DATA)]}) as server:
        async with reading(server) as client:
            assert await client.download_file(HASH) == DATA


@pytest.mark.parametrize("step", [answer(DATA), chunked(DATA)])
async def test_no_more_is_taken_than_the_caller_allows(
    reading: Make, step: Step, tmp_path: Path
) -> None:
    with node({PATH: step}) as server:
        async with reading(server) as client:
            with pytest.raises(FileTooLarge) as caught:
                await client.download_file_to_path(HASH, tmp_path / "f", max_size=len(DATA) - 1)
            assert len(await client.download_file(HASH, max_size=len(DATA))) == len(DATA)
    assert caught.value.limit == len(DATA) - 1
    assert list(tmp_path.iterdir()) == []


async def test_unchecked_bytes_are_a_deliberate_choice(reading: Make) -> None:
    with node({PATH: answer(b"other")}) as server:
        async with reading(server, verify="off") as client:
            assert await client.download_file(HASH) == b"other"


@pytest.mark.parametrize("bad", ["5", -1, 1.5, True, float("nan")])
async def test_a_bad_limit_is_refused(reading: Make, bad: Any) -> None:
    with node({}) as server:
        async with reading(server) as client:
            with pytest.raises(ArgumentError, match="max_size"):
                await client.download_file(HASH, max_size=bad)
        assert server.requests == []


async def test_a_bad_target_is_refused_before_anything_is_sent(
    reading: Make, tmp_path: Path
) -> None:
    with node({}) as server:
        async with reading(server) as client:
            for target in (io.StringIO(), None, "path"):
                with pytest.raises(ArgumentError, match="output_buffer"):
                    await client.download_file_to_buffer(HASH, target)  # type: ignore[arg-type]
            for path in (tmp_path, tmp_path / "none" / "file", None):
                with pytest.raises(ArgumentError, match="path"):
                    await client.download_file_to_path(HASH, path)  # type: ignore[arg-type]
            with pytest.raises(ArgumentError, match="file_hash"):
                await client.download_file_ipfs(HASH)
        assert server.requests == []


async def test_the_gateway_is_asked_for_what_the_node_has_not(
    reading: Make, tmp_path: Path
) -> None:
    cid = "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"
    gateway_path = f"/ipfs/{cid}"
    with (
        node({}) as server,
        node({gateway_path: [answer(b"hello world"), answer(b"x")]}) as gateway,
    ):
        settings = Settings(IPFS_GATEWAY=gateway.url + "/ipfs/")
        async with reading(server, settings=settings) as client:
            assert await client.download_file_ipfs(cid) == b"hello world"
            with pytest.raises(ContentMismatchError):
                await client.download_file_ipfs_to_path(cid, tmp_path / "file")
            buffer = io.BytesIO()
            with pytest.raises(ContentMismatchError):
                await client.download_file_ipfs_to_buffer(cid, buffer)
    assert buffer.getvalue() == b""
    assert list(tmp_path.iterdir()) == []


async def test_a_node_that_sends_other_bytes_is_left_out_for_the_next_one(reading: Make) -> None:
    with node({PATH: answer(b"other bytes")}) as bad, node({PATH: answer(DATA)}) as good:
        async with reading(bad, good) as client:
            assert await client.download_file(HASH) == DATA


async def test_a_file_that_one_node_lacks_comes_from_the_next_one(reading: Make) -> None:
    with node({PATH: answer(b"Not found", status=404)}) as bad, node({PATH: answer(DATA)}) as good:
        async with reading(bad, good) as client:
            assert await client.download_file(HASH) == DATA
