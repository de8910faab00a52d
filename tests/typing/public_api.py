"""What type checkers make of the public names, in both colours. Never executed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

import aleph_async
import aleph_sync
from aleph_sync import ETHAccount, Message, MessageStatus, Page, Post, Published


def blocking(account: ETHAccount) -> Iterator[str]:
    with aleph_sync.AlephHttpClient(
        "https://node.example", timeout=5, verify="signature"
    ) as reader:
        assert_type(reader, aleph_sync.AlephHttpClient)
        message = reader.get_message("hash")
        assert_type(message, Message)
        assert_type(message.item_hash, str)
        assert_type(reader.get_message_status("hash"), MessageStatus)
        assert_type(reader.get_messages(), Page[Message])
        assert_type(reader.get_posts(), Page[Post])
        assert_type(reader.download_file("hash"), bytes)
        for found in reader.get_messages_iterator():
            assert_type(found, Message)
            yield found.item_hash
    client = aleph_sync.AuthenticatedAlephHttpClient(account=account)
    assert_type(client.create_post({"a": 1}, post_type="test"), Published)
    client.close()


async def concurrent(account: ETHAccount) -> AsyncIterator[str]:
    async with aleph_async.AlephHttpClient(["https://node.example"], retry=None) as reader:
        assert_type(reader, aleph_async.AlephHttpClient)
        message = await reader.get_message("hash")
        assert_type(message, Message)
        assert_type(await reader.get_message_status("hash"), MessageStatus)
        assert_type(await reader.get_messages(), Page[Message])
        assert_type(await reader.get_posts(), Page[Post])
        assert_type(await reader.download_file("hash"), bytes)
        async for found in reader.get_messages_iterator():
            assert_type(found, Message)
            yield found.item_hash
    client = aleph_async.AuthenticatedAlephHttpClient(account=account)
    assert_type(await client.create_post({"a": 1}, post_type="test"), Published)
    await client.aclose()


def one_family(error: aleph_async.AlephError) -> aleph_sync.AlephError:
    return error
