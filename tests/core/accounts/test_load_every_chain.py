"""Every chain's account from the same places, and encrypted files of Ethereum's tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_account import Account as EthAccount

from aleph_core.accounts import (
    AvalancheAccount,
    CosmosAccount,
    DOTAccount,
    ETHAccount,
    EVMAccount,
    LocalAccount,
    NULS2Account,
    SOLAccount,
    SVMAccount,
    TezosAccount,
    create_key_file,
    load_account,
)
from aleph_core.errors import ArgumentError
from aleph_core.settings import Settings
from aleph_core.signatures import verify_message_signature

KEY = bytes(range(1, 33))
TYPES: list[tuple[str, type[LocalAccount]]] = [
    ("ETH", ETHAccount),
    ("POL", EVMAccount),
    ("SOL", SOLAccount),
    ("ES", SVMAccount),
    ("DOT", DOTAccount),
    ("TEZOS", TezosAccount),
    ("CSDK", CosmosAccount),
    ("NULS2", NULS2Account),
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(CONFIG_HOME=tmp_path)


@pytest.mark.parametrize(("chain", "kind"), TYPES)
def test_a_fresh_key_signs_for_the_chain_and_is_kept(
    settings: Settings, chain: str, kind: type[LocalAccount]
) -> None:
    account = load_account(chain=chain, settings=settings)
    assert (type(account), account.CHAIN) == (kind, chain)
    signed = account.sign_message({"type": "POST", "item_hash": "ab" * 32})
    verify_message_signature(signed)
    again = load_account(account_type=kind, settings=settings)
    assert again.get_address() == account.get_address()


@pytest.mark.parametrize(("chain", "kind"), TYPES)
def test_a_key_file_holds_a_key_of_any_chain(
    settings: Settings, tmp_path: Path, chain: str, kind: type[LocalAccount]
) -> None:
    path = create_key_file(tmp_path / "a.key", KEY)
    account = load_account(private_key_path=path, chain=chain, settings=settings)
    exported = load_account(account.export_private_key(), chain=chain, settings=settings)
    assert exported.get_address() == account.get_address()


def test_both_kinds_of_avalanche_accounts_are_had_by_their_type(settings: Settings) -> None:
    payer = load_account(KEY, account_type=EVMAccount, chain="AVAX", settings=settings)
    assert (payer.CHAIN, payer.network) == ("ETH", "AVAX")
    assert load_account(KEY, chain="AVAX", settings=settings).get_address() == payer.get_address()
    exchange = load_account(KEY, account_type=AvalancheAccount, chain="AVAX", settings=settings)
    assert exchange.CHAIN == "AVAX"
    with pytest.raises(ArgumentError, match="NULS2Account signs for NULS2, not for ETH"):
        load_account(KEY, account_type=NULS2Account, chain="ETH", settings=settings)


def test_a_keystore_of_other_software_is_opened(settings: Settings, tmp_path: Path) -> None:
    keystore = EthAccount.encrypt(KEY, "pass", kdf="pbkdf2", iterations=1000)
    path = create_key_file(tmp_path / "UTC--key", json.dumps(keystore).encode())
    account = load_account(
        private_key_path=path, chain="BASE", password=lambda: "pass", settings=settings
    )
    assert (account.get_address(), account.CHAIN) == (ETHAccount(KEY).get_address(), "BASE")
    for options, problem in (
        ({}, "password: is missing"),
        ({"password": "wrong"}, "password: does not open"),
    ):
        with pytest.raises(ArgumentError, match=problem):
            load_account(private_key_path=path, settings=settings, **options)
