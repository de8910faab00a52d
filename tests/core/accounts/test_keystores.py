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


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2"])
def test_opens_what_other_tools_encrypt(kdf: Any) -> None:
    theirs = Reference.encrypt(KEY, "pässwörd", kdf=kdf, iterations=4)
    account = ETHAccount.from_keystore(theirs, "pässwörd")
    assert account.export_private_key() == "0x" + KEY.hex()
    ours = account.export_keystore("pässwörd", kdf=kdf, iterations=4)
    assert ours["address"] == theirs["address"].lower()
    assert ours.keys() == theirs.keys()
    assert ours["crypto"].keys() == theirs["crypto"].keys()
    assert ours["crypto"]["kdfparams"].keys() == theirs["crypto"]["kdfparams"].keys()


def test_a_key_is_encrypted_at_a_cost_that_is_usual() -> None:
    keystore = ETHAccount(KEY).export_keystore(PASSWORD)
    assert keystore["crypto"]["kdfparams"]["n"] == 2**18
    assert bytes(Reference.decrypt(keystore, PASSWORD)) == KEY
    keystore = ETHAccount(KEY).export_keystore(PASSWORD, kdf="pbkdf2")
    assert keystore["crypto"]["kdfparams"]["c"] == 10**6
    assert bytes(Reference.decrypt(keystore, PASSWORD)) == KEY


def test_the_vectors_of_the_format_are_opened() -> None:
    """Those of the Web3 Secret Storage Definition; the password is testpassword."""
    secret = "0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
    pbkdf2 = {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    }
    scrypt = {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
        "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
        "kdf": "scrypt",
        "kdfparams": {
            "dklen": 32,
            "n": 262144,
            "p": 8,
            "r": 1,
            "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
        },
        "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
    }
    for crypto in (pbkdf2, scrypt):
        keystore = {"version": 3, "crypto": crypto, "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6"}
        account = ETHAccount.from_keystore(keystore, "testpassword")
        assert account.export_private_key() == secret


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


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ({"mac": "00"}, "mac"),
        ({"mac": 5}, "mac"),
        ({"ciphertext": "zz" * 32}, "ciphertext"),
        ({"ciphertext": "00" * 2**20}, "ciphertext"),
        ({"cipher": "aes-256-gcm"}, "cipher"),
        ({"cipherparams": {"iv": ""}}, "iv"),
        ({"cipherparams": []}, "cipherparams"),
        ({"kdf": ["scrypt"]}, "kdf"),
        ({"kdfparams": None}, "kdfparams"),
    ],
    ids=repr,
)
def test_a_malformed_keystore_is_named_before_the_password_is_asked(
    keystore: dict[str, Any], part: dict[str, Any], wrong: str
) -> None:
    damaged = {**keystore, "crypto": {**keystore["crypto"], **part}}
    with pytest.raises(ArgumentError, match=wrong) as caught:
        ETHAccount.from_keystore(damaged, _never_asked)
    assert caught.value.argument == "keystore"


@pytest.mark.parametrize(
    ("kdf", "cost", "wrong"),
    [
        ("scrypt", {"n": 2**21}, "n must"),
        ("scrypt", {"n": 3}, "power of two"),
        ("scrypt", {"n": True}, "n must"),
        ("scrypt", {"n": 2**18, "r": 64}, "n must"),
        ("scrypt", {"r": 2**40}, "r must"),
        ("scrypt", {"p": 17}, "p must"),
        ("scrypt", {"dklen": 2**31}, "dklen must"),
        ("scrypt", {"salt": 5}, "salt"),
        ("pbkdf2", {"c": 10**8 + 1}, "c must"),
        ("pbkdf2", {"c": "1"}, "c must"),
        ("pbkdf2", {"prf": "hmac-md5"}, "prf"),
    ],
    ids=repr,
)
def test_a_cost_that_would_occupy_the_machine_is_refused_before_the_password_is_asked(
    keystore: dict[str, Any], kdf: str, cost: dict[str, Any], wrong: str
) -> None:
    sound = {"n": 2, "r": 8, "p": 1, "c": 1, "prf": "hmac-sha256", "dklen": 32, "salt": "00" * 16}
    crypto = {**keystore["crypto"], "kdf": kdf, "kdfparams": {**sound, **cost}}
    with pytest.raises(ArgumentError, match=wrong) as caught:
        ETHAccount.from_keystore({"version": 3, "crypto": crypto}, _never_asked)
    assert caught.value.argument == "keystore"


def test_a_keystore_as_other_tools_spell_it_opens(keystore: dict[str, Any]) -> None:
    crypto = keystore["crypto"]
    spelled = {**crypto, "mac": "0x" + crypto["mac"].upper(), "KDF": crypto["kdf"]}
    account = ETHAccount.from_keystore({"version": 3, "Crypto": spelled}, PASSWORD)
    assert account.export_private_key() == "0x" + KEY.hex()


def test_text_too_long_for_a_keystore_is_refused(keystore: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="longer"):
        ETHAccount.from_keystore(json.dumps(keystore) + " " * 2**20, _never_asked)


def _never_asked() -> str:
    raise AssertionError("the password was asked for")
