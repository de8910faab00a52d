"""Who may publish for whom: read, granted, and taken away, with nothing lost on the way."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    Authorization,
    AuthorizationBuilder,
    ETHAccount,
    Grant,
    PermissionDeniedError,
    ResourceNotFoundError,
    UnreadableAuthorization,
)
from aleph_async._runtime import HttpClient, gather
from aleph_devnode import DevNode
from tests.hostile import answer
from tests.scripted import node as scripted

pytestmark = pytest.mark.anyio

FRIENDS = [ETHAccount.generate().get_address() for _ in range(3)]
ADA, BOB, EVE = FRIENDS


@pytest.fixture
def address(account: ETHAccount) -> str:
    return account.get_address()


async def addresses(client: AuthenticatedAlephHttpClient) -> list[str]:
    entries = await client.authorizations.get()
    return [entry.address for entry in entries if isinstance(entry, Authorization)]


async def test_who_is_authorized_may_publish_until_it_is_revoked(
    client: AuthenticatedAlephHttpClient, pauper: AuthenticatedAlephHttpClient, address: str
) -> None:
    delegate = pauper.account.get_address()
    allowed = AuthorizationBuilder(delegate).message_type("POST").post_type("note").build()
    assert await client.authorizations.get() == []
    result = await client.authorizations.add(allowed)
    assert result is not None
    assert (result.status, result["key"]) == ("processed", "security")
    assert await client.authorizations.get() == [allowed]
    await pauper.create_post("theirs", "note", address=address, sync=True)
    with pytest.raises(PermissionDeniedError):
        await pauper.create_post("theirs", "other", address=address, sync=True)
    await client.authorizations.revoke(delegate)
    with pytest.raises(PermissionDeniedError):
        await pauper.create_post("again", "note", address=address, sync=True)


async def test_three_at_once_by_one_client_leave_three(
    client: AuthenticatedAlephHttpClient,
) -> None:
    await gather(
        [partial(client.authorizations.add, Authorization(friend)) for friend in FRIENDS], limit=3
    )
    assert sorted(await addresses(client)) == sorted(FRIENDS)


async def test_three_at_once_by_three_clients_leave_three(
    node: DevNode, account: ETHAccount
) -> None:
    clients = [AuthenticatedAlephHttpClient(account, node.url) for _ in FRIENDS]
    await gather(
        [
            partial(client.authorizations.add, Authorization(friend))
            for client, friend in zip(clients, FRIENDS, strict=True)
        ],
        limit=3,
    )
    assert sorted(await addresses(clients[0])) == sorted(FRIENDS)
    await gather(
        [
            partial(clients[0].authorizations.revoke, ADA),
            partial(clients[1].authorizations.update, BOB, Authorization(BOB, types=["STORE"])),
            partial(clients[2].authorizations.add, Authorization(ADA, types=["POST"])),
        ],
        limit=3,
    )
    found = await clients[0].authorizations.get()
    assert Authorization(BOB, types=["STORE"]) in found
    assert Authorization(BOB) not in found
    assert Authorization(EVE) in found
    assert Authorization(ADA) not in found
    for client in clients:
        await client.aclose()


async def test_what_is_there_already_is_not_written_again(
    client: AuthenticatedAlephHttpClient,
) -> None:
    await client.authorizations.add(Authorization(ADA))
    assert await client.authorizations.add(Authorization(ADA)) is None
    assert await client.authorizations.revoke(BOB) is None
    assert await client.authorizations.update(ADA, [Authorization(ADA)]) is None
    assert await client.authorizations.revoke_all() is not None
    assert await client.authorizations.revoke_all() is None
    assert await client.authorizations.get() == []


async def test_entries_are_updated_and_revoked_one_by_one(
    client: AuthenticatedAlephHttpClient,
) -> None:
    posts, stores = Authorization(ADA, types=["POST"]), Authorization(ADA, types=["STORE"])
    await client.authorizations.add(Authorization(ADA))
    await client.authorizations.add(Authorization(BOB))
    await client.authorizations.update(ADA, [posts, stores])
    assert await client.authorizations.get() == [posts, stores, Authorization(BOB)]
    await client.authorizations.revoke(posts)
    assert await client.authorizations.get() == [stores, Authorization(BOB)]
    with pytest.raises(ResourceNotFoundError, match=EVE):
        await client.authorizations.update(EVE, Authorization(EVE))
    assert await client.authorizations.get() == [stores, Authorization(BOB)]


async def test_malformed_entries_survive_what_others_do(
    client: AuthenticatedAlephHttpClient, address: str
) -> None:
    odd = {"address": BOB, "types": "POST"}
    await client.create_aggregate("security", {"authorizations": [odd], "note": "mine"}, sync=True)
    await client.authorizations.add(Authorization(ADA))
    assert await client.authorizations.get() == [UnreadableAuthorization(odd), Authorization(ADA)]
    assert (await client.fetch_aggregate(address, "security"))["note"] == "mine"


async def test_the_names_of_the_official_library_do_the_same(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient, address: str
) -> None:
    await client.add_authorization(Authorization(ADA, types=["POST"]))
    await client.add_authorization(Authorization(ADA, types=["STORE"]))
    assert len(await reader.get_authorizations(address)) == 2
    await client.update_all_authorizations([Authorization(ADA), Authorization(BOB)])
    assert await client.get_authorizations() == [Authorization(ADA), Authorization(BOB)]
    await client.revoke_all_authorizations(ADA)
    assert await client.get_authorizations() == [Authorization(BOB)]


async def test_both_sides_are_listed_by_the_node(
    client: AuthenticatedAlephHttpClient,
    pauper: AuthenticatedAlephHttpClient,
    reader: AlephHttpClient,
    address: str,
) -> None:
    delegate = pauper.account.get_address()
    posts = Authorization(delegate, types=["POST"], channels=["TEST"], post_types=["note"])
    await client.authorizations.replace_all([posts, Authorization(ADA), Authorization(ADA)])
    page = await client.authorizations.granted()
    assert (page.total, page.page) == (2, 1)
    assert sorted(page, key=lambda grant: grant.address) == sorted(
        [Grant(delegate, (posts,)), Grant(ADA, (Authorization(ADA), Authorization(ADA)))],
        key=lambda grant: grant.address,
    )
    assert list(await reader.authorizations.granted(address)) == list(page)
    (received,) = await pauper.authorizations.received()
    assert received == Grant(address, (posts,))
    nobody = ETHAccount.generate().get_address()
    assert len(await reader.authorizations.received(nobody)) == 0
    assert len(await reader.authorizations.granted(nobody)) == 0


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"types": "STORE"}, [ADA]),
        ({"types": ["STORE", "POST"]}, [ADA, BOB]),
        ({"channels": "TEST"}, [ADA, BOB]),
        ({"channels": "OTHER"}, [ADA]),
        ({"post_types": ["x"]}, [ADA]),
        ({"chains": "SOL"}, [ADA]),
        ({"aggregate_keys": "k"}, [ADA, BOB]),
        ({"grantee": BOB}, [BOB]),
        ({"grantee": EVE}, []),
    ],
)
async def test_grants_are_filtered(
    client: AuthenticatedAlephHttpClient, filters: dict[str, Any], found: list[str]
) -> None:
    restricted = Authorization(
        BOB, chain="ETH", types=["POST"], channels=["TEST"], post_types=["note"]
    )
    await client.authorizations.replace_all([Authorization(ADA), restricted])
    page = await client.authorizations.granted(**filters)
    assert sorted(grant.address for grant in page) == sorted(found)


async def test_grants_are_iterated_page_after_page(
    client: AuthenticatedAlephHttpClient, node: DevNode
) -> None:
    await client.authorizations.replace_all([Authorization(friend) for friend in FRIENDS])
    found = [grant.address async for grant in client.authorizations.granted_iterator(page_size=2)]
    assert sorted(found) == sorted(FRIENDS)
    (second,) = await client.authorizations.granted(page=2, page_size=2)
    assert second.address == found[2]

    owners = []
    for _ in range(3):
        account = ETHAccount.generate()
        owners.append(account.get_address())
        async with AuthenticatedAlephHttpClient(account, node.url) as owner:
            await owner.authorizations.add(Authorization(client.account.get_address()))
    received = [
        grant.address async for grant in client.authorizations.received_iterator(page_size=2)
    ]
    assert sorted(received) == sorted(owners)


async def test_a_bad_party_is_left_out_and_told_of() -> None:
    body = {"address": ADA, "authorizations": {BOB: [{}], EVE: 5}, "pagination_per_page": 2}
    empty = {"address": ADA, "authorizations": {}, "pagination_per_page": 2}
    path = f"/api/v0/authorizations/granted/{ADA}.json"
    with scripted({path: [answer(body), answer(empty)]}) as server:
        async with AlephHttpClient(server.url) as client:
            told: list[Any] = []
            grants = client.authorizations.granted_iterator(
                ADA, page_size=2, on_invalid=told.append
            )
            assert [grant.address async for grant in grants] == [BOB]
    assert [entry.raw for entry in told] == [(EVE, 5)]


@pytest.mark.parametrize(
    ("method", "arguments", "options"),
    [
        ("add", ({"address": ADA},), {}),
        ("add", ([Authorization(ADA)],), {}),
        ("update", (ADA, Authorization(BOB)), {}),
        ("update", ("x", Authorization(ADA)), {}),
        ("update", (ADA, "x"), {}),
        ("revoke", ("x",), {}),
        ("revoke", (None,), {}),
        ("revoke_all", (), {"address": "a/b"}),
        ("replace_all", ([None],), {}),
        ("granted", (), {"refs": "x"}),
        ("granted", (), {"page_size": 501}),
        ("received", (), {"granter": "a/b"}),
        ("received", ("a/b",), {}),
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
) -> None:
    async with AuthenticatedAlephHttpClient(account, node.url, http_client=recording) as client:
        with pytest.raises(ArgumentError):
            await getattr(client.authorizations, method)(*arguments, **options)
    assert requests == []
