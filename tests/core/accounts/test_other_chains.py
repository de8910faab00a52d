"""Accounts beside Ethereum's and Solana's: keys, addresses, refusals. Signatures: test_vectors."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import base58
import pytest
from aleph_message.models import Chain
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.accounts import (
    Account,
    AvalancheAccount,
    CosmosAccount,
    CSDKAccount,
    DOTAccount,
    ETHAccount,
    EVMAccount,
    NULS2Account,
    NULSAccount,
    SOLAccount,
    SVMAccount,
    TezosAccount,
    base58_text,
)
from aleph_core.accounts.bech32 import bech32_address
from aleph_core.errors import ArgumentError, BadSignatureError, UnverifiableChainError
from aleph_core.signatures import verify_message_signature

KEY = hashlib.sha256(b"other chains").digest()
UNSIGNED = {"type": "POST", "item_hash": "ab" * 32, "time": 1790000000.25}

MADE = [
    ETHAccount(KEY),
    SOLAccount(KEY),
    SVMAccount(KEY),
    DOTAccount(KEY),
    CosmosAccount(KEY),
    TezosAccount(KEY),
    TezosAccount(KEY, "secp256k1"),
    TezosAccount(KEY, signing_type="micheline", dapp_url="https://app.example"),
    NULS2Account(KEY),
    AvalancheAccount(KEY),
]
EACH = pytest.mark.parametrize("account", MADE, ids=lambda account: f"{account!r}"[:20])
# Those that differ from Ethereum's in nothing but the chain.
SIMPLE = pytest.mark.parametrize("kind", [CosmosAccount, NULS2Account, AvalancheAccount])


@EACH
def test_is_an_account_whose_messages_verify(account: Any) -> None:
    assert isinstance(account, Account)
    signed = account.sign_message(UNSIGNED)
    assert (signed["chain"], signed["sender"]) == (account.CHAIN, account.get_address())
    verify_message_signature(signed)
    with pytest.raises(BadSignatureError):
        verify_message_signature({**signed, "item_hash": "ac" * 32})


@EACH
def test_refuses_what_is_not_its_own_before_it_signs(account: Any) -> None:
    for changes in ({"sender": "other"}, {"chain": "BTC"}, {"type": None}, {"item_hash": "a\nb"}):
        with pytest.raises(ArgumentError):
            account.sign_message({**UNSIGNED, **changes})
    with pytest.raises(ArgumentError, match="buffer"):
        account.sign_raw("text")


@EACH
def test_reads_its_own_export_and_makes_new_keys(account: Any) -> None:
    kind = type(account)
    again = kind(account.export_private_key())
    assert again.get_public_key() == account.get_public_key()
    assert len({kind.generate().get_address() for _ in range(4)}) == 4


def test_names_of_todays_tools_are_the_same_classes() -> None:
    assert EVMAccount is ETHAccount
    assert CSDKAccount is CosmosAccount
    assert NULSAccount is NULS2Account


def test_an_evm_account_remembers_the_network_it_was_asked_for() -> None:
    account = EVMAccount(private_key="0x" + KEY.hex(), chain=Chain.AVAX)
    assert (account.CHAIN, account.network) == ("ETH", "AVAX")
    assert type(account.network) is str
    assert (ETHAccount(KEY).CHAIN, ETHAccount(KEY).network) == ("ETH", "ETH")
    assert EVMAccount(KEY, chain=Chain.BASE).network == EVMAccount(KEY, "BASE").CHAIN == "BASE"
    assert EVMAccount.generate("AVAX").network == "AVAX"


def test_accounts_of_solanas_virtual_machine_say_their_network() -> None:
    assert (SOLAccount(KEY).CHAIN, SVMAccount(KEY).CHAIN) == ("SOL", "ES")
    assert SVMAccount(KEY, chain=Chain.SOL).CHAIN == SOLAccount(KEY, chain="SOL").CHAIN == "SOL"
    assert SOLAccount.generate(chain=Chain.ECLIPSE).CHAIN == "ES"
    assert isinstance(SVMAccount(KEY), SOLAccount)
    wrong: Any
    for wrong in ("ETH", "sol", "", 5):
        with pytest.raises(ArgumentError, match="chain"):
            SOLAccount(KEY, wrong)


@SIMPLE
@pytest.mark.parametrize("form", [KEY, KEY.hex(), f"0x{KEY.hex()}\n", KEY.hex().encode()], ids=repr)
def test_reads_every_form_of_a_key(kind: Any, form: Any) -> None:
    assert kind(form).export_private_key() == "0x" + KEY.hex()
    assert len(kind(form).get_public_key()) == 66


@SIMPLE
@pytest.mark.parametrize("wrong", [KEY[:31], "", "legal winner", bytes(32), b"\xff" * 32, None, 5])
def test_refuses_what_is_no_key(kind: Any, wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="private_key") as caught:
        kind(wrong)
    assert caught.value.__context__ is None
    assert ("from_mnemonic" in str(caught.value)) <= (kind is CosmosAccount)


# BIP-173's valid addresses, as far as their data are whole bytes.
@pytest.mark.parametrize(
    ("prefix", "data", "address"),
    [
        ("a", b"", "a12uel5l"),
        (
            "abcdef",
            bytes.fromhex("00443214c74254b635cf84653a56d7c675be77df"),
            "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        ),
    ],
)
def test_bech32_addresses_are_those_of_the_standard(prefix: str, data: bytes, address: str) -> None:
    assert bech32_address(prefix, data) == address


@pytest.mark.parametrize("prefix", ["osmo", "terra", "stars"])
def test_a_cosmos_account_takes_any_prefix(prefix: str) -> None:
    account = CosmosAccount(KEY, hrp=prefix)
    assert account.get_address().startswith(prefix + "1")
    verify_message_signature(account.sign_message(UNSIGNED))
    assert CosmosAccount.generate(prefix).get_address().startswith(prefix + "1")


@pytest.mark.parametrize("prefix", ["", "Osmo", "os1mo", "ö", "a" * 41, None, "a b"])
def test_refuses_a_prefix_that_nodes_would_misread(prefix: Any) -> None:
    with pytest.raises(ArgumentError, match="hrp"):
        CosmosAccount(KEY, prefix)


def test_a_nuls_account_is_one_of_two_networks() -> None:
    assert NULS2Account(KEY).get_address().startswith("NULSd6Hg")
    assert NULS2Account(KEY, chain_id=2).get_address().startswith("tNULSe")
    assert NULS2Account.generate(2).get_address().startswith("tNULSe")
    wrong: Any
    for wrong in (0, 3, "1", None):
        with pytest.raises(ArgumentError, match="chain_id"):
            NULS2Account(KEY, wrong)


@given(st.integers(0, 600))
def test_long_texts_are_signed_behind_their_length(length: int) -> None:
    account = NULS2Account(KEY)
    envelope = account.sign_message({**UNSIGNED, "type": "T" * (length + 1)})
    verify_message_signature(envelope)


class TestTezos:
    @pytest.mark.parametrize("curve", ["ed25519", "secp256k1"])
    def test_reads_its_texts_and_tells_their_curve(self, curve: str) -> None:
        account = TezosAccount(KEY, curve)
        text = account.export_private_key()
        assert text.startswith({"ed25519": "edsk", "secp256k1": "spsk"}[curve])
        for form in (text, f" {text}\n", text.encode()):
            again = TezosAccount(form)
            assert (again.CURVE, again.get_address()) == (curve, account.get_address())
        assert TezosAccount(text, curve).get_address() == account.get_address()
        assert TezosAccount(KEY.hex(), curve).get_address() == account.get_address()
        assert curve == TezosAccount.generate(curve).CURVE

    def test_reads_the_long_form_of_an_ed25519_key(self) -> None:
        account = TezosAccount(KEY)
        public_key = base58.b58decode_check(account.get_public_key())[4:]
        prefix = bytes.fromhex("2bf64e07")
        text = base58.b58encode_check(prefix + KEY + public_key).decode()
        assert text.startswith("edsk")
        assert TezosAccount(text).get_address() == account.get_address()
        wrong = base58.b58encode_check(prefix + KEY + KEY).decode()
        with pytest.raises(ArgumentError, match="second half"):
            TezosAccount(wrong)

    @pytest.mark.parametrize("wrong", [b"", KEY[:31], "edsk", "edpk" + "1" * 50, None, 5, "é"])
    def test_refuses_what_is_no_key(self, wrong: Any) -> None:
        with pytest.raises(ArgumentError, match="private_key"):
            TezosAccount(wrong)

    def test_refuses_a_curve_that_is_not_the_keys(self) -> None:
        with pytest.raises(ArgumentError, match="curve"):
            TezosAccount(TezosAccount(KEY).export_private_key(), "secp256k1")
        wrong: Any
        for wrong in ("p256", "ed", 5):
            with pytest.raises(ArgumentError, match="curve"):
                TezosAccount(KEY, wrong)
            with pytest.raises(ArgumentError, match="curve"):
                TezosAccount.generate(wrong)

    @pytest.mark.parametrize(
        ("argument", "wrong"),
        [
            ("signing_type", "hex"),
            ("signing_type", None),
            ("dapp_url", ""),
            ("dapp_url", None),
            ("dapp_url", "x" * 1001),
            ("dapp_url", "\ud800"),
        ],
    )
    def test_refuses_what_no_wallet_signs(self, argument: str, wrong: Any) -> None:
        with pytest.raises(ArgumentError) as caught:
            TezosAccount(KEY, **{argument: wrong})
        assert caught.value.argument == argument

    def test_the_longest_address_of_an_application_verifies(self) -> None:
        account = TezosAccount(KEY, signing_type="micheline", dapp_url="\N{GRINNING FACE}" * 83)
        verify_message_signature(account.sign_message(UNSIGNED))

    @pytest.mark.parametrize("time", [None, "now", float("nan"), 1e30, True])
    def test_micheline_needs_a_time(self, time: Any) -> None:
        account = TezosAccount(KEY, signing_type="micheline")
        with pytest.raises(ArgumentError, match="time"):
            account.sign_message({**UNSIGNED, "time": time})
        signed = account.sign_message(UNSIGNED)
        with pytest.raises(BadSignatureError):
            verify_message_signature({**signed, "time": time})

    def test_micheline_covers_the_milliseconds_of_the_time(self) -> None:
        signed = TezosAccount(KEY, signing_type="micheline").sign_message(UNSIGNED)
        verify_message_signature({**signed, "time": UNSIGNED["time"] + 0.0004})  # type: ignore[operator]
        with pytest.raises(BadSignatureError):
            verify_message_signature({**signed, "time": UNSIGNED["time"] + 0.001})  # type: ignore[operator]

    def test_a_sender_whose_key_did_not_sign_is_refused(self) -> None:
        other = TezosAccount.generate()
        buffer = "\n".join(["TEZOS", other.get_address(), "POST", "ab" * 32]).encode()
        account = TezosAccount(KEY)
        forged = {
            **UNSIGNED,
            "chain": "TEZOS",
            "sender": other.get_address(),
            "signature": account._encode_signature(account.sign_raw(buffer)),
        }
        with pytest.raises(BadSignatureError, match="another key"):
            verify_message_signature(forged)


class TestSubstrate:
    WORDS = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"

    def test_reads_words_seeds_and_secret_keys(self) -> None:
        sr25519 = pytest.importorskip("sr25519", reason="the extra substrate is not installed")
        account = DOTAccount(self.WORDS)
        assert account.get_address() == "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV"
        seed = bytes.fromhex(account.export_private_key()[2:])
        secret = bytes(sr25519.pair_from_seed(seed)[1])
        forms: list[Any] = [
            f" {self.WORDS}\n",
            self.WORDS.encode() + b"\n",
            seed,
            bytearray(seed),
            seed.hex(),
            "0x" + seed.hex(),
            f"0x{seed.hex()}\n".encode(),
            secret,
            "0x" + secret.hex(),
        ]
        for form in forms:
            again = DOTAccount(form)
            assert again.get_address() == account.get_address()
            assert again.get_public_key() == account.get_public_key()
            verify_message_signature(again.sign_message(UNSIGNED))
        assert DOTAccount(secret).export_private_key() == "0x" + secret.hex()

    @pytest.mark.parametrize(
        ("address_type", "beginning"),
        [(0, "1"), (2, ""), (42, "5"), (63, ""), (64, ""), (16383, "")],
    )
    def test_takes_any_ss58_prefix(self, address_type: int, beginning: str) -> None:
        account = DOTAccount(KEY, address_type)
        assert account.get_address().startswith(beginning)
        assert account.get_public_key() == DOTAccount(KEY).get_public_key()
        verify_message_signature(account.sign_message(UNSIGNED))
        assert DOTAccount.generate(address_type).get_address() != account.get_address()

    @pytest.mark.parametrize("address_type", [-1, 46, 47, 16384, "42", None, True, 4.2])
    def test_refuses_what_is_no_prefix(self, address_type: Any) -> None:
        with pytest.raises(ArgumentError, match="address_type"):
            DOTAccount(KEY, address_type)

    @pytest.mark.parametrize(
        "wrong", [b"", KEY[:31], KEY + b"1", b"\xff" * 64, "zebra", "0x", "z" * 64, None, 5]
    )
    def test_refuses_what_is_no_key(self, wrong: Any) -> None:
        with pytest.raises(ArgumentError, match="private_key") as caught:
            DOTAccount(wrong)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None

    def test_refuses_an_address_whose_checksum_does_not_hold(self) -> None:
        signed = DOTAccount(KEY).sign_message(UNSIGNED)
        raw = bytearray(base58.b58decode(signed["sender"]))
        for at in range(len(raw)):
            changed = bytes(raw[:at]) + bytes([raw[at] ^ 1]) + bytes(raw[at + 1 :])
            sender = base58.b58encode(changed).decode()
            with pytest.raises(BadSignatureError):
                verify_message_signature({**signed, "sender": sender})

    def test_without_the_extra_it_says_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        signed = DOTAccount(KEY).sign_message(UNSIGNED)
        monkeypatch.setitem(__import__("sys").modules, "sr25519", None)
        with pytest.raises(UnverifiableChainError, match=r"aleph-sync\[substrate\]") as caught:
            verify_message_signature(signed)
        assert caught.value.chain == "DOT"
        from aleph_core.errors import MissingDependencyError

        with pytest.raises(MissingDependencyError, match=r"aleph-sync\[substrate\]"):
            DOTAccount(KEY)

    def test_the_key_of_zeros_signs_nothing_for_anybody(self) -> None:
        # Under the neutral element this signature holds for every text.
        forged = {
            **UNSIGNED,
            "chain": "DOT",
            "sender": "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM",
            "signature": json.dumps({"curve": "sr25519", "data": "0x" + "00" * 63 + "80"}),
        }
        with pytest.raises(BadSignatureError):
            verify_message_signature(forged)
        with pytest.raises(ArgumentError, match="private_key"):
            DOTAccount(bytes(64))

    def test_a_signature_without_its_curve_is_one_of_sr25519(self) -> None:
        signed = DOTAccount(KEY).sign_message(UNSIGNED)
        data = json.loads(signed["signature"])["data"]
        verify_message_signature({**signed, "signature": json.dumps({"data": data})})
        for curve in ("ed25519", None):
            text = json.dumps({"curve": curve, "data": data})
            with pytest.raises(BadSignatureError):
                verify_message_signature({**signed, "signature": text})

    @pytest.mark.parametrize(
        "prefix", [b"\x2e", b"\x2f", b"\x40\x00", b"\x4a\x80", b"\x4b\x80", b"\x4b\xc0", b"\x80"]
    )
    def test_a_key_has_one_address_under_each_prefix(self, prefix: bytes) -> None:
        account = DOTAccount(KEY)
        sender = _ss58(prefix, bytes.fromhex(account.get_public_key()[2:]))
        buffer = "\n".join(["DOT", sender, "POST", "ab" * 32]).encode()
        signature = account._encode_signature(account.sign_raw(buffer))
        with pytest.raises(BadSignatureError):
            verify_message_signature(
                {**UNSIGNED, "chain": "DOT", "sender": sender, "signature": signature}
            )

    def test_text_of_as_many_bytes_as_a_secret_key_is_read_as_text(self) -> None:
        assert DOTAccount(KEY.hex().encode()).get_address() == DOTAccount(KEY).get_address()
        words = "zoo " * 11 + "wrong"
        words += " " * (64 - len(words))
        assert len(words.encode()) == 64
        assert DOTAccount(words.encode()).get_address() == DOTAccount(words).get_address()
        with pytest.raises(ArgumentError, match="private_key"):
            DOTAccount(b"zoo " * 16)


def test_a_signature_in_another_json_spelling_still_holds() -> None:
    for account in (CosmosAccount(KEY), TezosAccount(KEY), DOTAccount(KEY)):
        signed = account.sign_message(UNSIGNED)
        parts = json.loads(signed["signature"])
        spelled = json.dumps({"ignored": [1], **parts}, indent=2)
        verify_message_signature({**signed, "signature": spelled})


def _ss58(prefix: bytes, public_key: bytes) -> str:
    payload = prefix + public_key
    checksum = hashlib.blake2b(b"SS58PRE" + payload).digest()[:2]
    return base58.b58encode(payload + checksum).decode()


@pytest.mark.parametrize("chain", ["X", "P", "C", "", "x", "XX", "Y", "X-X", " X"])
def test_an_avalanche_sender_is_of_one_of_three_chains(chain: str) -> None:
    account = AvalancheAccount(KEY)
    sender = chain + account.get_address()[1:]
    buffer = "\n".join(["AVAX", sender, "POST", "ab" * 32]).encode()
    signature = account._encode_signature(account.sign_raw(buffer))
    envelope = {**UNSIGNED, "chain": "AVAX", "sender": sender, "signature": signature}
    if chain in ("X", "P", "C"):
        verify_message_signature(envelope)
    else:
        with pytest.raises(BadSignatureError):
            verify_message_signature(envelope)


@pytest.mark.parametrize("space", [" ", "\n", "\t\r\n"], ids=repr)
def test_base58_with_white_space_is_refused(space: str) -> None:
    raw = b"base58"
    plain, checked = base58_text.encode(raw), base58_text.encode_checked(raw)
    assert base58_text.decode(plain, 99) == base58_text.decode_checked(checked, 99) == raw
    for wrong in (space + plain, plain + space):
        assert base58_text.decode(wrong, 99) is None
    for wrong in (space + checked, checked + space):
        assert base58_text.decode_checked(wrong, 99) is None
    signed = AvalancheAccount(KEY).sign_message(UNSIGNED)
    with pytest.raises(BadSignatureError):
        verify_message_signature({**signed, "signature": signed["signature"] + space})


@pytest.mark.parametrize(
    "make",
    [
        lambda misplaced: ETHAccount(KEY, misplaced),
        lambda misplaced: SOLAccount(KEY, misplaced),
        lambda misplaced: DOTAccount(KEY, misplaced),
        lambda misplaced: CosmosAccount(KEY, misplaced),
        lambda misplaced: NULS2Account(KEY, misplaced),
        lambda misplaced: TezosAccount(KEY, misplaced),
        lambda misplaced: TezosAccount(KEY, signing_type=misplaced),
    ],
)
@pytest.mark.parametrize("misplaced", [KEY.hex(), "0x" + KEY.hex(), KEY, int(KEY.hex(), 16)])
def test_a_key_in_the_place_of_another_argument_is_not_repeated(make: Any, misplaced: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        make(misplaced)
    for spelling in (KEY.hex(), repr(KEY)[2:-1], str(int(KEY.hex(), 16))):
        assert spelling[:12] not in str(caught.value)


def test_a_short_chain_that_is_none_is_repeated() -> None:
    with pytest.raises(ArgumentError, match="'ETHEREUM' is not one"):
        ETHAccount(KEY, "ETHEREUM")
