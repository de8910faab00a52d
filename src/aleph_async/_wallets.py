"""The accounts of this package: those of the core, and on EVM networks able to pay."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar, overload

from aleph_core.accounts import ethereum, ledger, loading
from aleph_core.accounts.account import Account
from aleph_core.settings import Settings

from ._payments import Payments, Wallet

__all__ = [
    "ETHAccount",
    "EVMAccount",
    "LedgerAccount",
    "LedgerETHAccount",
    "get_fallback_account",
    "load_account",
]

A = TypeVar("A", bound=Account)


class ETHAccount(Payments, ethereum.ETHAccount):
    """An Ethereum key, for ``ETH`` and every EVM identifier that nodes accept; it signs and pays.

    ``private_key`` is 32 bytes or 64 hexadecimal digits, with or without ``0x``; such digits in
    bytes, as a text file holds them, are read too, and white space around digits is ignored.
    ``chain`` is what messages are published under, and the network on which the account pays. An
    Avalanche C-chain account (``AVAX``) publishes under ``ETH``, since nodes refuse Ethereum
    signatures under ``AVAX``. Raises ``ArgumentError`` for anything else.
    """

    __slots__ = ("_wallet",)

    def __init__(self, private_key: bytes | str, chain: str | None = None) -> None:
        super().__init__(private_key, chain)
        self._wallet = Wallet(self._network)


EVMAccount = ETHAccount


class LedgerETHAccount(Payments, ledger.LedgerETHAccount):
    """An Ethereum account on a Ledger device, for ``ETH`` and every EVM identifier of nodes.

    Make one by ``get_fallback_account``, ``from_path``, ``from_address`` or ``get_accounts``. The
    device is connected to for as long as it signs, so it may be unplugged in between; ``device``
    is a connection of ``ledgereth`` to use instead, which stays open. Signing blocks until somebody
    answers on the device, at most ``timeout`` seconds, and payments need blind signing, which is
    switched on in the settings of the Ethereum app. Everything that asks the device raises
    ``SigningError``, which says what to do, and ``MissingDependencyError`` without the ``ledger``
    extra.
    """

    __slots__ = ("_wallet",)

    def __init__(
        self,
        path: str,
        address: str,
        public_key: str,
        network: str = "ETH",
        device: Any = None,
        timeout: float = ledger.PATIENCE,
    ) -> None:
        super().__init__(path, address, public_key, network, device, timeout)
        # The class of the core is frozen.
        object.__setattr__(self, "_wallet", Wallet(network))


LedgerAccount = LedgerETHAccount

_KINDS = {"ETHAccount": ETHAccount, "LedgerETHAccount": LedgerETHAccount}


def get_fallback_account(
    device: Any = None, *, chain: str | None = None, timeout: float = ledger.PATIENCE
) -> LedgerETHAccount:
    """Return the first account of the Ledger device that is plugged in."""
    return LedgerETHAccount.from_path(ledger.FIRST_PATH, device, chain=chain, timeout=timeout)


@overload
def load_account(
    private_key: str | bytes | None = None,
    private_key_path: str | os.PathLike[str] | None = None,
    account_type: None = None,
    chain: str | None = None,
    *,
    password: str | Callable[[], str] | None = None,
    settings: Settings | None = None,
) -> Account: ...
@overload
def load_account(
    private_key: str | bytes | None = None,
    private_key_path: str | os.PathLike[str] | None = None,
    *,
    account_type: type[A],
    chain: str | None = None,
    password: str | Callable[[], str] | None = None,
    settings: Settings | None = None,
) -> A: ...
@overload
def load_account(
    private_key: str | bytes | None,
    private_key_path: str | os.PathLike[str] | None,
    account_type: type[A],
    chain: str | None = None,
    *,
    password: str | Callable[[], str] | None = None,
    settings: Settings | None = None,
) -> A: ...
def load_account(
    private_key: str | bytes | None = None,
    private_key_path: str | os.PathLike[str] | None = None,
    account_type: type[Any] | None = None,
    chain: str | None = None,
    *,
    password: str | Callable[[], str] | None = None,
    settings: Settings | None = None,
) -> Any:
    """Return the account of the first key there is, for the chain and of the type asked for.

    Looked at in this order: ``private_key``, ``private_key_path``, ``ALEPH_PRIVATE_KEY_STRING``,
    ``ALEPH_PRIVATE_KEY_FILE``, the key file or Ledger device that ``config.json`` names, the
    default key file, which is made when missing. Keys are in any form that the account reads, or
    the words of a mnemonic; files may be encrypted keystores, for which ``password`` is the
    password or a function that asks for it. With ``LedgerETHAccount`` as type only a device will do.

    ``chain`` is that of ``config.json`` by default, else ``ALEPH_DEFAULT_CHAIN``; with an
    ``account_type`` it is that type's own. Raises ``ArgumentError`` or ``ConfigurationError`` for
    what is no such key or file, before any other is tried, and ``SigningError`` for a device.
    """
    return loading.find_account(
        _KINDS,
        private_key,
        private_key_path,
        account_type,
        chain,
        password=password,
        settings=settings,
    )
