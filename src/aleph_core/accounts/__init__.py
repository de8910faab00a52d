"""Accounts: who signs. Each chain's libraries load when its account class is first named."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .account import Account, LocalAccount
    from .avalanche import AvalancheAccount
    from .cosmos import CosmosAccount, CSDKAccount
    from .ethereum import ETHAccount, EVMAccount
    from .key_files import (
        InsecureKeyFileWarning,
        create_key_file,
        load_or_create_key_file,
        read_key_file,
    )
    from .key_home import (
        MainConfiguration,
        load_main_configuration,
        save_main_configuration,
    )
    from .ledger import LedgerAccount, LedgerETHAccount, get_fallback_account
    from .loading import load_account
    from .nuls import NULS2Account, NULSAccount
    from .solana import SOLAccount, SVMAccount
    from .substrate import DOTAccount
    from .tezos import TezosAccount

__all__ = [
    "Account",
    "AvalancheAccount",
    "CSDKAccount",
    "CosmosAccount",
    "DOTAccount",
    "ETHAccount",
    "EVMAccount",
    "InsecureKeyFileWarning",
    "LedgerAccount",
    "LedgerETHAccount",
    "LocalAccount",
    "MainConfiguration",
    "NULS2Account",
    "NULSAccount",
    "SOLAccount",
    "SVMAccount",
    "TezosAccount",
    "create_key_file",
    "get_fallback_account",
    "load_account",
    "load_main_configuration",
    "load_or_create_key_file",
    "read_key_file",
    "save_main_configuration",
]

_HOMES = {
    "Account": "account",
    "AvalancheAccount": "avalanche",
    "CSDKAccount": "cosmos",
    "CosmosAccount": "cosmos",
    "DOTAccount": "substrate",
    "ETHAccount": "ethereum",
    "EVMAccount": "ethereum",
    "InsecureKeyFileWarning": "key_files",
    "LedgerAccount": "ledger",
    "LedgerETHAccount": "ledger",
    "LocalAccount": "account",
    "MainConfiguration": "key_home",
    "NULS2Account": "nuls",
    "NULSAccount": "nuls",
    "SOLAccount": "solana",
    "SVMAccount": "solana",
    "TezosAccount": "tezos",
    "create_key_file": "key_files",
    "get_fallback_account": "ledger",
    "load_account": "loading",
    "load_main_configuration": "key_home",
    "load_or_create_key_file": "key_files",
    "read_key_file": "key_files",
    "save_main_configuration": "key_home",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
