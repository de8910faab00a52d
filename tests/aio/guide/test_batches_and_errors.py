"""Batches, custom types and errors, as the guide shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import pytest

from aleph_async import (
    AlephClientError,
    AlephHttpClient,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    MessageNotFoundError,
    Published,
)
from aleph_async._runtime import gather

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(private_key: str) -> AsyncIterator[AuthenticatedAlephHttpClient]:
    async with AuthenticatedAlephHttpClient(account=ETHAccount(private_key)) as client:
        yield client


async def test_a_batch_of_files_is_stored(
    client: AuthenticatedAlephHttpClient, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = [
        {"content": "Message 1", "tags": ["batch", "test"]},
        {"content": "Message 2", "tags": ["batch", "test"]},
        {"content": "Message 3", "tags": ["batch", "test"]},
    ]

    async def store_batch(messages: Sequence[dict[str, Any]]) -> list[Published]:
        tasks = []
        for msg in messages:
            task = partial(client.create_store, msg["content"], tags=msg["tags"])
            tasks.append(task)

        return await gather(tasks)

    batch_results = await store_batch(messages)
    for result in batch_results:
        print(f"Stored message with hash: {result['item_hash']}")

    hashes = [line.rpartition(" ")[2] for line in capsys.readouterr().out.splitlines()]
    for number, item_hash in enumerate(hashes, 1):
        await client.wait_for_message(item_hash)
        content = (await client.get_message(item_hash)).content
        assert content.tags == ["batch", "test"]
        stored = await client.download_file(content.item_hash)
        assert stored == f"Message {number}".encode()


async def test_custom_message_types_are_published_and_queried(
    client: AuthenticatedAlephHttpClient, capsys: pytest.CaptureFixture[str]
) -> None:
    custom_result = await client.create_post(
        post_type="custom_type",
        content={"key1": "value1", "key2": "value2"},
        tags=["custom", "example"],
    )
    print(f"Custom message hash: {custom_result['item_hash']}")
    await client.wait_for_message(custom_result.item_hash)

    custom_messages = await client.get_messages(
        post_types=["custom_type"], tags=["custom"], limit=10
    )
    for msg in custom_messages:
        print(f"{msg['item_hash']}: {msg['content']}")

    first, second = capsys.readouterr().out.splitlines()
    assert first == f"Custom message hash: {custom_result.item_hash}"
    assert second.startswith(f"{custom_result.item_hash}: ")
    assert "'key1': 'value1'" in second


@pytest.mark.parametrize(
    ("item_hash", "said"),
    [("NonExistentHash", "Message not found"), ("ab" * 32, "Message not found")],
)
async def test_a_message_that_does_not_exist_is_told_apart(
    item_hash: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with AlephHttpClient() as client:
        try:
            await client.get_message(item_hash)
        except MessageNotFoundError:
            print("Message not found")
        except AlephClientError as e:
            print(f"Client error: {e}")
        except Exception as e:  # noqa: BLE001
            print(f"Unexpected error: {e}")
    assert capsys.readouterr().out == f"{said}\n"


async def test_any_other_failure_is_a_client_error(capsys: pytest.CaptureFixture[str]) -> None:
    async with AlephHttpClient("http://127.0.0.1:9", retry=None) as client:
        try:
            await client.get_message("ab" * 32)
        except MessageNotFoundError:
            print("Message not found")
        except AlephClientError as e:
            print(f"Client error: {e}")
    assert capsys.readouterr().out.startswith("Client error: ")
