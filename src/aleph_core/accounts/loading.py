"""Choosing an account: an explicit key, a file, the configuration, a Ledger device, a fresh key."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar, overload

from ..chains import EVM_CHAINS
from ..errors import ArgumentError, ConfigurationError, SigningError
from ..item_hash import check_address
from ..json_text import parse_json
from ..settings import Settings, chosen_settings
from .account import Account
from .key_files import read_key_file, shown_path
from .key_home import (
    MainConfiguration,
    default_key_file,
    fallback_key_file,
    fallback_mnemonic_file,
    load_main_configuration,
)

__all__ = ["find_account", "load_account", "own_address"]

A = TypeVar("A", bound=Account)

_TYPES: Final = {
    **dict.fromkeys({*EVM_CHAINS, "AVAX"}, "ETHAccount"),
    "SOL": "SOLAccount",
    "ES": "SVMAccount",
    "DOT": "DOTAccount",
    "TEZOS": "TezosAccount",
    "CSDK": "CosmosAccount",
    "NULS2": "NULS2Account",
}
_FIRST_PATH: Final = "44'/60'/0'/0/0"
# The fewest words of a mnemonic; no key of fewer bytes than these make is one.
_FEWEST_WORDS: Final = 12
_SHORTEST_MNEMONIC: Final = 40

_log = logging.getLogger("aleph")


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
    return find_account(
        {},
        private_key,
        private_key_path,
        account_type,
        chain,
        password=password,
        settings=settings,
    )


def find_account(
    kinds: Mapping[str, type[Any]],
    private_key: str | bytes | None,
    private_key_path: str | os.PathLike[str] | None,
    account_type: type[Any] | None,
    chain: str | None,
    *,
    password: str | Callable[[], str] | None,
    settings: Settings | None,
) -> Any:
    """Do what ``load_account`` does, with other classes for those of these names."""
    search = _Search(chosen_settings(settings), account_type, _text(chain), password, kinds)
    if private_key is not None and private_key_path is not None:
        raise ArgumentError("private_key_path", "is given besides private_key; give one of them")
    if search.wants_device:
        if private_key is not None or private_key_path is not None:
            name = "private_key" if private_key is not None else "private_key_path"
            raise ArgumentError(name, "is of no use to an account on a Ledger device; leave it out")
        return search.on_device(search.configuration)
    if private_key is not None:
        return search.from_secret(private_key)
    if private_key_path is not None:
        return search.from_file(Path(private_key_path))
    return search.unnamed()


def own_address(settings: Settings) -> str:
    """Return the address of ``ALEPH_ADDRESS_TO_USE``, else that of the key that is there already.

    Makes no key, and raises ``ConfigurationError`` when there is none.
    """
    if settings.ADDRESS_TO_USE is not None:
        return check_address(settings.ADDRESS_TO_USE, "ALEPH_ADDRESS_TO_USE")
    if settings.PRIVATE_KEY_STRING is None and not os.path.lexists(settings.PRIVATE_KEY_FILE):
        raise ConfigurationError(
            "whose address is meant: name one, set ALEPH_ADDRESS_TO_USE, or put a key into "
            f"{shown_path(settings.PRIVATE_KEY_FILE)}"
        )
    address: str = _Search(settings, None, None, None, {}).unnamed().get_address()
    return address


class _Search:
    """One search for an account: what is wanted, and where the keys of this user are."""

    def __init__(
        self,
        settings: Settings,
        account_type: type[Any] | None,
        chain: str | None,
        password: str | Callable[[], str] | None,
        kinds: Mapping[str, type[Any]],
    ) -> None:
        self._kinds = kinds
        self.settings = settings
        self._asked_type = account_type
        self._asked_chain = chain
        self._password = password

    @property
    def wants_device(self) -> bool:
        # Looking for the method keeps the libraries of other chains unloaded.
        return callable(getattr(self._asked_type, "from_path", None))

    @cached_property
    def configuration(self) -> MainConfiguration | None:
        return load_main_configuration(self.settings.CONFIG_FILE)

    @property
    def chain(self) -> str | None:
        """The chain to sign for; None is the own one of the type that was asked for."""
        if self._asked_chain is not None or self._asked_type is not None:
            return self._asked_chain
        configuration = self.configuration
        return self.settings.DEFAULT_CHAIN if configuration is None else configuration.chain

    def unnamed(self) -> Any:
        """Return the account of settings and files, when the caller names no key."""
        if self.settings.PRIVATE_KEY_STRING is not None:
            return self._from_named("ALEPH_PRIVATE_KEY_STRING", self.settings.PRIVATE_KEY_STRING)
        configuration = self.configuration
        file = self.settings.PRIVATE_KEY_FILE
        usual = (
            default_key_file(self.settings.CONFIG_HOME),
            None if configuration is None else configuration.path,
        )
        if file not in usual and os.path.lexists(file):
            return self.from_file(file)
        if configuration is not None and configuration.type == "hardware":
            if self._asked_type is not None:
                raise ConfigurationError(
                    f"{self.settings.CONFIG_FILE} names an account on a Ledger device, which is no "
                    f"{self._asked_type.__name__}; pass a key, or ask for LedgerETHAccount"
                )
            return self.on_device(configuration)
        if configuration is not None and configuration.path is not None:
            return self.from_file(configuration.path)
        return self.fallback()

    def on_device(self, configuration: MainConfiguration | None) -> Any:
        """Return the account on a Ledger device that the configuration names, else the first."""
        kind = self._asked_type or self._named("LedgerETHAccount")
        if configuration is None or configuration.type != "hardware":
            return kind.from_path(_FIRST_PATH, chain=self.chain)
        chain = self.chain or configuration.chain
        address, path = configuration.address, configuration.derivation_path
        if path is None and address is not None:
            return kind.from_address(address, chain=chain)
        account = kind.from_path(path or _FIRST_PATH, chain=chain)
        if address is not None and account.get_address().lower() != address.lower():
            raise SigningError(
                f"the Ledger device has {account.get_address()} under {account.path}, where "
                f"{self.settings.CONFIG_FILE} expects {address}: plug in the device that holds it"
            )
        return account

    def fallback(self) -> Any:
        """Return the account of the default key, which is made when missing."""
        if self._kind().__name__ == "DOTAccount":
            file, new = fallback_mnemonic_file(self.settings.PRIVATE_MNEMONIC_FILE)
        else:
            file, new = fallback_key_file(self.settings.PRIVATE_KEY_FILE)
        account = self.from_file(file)
        if new:
            _log.warning("no key was there: made one for %s in %s", account.get_address(), file)
        return account

    def from_file(self, path: Path) -> Any:
        return self._from_named(f"the key file {shown_path(path)}", read_key_file(path))

    def from_secret(self, secret: str | bytes) -> Any:
        kind = self._kind()
        text = _as_text(secret)
        make: Callable[..., Any] = kind
        arguments: list[Any] = [secret]
        if text is not None and _is_keystore(text):
            make, arguments = self._keystore_opener(kind), [text, self._password]
        elif text is not None and _are_words(text) and hasattr(kind, "from_mnemonic"):
            make, arguments = kind.from_mnemonic, [text]
        if self.chain is not None and "chain" in inspect.signature(make).parameters:
            return make(*arguments, chain=self.chain)
        account = make(*arguments)
        if self.chain not in (None, account.CHAIN):
            raise ArgumentError(
                "chain", f"{kind.__name__} signs for {account.CHAIN}, not for {self.chain}"
            )
        return account

    def _from_named(self, name: str, secret: str | bytes) -> Any:
        """Return the account of a secret that the caller did not pass, naming it in errors."""
        try:
            return self.from_secret(secret)
        except ArgumentError as error:
            if error.argument not in ("private_key", "mnemonic", "keystore"):
                raise
            problem = str(error).partition(": ")[2]
        raise ConfigurationError(f"{name} does not fit {self._kind().__name__}: it {problem}")

    def _keystore_opener(self, kind: Any) -> Callable[..., Any]:
        opener: Callable[..., Any] | None = getattr(kind, "from_keystore", None)
        if opener is None:
            raise ArgumentError("keystore", f"is encrypted, which {kind.__name__} does not read")
        if self._password is None:
            raise ArgumentError("password", "is missing, and the key is encrypted; pass it")
        return opener

    def _kind(self) -> Any:
        """Return the account class that was asked for, or that of the chain."""
        if self._asked_type is not None:
            return self._asked_type
        chain = self.chain
        try:
            return self._named(_TYPES[chain or ""])
        except (AttributeError, KeyError):
            pass
        raise ArgumentError(
            "chain", f"no account signs for {chain!r:.100}; use one of {', '.join(sorted(_TYPES))}"
        )

    def _named(self, name: str) -> Any:
        return self._kinds.get(name) or getattr(import_module(__package__ or ""), name)


def _text(chain: object) -> str | None:
    return None if chain is None else str(getattr(chain, "value", chain))


def _as_text(secret: object) -> str | None:
    if isinstance(secret, str):
        return secret
    if not isinstance(secret, bytes) or len(secret) < _SHORTEST_MNEMONIC:
        return None
    try:
        return secret.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _are_words(text: str) -> bool:
    words = text.split()
    return len(words) >= _FEWEST_WORDS and all(word.isalpha() for word in words)


def _is_keystore(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        value = parse_json(text.encode())
    except ValueError:
        return False
    return isinstance(value, dict) and bool({"crypto", "Crypto"} & value.keys())
