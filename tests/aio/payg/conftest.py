"""A chain with Superfluid on it, and accounts that pay there."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from aleph_async import ETHAccount, LedgerETHAccount
from tests.evm_chain import EvmChain, Relay, evm_chain, relay

NODE, CONTRACTS = "PAYG_EVM_NODE", "PAYG_CONTRACTS"


@pytest.fixture(scope="session")
def chain() -> Iterator[EvmChain]:
    missing = [name for name in (NODE, CONTRACTS) if not os.environ.get(name)]
    if missing:
        pytest.fail(
            f"{' and '.join(missing)} must name an EVM node and Superfluid's contracts; "
            "`nox -s payg` fetches them and runs these tests",
            pytrace=False,
        )
    with evm_chain(Path(os.environ[NODE]), Path(os.environ[CONTRACTS])) as running:
        yield running


@pytest.fixture
def before(chain: EvmChain) -> Iterator[Relay]:
    """What stands before the chain."""
    with relay(chain) as running:
        yield running


@pytest.fixture
async def paying(
    chain: EvmChain, before: Relay
) -> AsyncIterator[Callable[[ETHAccount | LedgerETHAccount], None]]:
    """Make accounts pay on the chain."""
    accounts: list[ETHAccount | LedgerETHAccount] = []

    def prepare(account: ETHAccount | LedgerETHAccount) -> None:
        account.switch_chain("AVAX", rpc=before.url, **chain.contracts)
        accounts.append(account)

    yield prepare
    for account in accounts:
        await account.aclose()


@pytest.fixture
def payer(chain: EvmChain, paying: Callable[[ETHAccount | LedgerETHAccount], None]) -> ETHAccount:
    """A new account with a coin for gas and ten tokens to stream."""
    account = ETHAccount.generate("AVAX")
    paying(account)
    chain.fund(account.get_address(), tokens=10 * 10**18)
    return account


@pytest.fixture
def receiver() -> str:
    """An address that nobody pays yet."""
    return ETHAccount.generate().get_address()
