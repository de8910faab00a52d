"""The batch of the guide with asyncio itself, in a program of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from aleph_async import AuthenticatedAlephHttpClient, ETHAccount, Published
from aleph_devnode import DevNode


def test_a_batch_is_gathered_in_a_script_that_runs_main(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = [
        {"content": "Message 1", "tags": ["batch", "test"]},
        {"content": "Message 2", "tags": ["batch", "test"]},
        {"content": "Message 3", "tags": ["batch", "test"]},
    ]

    async def main() -> None:
        async with AuthenticatedAlephHttpClient(account=account) as client:

            async def store_batch(messages: Sequence[dict[str, Any]]) -> list[Published]:
                tasks = []
                for msg in messages:
                    task = client.create_store(msg["content"], tags=msg["tags"])
                    tasks.append(task)

                return await asyncio.gather(*tasks)

            batch_results = await store_batch(messages)
            for result in batch_results:
                print(f"Stored message with hash: {result['item_hash']}")
                await client.wait_for_message(result["item_hash"])
                file = await client.download_file(result.content["item_hash"])
                print(file.decode())

    with DevNode() as node:
        account = ETHAccount.generate()
        node.fund(account.get_address())
        monkeypatch.setenv("ALEPH_API_HOST", node.url)
        asyncio.run(main())

    lines = capsys.readouterr().out.splitlines()
    assert lines[1::2] == ["Message 1", "Message 2", "Message 3"]
    assert all(line.startswith("Stored message with hash: ") for line in lines[::2])


def test_one_client_without_a_block_serves_several_runs() -> None:
    with DevNode() as node:
        client = AuthenticatedAlephHttpClient(ETHAccount.generate(), node.url)
        for number in range(3):
            result = asyncio.run(client.create_post(number, post_type="run", sync=True))
            assert result.status == "processed"
        asyncio.run(client.aclose())
