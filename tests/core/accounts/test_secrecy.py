"""No key in anything that is printed, logged, copied or stored by accident."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable

import base58
import pytest

from aleph_core.accounts import (
    AvalancheAccount,
    CosmosAccount,
    DOTAccount,
    ETHAccount,
    LocalAccount,
    NULS2Account,
    SOLAccount,
    SVMAccount,
    TezosAccount,
)
from aleph_core.errors import ArgumentError, DecryptionError

KEY = bytes(range(101, 133))


def spellings() -> list[str]:
    return [
        KEY.hex(),
        KEY.hex().upper(),
        base58.b58encode(KEY).decode(),
        SOLAccount(KEY).export_private_key(),
        TezosAccount(KEY).export_private_key(),
        TezosAccount(KEY, "secp256k1").export_private_key(),
        WORDS,
        PASSWORD,
        repr(KEY)[2:-1],
        str(list(KEY))[1:-1],
        str(int.from_bytes(KEY, "big")),
    ]


def assert_secret_absent(text: str) -> None:
    for spelling in spellings():
        assert spelling not in text
        assert spelling[:20] not in text


ACCOUNTS = [
    ETHAccount(KEY),
    ETHAccount(KEY, "BASE"),
    SOLAccount(KEY),
    SVMAccount(KEY),
    DOTAccount(KEY),
    CosmosAccount(KEY),
    TezosAccount(KEY),
    TezosAccount(KEY, "secp256k1"),
    NULS2Account(KEY),
    AvalancheAccount(KEY),
]
WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow"
PASSWORD = "correct horse battery"
KEYSTORE = ETHAccount(KEY).export_keystore(PASSWORD, iterations=2)


@pytest.fixture(params=ACCOUNTS, ids=lambda account: account.CHAIN)
def account(request: pytest.FixtureRequest) -> LocalAccount:
    value = request.param
    assert isinstance(value, LocalAccount)
    return value


@pytest.mark.parametrize(
    "show",
    [repr, str, "{}".format, "{!r}".format, pprint.pformat, ascii, lambda a: repr([a]), dir],
)
def test_shows_its_class_and_address_only(
    account: LocalAccount, show: Callable[[object], object]
) -> None:
    assert_secret_absent(str(show(account)))
    assert repr(account) == f"<{type(account).__name__} {account.get_address()}>"


def test_is_logged_by_address(account: LocalAccount, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("app").warning("using %s and %r", account, {"account": account})
    assert account.get_address() in caplog.text
    assert_secret_absent(caplog.text)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_is_never_pickled(account: LocalAccount, protocol: int) -> None:
    with pytest.raises(TypeError, match="holds a private key and is not pickled"):
        pickle.dumps(account, protocol)
    with pytest.raises(TypeError, match="holds a private key"):
        pickle.dumps({"nested": [account]}, protocol)


def test_copies_are_the_account_itself(account: LocalAccount) -> None:
    assert copy.copy(account) is account
    assert copy.deepcopy({"account": account})["account"] is account


def test_has_no_dictionary_and_no_state_to_dump(account: LocalAccount) -> None:
    with pytest.raises(TypeError):
        vars(account)
    with pytest.raises(TypeError):
        account.__getstate__()
    with pytest.raises(TypeError):
        json.dumps(account)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ETHAccount(KEY + b"\x00"),
        lambda: ETHAccount(KEY.hex() + "0"),
        lambda: ETHAccount("0x" + KEY.hex()[:-1] + "z"),
        lambda: SOLAccount(KEY + KEY),
        lambda: SOLAccount(base58.b58encode(KEY).decode() + "0"),
        lambda: SOLAccount([*KEY, 300]),
        lambda: ETHAccount(KEY).sign_message({"sender": "other"}),
        lambda: SOLAccount(KEY).sign_message({"type": None}),
        lambda: CosmosAccount(KEY.hex() + "0"),
        lambda: NULS2Account(KEY, 7),
        lambda: AvalancheAccount(KEY + b"0"),
        lambda: DOTAccount(KEY.hex() + "zz"),
        lambda: DOTAccount(WORDS + " legal"),
        lambda: TezosAccount(TezosAccount(KEY).export_private_key() + "1"),
        lambda: TezosAccount(TezosAccount(KEY).export_private_key(), "secp256k1"),
        lambda: ETHAccount.from_mnemonic(WORDS + " legal"),
        lambda: SOLAccount.from_mnemonic(WORDS, account_path="m/0"),
        lambda: CosmosAccount.from_mnemonic(WORDS[:-7]),
        lambda: DOTAccount.from_mnemonic(WORDS[:-7], PASSWORD),
        lambda: ETHAccount.from_keystore(KEYSTORE, PASSWORD + "?"),
        lambda: ETHAccount.from_keystore({**KEYSTORE, "crypto": {}}, PASSWORD),
        lambda: ETHAccount(KEY).export_keystore(PASSWORD, iterations=3),
        lambda: SOLAccount(KEY).decrypt(KEY * 3),
        lambda: ETHAccount(KEY).decrypt(KEY * 4),
    ],
)
def test_tracebacks_of_refusals_do_not_hold_the_key(make: Callable[[], object]) -> None:
    with pytest.raises((ArgumentError, DecryptionError)) as caught:
        make()
    assert_secret_absent("".join(traceback.format_exception(caught.value)))
    assert_secret_absent(repr(caught.value) + repr(vars(caught.value)))
