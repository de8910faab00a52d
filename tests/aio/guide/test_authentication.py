"""Accounts of the guide, each proved by a message that the node takes for theirs."""

from __future__ import annotations

from typing import Any

import base58
import pytest
from aleph_message.models import Chain

from aleph_async import (
    AuthenticatedAlephHttpClient,
    DOTAccount,
    ETHAccount,
    EVMAccount,
    SOLAccount,
    verify_message,
)

pytestmark = pytest.mark.anyio


async def test_a_private_key_signs_in() -> None:
    private_key = "0x1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef"
    account = ETHAccount(private_key)
    async with AuthenticatedAlephHttpClient(account=account) as client:
        message, status = await client.create_post("key", post_type="testtype", sync=True)
        assert status == "processed"
        assert message.chain == "ETH"
        assert message.sender == account.get_address()


async def test_a_mnemonic_signs_in() -> None:
    mnemonic = "test test test test test test test test test test test junk"
    account = ETHAccount.from_mnemonic(mnemonic)
    async with AuthenticatedAlephHttpClient(account=account) as client:
        message, status = await client.create_post("words", post_type="testtype", sync=True)
        assert status == "processed"
        # The first account of this mnemonic in every Ethereum tool.
        assert message.sender == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.mark.parametrize("form", ["seed", "pair", "base58", "numbers"])
async def test_a_solana_key_signs_in_whatever_form_it_has(form: str) -> None:
    seed = bytes(range(1, 33))
    pair = seed + base58.b58decode(SOLAccount(seed).get_address())
    forms: dict[str, Any] = {
        "seed": seed,
        "pair": pair,
        "base58": base58.b58encode(pair).decode(),
        "numbers": list(pair),
    }
    private_key = forms[form]
    sol_account = SOLAccount(private_key)
    async with AuthenticatedAlephHttpClient(account=sol_account, verify="signature") as client:
        message, status = await client.create_post(form, post_type="testtype", sync=True)
        assert status == "processed"
        assert message.chain == "SOL"
        assert message.sender == sol_account.get_address()
        verify_message(await client.get_message(message.item_hash))


@pytest.mark.parametrize("form", ["hexadecimal", "words"])
async def test_a_substrate_key_signs_in(form: str) -> None:
    private_key = {
        "hexadecimal": "0x1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef",
        "words": "bottom drive obey lake curtain smoke basket hold race lonely fit walk",
    }[form]
    dot_account = DOTAccount(private_key)
    async with AuthenticatedAlephHttpClient(account=dot_account, verify="signature") as client:
        message, status = await client.create_post(form, post_type="testtype", sync=True)
        assert status == "processed"
        assert message.chain == "DOT"
        assert message.sender == dot_account.get_address()
        verify_message(await client.get_message(message.item_hash))


async def test_an_avalanche_key_signs_in_under_eth_and_remembers_its_network() -> None:
    private_key = "0x1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef"
    avax_account = EVMAccount(private_key=private_key, chain=Chain.AVAX)
    async with AuthenticatedAlephHttpClient(account=avax_account, verify="signature") as client:
        message, status = await client.create_post("evm", post_type="testtype", sync=True)
        assert status == "processed"
        assert message.chain == "ETH"
        assert avax_account.network == "AVAX"
