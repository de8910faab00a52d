"""Public SSH keys that are kept on the network."""

from __future__ import annotations

from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    InvalidItemHashError,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode
from tests.core.test_ssh_keys import FINGERPRINT, KEYS, LINE, OPENSSH

pytestmark = pytest.mark.anyio

RSA = KEYS[-1].public_key().public_bytes(*OPENSSH).decode()


@pytest.fixture
def address(account: ETHAccount) -> str:
    return account.get_address()


async def test_keys_are_added_listed_and_forgotten(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient, address: str
) -> None:
    assert await client.ssh_keys.list() == []
    published = await client.ssh_keys.add(LINE + "\n", wait=True)
    assert published.status == "processed"
    assert published.message.channel == "ALEPH-CLOUDSOLUTIONS"
    await client.ssh_keys.add(RSA, "laptop", sync=True)
    laptop, first = await reader.ssh_keys.list(address)
    assert (laptop.key, laptop.label) == (RSA, "laptop")
    assert (first.key, first.label, first.fingerprint) == (LINE, "ada@example", FINGERPRINT)
    assert first.item_hash == published.item_hash
    assert first.created is not None
    await client.ssh_keys.forget(first.item_hash, sync=True)
    assert await client.ssh_keys.list() == [laptop]


async def test_keys_of_other_tools_are_found_and_odd_posts_told_of(
    client: AuthenticatedAlephHttpClient, channel: str
) -> None:
    options: dict[str, Any] = {"channel": "ALEPH-CLOUDSOLUTIONS", "sync": True}
    await client.create_post({"key": "ssh-rsa BBBB"}, "ALEPH-SSH", **options)
    odd = await client.create_post({"not": "a key"}, "ALEPH-SSH", **options)
    await client.create_post({"key": LINE}, "ALEPH-SSH", channel=channel, sync=True)
    told: list[Any] = []
    found = [key async for key in client.ssh_keys.iterate(on_invalid=told.append)]
    assert [(key.key, key.label, key.fingerprint) for key in found] == [("ssh-rsa BBBB", None, "")]
    assert [entry.item_hash for entry in told] == [odd.item_hash]
    assert await client.ssh_keys.list() == found


@pytest.mark.parametrize("form", ["-----BEGIN OPENSSH PRIVATE KEY-----\nabc", "AAAA", "", None])
async def test_nothing_but_a_public_key_is_sent(
    node: DevNode, account: ETHAccount, recording: HttpClient, requests: list[str], form: Any
) -> None:
    async with AuthenticatedAlephHttpClient(account, node.url, http_client=recording) as client:
        with pytest.raises(ArgumentError) as caught:
            await client.ssh_keys.add(form)
        with pytest.raises(InvalidItemHashError):
            await client.ssh_keys.forget("nothash")
    assert caught.value.argument == "key"
    assert requests == []
