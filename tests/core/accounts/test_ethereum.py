from __future__ import annotations

import hashlib
import hmac
import subprocess
import sys
from typing import Any

import pytest
from aleph_message.models import Chain, MessageType
from eth_account import Account as Reference
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.accounts import Account, ETHAccount
from aleph_core.accounts.ethereum import verify_signature
from aleph_core.chains import EVM_CHAINS
from aleph_core.errors import ArgumentError, BadSignatureError
from aleph_core.evm.addresses import checksum_address

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

KEY = hashlib.sha256(b"aleph corpus shared owner").digest()
ADDRESS = "0x7cD41CE1a8a53E10f4e3669363cDf4824B216162"
ITEM_HASH = "33d3b348264106a924ccc7c228473b301123e71f5113fdcb8fc69854d71f1510"
# Recorded: a real node processed this message.
SIGNATURE = (
    "0x79f77a005467ad86ca54342a16372857553ace91c5fa3abdfbdd5c9581f1f505"
    "3bab783c1f53228f6557d18e3ce5e54bfcae80c0dce8ee11db9c8180afe1dd1d1b"
)
JUNK = "test test test test test test test test test test test junk"
# The words of BIP-39 in Japanese for sixteen zero bytes.
JAPANESE = " ".join(["あいこくしん"] * 11 + ["あおぞら"])

secrets = st.integers(1, CURVE_ORDER - 1).map(lambda number: number.to_bytes(32, "big"))


def signs(signature: str, buffer: bytes, sender: str) -> bool:
    try:
        verify_signature(sender=sender, buffer=buffer, signature=signature)
    except BadSignatureError:
        return False
    return True


def reference_signs(signature: str, buffer: bytes, sender: str) -> bool:
    try:
        recovered = Reference.recover_message(encode_defunct(buffer), signature=signature)
    except Exception:  # noqa: BLE001 - eth_account raises many kinds
        return False
    return bool(recovered.lower() == sender.lower())


def test_signs_the_message_of_a_real_node_to_the_same_signature() -> None:
    signed = ETHAccount(KEY).sign_message({"type": "POST", "item_hash": ITEM_HASH})
    assert signed == {
        "type": "POST",
        "item_hash": ITEM_HASH,
        "chain": "ETH",
        "sender": ADDRESS,
        "signature": SIGNATURE,
    }


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        bytearray(KEY),
        memoryview(KEY),
        KEY.hex(),
        "0x" + KEY.hex(),
        "0X" + KEY.hex().upper(),
        f"0x{KEY.hex()}\n",
        f"{KEY.hex()}\r\n".encode(),
        f"0x{KEY.hex()}\n".encode(),
    ],
    ids=repr,
)
def test_reads_every_form_of_a_key(form: Any) -> None:
    assert ETHAccount(form).get_address() == ADDRESS
    assert ETHAccount(private_key=form).export_private_key() == "0x" + KEY.hex()


@given(secrets, st.binary(max_size=400))
def test_address_and_signature_equal_those_of_eth_account(secret: bytes, buffer: bytes) -> None:
    ours, theirs = ETHAccount(secret), Reference.from_key(secret)
    assert ours.get_address() == theirs.address
    assert ours.sign_raw(buffer) == theirs.sign_message(encode_defunct(buffer)).signature
    assert ours.get_public_key() == "0x" + theirs._key_obj.public_key.to_compressed_bytes().hex()


@given(secrets)
def test_reads_its_own_export(secret: bytes) -> None:
    account = ETHAccount(secret)
    again = ETHAccount(account.export_private_key())
    assert again.sign_raw(b"x") == account.sign_raw(b"x")


@pytest.mark.parametrize(
    "wrong",
    [
        KEY[:31],
        KEY + b"\x01",
        b"",
        "",
        "0x",
        KEY.hex()[:-1],
        KEY.hex() + "00",
        "0x0x" + KEY.hex(),
        KEY.hex()[:-1] + "g",
        KEY.hex()[:32] + " " + KEY.hex()[33:],
        KEY.hex()[:-1] + "\N{FULLWIDTH DIGIT ONE}",
        JUNK,
        int.from_bytes(KEY, "big"),
        None,
        list(KEY),
        bytes(32),
        CURVE_ORDER.to_bytes(32, "big"),
        b"\xff" * 32,
    ],
    ids=repr,
)
def test_refuses_what_is_no_key_naming_the_argument_and_never_the_key(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="private_key") as caught:
        ETHAccount(wrong)
    error: BaseException = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert KEY.hex()[:16] not in str(error)
    assert "junk" not in str(error)


def test_derives_from_a_mnemonic_as_other_wallets_do() -> None:
    first = ETHAccount.from_mnemonic(JUNK)
    assert first.get_address() == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    second = ETHAccount.from_mnemonic(JUNK, account_path="m/44'/60'/0'/0/1")
    assert second.get_address() == "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def test_the_passphrase_of_a_mnemonic_counts_and_white_space_does_not() -> None:
    # BIP-39's own test vector: twelve words of zero entropy, passphrase TREZOR.
    words = (
        "  abandon abandon\nabandon abandon abandon abandon abandon abandon abandon abandon\t"
        "abandon about \n"
    )
    root = ETHAccount.from_mnemonic(words, "TREZOR", "m")
    seed = bytes.fromhex(
        "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141"
        "630c7a3c4ab7c81b2f001698e7463b04"
    )
    expected = hmac.digest(b"Bitcoin seed", seed, "sha512")[:32]
    assert root.export_private_key() == "0x" + expected.hex()
    assert ETHAccount.from_mnemonic(words).get_address() != root.get_address()


@pytest.mark.parametrize(
    "words",
    ["", "zebra", JUNK.replace("junk", "test"), JUNK + " junk", "zebra1 " * 12, "zebra " * 11],
)
def test_refuses_a_wrong_mnemonic_without_repeating_it(words: str) -> None:
    with pytest.raises(ArgumentError, match="mnemonic") as caught:
        ETHAccount.from_mnemonic(words)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    for word in words.split():
        assert word not in str(caught.value)


@pytest.mark.parametrize("path", ["", "44'/60'", "m/x", "m/-1", "m/4294967296", "m//0", None])
def test_refuses_a_wrong_derivation_path(path: Any) -> None:
    with pytest.raises(ArgumentError, match="account_path"):
        ETHAccount.from_mnemonic(JUNK, account_path=path)


def test_refuses_a_mnemonic_or_passphrase_that_is_not_text() -> None:
    words: Any = JUNK.split()
    with pytest.raises(ArgumentError, match="mnemonic"):
        ETHAccount.from_mnemonic(words)
    passphrase: Any = None
    with pytest.raises(ArgumentError, match="passphrase"):
        ETHAccount.from_mnemonic(JUNK, passphrase)


def test_what_loads_other_libraries_leaves_the_recursion_limit_alone() -> None:
    script = (
        "import sys\n"
        "before = sys.getrecursionlimit()\n"
        "from aleph_core.accounts import ETHAccount\n"
        f"ETHAccount.from_mnemonic({JAPANESE!r})\n"
        "ETHAccount.generate().export_keystore('x', iterations=2)\n"
        "assert 'mnemonic' in sys.modules\n"
        "assert sys.getrecursionlimit() == before\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_generated_keys_differ() -> None:
    assert len({ETHAccount.generate().get_address() for _ in range(8)}) == 8


def test_makes_accounts_of_a_subclass() -> None:
    class Own(ETHAccount):
        pass

    assert type(Own.generate()) is Own
    assert type(Own.from_mnemonic(JUNK)) is Own


def test_is_an_account() -> None:
    account: Account = ETHAccount(KEY)
    assert isinstance(account, Account)
    assert (account.CHAIN, account.CURVE) == ("ETH", "secp256k1")


@pytest.mark.parametrize("chain", sorted(EVM_CHAINS))
def test_publishes_under_every_evm_identifier_of_the_nodes(chain: str) -> None:
    account = ETHAccount(KEY, chain)
    signed = account.sign_message({"type": "POST", "item_hash": ITEM_HASH})
    assert (account.CHAIN, signed["chain"]) == (chain, chain)


def test_takes_members_of_enumerations_by_their_value() -> None:
    account = ETHAccount(KEY, Chain.ARBITRUM)
    assert type(account.CHAIN) is str
    signed = account.sign_message(
        {"chain": Chain.ARBITRUM, "type": MessageType.post, "item_hash": ITEM_HASH}
    )
    plain = ETHAccount(KEY, "ARB").sign_message({"type": "POST", "item_hash": ITEM_HASH})
    assert signed == plain
    assert type(signed["chain"]) is str


def test_an_avalanche_c_chain_account_publishes_under_eth() -> None:
    assert ETHAccount(KEY, chain="AVAX").CHAIN == "ETH"


@pytest.mark.parametrize("chain", ["SOL", "AURORA", "STT", "eth", "", "DOT", 1, b"ETH", ["ETH"]])
def test_refuses_a_chain_on_which_nodes_refuse_its_signatures(chain: Any) -> None:
    with pytest.raises(ArgumentError, match="chain"):
        ETHAccount(KEY, chain)


def test_signing_leaves_the_given_message_alone_and_keeps_its_other_fields() -> None:
    message = {"type": "POST", "item_hash": ITEM_HASH, "channel": None, "time": 1.5, "sender": ""}
    before = dict(message)
    signed = ETHAccount(KEY).sign_message(message)
    assert message == before
    assert signed == {**message, "chain": "ETH", "sender": ADDRESS, "signature": SIGNATURE}


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"sender": ADDRESS.lower()}, "message"),
        ({"sender": "0x9939f1Da536DcA6E672bb07879Baa535fC223eC1"}, "message"),
        ({"chain": "BASE"}, "message"),
        ({"chain": 1}, "message"),
        ({"type": ""}, "type"),
        ({"type": None}, "type"),
        ({"item_hash": None}, "item_hash"),
        ({"item_hash": "a\nb"}, "item_hash"),
        ({"item_hash": b"aa"}, "item_hash"),
        ({"type": "\ud800"}, "message"),
    ],
)
def test_refuses_to_sign_a_message_that_is_not_its_own_or_incomplete(
    changes: dict[str, Any], argument: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        ETHAccount(KEY).sign_message({"type": "POST", "item_hash": ITEM_HASH, **changes})
    assert caught.value.argument == argument


def test_refuses_to_sign_text() -> None:
    text: Any = "text"
    with pytest.raises(ArgumentError, match="buffer"):
        ETHAccount(KEY).sign_raw(text)


@pytest.mark.parametrize(
    "address",
    [
        # The examples of EIP-55.
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_capitals_of_an_address_are_its_checksum(address: str) -> None:
    assert checksum_address(bytes.fromhex(address[2:])) == address


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """Signatures that are nearly right: another v, case, prefix, length or a flipped digit."""
    raw = bytearray(ETHAccount(KEY).sign_raw(b"buffer"))
    raw[64] = draw(st.sampled_from([raw[64], raw[64] - 27, raw[64] + 8]) | st.integers(0, 255))
    if draw(st.booleans()):
        low = int.from_bytes(raw[32:64], "big")
        raw[32:64] = (CURVE_ORDER - low).to_bytes(32, "big")
        raw[64] = draw(st.sampled_from([27, 28, 0, 1]))
    digits = bytes(raw).hex()
    digits = draw(st.sampled_from([digits, digits.upper(), digits[1:], digits + "0"]))
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(digits) - 1))
        digits = digits[:at] + draw(st.characters()) + digits[at + 1 :]
    prefix = draw(st.sampled_from(["", "0x", "0X", " 0x", "0x "]))
    return prefix + digits + draw(st.sampled_from(["", "", "\n", " "]))


def has_v_of_a_message(signature: str) -> bool:
    return signature[-2:].lower() in ("00", "01", "1b", "1c")


@given(spellings() | st.text() | st.text("0123456789abcdefABCDEFx", max_size=140))
def test_accepts_what_eth_account_accepts_with_the_v_of_a_message(signature: str) -> None:
    for sender in (ADDRESS, ADDRESS.lower(), ADDRESS.upper()):
        expected = reference_signs(signature, b"buffer", sender) and has_v_of_a_message(signature)
        assert signs(signature, b"buffer", sender) == expected


def test_refuses_the_v_of_a_transaction() -> None:
    raw = ETHAccount(KEY).sign_raw(b"buffer")
    for v in set(range(256)) - {0, 1, 27, 28}:
        assert not signs((raw[:64] + bytes([v])).hex(), b"buffer", ADDRESS)


def test_accepts_the_usual_spellings_of_a_signature() -> None:
    raw = ETHAccount(KEY).sign_raw(b"buffer")
    bare = raw[:64] + bytes([raw[64] - 27])
    for text in (raw.hex(), "0x" + raw.hex(), "0x" + raw.hex().upper(), bare.hex()):
        assert signs(text, b"buffer", ADDRESS)


def test_accepts_a_signature_whose_leading_zero_was_dropped_as_eth_account_does() -> None:
    account = ETHAccount(KEY)
    buffer, raw = next(
        (text, raw)
        for number in range(1000)
        if (raw := account.sign_raw(text := b"%d" % number))[0] < 16
    )
    assert reference_signs(raw.hex()[1:], buffer, ADDRESS)
    assert signs(raw.hex()[1:], buffer, ADDRESS)


@given(st.binary(max_size=80), st.integers(0, 64), st.integers(0, 7))
def test_a_flipped_bit_of_the_signature_fails(buffer: bytes, at: int, bit: int) -> None:
    raw = bytearray(ETHAccount(KEY).sign_raw(buffer))
    raw[at] ^= 1 << bit
    assert not signs(bytes(raw).hex(), buffer, ADDRESS)


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_a_signature_holds_for_its_own_text_only(buffer: bytes, other: bytes) -> None:
    signature = ETHAccount(KEY).sign_raw(buffer).hex()
    assert signs(signature, other, ADDRESS) == (buffer == other)
