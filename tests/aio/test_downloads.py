"""Downloads: every way to receive a file, and what is left when one fails."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ContentMismatchError,
    ETHAccount,
    FileTooLarge,
    ResourceNotFoundError,
    Settings,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode

pytestmark = pytest.mark.anyio

SIZE = 700_001


class Stored:
    """One content on a node under its two hashes."""

    def __init__(self, content: bytes, storage: str, ipfs: str) -> None:
        self.content = content
        self.storage = storage
        self.ipfs = ipfs


async def store(client: AuthenticatedAlephHttpClient, content: bytes) -> Stored:
    hashes = [
        (await client.create_store(content, storage_engine=engine, sync=True)).content["item_hash"]
        for engine in ("storage", "ipfs")
    ]
    return Stored(content, *hashes)


@pytest.fixture
async def stored(client: AuthenticatedAlephHttpClient) -> Stored:
    return await store(client, os.urandom(SIZE))


@pytest.fixture
async def tampered(
    account: ETHAccount, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[AlephHttpClient, Stored]]:
    """A node on whose disk one byte of the files was changed, and what they were."""
    folder = tmp_path_factory.mktemp("node")
    with DevNode(data_dir=folder) as node:
        node.fund(account.get_address())
        async with AuthenticatedAlephHttpClient(account, node.url) as client:
            stored = await store(client, os.urandom(SIZE))
        for name in (stored.storage, stored.ipfs):
            with (folder / "files" / name).open("r+b") as file:
                file.seek(SIZE // 2)
                byte = file.read(1)
                file.seek(SIZE // 2)
                file.write(bytes([byte[0] ^ 1]))
        # Without retry nothing slows the tests down.
        async with AlephHttpClient(node.url, retry=None) as reader:
            yield reader, stored


async def test_a_file_is_received_as_bytes_as_a_file_and_in_a_buffer(
    reader: AlephHttpClient, stored: Stored, tmp_path: Path
) -> None:
    for file_hash in (stored.storage, "0x" + stored.storage, stored.storage.upper(), stored.ipfs):
        assert await reader.download_file(file_hash) == stored.content
    buffer = io.BytesIO(b"before ")
    buffer.seek(0, io.SEEK_END)
    await reader.download_file_to_buffer(stored.storage, buffer)
    assert buffer.getvalue() == b"before " + stored.content
    path = await reader.download_file_to_path(stored.storage, str(tmp_path / "file"))
    assert path == tmp_path / "file"
    assert path.read_bytes() == stored.content


async def test_a_file_on_ipfs_is_received_in_every_way_from_the_node(
    reader: AlephHttpClient, stored: Stored, tmp_path: Path
) -> None:
    assert await reader.download_file_ipfs(stored.ipfs) == stored.content
    buffer = io.BytesIO()
    await reader.download_file_ipfs_to_buffer(stored.ipfs, buffer)
    assert buffer.getvalue() == stored.content
    path = await reader.download_file_ipfs_to_path(stored.ipfs, tmp_path / "file")
    assert path.read_bytes() == stored.content
    with pytest.raises(ArgumentError, match="no IPFS hash"):
        await reader.download_file_ipfs(stored.storage)


async def test_the_gateway_is_asked_for_what_the_node_does_not_have(
    node: DevNode, stored: Stored, tmp_path: Path
) -> None:
    # A node serves the bytes of a hash below this path just as a gateway does below its own.
    gateway = Settings(IPFS_GATEWAY=f"{node.url}/api/v0/storage/raw/")
    with DevNode() as empty:
        async with AlephHttpClient(empty.url, settings=gateway) as client:
            assert await client.download_file_ipfs(stored.ipfs) == stored.content
            path = await client.download_file_ipfs_to_path(stored.ipfs, tmp_path / "file")
            assert path.read_bytes() == stored.content
            buffer = io.BytesIO()
            await client.download_file_ipfs_to_buffer(stored.ipfs, buffer)
            assert buffer.getvalue() == stored.content
            with pytest.raises(ResourceNotFoundError):
                await client.download_file(stored.ipfs)


async def test_progress_counts_the_bytes_up_to_the_end(
    reader: AlephHttpClient, stored: Stored, tmp_path: Path
) -> None:
    for receive in (
        lambda note: reader.download_file(stored.storage, on_progress=note),
        lambda note: reader.download_file_ipfs(stored.ipfs, on_progress=note),
        lambda note: reader.download_file_to_path(stored.ipfs, tmp_path / "f", on_progress=note),
        lambda note: reader.download_file_to_buffer(stored.ipfs, io.BytesIO(), on_progress=note),
    ):
        progress: list[tuple[int, int | None]] = []
        await receive(lambda done, total, progress=progress: progress.append((done, total)))
        assert progress[-1] == (SIZE, SIZE)
        assert progress == sorted(progress)
        assert len(progress) > 1


async def test_an_older_file_is_replaced_as_a_whole(
    reader: AlephHttpClient, stored: Stored, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"older and longer" * 100_000)
    await reader.download_file_to_path(stored.storage, path)
    assert path.read_bytes() == stored.content
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


async def test_a_missing_file_is_an_error_that_leaves_nothing(
    reader: AlephHttpClient, tmp_path: Path
) -> None:
    unknown = os.urandom(32).hex()
    buffer = io.BytesIO()
    with pytest.raises(ResourceNotFoundError) as caught:
        await reader.download_file(unknown)
    assert (caught.value.status, caught.value.node) == (404, reader.api_server)
    with pytest.raises(ResourceNotFoundError):
        await reader.download_file_to_buffer(unknown, buffer)
    with pytest.raises(ResourceNotFoundError):
        await reader.download_file_to_path(unknown, tmp_path / "file")
    assert buffer.getvalue() == b""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("engine", ["storage", "ipfs"])
async def test_altered_bytes_are_an_error_that_leaves_everything_as_it_was(
    tampered: tuple[AlephHttpClient, Stored], tmp_path: Path, engine: str
) -> None:
    client, stored = tampered
    file_hash = getattr(stored, engine)
    older = tmp_path / "older"
    older.write_bytes(b"older")
    buffer = io.BytesIO(b"before")
    buffer.seek(3)
    calls: list[Any] = [
        lambda: client.download_file(file_hash),
        lambda: client.download_file_to_path(file_hash, tmp_path / "new"),
        lambda: client.download_file_to_path(file_hash, older),
        lambda: client.download_file_to_buffer(file_hash, buffer),
    ]
    if engine == "ipfs":
        calls += [
            lambda: client.download_file_ipfs(file_hash),
            lambda: client.download_file_ipfs_to_path(file_hash, older),
            lambda: client.download_file_ipfs_to_buffer(file_hash, buffer),
        ]
    for call in calls:
        with pytest.raises(ContentMismatchError) as caught:
            await call()
        assert caught.value.item_hash == file_hash
        assert caught.value.node == client.api_server
    assert [entry.name for entry in tmp_path.iterdir()] == ["older"]
    assert older.read_bytes() == b"older"
    assert (buffer.getvalue(), buffer.tell()) == (b"before", 3)


async def test_bytes_are_taken_as_they_come_when_verification_is_off(
    tampered: tuple[AlephHttpClient, Stored],
) -> None:
    client, stored = tampered
    async with AlephHttpClient(client.api_server, verify="off") as careless:
        content = await careless.download_file(stored.storage)
    assert len(content) == SIZE
    assert hashlib.sha256(content).hexdigest() != stored.storage


async def test_a_file_larger_than_allowed_is_not_received(
    reader: AlephHttpClient, stored: Stored, tmp_path: Path
) -> None:
    for call in (
        lambda size: reader.download_file(stored.storage, max_size=size),
        lambda size: reader.download_file_ipfs(stored.ipfs, max_size=size),
        lambda size: reader.download_file_to_path(stored.ipfs, tmp_path / "f", max_size=size),
        lambda size: reader.download_file_to_buffer(stored.ipfs, io.BytesIO(), max_size=size),
    ):
        with pytest.raises(FileTooLarge) as caught:
            await call(SIZE - 1)
        assert (caught.value.size, caught.value.limit) == (SIZE, SIZE - 1)
        assert list(tmp_path.iterdir()) == []
        await call(SIZE)
        (tmp_path / "f").unlink(missing_ok=True)


@pytest.mark.parametrize("file_hash", ["", "../x", "a/b", "xyz", "Qm", 5, None, "ab" * 33])
async def test_no_request_is_made_for_what_is_no_hash(
    node: DevNode, recording: HttpClient, requests: list[str], tmp_path: Path, file_hash: Any
) -> None:
    async with AlephHttpClient(node.url, http_client=recording) as client:
        for call in (
            lambda: client.download_file(file_hash),
            lambda: client.download_file_ipfs(file_hash),
            lambda: client.download_file_to_buffer(file_hash, io.BytesIO()),
            lambda: client.download_file_to_path(file_hash, tmp_path / "file"),
        ):
            with pytest.raises(ArgumentError) as caught:
                await call()
            assert caught.value.argument == "file_hash"
    assert requests == []
    assert list(tmp_path.iterdir()) == []


async def test_a_target_that_cannot_be_written_is_named_before_anything_is_asked(
    node: DevNode, recording: HttpClient, requests: list[str], tmp_path: Path
) -> None:
    async with AlephHttpClient(node.url, http_client=recording) as client:
        for path in (tmp_path, tmp_path / "no" / "such" / "folder"):
            with pytest.raises(ArgumentError) as caught:
                await client.download_file_to_path("ab" * 32, path)
            assert caught.value.argument == "path"
        for buffer in (None, b"", "text"):
            with pytest.raises(ArgumentError) as caught:
                await client.download_file_to_buffer("ab" * 32, buffer)  # type: ignore[arg-type]
            assert caught.value.argument == "output_buffer"
        with pytest.raises(ArgumentError) as caught:
            await client.download_file("ab" * 32, max_size=-1)
        assert caught.value.argument == "max_size"
    assert requests == []
