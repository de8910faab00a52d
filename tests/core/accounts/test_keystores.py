from __future__ import annotations

import json
from typing import Any

import pytest
from eth_account import Account as Reference

from aleph_core.accounts import ETHAccount
from aleph_core.errors import ArgumentError

KEY = bytes(range(1, 33))
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def keystore() -> dict[str, Any]:
    return ETHAccount(KEY).export_keystore(PASSWORD, iterations=2)


def test_other_tools_open_what_we_encrypt(keystore: dict[str, Any]) -> None:
    assert bytes(Reference.decrypt(keystore, PASSWORD)) == KEY
    pbkdf2 = ETHAccount(KEY).export_keystore(lambda: PASSWORD, kdf="pbkdf2", iterations=2)
    assert bytes(Reference.decrypt(json.dumps(pbkdf2), PASSWORD)) == KEY
    assert KEY.hex() not in json.dumps(keystore)


def test_opens_text_bytes_and_parsed_json(keystore: dict[str, Any]) -> None:
    text = json.dumps(keystore)
    for form in (keystore, text, text.encode()):
        account = ETHAccount.from_keystore(form, PASSWORD, "BASE")
        assert account.export_private_key() == "0x" + KEY.hex()
        assert account.CHAIN == "BASE"


def test_a_function_is_asked_once_and_only_for_a_keystore(keystore: dict[str, Any]) -> None:
    asked: list[int] = []

    def password() -> str:
        asked.append(1)
        return PASSWORD

    ETHAccount.from_keystore(keystore, password)
    assert len(asked) == 1
    with pytest.raises(ArgumentError, match="keystore"):
        ETHAccount.from_keystore({}, password)
    with pytest.raises(ArgumentError, match="chain"):
        ETHAccount.from_keystore(keystore, password, "SOL")
    assert len(asked) == 1


def test_a_wrong_password_is_named_and_not_repeated(keystore: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError) as caught:
        ETHAccount.from_keystore(keystore, "wrong battery")
    assert caught.value.argument == "password"
    assert "battery" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        "{}",
        '{"version": 3}',
        b"\xff",
        None,
        5,
        {"version": 1},
        "[" * 9999,
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_keystore_is_named(wrong: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        ETHAccount.from_keystore(wrong, PASSWORD)
    assert caught.value.argument == "keystore"
    assert caught.value.__context__ is None


def test_a_damaged_keystore_is_named(keystore: dict[str, Any]) -> None:
    for damage in ({"crypto": {}}, {"crypto": {**keystore["crypto"], "kdf": "md5"}}):
        with pytest.raises(ArgumentError) as caught:
            ETHAccount.from_keystore({**keystore, **damage}, PASSWORD)
        assert caught.value.argument == "keystore"


@pytest.mark.parametrize("wrong", ["", None, 5, b"bytes", lambda: None])
def test_a_password_must_be_text(keystore: dict[str, Any], wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="password"):
        ETHAccount.from_keystore(keystore, wrong)
    with pytest.raises(ArgumentError, match="password"):
        ETHAccount(KEY).export_keystore(wrong)


def test_refuses_other_ways_to_derive() -> None:
    with pytest.raises(ArgumentError, match="kdf"):
        ETHAccount(KEY).export_keystore(PASSWORD, kdf="md5")
    with pytest.raises(ArgumentError, match="iterations"):
        ETHAccount(KEY).export_keystore(PASSWORD, iterations=3)
