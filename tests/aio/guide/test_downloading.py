"""Downloading files, as the guide shows it."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import pytest

from aleph_async import AlephHttpClient, AuthenticatedAlephHttpClient, ETHAccount

pytestmark = pytest.mark.anyio


async def test_a_file_is_downloaded_in_the_four_ways_of_the_guide(private_key: str) -> None:
    content = os.urandom(300_000)
    async with AuthenticatedAlephHttpClient(account=ETHAccount(private_key)) as author:
        stored = await author.create_store(content, storage_engine="ipfs", sync=True)
    file_hash = stored.content["item_hash"]
    assert file_hash.startswith("Qm")

    async with AlephHttpClient() as client:
        file_content = await client.download_file(file_hash=file_hash)
        assert file_content == content

        file_path = await client.download_file_to_path(
            file_hash=file_hash, path="downloaded_file.txt"
        )
        assert file_path == Path("downloaded_file.txt")
        assert file_path.read_bytes() == content

        buffer = BytesIO()
        await client.download_file_to_buffer(file_hash=file_hash, output_buffer=buffer)
        assert buffer.getvalue() == content

        ipfs_content = await client.download_file_ipfs(file_hash=file_hash)
        assert ipfs_content == content
