"""Creating posts, aggregates and files and forgetting messages, as the guide shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aleph_async import AuthenticatedAlephHttpClient, ETHAccount

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(private_key: str) -> AsyncIterator[AuthenticatedAlephHttpClient]:
    account = ETHAccount(private_key)
    async with AuthenticatedAlephHttpClient(account=account) as client:
        yield client


async def test_create_post(
    client: AuthenticatedAlephHttpClient, capsys: pytest.CaptureFixture[str]
) -> None:
    message, status = await client.create_post(
        "Hello, Aleph Cloud!",
        post_type="testtype",
        channel="MY_CHANNEL",
    )
    result = message
    print(f"Stored message with hash: {result['item_hash']} Status: {status}")

    user_data = {"name": "John Doe", "email": "john@example.com", "age": 30}
    json_result, status = await client.create_post(
        user_data,
        post_type="testtype",
        channel="MY_CHANNEL",
    )
    print(f"Stored JSON with hash: {json_result['item_hash']}, Status: {status}")

    assert capsys.readouterr().out.splitlines() == [
        f"Stored message with hash: {message.item_hash} Status: pending",
        f"Stored JSON with hash: {json_result.item_hash}, Status: pending",
    ]
    for item_hash, content in (
        (message.item_hash, "Hello, Aleph Cloud!"),
        (json_result.item_hash, user_data),
    ):
        assert await client.wait_for_message(item_hash) == "processed"
        found = await client.get_message(item_hash)
        assert found.content["content"] == content
        assert (found.channel, found.content.type) == ("MY_CHANNEL", "testtype")


async def test_create_aggregate(
    client: AuthenticatedAlephHttpClient, capsys: pytest.CaptureFixture[str]
) -> None:
    aggregate_result = await client.create_aggregate(
        "users",
        {"Andres": {"email": "john@example.com"}},
    )
    print(f"Aggregate created with key: {aggregate_result['key']}")
    assert capsys.readouterr().out == "Aggregate created with key: users\n"

    updated_aggregate = await client.create_aggregate(
        "users",
        {"Andres": {"age": 49}},
    )
    await client.wait_for_message(aggregate_result.item_hash)
    await client.wait_for_message(updated_aggregate["item_hash"])
    # The network merges top-level entries only: this one was replaced.
    address = client.account.get_address()
    assert await client.fetch_aggregate(address, "users") == {"Andres": {"age": 49}}


async def test_upload_file(
    client: AuthenticatedAlephHttpClient, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("example.pdf").write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n")

    with open("example.pdf", "rb") as f:
        file_content = f.read()

    file_result = await client.create_store(
        file_content=file_content,
        guess_mime_type=True,
        extra_fields={"tags": ["document", "pdf"], "file_name": "example.pdf"},
        storage_engine="ipfs",
    )
    print(f"File stored with hash: {file_result['item_hash']}")
    assert capsys.readouterr().out == f"File stored with hash: {file_result.item_hash}\n"

    file_hash = file_result.content["item_hash"]
    ipfs_file_content = await client.download_file_ipfs(file_hash)

    with open("downloaded_example.pdf", "wb") as f:
        f.write(file_content)

    assert ipfs_file_content == Path("downloaded_example.pdf").read_bytes()
    await client.wait_for_message(file_result.item_hash)
    content = (await client.get_message(file_result.item_hash)).content
    assert content.mime_type == "application/pdf"
    assert content.tags == ["document", "pdf"]
    assert content.file_name == "example.pdf"


async def test_the_storage_engine_is_storage_unless_another_is_named(
    client: AuthenticatedAlephHttpClient,
) -> None:
    file_result = await client.create_store(file_content=b"anything")
    assert file_result.content["item_type"] == "storage"


async def test_forget_message(client: AuthenticatedAlephHttpClient) -> None:
    first, _ = await client.create_post("first", post_type="testtype", sync=True)
    second, _ = await client.create_post("second", post_type="testtype", sync=True)

    result = await client.forget_message(
        hashes=["0x" + first.item_hash, "0x" + second.item_hash],
        reason="This message is no longer needed",
    )

    await client.wait_for_message(result.item_hash)
    assert await client.get_message_status(first.item_hash) == "forgotten"
    assert await client.get_message_status(second.item_hash) == "forgotten"
    forget = await client.get_message(result.item_hash)
    assert forget.content.reason == "This message is no longer needed"
