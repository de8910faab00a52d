"""Whatever a node does, a caller sees an answer that holds or an ``AlephError``, and soon."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aleph_async import AlephError, AuthenticatedAlephHttpClient, RetryPolicy
from aleph_async._runtime import clock
from tests.hostile import (
    HostileServer,
    Step,
    answer,
    chunked,
    chunked_garbage,
    close_frame,
    frame,
    gzip_bomb,
    gzipped,
    hang_up,
    html_error,
    longer_than_announced,
    never,
    rate_limited,
    raw,
    redirect,
    reset_after_request,
    reset_before_request,
    truncated,
    websocket,
    websocket_garbage,
)

pytestmark = pytest.mark.anyio

HASH = "33d3b348264106a924ccc7c228473b301123e71f5113fdcb8fc69854d71f1510"
OWNER = "0x7cD41CE1a8a53E10f4e3669363cDf4824B216162"
DEEP = b"[" * 200_000

MISCHIEF: dict[str, Step] = {
    "nothing": hang_up(),
    "reset at once": reset_before_request(),
    "reset": reset_after_request(),
    "silence": never(),
    "no http": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "broken head": raw(b"HTTP/1.1 abc\r\n\r\n"),
    "endless head": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000),
    "bad length": raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}"),
    "negative length": raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"),
    "empty": answer(b""),
    "html": answer("<html>Welcome</html>", content_type="text/html"),
    "html error": html_error(500),
    "html bad gateway": html_error(502),
    "truncated": truncated(b'{"messages": [', missing=500),
    "truncated json": answer(b'{"messages": [{"item_hash": "'),
    "longer": longer_than_announced({"messages": []}, excess=b"x" * 1000),
    "chunks": chunked_garbage(),
    "redirect": redirect("http://127.0.0.1:1/elsewhere"),
    "redirect to a file": redirect("file:///etc/passwd", status=301),
    "no content": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "not modified": raw(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "number": answer(b"5"),
    "text": answer(b'"text"'),
    "null": answer(b"null"),
    "list": answer(b"[]"),
    "object": answer(b"{}"),
    "deep": answer(DEEP),
    "deep in an object": answer(b'{"status": ' + DEEP[:900] + b"]" * 900 + b"}"),
    "surrogates": answer(b'{"status": "\\ud800", "messages": ["\\ud800"], "hash": "\\udfff"}'),
    "numbers": answer(b'{"status": 1e999, "messages": [1e999, NaN], "hash": ' + b"9" * 4000 + b"}"),
    "binary": answer(b"\xff\xfe\x00\x01" * 50),
    "wrong types": answer(
        {"status": "processed", "message": [], "messages": {}, "posts": 1, "data": 1, "hash": []}
    ),
    "half a bomb": gzip_bomb(8 * 1024 * 1024),
    "cut gzip": gzipped({"messages": []}, cut=5),
    "no gzip": answer(b"{}", headers={"Content-Encoding": "gzip"}),
    "unknown encoding": answer(b"{}", headers={"Content-Encoding": "sdch"}),
    "gzip twice": answer(
        gzip.compress(gzip.compress(b"{}")), headers={"Content-Encoding": "gzip, gzip"}
    ),
    "rate limit": rate_limited("²"),
    "rate limit for ever": rate_limited("9" * 30),
    "rejection": answer(
        {"status": "rejected", "message": 5, "error_code": "x", "details": {"errors": 5}}
    ),
    "websocket": websocket(frame(1, "{"), close_frame(1002)),
    "websocket garbage": websocket_garbage(),
    "chunked nonsense": chunked(b"x" * 100_000),
    "many headers": raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5000 + b"\r\n"),
    "status 999": raw(b"HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\n{}"),
    "informational for ever": raw(b"HTTP/1.1 102 Processing\r\n\r\n" * 3),
}


async def get_message(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.get_message(HASH)


async def get_message_with_status(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.get_message(HASH, with_status=True)


async def get_message_status(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.get_message_status(HASH)


async def get_message_error(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.get_message_error(HASH)


async def get_messages(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.get_messages(tags="a")


async def get_messages_iterator(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return [message async for message in client.get_messages_iterator()]


async def get_posts(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.get_posts()


async def get_posts_iterator(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return [post async for post in client.get_posts_iterator()]


async def fetch_aggregate(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.fetch_aggregate(OWNER, "k")


async def get_aggregates(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.get_aggregates(OWNER)


async def list_aggregates(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.list_aggregates()


async def get_stored_content(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.get_stored_content(HASH)


async def get_storage_limits(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.get_storage_limits()


async def download_file(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.download_file(HASH, max_size=1_000_000)


async def download_file_to_path(client: AuthenticatedAlephHttpClient, folder: Path) -> Any:
    return await client.download_file_to_path(HASH, folder / "file")


async def download_file_to_buffer(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    await client.download_file_to_buffer(HASH, io.BytesIO())


async def create_post(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.create_post("content", "t")


async def create_post_sync(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.create_post("content", "t", sync=True)


async def create_big_post(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.create_post("content", "t", inline=False)


async def create_store(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.create_store(b"file content")


async def create_store_of_two_mebibytes(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    return await client.create_store(b"x" * (2 << 20))


async def watch_messages(client: AuthenticatedAlephHttpClient, _folder: Path) -> Any:
    async for message in client.watch_messages():
        return message
    return None


OPERATIONS = [
    get_message,
    get_message_with_status,
    get_message_status,
    get_message_error,
    get_messages,
    get_messages_iterator,
    get_posts,
    get_posts_iterator,
    fetch_aggregate,
    get_aggregates,
    list_aggregates,
    get_stored_content,
    get_storage_limits,
    download_file,
    download_file_to_path,
    download_file_to_buffer,
    create_post,
    create_post_sync,
    create_big_post,
    create_store,
    create_store_of_two_mebibytes,
    watch_messages,
]
# One attempt, by the transport of a client that may repeat: that of a client that may not is simpler.
ONCE = RetryPolicy(attempts=1)


@pytest.mark.parametrize("mischief", MISCHIEF)
async def test_only_our_errors_leave_the_library(
    publishing: Callable[..., AuthenticatedAlephHttpClient], mischief: str, tmp_path: Path
) -> None:
    """All operations in one test: making that many servers and clients would take longer."""
    with HostileServer(MISCHIEF[mischief]) as server:
        for operation in OPERATIONS:
            async with publishing(server, retry=ONCE, timeout=0.15) as client:
                # A call that makes nodes wait is given that time; what hangs is cut short here.
                if operation is create_post_sync and mischief == "silence":
                    continue
                begun = clock()
                problem = ""
                try:
                    result = await operation(client, tmp_path)
                except AlephError as error:
                    problem = str(error)
                assert problem or is_harmless(operation.__name__, mischief, result)
                assert len(problem) < 2000
                assert "0101010101" not in problem
                assert clock() - begun < 5, operation.__name__
    assert list(tmp_path.iterdir()) == []


def is_harmless(operation: str, mischief: str, result: Any) -> bool:
    if operation == "get_storage_limits":
        return mischief not in ("html", "empty", "silence", "nothing", "truncated")
    if operation in ("get_messages", "get_messages_iterator"):
        # Lists whose entries were left out, each of them reported.
        return len(result) == 0 and mischief in ("surrogates", "numbers", "longer")
    if operation == "get_message_status":
        # The only words of these answers that a status needs.
        return mischief in ("wrong types", "rejection")
    if operation == "get_message_error":
        return mischief == "rejection"
    return False


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_node_that_is_not_there_is_named(
    publishing: Callable[..., AuthenticatedAlephHttpClient], operation: Any, tmp_path: Path
) -> None:
    with HostileServer(answer(b"")) as server:
        pass
    async with publishing(server) as client:
        with pytest.raises(AlephError, match=r"127\.0\.0\.1") as caught:
            await operation(client, tmp_path)
    assert caught.value.node == server.url
    assert caught.value.attempts >= 1


@pytest.mark.parametrize("body", [{"status": "pending"}, {"message": {}}])
async def test_errors_carry_the_words_of_the_node(
    publishing: Callable[..., AuthenticatedAlephHttpClient], body: Any, tmp_path: Path
) -> None:
    with HostileServer(answer(body, status=418)) as server:
        for operation in OPERATIONS:
            async with publishing(server, retry=None) as client:
                with pytest.raises(AlephError) as caught:
                    await operation(client, tmp_path)
                assert caught.value.status == 418
                assert caught.value.node == server.url
                if operation is not watch_messages:
                    assert json.loads(caught.value.body) == body
