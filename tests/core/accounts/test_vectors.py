"""What other people's software signed, encrypted and derived; ``tests/interop`` makes it anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aleph_core import accounts
from aleph_core.errors import BadSignatureError
from aleph_core.signatures import verify_message_signature

FOLDER = Path(__file__).with_name("vectors")
THEIRS = json.loads((FOLDER / "theirs.json").read_text(encoding="utf-8"))
# What this library made, and the other software found to hold.
OURS = json.loads((FOLDER / "ours.json").read_text(encoding="utf-8"))

NODES_CHAINS = {"ETH", "BASE", "SOL", "ES", "DOT", "CSDK", "TEZOS", "NULS", "NULS2", "AVAX"}


def name(entry: dict[str, Any]) -> str:
    message = entry.get("message", {})
    return f"{message.get('chain', entry.get('account'))} by {entry['by']}"


def account_of(entry: dict[str, Any]) -> Any:
    return getattr(accounts, entry["account"])(*entry["arguments"], **entry["options"])


SIGNED = THEIRS["signatures"] + OURS["signatures"]


def test_there_are_vectors_of_every_chain() -> None:
    assert {entry["message"]["chain"] for entry in THEIRS["signatures"]} == NODES_CHAINS
    assert {entry["message"]["chain"] for entry in OURS["signatures"]} == NODES_CHAINS - {"NULS"}


@pytest.mark.parametrize("entry", SIGNED, ids=name)
def test_what_was_signed_elsewhere_holds(entry: dict[str, Any]) -> None:
    verify_message_signature(entry["message"])


@pytest.mark.parametrize("entry", SIGNED, ids=name)
def test_it_holds_for_no_other_message(entry: dict[str, Any]) -> None:
    message = entry["message"]
    for changes in ({"item_hash": "00" * 32}, {"type": "FORGET"}, {"sender": "x" + "1" * 40}):
        with pytest.raises(BadSignatureError):
            verify_message_signature({**message, **changes})


OF_THE_FIRST_NULS = [e for e in SIGNED if e["message"]["chain"] == "NULS"]


@pytest.mark.parametrize("entry", OF_THE_FIRST_NULS, ids=name)
def test_any_altered_byte_of_a_signature_of_the_first_nuls_chain_fails(
    entry: dict[str, Any],
) -> None:
    raw = bytes.fromhex(entry["message"]["signature"])
    altered = [raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :] for at in range(len(raw))]
    for signature in (*altered, raw + b"\x00", raw[:-1], raw[:34], raw[:35], raw[:1], b""):
        with pytest.raises(BadSignatureError):
            verify_message_signature({**entry["message"], "signature": signature.hex()})


@pytest.mark.parametrize("entry", [e for e in SIGNED if e["account"]], ids=name)
def test_our_account_of_the_same_key_is_the_same_sender(entry: dict[str, Any]) -> None:
    account = account_of(entry)
    assert (account.CHAIN, account.get_address()) == (
        entry["message"]["chain"],
        entry["message"]["sender"],
    )
    again = getattr(accounts, entry["account"])(account.export_private_key())
    assert again.get_public_key() == account.get_public_key()


@pytest.mark.parametrize("entry", [e for e in SIGNED if e["account"] and e["same"]], ids=name)
def test_we_sign_to_the_same_signature(entry: dict[str, Any]) -> None:
    message = entry["message"]
    signed = account_of(entry).sign_message({**message, "signature": None})
    ours, theirs = signed.pop("signature"), dict(message)
    assert normal(ours) == normal(theirs.pop("signature"))
    assert signed == theirs


def normal(signature: str) -> object:
    """The published SDK leaves out 0x and adds fields that nobody reads."""
    try:
        parts = json.loads(signature)
    except ValueError:
        return signature.removeprefix("0x")
    return {key: value for key, value in parts.items() if key not in ("account_number", "sequence")}


@pytest.mark.parametrize("entry", [e for e in OURS["signatures"] if e["same"]], ids=name)
def test_we_still_sign_what_the_others_checked(entry: dict[str, Any]) -> None:
    message = entry["message"]
    assert account_of(entry).sign_message({**message, "signature": ""}) == message


@pytest.mark.parametrize("entry", THEIRS["derivations"], ids=name)
def test_words_lead_to_the_same_address(entry: dict[str, Any]) -> None:
    path = {} if entry["account_path"] is None else {"account_path": entry["account_path"]}
    kind = getattr(accounts, entry["account"])
    account = kind.from_mnemonic(entry["mnemonic"], entry["passphrase"], **path)
    assert account.get_address() == entry["address"]


@pytest.mark.parametrize("entry", THEIRS["encryptions"] + OURS["encryptions"], ids=name)
def test_what_was_encrypted_elsewhere_is_read(entry: dict[str, Any]) -> None:
    account = getattr(accounts, entry["account"])(entry["private_key"])
    assert account.decrypt(bytes.fromhex(entry["encrypted"])) == bytes.fromhex(entry["text"])


@pytest.mark.parametrize("entry", THEIRS["keystores"] + OURS["keystores"], ids=name)
def test_keystores_made_elsewhere_open(entry: dict[str, Any]) -> None:
    account = accounts.ETHAccount.from_keystore(entry["keystore"], entry["password"])
    assert account.export_private_key() == entry["private_key"]
