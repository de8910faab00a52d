from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from aleph_message.models import Chain, MessageType
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError, SigningError
from aleph_core.messages import build_message, check_channel, sign, wire
from aleph_core.models.message import Message
from tests.core.recorded import OWNER, POST, STORE, altered, signed

CONTENT = {"address": OWNER, "time": 1790000001, "type": "t", "content": {"a": "é"}}


def build(**changes: Any) -> tuple[Message, bytes]:
    given: dict[str, Any] = {
        "message_type": "POST",
        "content": CONTENT,
        "sender": OWNER,
        "chain": "ETH",
        "channel": "TEST",
        "time": 1790000001.5,
    }
    return build_message(**{**given, **changes})


class Signer:
    CHAIN = "ETH"

    def __init__(self, signature: Any = "0xsigned") -> None:
        self.signature = signature
        self.seen: Mapping[str, Any] = {}

    def get_address(self) -> str:
        return OWNER

    def sign_message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        self.seen = message
        return {**message, "signature": self.signature}


@pytest.mark.parametrize("recorded", [POST, STORE])
def test_the_hash_of_a_message_is_the_one_that_the_network_knows(recorded: dict[str, Any]) -> None:
    message, data = build(
        message_type=recorded["type"],
        content=json.loads(recorded["item_content"]),
        sender=recorded["sender"],
        channel=recorded["channel"],
        time=recorded["time"],
    )
    assert message.item_hash == recorded["item_hash"]
    assert message.item_content == recorded["item_content"]
    assert data == recorded["item_content"].encode()
    published = wire(message.evolve(signature=recorded["signature"]))
    assert published == recorded


def test_a_message_that_was_read_is_sent_again_as_it_was() -> None:
    assert wire(signed(POST)) == POST


def test_members_of_enumerations_are_taken() -> None:
    message, _ = build(message_type=MessageType.post, chain=Chain.SOL)
    assert (message.type, message.chain) == ("POST", "SOL")
    assert type(message.type) is str


def test_content_above_the_limit_is_to_be_stored() -> None:
    content = {**CONTENT, "content": "é" * 1000}
    message, data = build(content=content, inline_limit=1000)
    assert message.item_type == "storage"
    assert message.item_content is None
    assert message.item_hash == hashlib.sha256(data).hexdigest()
    assert json.loads(data) == content
    assert "item_content" not in wire(message.evolve(signature="0x"))


def test_the_limit_counts_characters_and_is_never_above_that_of_the_nodes() -> None:
    room = 200_000 - len(json.dumps({**CONTENT, "content": ""}, separators=(",", ":")))
    fits, _ = build(content={**CONTENT, "content": "é" * room}, inline_limit=10**9)
    assert fits.item_type == "inline"
    bursts, _ = build(content={**CONTENT, "content": "é" * (room + 1)}, inline_limit=10**9)
    assert bursts.item_type == "storage"


def test_content_can_go_to_ipfs_under_its_cid() -> None:
    message, _ = build(inline_limit=0, engine="ipfs")
    assert message.item_type == "ipfs"
    assert message.item_hash.startswith("Qm")


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"message_type": "NEWS"}, "message_type"),
        ({"message_type": None}, "message_type"),
        ({"content": {**CONTENT, "address": "../x"}}, "content['address']"),
        ({"content": {"time": 1}}, "content['address']"),
        ({"content": {**CONTENT, "time": "now"}}, "content['time']"),
        ({"content": {**CONTENT, "time": -1}}, "content['time']"),
        ({"content": {**CONTENT, "time": True}}, "content['time']"),
        ({"content": {**CONTENT, "time": 10**400}}, "content['time']"),
        ({"content": {**CONTENT, "time": float("nan")}}, "content['time']"),
        ({"content": {"address": OWNER}}, "content['time']"),
        ({"content": {**CONTENT, "x": b"bytes"}}, "content['x']"),
        ({"sender": ""}, "sender"),
        ({"channel": ""}, "channel"),
        ({"channel": "x" * 129}, "channel"),
        ({"channel": 5}, "channel"),
        ({"channel": "a\x00"}, "channel"),
        ({"channel": "\ud800"}, "channel"),
    ],
)
def test_what_a_node_would_refuse_is_refused_before_signing(
    changes: dict[str, Any], argument: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        build(**changes)
    assert caught.value.argument == argument


@given(st.text(min_size=1, max_size=128))
def test_a_channel_is_any_text(channel: str) -> None:
    if "\x00" in channel:
        with pytest.raises(ArgumentError):
            check_channel(channel)
    else:
        assert check_channel(channel) == channel
    assert check_channel(None) is None


def test_only_what_the_network_verifies_is_signed() -> None:
    account = Signer()
    message, _ = build()
    assert sign(message, account).signature == "0xsigned"
    assert {"chain", "sender", "type", "item_hash"} <= set(account.seen)
    assert "content" not in account.seen


@pytest.mark.parametrize("signature", [None, "", b"x", {}])
def test_a_wallet_that_signs_nothing_is_an_error(signature: Any) -> None:
    message, _ = build()
    with pytest.raises(SigningError, match="Signer"):
        sign(message, Signer(signature))


def test_an_unsigned_message_has_no_wire_form() -> None:
    message, _ = build()
    with pytest.raises(SigningError, match=message.item_hash):
        wire(message)


def test_a_missing_channel_is_sent_as_null() -> None:
    assert wire(signed(altered(POST, channel=None)))["channel"] is None
