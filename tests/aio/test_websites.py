"""Static websites: versions of content that is on IPFS, and the domains that show them."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    MessageNotFoundError,
    ResourceNotFoundError,
    VerificationError,
)
from aleph_async._runtime import HttpClient, gather
from aleph_devnode import DevNode

pytestmark = pytest.mark.anyio

NAME = "my-site"
CID = "QmeomffUNfmQy76CQGy9NdmqEnnHU9soCexBnGU3ezPHVH"


@pytest.fixture
def address(account: ETHAccount) -> str:
    return account.get_address()


async def uploaded(client: AuthenticatedAlephHttpClient) -> tuple[str, str]:
    """Store something on IPFS and return the hash of its message and its CID."""
    stored = await client.create_store(os.urandom(20), storage_engine="ipfs", sync=True)
    return stored.item_hash, str(stored.content["item_hash"])


async def test_a_site_goes_through_versions_and_back(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient, address: str
) -> None:
    (one, _), (two, _) = await uploaded(client), await uploaded(client)
    result = await client.websites.create(
        NAME, one, framework="nextjs", tags=["demo"], ens="my-site.eth"
    )
    assert result is not None
    assert (result.status, result["key"]) == ("processed", "websites")
    site = await reader.websites.get(NAME, address)
    assert (site.version, site.volume_id, site.history) == (1, one, {})
    assert (site.metadata.framework, site.metadata.tags) == ("nextjs", ("demo",))
    assert (site.payment.chain, site.payment.type, site.ens) == ("ETH", "hold", ("my-site.eth",))

    await client.websites.update(NAME, two)
    await client.websites.update(NAME, one, tags=[])
    site = await client.websites.get(NAME)
    assert (site.version, site.volume_id, site.history) == (3, one, {"1": one, "2": two})
    assert (site.metadata.framework, site.metadata.tags) == ("nextjs", ())
    assert site.created_at is not None
    assert site.updated_at is not None
    assert site.created_at < site.updated_at

    await client.websites.delete(NAME)
    assert await client.websites.list() == {}
    with pytest.raises(ResourceNotFoundError, match=NAME):
        await reader.websites.get(NAME, address)
    assert await client.websites.delete(NAME) is None


async def test_a_cid_is_stored_first_and_only_once(
    client: AuthenticatedAlephHttpClient, address: str
) -> None:
    (_, one), (_, two) = await uploaded(client), await uploaded(client)
    before = len(await client.get_messages(owners=address, message_types="STORE"))
    await client.websites.create(NAME, one)
    site = await client.websites.get(NAME)
    store = await client.get_message(site.volume_id, "STORE")
    assert (store.content.item_hash, store.content.item_type) == (one, "ipfs")
    assert await client.websites.update(NAME, one) is None
    await client.websites.update(NAME, two)
    assert (await client.websites.get(NAME)).version == 2
    after = len(await client.get_messages(owners=address, message_types="STORE"))
    assert after == before + 2


async def test_domains_follow_their_site_unless_told_otherwise(
    client: AuthenticatedAlephHttpClient,
) -> None:
    (one, _), (two, _), (three, _) = [await uploaded(client) for _ in range(3)]
    await client.websites.create(NAME, one)
    await client.domains.add("shop.example.org", one, "ipfs")
    await client.domains.add("other.example.org", three, "ipfs")
    await client.websites.update(NAME, two)
    found = await client.domains.list()
    assert found["shop.example.org"].message_id == two
    assert found["other.example.org"].message_id == three
    await client.websites.update(NAME, one, domains=False)
    assert (await client.domains.get("shop.example.org")).message_id == two


class Misled(AuthenticatedAlephHttpClient):
    """A client whose node merges aggregates as it likes; what is signed it cannot change."""

    lie = ""

    async def fetch_aggregates(self, *arguments: Any, **options: Any) -> Any:
        found = await super().fetch_aggregates(*arguments, **options)
        if NAME in found.get("websites", {}):
            found["websites"][NAME]["volume_id"] = self.lie
        return found


async def test_domains_of_another_site_do_not_follow_whatever_a_node_shows(
    node: DevNode, account: ETHAccount, client: AuthenticatedAlephHttpClient
) -> None:
    (one, _), (two, _), (three, _) = [await uploaded(client) for _ in range(3)]
    await client.websites.create(NAME, one)
    await client.domains.add("shop.example.org", one, "ipfs")
    await client.domains.add("bank.example.org", three, "ipfs")
    async with Misled(account, node.url) as misled:
        misled.lie = three
        await misled.websites.update(NAME, two)
    found = await client.domains.list()
    assert found["bank.example.org"].message_id == three
    assert found["shop.example.org"].message_id == two


async def test_two_updates_at_once_are_both_kept(
    node: DevNode, account: ETHAccount, client: AuthenticatedAlephHttpClient
) -> None:
    volumes = [(await uploaded(client))[0] for _ in range(3)]
    await client.websites.create(NAME, volumes[0])
    clients = [AuthenticatedAlephHttpClient(account, node.url) for _ in range(2)]
    await gather(
        [
            partial(other.websites.update, NAME, volume, domains=False)
            for other, volume in zip(clients, volumes[1:], strict=True)
        ],
        limit=2,
    )
    site = await client.websites.get(NAME)
    assert sorted([site.volume_id, *site.history.values()]) == sorted(volumes)
    assert site.version == 3
    for other in clients:
        await other.aclose()


async def test_a_site_is_not_made_over_another(client: AuthenticatedAlephHttpClient) -> None:
    (one, _), (_, two) = await uploaded(client), await uploaded(client)
    await client.websites.create(NAME, one)
    with pytest.raises(ArgumentError, match="update"):
        await client.websites.create(NAME, two)
    with pytest.raises(ResourceNotFoundError, match="other"):
        await client.websites.update("other", two)


async def test_a_volume_must_be_stored_on_ipfs(client: AuthenticatedAlephHttpClient) -> None:
    file = await client.create_store(b"no folder", sync=True)
    post = await client.create_post("text", "note", sync=True)
    with pytest.raises(ArgumentError, match="IPFS"):
        await client.websites.create(NAME, file.item_hash)
    with pytest.raises(VerificationError, match="POST"):
        await client.websites.create(NAME, post.item_hash)
    with pytest.raises(MessageNotFoundError):
        await client.websites.create(NAME, "f" * 64)
    assert await client.websites.list() == {}


@pytest.mark.parametrize(
    ("method", "arguments", "options", "argument"),
    [
        ("create", ("my site", CID), {}, "name"),
        ("create", (NAME, "x"), {}, "volume"),
        ("create", (NAME, CID), {"framework": 5}, "framework"),
        ("create", (NAME, CID), {"tags": [5]}, "tags"),
        ("create", (NAME, CID), {"payment": "gold"}, "payment"),
        ("update", ("a.b", CID), {}, "name"),
        ("update", (NAME, CID), {"ens": [""]}, "ens"),
        ("update", (NAME, "x"), {}, "volume"),
        ("delete", ("a/b",), {}, "name"),
        ("list", ("a/b",), {}, "address"),
    ],
)
async def test_what_can_be_known_to_be_wrong_is_not_sent(
    node: DevNode,
    account: ETHAccount,
    recording: HttpClient,
    requests: list[str],
    method: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    argument: str,
) -> None:
    async with AuthenticatedAlephHttpClient(account, node.url, http_client=recording) as client:
        with pytest.raises(ArgumentError) as caught:
            await getattr(client.websites, method)(*arguments, **options)
    assert caught.value.argument == argument
    assert requests == []
