"""Vouchers: by lists that their publisher signed itself, and by the registry of Solana."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aleph_message.models import Chain

from aleph_async import (
    AlephHttpClient,
    ApiError,
    AuthenticatedAlephHttpClient,
    Authorization,
    ETHAccount,
    ResourceNotFoundError,
    RetryPolicy,
    Settings,
    SOLAccount,
    VerificationError,
)
from aleph_devnode import DevNode
from tests.core.test_vouchers import METADATA
from tests.hostile import HostileServer, answer
from tests.scripted import OWNER, POSTS, message, paths, processed, sha256
from tests.scripted import node as scripted

pytestmark = pytest.mark.anyio

SOLANA = SOLAccount.generate()
REGISTRY = {
    "claimed_tickets": {
        "t1": {"claimer": SOLANA.get_address(), "batch_id": 1},
        "t2": {"claimer": "somebody else", "batch_id": 1},
        "t3": {"claimer": SOLANA.get_address(), "batch_id": 1},
    },
    "batches": {"1": {"metadata_id": "7"}},
}


@pytest.fixture
def web() -> Iterator[HostileServer]:
    """The server of the metadata and of the registry."""
    table = {
        "/metadata/7.json": answer(METADATA),
        "/metadata/8.json": answer("<h1>Not found</h1>", status=404),
        "/registry": answer(REGISTRY),
    }
    with scripted(table) as server:
        yield server


def asking(web: HostileServer, publisher: AuthenticatedAlephHttpClient, **options: Any) -> Any:
    return AlephHttpClient(
        publisher.api_server,
        settings=Settings(
            VOUCHER_METADATA_URL=f"{web.url}/metadata/{{id}}.json",
            VOUCHER_SOL_REGISTRY=f"{web.url}/registry",
            VOUCHER_ORIGIN_ADDRESS=publisher.account.get_address(),
        ),
        **options,
    )


def vouchers(*claims: tuple[str, str, str]) -> dict[str, Any]:
    entries = {number: {"claimer": who, "metadata_id": kind} for number, who, kind in claims}
    return {"nft_vouchers": entries}


async def test_vouchers_are_those_of_the_latest_list(
    client: AuthenticatedAlephHttpClient, web: HostileServer
) -> None:
    old, new = vouchers(("1", OWNER, "7")), vouchers(("2", OWNER, "7"), ("3", OWNER, "7"))
    await client.create_post(old, "vouchers-update", sync=True)
    post = await client.create_post(old, "vouchers-update", sync=True)
    await client.create_post(new, "amend", ref=post.item_hash, sync=True)
    async with asking(web, client) as reader:
        found = await reader.voucher.get_vouchers(OWNER)
        assert await reader.voucher.get_evm_vouchers(client.account.get_address()) == []
        assert await reader.voucher.fetch_vouchers_by_chain(Chain.BASE, OWNER) == found
    assert [(voucher.id, voucher.name) for voucher in found] == [
        ("2", "Node runner"),
        ("3", "Node runner"),
    ]
    assert found[0].external_url == "https://claim.example/2"
    # What two vouchers are about is asked once.
    assert paths(web) == ["/metadata/7.json"] * 2


async def test_a_voucher_does_not_vanish_with_its_metadata(
    client: AuthenticatedAlephHttpClient, web: HostileServer
) -> None:
    await client.create_post(vouchers(("1", OWNER, "8")), "vouchers-update", sync=True)
    async with asking(web, client) as reader:
        (voucher,) = await reader.voucher.get_vouchers(OWNER)
        assert await reader.voucher.fetch_voucher_metadata("8") is None
        metadata = await reader.voucher.fetch_voucher_metadata("7")
    assert (voucher.id, voucher.metadata_id, voucher.name) == ("1", "8", "")
    assert metadata is not None
    assert metadata.name == "Node runner"


async def test_large_lists_that_lie_outside_of_their_messages_are_read(
    client: AuthenticatedAlephHttpClient, web: HostileServer
) -> None:
    content = vouchers(("1", OWNER, "7")) | {"padding": "x" * 250_000}
    await client.create_post(content, "vouchers-update", sync=True)
    async with asking(web, client, verify="off") as reader:
        (voucher,) = await reader.voucher.get_vouchers(OWNER)
        assert reader.verify == "off"
    assert voucher.id == "1"


@pytest.mark.parametrize("verify", ["off", "content", "signature"])
async def test_lists_that_somebody_else_signed_count_at_no_level(
    client: AuthenticatedAlephHttpClient,
    pauper: AuthenticatedAlephHttpClient,
    web: HostileServer,
    verify: str,
) -> None:
    origin, delegate = client.account.get_address(), pauper.account.get_address()
    forged = vouchers(("2", OWNER, "7"))
    await client.authorizations.add(Authorization(delegate))
    await pauper.create_post(forged, "vouchers-update", address=origin, sync=True)
    async with asking(web, client, verify=verify) as reader:
        with pytest.raises(VerificationError, match=delegate):
            await reader.voucher.get_vouchers(OWNER)
    await client.create_post(vouchers(("1", OWNER, "7")), "vouchers-update", sync=True)
    await pauper.create_post(forged, "vouchers-update", address=origin, sync=True)
    async with asking(web, client, verify=verify) as reader:
        assert [voucher.id for voucher in await reader.voucher.get_vouchers(OWNER)] == ["1"]


async def test_a_list_that_a_node_made_up_is_told_of(
    client: AuthenticatedAlephHttpClient, web: HostileServer
) -> None:
    """The post is consistent in itself, but its signature is none."""
    content = vouchers(("1", OWNER, "7"))
    fields = {"address": OWNER, "time": 0, "type": "vouchers-update", "content": content}
    text = json.dumps(fields)
    forged = message(item_content=text, item_hash=sha256(text.encode()), content=fields)
    post = {
        **forged,
        "original_item_hash": forged["item_hash"],
        "original_type": "vouchers-update",
        "address": OWNER,
        "hash": forged["item_hash"],
    }
    listed = {"posts": [post], "pagination_per_page": 5, "next_cursor": None}
    table = {
        POSTS: answer(listed),
        "/api/v0/messages.json": answer({"messages": [forged], "pagination_per_page": 5}),
        f"/api/v0/messages/{forged['item_hash']}": answer(processed(forged)),
    }
    settings = Settings(VOUCHER_ORIGIN_ADDRESS=OWNER)
    with scripted(table) as server:
        async with AlephHttpClient(server.url, settings=settings, verify="off") as reader:
            with pytest.raises(VerificationError, match="valid signature"):
                await reader.voucher.get_vouchers(OWNER)


async def test_no_list_at_all_is_not_an_empty_one(
    client: AuthenticatedAlephHttpClient, web: HostileServer
) -> None:
    async with asking(web, client) as reader:
        with pytest.raises(ResourceNotFoundError, match="vouchers-update"):
            await reader.voucher.get_vouchers(OWNER)


async def test_vouchers_on_solana_are_those_of_the_registry(
    node: DevNode, client: AuthenticatedAlephHttpClient, web: HostileServer
) -> None:
    async with asking(web, client) as reader:
        found = await reader.voucher.get_vouchers(SOLANA.get_address())
        assert [voucher.id for voucher in found] == ["t1", "t3"]
        assert found == await reader.voucher.fetch_vouchers_by_chain("SOL", SOLANA.get_address())
        own = AuthenticatedAlephHttpClient(SOLANA, node.url, settings=reader.settings)
        assert await own.voucher.get_vouchers() == found
        assert await own.voucher.get_solana_vouchers() == found
        await own.aclose()


async def test_a_registry_that_is_down_is_not_an_empty_one(
    client: AuthenticatedAlephHttpClient,
) -> None:
    with scripted({"/registry": answer("down", status=503)}) as server:
        async with asking(server, client, retry=RetryPolicy(attempts=1)) as reader:
            with pytest.raises(ApiError) as caught:
                await reader.voucher.get_vouchers(SOLANA.get_address())
    assert (caught.value.status, caught.value.node) == (503, server.url)


async def test_own_vouchers_need_no_address(
    node: DevNode, client: AuthenticatedAlephHttpClient, web: HostileServer
) -> None:
    account = ETHAccount.generate()
    content = vouchers(("5", account.get_address(), "7"))
    await client.create_post(content, "vouchers-update", sync=True)
    async with asking(web, client) as reader:
        own = AuthenticatedAlephHttpClient(account, node.url, settings=reader.settings)
        assert [voucher.id for voucher in await own.voucher.get_vouchers()] == ["5"]
        assert len(await own.voucher.get_evm_vouchers()) == 1
        await own.aclose()
