from __future__ import annotations

import json
from typing import Any

import base58
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from aleph_core.accounts import Account, SOLAccount
from aleph_core.accounts.solana import verify_signature
from aleph_core.errors import ArgumentError, BadSignatureError

# RFC 8032, section 7.1: secret key, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]

SEED = bytes.fromhex(RFC_8032[0][0])
PAIR = SEED + bytes.fromhex(RFC_8032[0][1])
ADDRESS = base58.b58encode(PAIR[32:]).decode()
BUFFER = b"SOL\nx\nPOST\ny"

seeds = st.binary(min_size=32, max_size=32)


def text_of(**parts: Any) -> str:
    return json.dumps(
        {
            "publicKey": ADDRESS,
            "signature": base58.b58encode(SOLAccount(SEED).sign_raw(BUFFER)).decode(),
            **parts,
        }
    )


def signs(signature: str, buffer: bytes = BUFFER, sender: str = ADDRESS) -> bool:
    try:
        verify_signature(sender=sender, buffer=buffer, signature=signature)
    except BadSignatureError:
        return False
    return True


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_signs_the_examples_of_rfc_8032(
    seed: str, public: str, message: str, signature: str
) -> None:
    account = SOLAccount(bytes.fromhex(seed))
    assert account.get_public_key() == public
    assert base58.b58decode(account.get_address()).hex() == public
    assert account.sign_raw(bytes.fromhex(message)).hex() == signature


@pytest.mark.parametrize(
    "form",
    [
        SEED,
        PAIR,
        bytearray(SEED),
        memoryview(PAIR),
        base58.b58encode(SEED).decode(),
        base58.b58encode(PAIR).decode(),
        base58.b58encode(PAIR).decode() + "\n",
        base58.b58encode(PAIR) + b"\n",
        list(SEED),
        list(PAIR),
        tuple(PAIR),
        json.dumps(list(PAIR)),
        json.dumps(list(SEED), separators=(",", ":")) + "\n",
        json.dumps(list(PAIR)).encode(),
    ],
    ids=lambda form: f"{type(form).__name__}-{len(form)}",
)
def test_reads_every_form_of_a_key(form: Any) -> None:
    assert SOLAccount(form).get_address() == ADDRESS
    assert SOLAccount(private_key=form).sign_raw(b"x") == SOLAccount(SEED).sign_raw(b"x")


@given(seeds)
def test_reads_its_own_export(seed: bytes) -> None:
    account = SOLAccount(seed)
    exported = account.export_private_key()
    assert len(base58.b58decode(exported)) == 64
    assert SOLAccount(exported).export_private_key() == exported


@given(seeds, st.binary(max_size=300))
def test_signs_as_pynacl_does(seed: bytes, buffer: bytes) -> None:
    assert SOLAccount(seed).sign_raw(buffer) == SigningKey(seed).sign(buffer).signature


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        SEED[:31],
        SEED + b"\x00",
        PAIR[:63],
        PAIR + b"\x00",
        SEED + SEED,
        SEED + bytes(32),
        "",
        "[]",
        "[",
        "[" * 2_000,
        "[" * 1_000_000,
        base58.b58encode(SEED[:31]).decode(),
        base58.b58encode(SEED + SEED).decode(),
        base58.b58encode(SEED).decode()[:-1] + "0",
        "1" * 1_000_000,
        SEED.hex(),
        list(SEED)[:-1],
        [*SEED[:-1], 256],
        [*SEED[:-1], -1],
        [*SEED[:-1], True],
        [*SEED[:-1], 1.0],
        [str(number) for number in SEED],
        list(SEED + SEED),
        [*PAIR, 0],
        json.dumps([*SEED[:-1], 1.5]),
        int.from_bytes(SEED, "big"),
        None,
    ],
    ids=lambda wrong: f"{type(wrong).__name__}-{wrong!r:.20}",
)
def test_refuses_what_is_no_key_naming_the_argument_and_never_the_key(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="private_key") as caught:
        SOLAccount(wrong)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    for secret in (SEED.hex()[:16], base58.b58encode(SEED).decode()[:16], str(list(SEED))[:16]):
        assert secret not in str(caught.value)


def test_generated_keys_differ() -> None:
    assert len({SOLAccount.generate().get_address() for _ in range(8)}) == 8


def test_is_an_account() -> None:
    account: Account = SOLAccount(SEED)
    assert isinstance(account, Account)
    assert (account.CHAIN, account.CURVE) == ("SOL", "ed25519")


def test_the_signature_of_a_message_is_the_text_that_nodes_read() -> None:
    account = SOLAccount(SEED)
    signed = account.sign_message({"type": "POST", "item_hash": "ab", "time": 1})
    buffer = f"SOL\n{ADDRESS}\nPOST\nab".encode()
    assert signed["signature"] == json.dumps(
        {
            "publicKey": ADDRESS,
            "signature": base58.b58encode(SigningKey(SEED).sign(buffer).signature).decode(),
        }
    )
    assert signs(signed["signature"], buffer)
    assert (signed["chain"], signed["sender"], signed["time"]) == ("SOL", ADDRESS, 1)


def test_refuses_to_sign_for_another_sender() -> None:
    with pytest.raises(ArgumentError, match="sender"):
        SOLAccount(SEED).sign_message(
            {"type": "POST", "item_hash": "ab", "sender": ADDRESS.swapcase()}
        )


@pytest.mark.parametrize(
    "parts",
    [{}, {"version": 1}, {"version": 1.0}, {"note": "kept by some wallet"}],
)
def test_accepts_what_a_node_accepts(parts: dict[str, Any]) -> None:
    assert signs(text_of(**parts))


@pytest.mark.parametrize(
    "parts",
    [
        {"version": 2},
        {"version": "1"},
        {"version": None},
        {"publicKey": None},
        {"publicKey": ADDRESS + " "},
        {"publicKey": base58.b58encode(bytes(32)).decode()},
        {"signature": None},
        {"signature": 5},
        {"signature": ""},
        {"signature": "0OIl"},
        {"signature": "\N{LATIN SMALL LETTER E WITH ACUTE}"},
        {"signature": "1" * 64},
        {"signature": "1" * 1_000_000},
        {"signature": base58.b58encode(SOLAccount(SEED).sign_raw(b"other")).decode()},
        {"signature": base58.b58encode(SOLAccount(SEED).sign_raw(BUFFER)[:63]).decode()},
        {"signature": list(SOLAccount(SEED).sign_raw(BUFFER))},
    ],
    ids=lambda parts: f"{parts!r:.40}",
)
def test_refuses_what_a_node_refuses(parts: dict[str, Any]) -> None:
    assert not signs(text_of(**parts))


@pytest.mark.parametrize(
    "signature",
    [
        base58.b58encode(SOLAccount(SEED).sign_raw(BUFFER)).decode(),
        "[]",
        "null",
        "1",
        '"text"',
        "{}",
        "[" * 2_000,
        "[" * 1_000_000,
        text_of(note="x" * 20_000),
        '{"publicKey": ' + "9" * 5000 + "}",
        text_of()[:-1],
    ],
    ids=lambda text: f"{text:.20}",
)
def test_refuses_a_signature_that_is_no_complete_object(signature: str) -> None:
    assert not signs(signature)


@pytest.mark.parametrize(
    "point", [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"]
)
def test_refuses_keys_of_small_order_that_sign_anything(point: bytes) -> None:
    weak = base58.b58encode(point).decode()
    forged = base58.b58encode(b"\x01" + bytes(63)).decode()
    assert not signs(json.dumps({"publicKey": weak, "signature": forged}), sender=weak)


@given(st.integers(0, 63), st.integers(0, 7))
def test_a_flipped_bit_of_the_signature_fails(at: int, bit: int) -> None:
    raw = bytearray(SOLAccount(SEED).sign_raw(BUFFER))
    raw[at] ^= 1 << bit
    assert not signs(text_of(signature=base58.b58encode(bytes(raw)).decode()))


@given(st.text() | st.builds(text_of, publicKey=st.text(), signature=st.text(), version=st.none()))
def test_junk_is_a_bad_signature_and_nothing_else(signature: str) -> None:
    with pytest.raises(BadSignatureError):
        verify_signature(sender=ADDRESS, buffer=BUFFER, signature=signature)


@pytest.mark.parametrize(
    "wrong",
    [
        SEED.hex(),
        PAIR.hex().encode(),
        f"0x{SEED.hex()}\n",
        SEED.hex().encode(),
        "legal winner " * 6,
    ],
    ids=repr,
)
def test_digits_and_words_are_told_how_to_be_given(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="from_mnemonic") as caught:
        SOLAccount(wrong)
    assert SEED.hex()[:12] not in str(caught.value)


def test_a_long_json_text_is_read_up_to_a_limit() -> None:
    assert signs(text_of(note="x" * 10_000))
