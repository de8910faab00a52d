from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from eth_account.hdaccount import key_from_seed
from eth_account.hdaccount.mnemonic import Mnemonic
from eth_account.types import Language
from hypothesis import given, settings
from hypothesis import strategies as st

from aleph_core.accounts import CosmosAccount, DOTAccount, ETHAccount, SOLAccount, mnemonics
from aleph_core.accounts.mnemonics import ed25519_key, new_phrase, secp256k1_key, seed_from_mnemonic
from aleph_core.errors import ArgumentError

WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow"
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def test_the_words_are_those_of_the_standard() -> None:
    content = Path(mnemonics.__file__).with_name("bip39_english.txt").read_bytes()
    expected = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
    assert hashlib.sha256(content).hexdigest() == expected


def test_seeds_are_those_of_the_standard() -> None:
    # BIP-39's own vectors, passphrase TREZOR.
    assert seed_from_mnemonic(WORDS, "TREZOR").hex() == (
        "2e8905819b8723fe2c1d161860e5ee1830318dbf49a83bd451cfb8440c28bd6f"
        "a457fe1296106559a3c80937a1c1069be3a3a5bd381ee6260e8d9739fce1f607"
    )


@settings(max_examples=20)
@given(st.sampled_from([16, 20, 24, 28, 32]).flatmap(lambda n: st.binary(min_size=n, max_size=n)))
def test_every_phrase_is_read_and_no_phrase_with_a_wrong_checksum(entropy: bytes) -> None:
    phrase = Mnemonic(Language.ENGLISH).to_mnemonic(entropy)
    assert seed_from_mnemonic(phrase) == bytes(Mnemonic.to_seed(phrase))
    *first, last = phrase.split()
    words = Mnemonic(Language.ENGLISH).wordlist
    other = words[(words.index(last) ^ 1) % 2048]
    with pytest.raises(ArgumentError, match="mnemonic"):
        seed_from_mnemonic(" ".join([*first, other]))


@pytest.mark.parametrize(
    "language", [Language.JAPANESE, Language.SPANISH, Language.FRENCH, Language.CHINESE_SIMPLIFIED]
)
def test_the_other_languages_of_the_standard_are_read(language: Language) -> None:
    phrase = Mnemonic(language).to_mnemonic(bytes(range(16)))
    assert seed_from_mnemonic(phrase, "é") == bytes(Mnemonic.to_seed(phrase, "é"))


def test_words_may_be_shortened_to_what_tells_them_apart() -> None:
    short = " ".join(word[:4] for word in WORDS.split())
    assert seed_from_mnemonic(short) == seed_from_mnemonic(WORDS)
    with pytest.raises(ArgumentError, match="mnemonic"):
        seed_from_mnemonic(" ".join(word[:2] for word in WORDS.split()))


def test_new_phrases_are_phrases_and_differ() -> None:
    phrases = {new_phrase() for _ in range(5)}
    assert len(phrases) == 5
    for phrase in phrases:
        assert len(phrase.split()) == 12
        assert Mnemonic(Language.ENGLISH).is_mnemonic_valid(phrase)
        assert len(seed_from_mnemonic(phrase)) == 64


@given(
    st.binary(min_size=16, max_size=64),
    st.lists(st.tuples(st.integers(0, 2**31 - 1), st.booleans()), max_size=6),
)
def test_keys_on_secp256k1_are_those_of_eth_account(
    seed: bytes, steps: list[tuple[int, bool]]
) -> None:
    path = "/".join(["m", *(f"{number}'" if hard else f"{number}" for number, hard in steps)])
    assert secp256k1_key(seed, path) == bytes(key_from_seed(seed, path))


def test_keys_on_ed25519_are_those_of_the_standard() -> None:
    # SLIP-10's first test vector.
    seed = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
    expected = {
        "m": "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7",
        "m/0'": "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3",
        "m/0'/1'/2'/2'/1000000000'": (
            "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793"
        ),
    }
    assert {path: ed25519_key(seed, path).hex() for path in expected} == expected
    assert ed25519_key(seed, "m/0h/1H") == ed25519_key(seed, "m/0'/1'")


@pytest.mark.parametrize(
    "path", ["", "44'", "m/", "m/x'", "m/-1'", "m/2147483648'", "m/0", "m/0'/1", "m//0'", "M", None]
)
def test_a_path_that_is_none_on_ed25519_is_named(path: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        SOLAccount.from_mnemonic(WORDS, account_path=path)
    assert caught.value.argument == "account_path"


KINDS = pytest.mark.parametrize(
    "kind", [ETHAccount, SOLAccount, CosmosAccount, DOTAccount], ids=lambda kind: kind.__name__
)


@KINDS
@pytest.mark.parametrize("words", ["", "zebra", WORDS + " winner", WORDS[:-7], "zebra1 " * 12])
def test_wrong_words_are_refused_and_not_repeated(kind: Any, words: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        kind.from_mnemonic(words)
    assert caught.value.argument == "mnemonic"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    for word in words.split():
        assert word not in str(caught.value)


@KINDS
@pytest.mark.parametrize("argument", ["mnemonic", "passphrase"])
def test_what_is_no_text_is_named(kind: Any, argument: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        kind.from_mnemonic(**{"mnemonic": WORDS, argument: 5})
    assert caught.value.argument == argument


def test_a_passphrase_that_is_no_unicode_is_named() -> None:
    with pytest.raises(ArgumentError) as caught:
        seed_from_mnemonic(WORDS, "\ud800")
    assert caught.value.argument == "passphrase"


@KINDS
def test_spaces_between_words_do_not_count_and_the_passphrase_does(kind: Any) -> None:
    account = kind.from_mnemonic(WORDS)
    assert kind.from_mnemonic("  " + WORDS.replace(" ", "\n\t")).get_address() == (
        account.get_address()
    )
    assert kind.from_mnemonic(WORDS, "other").get_address() != account.get_address()
