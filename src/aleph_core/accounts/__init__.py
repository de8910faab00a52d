"""Accounts: who signs. Each chain's libraries load when its account class is first named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attach

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
else:
    __getattr__, __dir__ = attach(
        __name__,
        {
            ".account": ("Account", "LocalAccount"),
            ".avalanche": ("AvalancheAccount",),
            ".cosmos": ("CSDKAccount", "CosmosAccount"),
            ".ethereum": ("ETHAccount", "EVMAccount"),
            ".key_files": (
                "InsecureKeyFileWarning",
                "create_key_file",
                "load_or_create_key_file",
                "read_key_file",
            ),
            ".key_home": (
                "MainConfiguration",
                "load_main_configuration",
                "save_main_configuration",
            ),
            ".ledger": ("LedgerAccount", "LedgerETHAccount", "get_fallback_account"),
            ".loading": ("load_account",),
            ".nuls": ("NULS2Account", "NULSAccount"),
            ".solana": ("SOLAccount", "SVMAccount"),
            ".substrate": ("DOTAccount",),
            ".tezos": ("TezosAccount",),
        },
    )

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
