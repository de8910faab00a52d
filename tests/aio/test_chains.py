"""Messages of every chain, published and read back with the proof of who sent them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from aleph_async import (
    Account,
    AlephHttpClient,
    AuthenticatedAlephHttpClient,
    AuthorizationBuilder,
    AvalancheAccount,
    CosmosAccount,
    DOTAccount,
    ETHAccount,
    EVMAccount,
    NULS2Account,
    RejectedMessage,
    SOLAccount,
    SVMAccount,
    TezosAccount,
)
from aleph_core.authorizations import read_authorizations, security_content
from aleph_core.chains import EVM_CHAINS
from aleph_devnode import DevNode

pytestmark = pytest.mark.anyio

ACCOUNTS: dict[str, Callable[[bytes], Account]] = {
    "SOL": SOLAccount,
    "ES": SVMAccount,
    "DOT": DOTAccount,
    "DOT Polkadot": lambda key: DOTAccount(key, 0),
    "CSDK": CosmosAccount,
    "CSDK osmo": lambda key: CosmosAccount(key, hrp="osmo"),
    "TEZOS Ed25519": TezosAccount,
    "TEZOS secp256k1": lambda key: TezosAccount(key, "secp256k1"),
    "TEZOS micheline": lambda key: TezosAccount(key, signing_type="micheline"),
    "NULS2": NULS2Account,
    "NULS2 test": lambda key: NULS2Account(key, chain_id=2),
    "AVAX X-chain": AvalancheAccount,
    "AVAX C-chain": lambda key: EVMAccount(key, "AVAX"),
    **{chain: lambda key, chain=chain: EVMAccount(key, chain) for chain in sorted(EVM_CHAINS)},
}


@pytest.fixture(params=ACCOUNTS)
def signer(request: pytest.FixtureRequest, channel: str) -> Account:
    """An account that nobody used before, of one chain after the other."""
    key = hashlib.sha256(f"{request.param} {channel}".encode()).digest()
    return ACCOUNTS[request.param](key)


async def test_a_message_of_every_chain_is_published_and_read_back_verified(
    node: DevNode, signer: Account, channel: str
) -> None:
    async with AuthenticatedAlephHttpClient(signer, node.url) as client:
        published = await client.create_post(
            {"from": signer.CHAIN}, "t", channel=channel, sync=True
        )
    async with AlephHttpClient(node.url, verify="signature") as reader:
        found = await reader.get_message(published.item_hash)
        page = await reader.get_messages(channels=[channel])
    assert (found.chain, found.sender) == (signer.CHAIN, signer.get_address())
    assert found.content["content"] == {"from": signer.CHAIN}
    assert [message.item_hash for message in page.messages] == [published.item_hash]
    assert not page.invalid


async def test_a_message_with_the_signature_of_another_is_rejected(
    node: DevNode, signer: Account, channel: str
) -> None:
    async with AuthenticatedAlephHttpClient(signer, node.url) as client:
        one = await client.generate_signed_message("POST", {"type": "t", "content": 1})
        other = await client.generate_signed_message("POST", {"type": "t", "content": 2})
        with pytest.raises(RejectedMessage):
            await client.publish(one.evolve(signature=other.signature), sync=True)


async def test_an_owner_can_authorize_an_account_of_another_chain(
    node: DevNode, client: AuthenticatedAlephHttpClient, account: ETHAccount, channel: str
) -> None:
    delegate = TezosAccount.generate()
    entry = (
        AuthorizationBuilder(delegate.get_address())
        .chain("TEZOS")
        .channel(channel)
        .message_type("POST")
        .post_type("note")
        .build()
    )
    owner = account.get_address()
    async with AuthenticatedAlephHttpClient(delegate, node.url, verify="signature") as delegated:
        with pytest.raises(RejectedMessage):
            await delegated.create_post(1, "note", channel=channel, address=owner, sync=True)
        await client.create_aggregate("security", security_content([entry]), sync=True)
        await delegated.create_post(2, "note", channel=channel, address=owner, sync=True)
        with pytest.raises(RejectedMessage):
            await delegated.create_post(3, "other", channel=channel, address=owner, sync=True)
        stored = await delegated.fetch_aggregate(owner, "security")
    assert read_authorizations(stored) == [entry]
