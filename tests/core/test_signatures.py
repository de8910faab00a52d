from __future__ import annotations

import json
from collections import UserString
from typing import Any

import base58
import pytest
from aleph_message.models import Chain, MessageType
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.accounts import ETHAccount, SOLAccount
from aleph_core.chains import EVM_CHAINS, SOLANA_CHAINS, verification_buffer
from aleph_core.errors import (
    ArgumentError,
    BadSignatureError,
    UnverifiableChainError,
    VerificationError,
)
from aleph_core.signatures import verify_message_signature, verify_signature

EVM_SENDER = "0x8ad78A927C5230E7cAC9f39FFC2Ee794Fe433C1B"
SOL_SENDER = "4Zbs6zDkdzBbNjhG8yWSCZ1ymmpfE7MTrnyvoDnWAHeC"

# Recorded on a real node: chain, sender, item hash, signature.
PROCESSED = {
    "ETH": (
        EVM_SENDER,
        "ddeebbab6937d20854f88ad71f74607eb3f6d87611891b047ef5d1680e0603e9",
        (
            "0xb305db7fbbf6c75ec5051a50bf7578a80c0a5965586c0fe60ab7e9492e4273b6"
            "3572e58f3620fcf0596f89fa8a5892ab48fa6f387edb2b5899df8c09facdcf3b1c"
        ),
    ),
    "BASE": (
        EVM_SENDER,
        "d01ca08ca7f76b2de5545df86507db730d08ae4c31ff0129a78f999c6379cad3",
        (
            "0xfc4f32c6de3b39859a9900ea67a373abeaa5d86951539b0eef9dec9c6a04fa5a"
            "50df91816139798fe55ccd8c53fdb5e38053891868604fc68672204b2c66783f1b"
        ),
    ),
    "SOL": (
        SOL_SENDER,
        "e6d77b95d7bcfff5029d8aec1364b22cf3d639a79ff40c5386f74f4a044b3a34",
        (
            f'{{"publicKey": "{SOL_SENDER}", "signature": "4mRDP66SfWo69VdMXaQqADfZjg1HrUhyV3roM7S'
            'aUZh5AgcyXJDL3dPa6tAJj9nAfExWYzNp5v9KMBFMN2wrd8NK"}'
        ),
    ),
}
REJECTED = [
    (
        "ETH",
        EVM_SENDER,
        "635b276474b97873825e8275d473fe8a720df4dd4977ce875812d6bd92e7d0a1",
        (
            "0x17f9dd0eaab4c31e7b4400bc7ad93900690c0acb39cdf54eb98e3e702778011d"
            "0b7c48d4778a7c6821b5a2115e70bb86e62f4153531728189d47f1ae1543dea31b"
        ),
    ),
    (
        "ETH",
        EVM_SENDER,
        "53d0732d2690ac4a0a639ecf681c6ae3db6fafdfb362d0265493d645acc71b0c",
        "0x" + "11" * 65,
    ),
    (
        "BASE",
        EVM_SENDER,
        "bdb6e4aa5917120d8e6419968456f76192af822698e8d3606e2b607f4d456bb1",
        (
            "0xfb44e61a4d2ec7e3ded10ba83b7e99dd9e7f73388dbbeb10b0c620884a49aac8"
            "490c79b1ecf659c4210c9e03342c8cedd0c0d511420357f3f407c29e2b8078951b"
        ),
    ),
    (
        "SOL",
        SOL_SENDER,
        "8815fa77b2bdf0807d53d3805445be0a9ee6578a89b8553d156597e1e0163ba7",
        (
            f'{{"publicKey": "{SOL_SENDER}", "signature": "5NRqmYWqrTTttzXC2MK9Qopfci35kMTzSrxWLwu'
            'YvMFH26YtDfNBBBpmcyR8uoHTQaum9BY92bpAqb9yffgVxzkM"}'
        ),
    ),
]


def message(chain: str) -> dict[str, Any]:
    sender, item_hash, signature = PROCESSED[chain]
    return {
        "chain": chain,
        "sender": sender,
        "type": "POST",
        "item_hash": item_hash,
        "signature": signature,
    }


def test_the_signed_text_is_four_lines_without_a_last_newline() -> None:
    assert verification_buffer("ETH", "0xAb", "POST", "cafe") == b"ETH\n0xAb\nPOST\ncafe"
    assert verification_buffer("ETH", "é", "POST", "cafe") == "ETH\né\nPOST\ncafe".encode()


def test_members_of_enumerations_count_by_their_value() -> None:
    buffer = verification_buffer(Chain.ARBITRUM, "0xAb", MessageType.post, "cafe")
    assert buffer == b"ARB\n0xAb\nPOST\ncafe"


@pytest.mark.parametrize("name", ["chain", "sender", "type", "item_hash"])
@pytest.mark.parametrize("wrong", ["", None, 5, b"ETH", "a\nb", "\n", UserString("ETH")], ids=repr)
def test_a_value_that_cannot_be_signed_is_named(name: str, wrong: Any) -> None:
    values = {"chain": "ETH", "sender": "0xAb", "type": "POST", "item_hash": "cafe"}
    with pytest.raises(ArgumentError) as caught:
        verification_buffer(**{**values, name: wrong})
    assert caught.value.argument == name


def test_text_that_is_no_unicode_is_an_argument_error() -> None:
    with pytest.raises(ArgumentError, match="UTF-8"):
        verification_buffer("ETH", "\ud800", "POST", "cafe")


line = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), min_size=1)


@given(st.tuples(line, line, line, line), st.tuples(line, line, line, line))
def test_different_messages_have_different_texts(
    one: tuple[str, str, str, str], other: tuple[str, str, str, str]
) -> None:
    assert (verification_buffer(*one) == verification_buffer(*other)) == (one == other)


@pytest.mark.parametrize("chain", PROCESSED)
def test_messages_that_a_real_node_processed_verify(chain: str) -> None:
    verify_message_signature(message(chain))


@pytest.mark.parametrize(("chain", "sender", "item_hash", "signature"), REJECTED)
def test_messages_that_a_real_node_rejected_do_not(
    chain: str, sender: str, item_hash: str, signature: str
) -> None:
    envelope = {**message(chain), "sender": sender, "item_hash": item_hash, "signature": signature}
    with pytest.raises(BadSignatureError) as caught:
        verify_message_signature(envelope)
    assert caught.value.item_hash == item_hash


def test_an_evm_signature_under_avax_is_never_a_pass() -> None:
    envelope = ETHAccount.generate().sign_message({"type": "POST", "item_hash": "cafe"})
    with pytest.raises(VerificationError):
        verify_message_signature({**envelope, "chain": "AVAX"})


@pytest.mark.parametrize("chain", sorted(EVM_CHAINS))
def test_every_evm_identifier_verifies(chain: str) -> None:
    signed = ETHAccount.generate(chain).sign_message({"type": "POST", "item_hash": "cafe"})
    verify_message_signature(signed)
    with pytest.raises(BadSignatureError):
        verify_message_signature({**signed, "item_hash": "cafd"})


@pytest.mark.parametrize("chain", sorted(SOLANA_CHAINS))
def test_every_solana_identifier_verifies(chain: str) -> None:
    account = SOLAccount.generate()
    buffer = verification_buffer(chain, account.get_address(), "POST", "cafe")
    signature = account.sign_message({"type": "POST", "item_hash": "cafe"})["signature"]
    if chain != "SOL":
        signature = json.dumps(
            {
                "publicKey": account.get_address(),
                "signature": base58.b58encode(account.sign_raw(buffer)).decode(),
            }
        )
    verify_signature(chain=chain, sender=account.get_address(), buffer=buffer, signature=signature)


def test_a_chain_given_as_enumeration_finds_its_verifier() -> None:
    signed = ETHAccount.generate("ARB").sign_message({"type": "POST", "item_hash": "cafe"})
    verify_message_signature({**signed, "chain": Chain.ARBITRUM, "type": MessageType.post})


@pytest.mark.parametrize("chain", PROCESSED)
@pytest.mark.parametrize("field", ["chain", "sender", "type", "item_hash", "signature"])
def test_changing_any_character_of_a_signed_field_fails(chain: str, field: str) -> None:
    envelope = message(chain)
    text = envelope[field]
    for at, character in enumerate(text):
        changed = text[:at] + ("1" if character != "1" else "2") + text[at + 1 :]
        if json_equal(text, changed):
            continue
        with pytest.raises(VerificationError):
            verify_message_signature({**envelope, field: changed})


def json_equal(one: str, other: str) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


@pytest.mark.parametrize("field", ["chain", "sender", "type", "item_hash", "signature"])
@pytest.mark.parametrize("wrong", [None, "", 0, b"x", [], {}, True, "\ud800"], ids=repr)
def test_a_malformed_field_is_a_bad_signature(field: str, wrong: Any) -> None:
    for chain in PROCESSED:
        with pytest.raises(VerificationError):
            verify_message_signature({**message(chain), field: wrong})


def test_an_empty_envelope_is_a_bad_signature() -> None:
    with pytest.raises(BadSignatureError) as caught:
        verify_message_signature({})
    assert caught.value.item_hash is None


@pytest.mark.parametrize(
    "chain", ["DOT", "CSDK", "TEZOS", "NULS", "NULS2", "AVAX", "AURORA", "STT", "eth", "BTC"]
)
def test_a_chain_without_a_verifier_is_an_error_of_its_own(chain: str) -> None:
    with pytest.raises(UnverifiableChainError, match=chain) as caught:
        verify_message_signature({**message("ETH"), "chain": chain})
    assert caught.value.chain == chain
    assert caught.value.item_hash == message("ETH")["item_hash"]
    assert not isinstance(caught.value, BadSignatureError)


@pytest.mark.parametrize("chain", ["AURORA", "STT"])
def test_chains_that_nobody_verifies_are_said_to_be_so(chain: str) -> None:
    with pytest.raises(UnverifiableChainError, match="no verifier exists"):
        verify_message_signature({**message("ETH"), "chain": chain})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
anything = json_values | json_values.map(lambda value: json.dumps(value, default=repr))


@given(st.sampled_from(sorted(EVM_CHAINS | SOLANA_CHAINS)), st.text(), st.binary(), anything)
def test_random_junk_is_a_bad_signature_and_nothing_else(
    chain: str, sender: str, buffer: bytes, signature: object
) -> None:
    with pytest.raises(BadSignatureError):
        verify_signature(chain=chain, sender=sender, buffer=buffer, signature=signature)


@given(
    st.dictionaries(
        st.sampled_from(["chain", "sender", "type", "item_hash", "signature"]),
        anything | st.sampled_from(["ETH", "SOL", EVM_SENDER, SOL_SENDER]),
    )
)
def test_a_random_envelope_never_verifies_and_never_crashes(envelope: dict[str, Any]) -> None:
    with pytest.raises(VerificationError):
        verify_message_signature(envelope)


def test_junk_of_the_wrong_type_is_a_bad_signature() -> None:
    good = message("ETH")
    buffer = verification_buffer(*(good[name] for name in ("chain", "sender", "type", "item_hash")))
    wrong: Any
    for wrong in (None, 1, b"ETH", ["ETH"]):
        with pytest.raises(BadSignatureError):
            verify_signature(
                chain=wrong, sender=EVM_SENDER, buffer=buffer, signature=good["signature"]
            )
        with pytest.raises(BadSignatureError):
            verify_signature(chain="ETH", sender=wrong, buffer=buffer, signature=good["signature"])
    text: Any = buffer.decode()
    with pytest.raises(BadSignatureError):
        verify_signature(chain="ETH", sender=EVM_SENDER, buffer=text, signature=good["signature"])
