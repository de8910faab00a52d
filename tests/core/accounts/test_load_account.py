"""Which key is chosen, for which chain, and that nothing is chosen silently."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import re
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import base58
import pytest

import aleph_core.accounts
from aleph_core.accounts import (
    ETHAccount,
    InsecureKeyFileWarning,
    LedgerETHAccount,
    MainConfiguration,
    SOLAccount,
    create_key_file,
    load_account,
    save_main_configuration,
)
from aleph_core.errors import ArgumentError, ConfigurationError, SigningError
from aleph_core.settings import Settings
from tests.ledger_device import MNEMONIC, EthereumApp, tcp_device

KEYS = {name: bytes([number]) * 32 for number, name in enumerate("ABCDE", 1)}
FIRST = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
SECOND = "0x8C8d35429F74ec245F8Ef2f4Fd1e551cFF97d650"


def address(name: str) -> str:
    return ETHAccount(KEYS[name]).get_address()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / ".aleph-im"


@pytest.fixture
def key_file(home: Path) -> Path:
    return home / "private-keys" / "ethereum.key"


@pytest.fixture
def settings(home: Path) -> Callable[..., Settings]:
    def make(**variables: str) -> Settings:
        named = {f"ALEPH_{name}": value for name, value in variables.items()}
        return Settings.from_environment({"HOME": str(home.parent), **named})

    return make


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[EthereumApp]:
    comm = pytest.importorskip("ledgerblue.comm", reason="the ledger extra is not installed")
    with tcp_device() as device:
        monkeypatch.setattr(comm, "TCP_PROXY", (device.host, device.port))
        yield device.app


def test_each_source_comes_before_those_after_it(
    home: Path, key_file: Path, settings: Callable[..., Settings], tmp_path: Path
) -> None:
    create_key_file(key_file, KEYS["E"])
    assert load_account(settings=settings()).get_address() == address("E")
    configured = create_key_file(home / "private-keys" / "mine.key", KEYS["D"])
    save_main_configuration(home / "config.json", MainConfiguration("ETH", path=configured))
    assert load_account(settings=settings()).get_address() == address("D")
    named = create_key_file(tmp_path / "named.key", KEYS["C"])
    variables = {"PRIVATE_KEY_FILE": str(named)}
    assert load_account(settings=settings(**variables)).get_address() == address("C")
    variables["PRIVATE_KEY_STRING"] = KEYS["B"].hex()
    given = settings(**variables)
    assert load_account(settings=given).get_address() == address("B")
    file = create_key_file(tmp_path / "given.key", KEYS["A"])
    assert load_account(private_key_path=file, settings=given).get_address() == address("A")
    assert load_account("0x" + KEYS["E"].hex(), settings=given).get_address() == address("E")


def test_the_environment_is_read_when_no_settings_are_passed(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("ALEPH_CONFIG_HOME", str(home))
    monkeypatch.setenv("ALEPH_PRIVATE_KEY_STRING", KEYS["B"].hex())
    assert load_account().get_address() == address("B")


def test_the_guides_way_reads_the_key_that_tools_configured(
    home: Path, settings: Callable[..., Settings]
) -> None:
    configured = create_key_file(home / "private-keys" / "mine.key", KEYS["D"])
    save_main_configuration(home / "config.json", MainConfiguration("ETH", path=configured))
    account = ETHAccount(settings().PRIVATE_KEY_FILE.read_bytes())
    assert account.get_address() == load_account(settings=settings()).get_address()


def test_a_fresh_key_is_made_once_for_its_owner_alone(
    key_file: Path, settings: Callable[..., Settings], caplog: pytest.LogCaptureFixture
) -> None:
    account = load_account(settings=settings())
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    link = key_file.parent / "default.key"
    assert link.is_symlink()
    assert link.read_bytes() == key_file.read_bytes()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert account.get_address() in caplog.text
    assert str(key_file) in caplog.text
    assert key_file.read_bytes().hex() not in caplog.text
    caplog.clear()
    assert load_account(settings=settings()).get_address() == account.get_address()
    assert caplog.records == []
    assert sorted(path.name for path in key_file.parent.iterdir()) == [
        "default.key",
        "ethereum.key",
    ]


def test_many_at_once_make_one_fresh_key(settings: Callable[..., Settings]) -> None:
    found: list[str] = []
    begin = threading.Barrier(8)

    def load() -> None:
        begin.wait(10)
        found.append(load_account(settings=settings()).get_address())

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_default_link_of_other_tools_is_followed(
    key_file: Path, settings: Callable[..., Settings]
) -> None:
    other = create_key_file(key_file.parent / "other.key", KEYS["C"])
    (key_file.parent / "default.key").symlink_to(other)
    assert load_account(settings=settings()).get_address() == address("C")
    assert not key_file.exists()


def test_a_default_link_to_nowhere_is_an_error_and_never_replaced(
    key_file: Path, settings: Callable[..., Settings]
) -> None:
    key_file.parent.mkdir(parents=True)
    link = key_file.parent / "default.key"
    gone = key_file.parent / "gone.key"
    link.symlink_to(gone)
    with pytest.raises(ConfigurationError, match=re.escape(f"leads to {gone}")):
        load_account(settings=settings())
    assert link.readlink() == gone
    assert list(key_file.parent.iterdir()) == [link]


def test_a_fresh_key_under_the_name_of_the_default_link_stays(
    home: Path, settings: Callable[..., Settings]
) -> None:
    file = home / "default.key"
    account = load_account(settings=settings(PRIVATE_KEY_FILE=str(file)))
    assert not file.is_symlink()
    assert ETHAccount(file.read_bytes()).get_address() == account.get_address()


@pytest.mark.parametrize(
    "secret",
    [
        "0x" + KEYS["A"].hex(),
        KEYS["A"].hex().upper(),
        base58.b58encode(KEYS["B"] * 2).decode(),
        MNEMONIC,
        MNEMONIC + "//Alice",
        str(list(KEYS["C"])),
    ],
    ids=["0x", "hex", "base58", "words", "words-with-path", "list"],
)
@pytest.mark.parametrize("source", ["argument", "setting", "configuration"])
def test_a_key_in_the_place_of_a_path_is_never_repeated(
    home: Path,
    settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    secret: str,
) -> None:
    monkeypatch.chdir(home.parent)
    variables = {"PRIVATE_KEY_FILE": secret} if source == "setting" else {}
    path = secret if source == "argument" else None
    if source == "configuration":
        configuration = MainConfiguration("ETH", path=Path(secret))
        save_main_configuration(home / "config.json", configuration)
    with pytest.raises(ConfigurationError, match="looks like a private key") as caught:
        load_account(None, path, settings=settings(**variables))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    for part in (secret, secret[:24], secret[-24:] if "//" not in secret else secret):
        assert part not in text
    assert os.listdir(home.parent) == ([".aleph-im"] if source == "configuration" else [])  # noqa: PTH208


@pytest.mark.parametrize("named", ["argument", "configuration"])
def test_a_missing_file_is_an_error_and_never_a_new_key(
    home: Path, settings: Callable[..., Settings], named: str
) -> None:
    gone = home / "gone.key"
    if named == "configuration":
        save_main_configuration(home / "config.json", MainConfiguration("ETH", path=gone))
    path = gone if named == "argument" else None
    with pytest.raises(ConfigurationError, match=r"cannot read the key file .*gone\.key"):
        load_account(private_key_path=path, settings=settings())
    assert not (home / "private-keys").exists()


def test_a_configuration_that_cannot_be_read_is_an_error_and_never_another_key(
    home: Path, key_file: Path, settings: Callable[..., Settings]
) -> None:
    create_key_file(key_file, KEYS["E"])
    (home / "config.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"config\.json"):
        load_account(settings=settings())


def test_a_key_file_that_others_can_read_is_warned_about(
    key_file: Path, settings: Callable[..., Settings]
) -> None:
    create_key_file(key_file, KEYS["E"])
    key_file.chmod(0o644)
    with pytest.warns(InsecureKeyFileWarning, match="chmod 600"):
        load_account(settings=settings())


class Chain(StrEnum):
    BASE = "BASE"


def test_the_chain_is_that_of_the_argument_then_the_configuration_then_the_setting(
    home: Path, key_file: Path, settings: Callable[..., Settings]
) -> None:
    create_key_file(key_file, KEYS["E"])
    assert load_account(settings=settings()).CHAIN == "ETH"
    assert load_account(settings=settings(DEFAULT_CHAIN="ARB")).CHAIN == "ARB"
    save_main_configuration(home / "config.json", MainConfiguration("SOL", path=key_file))
    account = load_account(settings=settings(DEFAULT_CHAIN="ARB"))
    assert (type(account), account.CHAIN) == (SOLAccount, "SOL")
    assert account.get_address() == SOLAccount(KEYS["E"]).get_address()
    account = load_account(chain=Chain.BASE, settings=settings())
    assert (type(account), account.CHAIN) == (ETHAccount, "BASE")
    assert load_account(chain="AVAX", settings=settings()).CHAIN == "ETH"


def test_the_type_is_the_one_that_was_asked_for(
    home: Path, key_file: Path, settings: Callable[..., Settings]
) -> None:
    create_key_file(key_file, KEYS["E"])
    save_main_configuration(home / "config.json", MainConfiguration("ETH", path=key_file))
    account = load_account(account_type=SOLAccount, settings=settings())
    assert type(account) is SOLAccount
    ethereum = load_account(None, None, ETHAccount, "BASE", settings=settings())
    assert (type(ethereum), ethereum.CHAIN) == (ETHAccount, "BASE")


def test_a_type_that_does_not_sign_for_the_chain_is_refused(
    key_file: Path, settings: Callable[..., Settings]
) -> None:
    create_key_file(key_file, KEYS["E"])
    for kind, chain in ((SOLAccount, "ETH"), (ETHAccount, "SOL")):
        with pytest.raises(ArgumentError, match="chain"):
            load_account(account_type=kind, chain=chain, settings=settings())


def test_a_chain_without_accounts_is_refused_before_a_key_is_made(
    home: Path, settings: Callable[..., Settings]
) -> None:
    with pytest.raises(ArgumentError, match="no account signs for 'BTC'"):
        load_account(chain="BTC", settings=settings())
    assert not home.exists()


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize(
    ("chain", "secret", "expected"),
    [
        ("ETH", "0x" + KEYS["A"].hex(), address("A")),
        ("BASE", KEYS["A"], address("A")),
        ("ETH", f"\n{MNEMONIC}\n", FIRST),
        ("SOL", base58.b58encode(KEYS["A"]).decode(), SOLAccount(KEYS["A"]).get_address()),
        ("SOL", str(list(KEYS["A"])), SOLAccount(KEYS["A"]).get_address()),
    ],
)
def test_keys_come_in_every_form_of_their_chain(
    tmp_path: Path,
    settings: Callable[..., Settings],
    chain: str,
    secret: str | bytes,
    expected: str,
    in_file: bool,
) -> None:
    if in_file:
        content = secret.encode() if isinstance(secret, str) else secret
        path = create_key_file(tmp_path / "a.key", content)
        account = load_account(private_key_path=path, chain=chain, settings=settings())
    else:
        account = load_account(secret, chain=chain, settings=settings())
    assert (account.get_address(), account.CHAIN) == (expected, chain)


def test_two_keys_at_once_are_refused(settings: Callable[..., Settings]) -> None:
    with pytest.raises(ArgumentError, match="private_key_path"):
        load_account("x", "y", settings=settings())


class Sealed(ETHAccount):
    """An account that opens encrypted files, whatever their encryption."""

    @classmethod
    def from_keystore(cls, keystore: str, password: Any, chain: str | None = None) -> Sealed:
        if (password() if callable(password) else password) != "open":
            raise ArgumentError("password", "does not open this keystore")
        return cls(json.loads(keystore)["crypto"]["secret"], chain)


def test_an_encrypted_file_is_opened_with_the_password_or_what_asks_for_it(
    tmp_path: Path, settings: Callable[..., Settings]
) -> None:
    content = {"version": 3, "crypto": {"secret": KEYS["A"].hex()}}
    path = create_key_file(tmp_path / "key.json", json.dumps(content).encode())

    def load(**options: Any) -> Any:
        return load_account(None, path, Sealed, "BASE", settings=settings(), **options)

    for password in ("open", lambda: "open"):
        account = load(password=password)
        assert (account.get_address(), account.CHAIN) == (address("A"), "BASE")
    with pytest.raises(ArgumentError, match="password: is missing"):
        load()
    with pytest.raises(ArgumentError, match="password: does not open"):
        load(password="shut")
    with pytest.raises(ConfigurationError, match="encrypted, which SOLAccount does not read"):
        load_account(private_key_path=path, account_type=SOLAccount, settings=settings())


def configure(home: Path, **values: str) -> None:
    save_main_configuration(home / "config.json", MainConfiguration("BASE", "hardware", **values))


def test_a_configured_device_is_used_by_its_path(
    home: Path, settings: Callable[..., Settings], device: EthereumApp
) -> None:
    configure(home, address=SECOND.lower(), derivation_path="44'/60'/1'/0/0")
    account = load_account(settings=settings())
    assert isinstance(account, LedgerETHAccount)
    assert (account.get_address(), account.CHAIN) == (SECOND, "BASE")
    typed: LedgerETHAccount = load_account(account_type=LedgerETHAccount, settings=settings())
    assert (typed.get_address(), typed.CHAIN) == (SECOND, "BASE")
    assert load_account(chain="ETH", settings=settings()).CHAIN == "ETH"


def test_a_configured_device_is_used_by_its_address(
    home: Path, settings: Callable[..., Settings], device: EthereumApp
) -> None:
    configure(home, address=SECOND)
    assert load_account(settings=settings()).get_address() == SECOND


def test_without_a_configuration_the_first_account_of_the_device_will_do(
    home: Path, settings: Callable[..., Settings], device: EthereumApp
) -> None:
    account = load_account(account_type=LedgerETHAccount, settings=settings())
    assert account.get_address() == FIRST
    assert not home.exists()


def test_another_device_than_the_configured_one_is_noticed(
    home: Path, settings: Callable[..., Settings], device: EthereumApp
) -> None:
    configure(home, address=address("A"), derivation_path="44'/60'/0'/0/0")
    with pytest.raises(SigningError, match=f"has {FIRST} under .* expects {address('A')}"):
        load_account(settings=settings())


def test_an_unplugged_device_is_never_replaced_by_a_key(
    home: Path, key_file: Path, settings: Callable[..., Settings], device: EthereumApp
) -> None:
    create_key_file(key_file, KEYS["E"])
    configure(home, address=FIRST)
    device.failure = 0x5515
    with pytest.raises(SigningError, match="locked"):
        load_account(settings=settings())


def test_a_device_is_no_account_of_another_type(
    home: Path, key_file: Path, settings: Callable[..., Settings]
) -> None:
    create_key_file(key_file, KEYS["E"])
    configure(home, address=FIRST)
    with pytest.raises(ConfigurationError, match="Ledger device, which is no SOLAccount"):
        load_account(account_type=SOLAccount, settings=settings())
    for secret in ({"private_key": KEYS["A"]}, {"private_key_path": key_file}):
        with pytest.raises(ArgumentError, match="Ledger"):
            load_account(account_type=LedgerETHAccount, settings=settings(), **secret)


SECRETS = [
    ("private_key", "zz" * 32),
    ("private_key", KEYS["A"].hex() + "00"),
    ("mnemonic", "abandon " * 11 + "ability"),
    ("private_key", base58.b58encode(KEYS["A"]).decode()),
]


@pytest.mark.parametrize("source", ["argument", "file", "setting"])
@pytest.mark.parametrize(("kind", "secret"), SECRETS)
def test_what_does_not_fit_is_named_by_its_source_and_never_repeated(
    tmp_path: Path, settings: Callable[..., Settings], kind: str, secret: str, source: str
) -> None:
    path = create_key_file(tmp_path / "a.key", secret.encode())
    variables = {"PRIVATE_KEY_STRING": secret} if source == "setting" else {}
    options: dict[str, Any] = {
        "argument": {"private_key": secret},
        "file": {"private_key_path": path},
        "setting": {},
    }[source]
    with pytest.raises(ConfigurationError) as caught:
        load_account(settings=settings(**variables), **options)
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert {"argument": kind, "file": str(path), "setting": "ALEPH_PRIVATE_KEY_STRING"}[
        source
    ] in str(caught.value)
    for part in (secret, secret[:16], "ability", KEYS["A"].hex()):
        assert part not in text


def test_settings_with_a_key_show_pickle_and_log_nothing_of_it(
    settings: Callable[..., Settings], caplog: pytest.LogCaptureFixture
) -> None:
    secret = KEYS["B"].hex()
    found = settings(PRIVATE_KEY_STRING=secret)
    logging.getLogger("app").warning("%s %r", found, found)
    assert secret not in repr(found) + str(found) + caplog.text
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="hold a private key"):
            pickle.dumps([found], protocol)
    assert copy.deepcopy(found) is found
    assert copy.copy(found) is found


def test_settings_without_a_key_are_pickled(settings: Callable[..., Settings]) -> None:
    found = settings(API_HOST="http://node")
    assert pickle.loads(pickle.dumps(found)) == found


def test_a_password_is_nowhere_in_errors(tmp_path: Path, settings: Callable[..., Settings]) -> None:
    content = {"version": 3, "crypto": {"secret": KEYS["A"].hex()}}
    path = create_key_file(tmp_path / "key.json", json.dumps(content).encode())
    # The traceback quotes the lines of this test, so no line may spell it.
    password = "correct" + str(len(content)) * 4
    with pytest.raises(ArgumentError) as caught:
        load_account(None, path, Sealed, password=password, settings=settings())
    assert password not in "".join(traceback.format_exception(caught.value))


def test_loading_an_account_loads_no_library_of_another_chain(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from aleph_core.accounts import load_account\n"
        "load_account(bytes([1]) * 32, chain='SOL')\n"
        "print([n for n in ('coincurve', 'Crypto', 'eth_account', 'ledgereth') if n in sys.modules])"
    )
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ALEPH_", "COVERAGE", "XDG_"))
    }
    environment["HOME"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "[]", done.stderr


def test_words_in_the_place_of_the_mnemonic_file_make_no_file(
    home: Path, settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home.parent)
    with pytest.raises(ConfigurationError, match="looks like a private key") as caught:
        load_account(chain="DOT", settings=settings(PRIVATE_MNEMONIC_FILE=MNEMONIC))
    assert MNEMONIC not in str(caught.value)
    assert list(home.parent.iterdir()) == []


def test_a_fresh_phrase_is_made_for_polkadot_in_its_own_file(
    home: Path, settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    class DOTAccount(SOLAccount):
        """Stands for the chain whose keys are phrases: this one only counts the words."""

        @property
        def CHAIN(self) -> str:
            return "DOT"

        @classmethod
        def from_mnemonic(cls, mnemonic: str) -> DOTAccount:
            assert len(mnemonic.split()) == 12
            return cls(KEYS["A"])

    monkeypatch.setitem(vars(aleph_core.accounts), "DOTAccount", DOTAccount)
    load_account(chain="DOT", settings=settings())
    file = home / "private-keys" / "substrate.mnemonic"
    words = file.read_text()
    assert ETHAccount.from_mnemonic(words)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    load_account(chain="DOT", settings=settings())
    assert file.read_text() == words
