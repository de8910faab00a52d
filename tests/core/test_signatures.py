from __future__ import annotations

import base64
import hashlib
import json
from collections import UserString
from collections.abc import Callable
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
    "DOT": (
        "5GL5LwWjMWwTuJEsh4aupA46KAYR8WiytiMULi9w7HVc4JTv",
        "25f726f20fd4907e0aee38ff45f32bc16222d0a1ea49b5c1ff0b34667c5dc369",
        '{"curve": "sr25519", "data": "0xfa1ace07cd478cc1b763cf0f9f517a6466d35dd9281e13f8e36282dc4cb9326db252322dd1392a5c035db18b274152606ce6963871c3a7f5de1e3c3717e97987"}',
    ),
    "TEZOS": (
        "tz1djc8TYVTnDiGCMhG4MXAT9AQwjDFi1ciS",
        "dc915816f2a743dc9bebbe4a57b18fc9a5b3008977574edc9143616b63bab7d5",
        '{"publicKey": "edpku3XrvsAdnvMapt8i4snfZudcxXaxZAmMMVGxnd1es2ipKDGUVn", "signature": "edsigu4PNnx8UHBSBVn22mZZ7R3bedhgz39W2GAYQ91tyPnNu36UMeGjhXAcupvY7dz9Bgx6h3F8N6S7aNu9PNdnjY2zC1w6yNj"}',
    ),
    "CSDK": (
        "cosmos1lvv2y78luz397kw5wdzhrfvhgrf2q0323qer6q",
        "4e83ea64065129aef738a50118f5bb8760bf18e410bd823c55c2e5f448bc0e43",
        '{"signature": "XCG0PgsIrkgSTzuXDSMkO6GB57ltx4/sPsB9Qhua9MEXfvVtkar3jhK2t8I10eQ+E9mdBbTMk7EqAJzMNfJ9uQ==", "pub_key": {"type": "tendermint/PubKeySecp256k1", "value": "AzUIOD7UmvLxqnmkyXvdpOcUSz1VQRjdZDHGM2MA5OU3"}, "account_number": "0", "sequence": "0"}',
    ),
    "NULS2": (
        "NULSd6HgjJt8BZWPtaRytcTgZduLNaK8eJcfe",
        "cec79b46b32e449d98d389a4feb642c6ff953905647efb15f6f594849bbd6aed",
        "HGrFDSAm3wr8BaT6YhjCam9KbQr6hWyV8FBzIk/21ZduCDcbsafwD4tCVQE2cTVOfKDGbSqX6G20sQnslqjDUrg=",
    ),
    "AVAX": (
        "X-avax1lvv2y78luz397kw5wdzhrfvhgrf2q032yz52ra",
        "599710eaa5b03fedee72bdebcdccfe6bd1f05006361c1855ecd537d4b57cfef4",
        "3DAWDabTXLarWYuwabJqZAZmSRoTgJcabeyC7xo97EiPs7Ft239PVAwYLdZhTMF21vHo3GWPywWLUpvywG3NjVDSWG8ARhV",
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
    (
        "AVAX",
        "0x8ad78A927C5230E7cAC9f39FFC2Ee794Fe433C1B",
        "c625cb18e70029296ab59045b43f52255b33bc1287ed3adeb41639d4d7d64c59",
        "0x64c8a47ae308e065cc874b6ab6ffb16f2312805f86a54afd6fc16779997cc8b7333fb549adb62d7c5c7666df1e6e432e8c899a9da9a287eb45c5a32d9a5e918a1b",
    ),
    (
        "DOT",
        "5GL5LwWjMWwTuJEsh4aupA46KAYR8WiytiMULi9w7HVc4JTv",
        "85d068562cb0a485581d14eaf7767e3395056c38bd7b2ffe5e2afd81797bfee5",
        '{"curve": "sr25519", "data": "52baf49ed68404c915ac9026a0eca0720106cab8b38661ef69c5f4b0e0167f0a0c4144ff6127ba1bddd203ba7d6665c86ea5fabdab74d7672de2e868da061284"}',
    ),
    (
        "DOT",
        "5GL5LwWjMWwTuJEsh4aupA46KAYR8WiytiMULi9w7HVc4JTv",
        "1069b906495e32a2058a0c2dff611aeb37c2e1a58ca3b0d1125665ad86a93655",
        '{"curve": "sr25519", "data": "0xf4b2956e1c1b3e493609ea1d6e2402890eb92e5fc80bc67ec2b1cc3a10f752300191f8850e715ea1aed1075e7f96ff4521d824cf7b66a309167440137c02a084"}',
    ),
    (
        "TEZOS",
        "tz1djc8TYVTnDiGCMhG4MXAT9AQwjDFi1ciS",
        "b704a6c6079dec150a9eb840bc52fd03ef201ad9f515c305be18b7832cd26ca0",
        '{"publicKey": "edpku3XrvsAdnvMapt8i4snfZudcxXaxZAmMMVGxnd1es2ipKDGUVn", "signature": "edsigu5NKLEymGPynEi9uTCW52tpaTFAiviskK1n3NxyPmFypUExpknvtaDTvDsqWHMT88Q35a494MwnUCt96SeAQeWNGzErE8M"}',
    ),
    (
        "CSDK",
        "cosmos1lvv2y78luz397kw5wdzhrfvhgrf2q0323qer6q",
        "f931df674a862ad70dbaf509a4ddb09010e3344dfd8bc7d61853d15d2ea59450",
        '{"signature": "jlOYEpFO131T55t0PWQIOakRVxgdygj2PFpynLTcqcMSfo9LWA2kwQoKeqdYn8LbaIAXr66P8LA0I4WDOIAkZA==", "pub_key": {"type": "tendermint/PubKeySecp256k1", "value": "AzUIOD7UmvLxqnmkyXvdpOcUSz1VQRjdZDHGM2MA5OU3"}, "account_number": "0", "sequence": "0"}',
    ),
    (
        "NULS2",
        "NULSd6HgjJt8BZWPtaRytcTgZduLNaK8eJcfe",
        "eee023fd62ba2b9edaad267adda976e00010cb58ff7dd6aef768879c1a2aa42a",
        "HJD6yjA7aOtPOPPq8cAqLnVHwuz3hLnyqhhMF3VxFDACQolzZzX9xQEDJmL5oQalss7rp+3yyJ3WhN/8Ln0v5b0=",
    ),
    (
        "AVAX",
        "X-avax1lvv2y78luz397kw5wdzhrfvhgrf2q032yz52ra",
        "449bd792132684b77c8de37d26f5c3f937e966d880fccc0518ec75a6eaa7105c",
        "2fG27WFpmcU4hmwrX1q7mXvfqCCeYxzKZcArZeQCwa9ti28NMCUfWEZqwCsNCfAVbEfVHhhA2prZMwE1GQjPpKPyFiJnbLg",
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
    account = SOLAccount.generate(chain)
    buffer = verification_buffer(chain, account.get_address(), "POST", "cafe")
    signature = account.sign_message({"type": "POST", "item_hash": "cafe"})["signature"]
    verify_signature(chain=chain, sender=account.get_address(), buffer=buffer, signature=signature)


def test_a_chain_given_as_enumeration_finds_its_verifier() -> None:
    signed = ETHAccount.generate("ARB").sign_message({"type": "POST", "item_hash": "cafe"})
    verify_message_signature({**signed, "chain": Chain.ARBITRUM, "type": MessageType.post})


@pytest.mark.parametrize("chain", PROCESSED)
@pytest.mark.parametrize("field", ["chain", "sender", "type", "item_hash", "signature"])
def test_flipping_any_bit_of_any_byte_of_what_is_signed_fails(chain: str, field: str) -> None:
    envelope = message(chain)
    text = envelope[field]
    for at, character in enumerate(text):
        for bit in range(7):
            changed = text[:at] + chr(ord(character) ^ 1 << bit) + text[at + 1 :]
            if field == "signature" and meaning(chain, text) == meaning(chain, changed):
                continue
            with pytest.raises(VerificationError):
                verify_message_signature({**envelope, field: changed})


def meaning(chain: str, signature: str) -> object:
    """What verifiers read of a signature: not the spacing of JSON, unknown keys, or case of hex."""
    try:
        parts = json.loads(signature)
    except ValueError:
        return signature.lower() if chain in EVM_CHAINS else signature
    if isinstance(parts, dict) and chain == "CSDK":
        return {"signature": parts.get("signature"), "pub_key": parts.get("pub_key")}
    if isinstance(parts, dict) and chain == "DOT" and isinstance(data := parts.get("data"), str):
        curve = parts.get("curve", "sr25519")
        return {"curve": curve, "data": data[:2] + data[2:].lower()}
    return parts


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


@pytest.mark.parametrize("chain", ["AURORA", "STT", "eth", "BTC", "NULS3"])
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


CHAINS = sorted({*EVM_CHAINS, *SOLANA_CHAINS, *PROCESSED, "NULS", "NULS2"})
SENDERS = [sender for sender, _, _ in PROCESSED.values()] + [
    "",
    "1",
    "X-",
    "-",
    "NULSd",
    "tz1",
    "é",
]


@st.composite
def junk_of_a_signature(draw: st.DrawFn) -> str:
    """A signature that was processed, with a part of it replaced by random bytes or values."""
    text = PROCESSED[draw(st.sampled_from(sorted(PROCESSED)))][2]
    raw = st.binary(max_size=80)
    if not text.startswith("{"):
        encode = draw(st.sampled_from(ENCODINGS))
        return draw(st.one_of(raw.map(encode), st.just(text[: draw(st.integers(0, 99))])))
    parts = json.loads(text)
    for name in draw(st.sets(st.sampled_from(sorted(parts)), min_size=1)):
        encoded = st.builds(lambda encode, data: encode(data), st.sampled_from(ENCODINGS), raw)
        if isinstance(parts[name], dict):
            parts[name][draw(st.sampled_from(["type", "value"]))] = draw(encoded | json_values)
        else:
            parts[name] = draw(encoded | json_values)
    if draw(st.booleans()):
        parts["signingType"] = draw(st.sampled_from(["raw", "micheline"]) | json_values)
        parts["dAppUrl"] = draw(json_values)
    return json.dumps(parts, default=repr)


ENCODINGS: list[Callable[[bytes], str]] = [
    lambda data: data.hex(),
    lambda data: "0x" + data.hex(),
    lambda data: base64.b64encode(data).decode(),
    lambda data: base58.b58encode(data).decode(),
    lambda data: base58.b58encode_check(data).decode(),
    lambda data: base58.b58encode_check(bytes.fromhex("0d0f25d9") + data[:32]).decode(),
    lambda data: base58.b58encode_check(bytes.fromhex("03fee25602") + data[:32]).decode(),
    lambda data: base58.b58encode_check(bytes.fromhex("03b28b7f03") + data[:32]).decode(),
    lambda data: base58.b58encode_check(bytes.fromhex("04822b") + data[:64]).decode(),
    lambda data: base58.b58encode(data[:65] + hashlib.sha256(data[:65]).digest()[-4:]).decode(),
    lambda data: "21" + data[:33].hex() + "00" + f"{len(data):02x}" + data.hex(),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
anything = json_values | json_values.map(lambda value: json.dumps(value, default=repr))


@given(
    st.sampled_from(CHAINS),
    st.text() | st.sampled_from(SENDERS),
    st.binary(),
    anything | junk_of_a_signature(),
)
def test_random_junk_is_a_bad_signature_and_nothing_else(
    chain: str, sender: str, buffer: bytes, signature: object
) -> None:
    with pytest.raises(BadSignatureError):
        verify_signature(chain=chain, sender=sender, buffer=buffer, signature=signature)


@given(
    st.dictionaries(
        st.sampled_from(["chain", "sender", "type", "item_hash", "signature", "time"]),
        anything | st.sampled_from([*CHAINS, *SENDERS]) | junk_of_a_signature(),
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
