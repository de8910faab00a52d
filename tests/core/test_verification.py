from __future__ import annotations

import hashlib
import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import (
    AlephError,
    ArgumentError,
    BadSignatureError,
    ContentMismatchError,
    MalformedAnswerError,
    UnverifiableChainError,
    VerificationError,
)
from aleph_core.models.message import Content, MessageStatus
from aleph_core.verification import (
    Verify,
    check_verify,
    hasher_to_verify,
    needs_content,
    parse_content,
    read_message,
    verify_digest,
    verify_message,
    with_content,
)
from tests.core.recorded import (
    AMENDED,
    FORGOTTEN,
    HASHES,
    JSON,
    NODE,
    OWNER,
    POST,
    REJECTED,
    STORE,
    altered,
    signed,
)

LEVELS: tuple[Verify, ...] = get_args(Verify)
OTHER_TEXT = json.dumps({"address": OWNER, "time": 1, "type": "t", "content": "forged"})


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("recorded", [POST, STORE, REJECTED["message"]])
def test_recorded_messages_hold(recorded: dict[str, Any], level: Verify) -> None:
    message = read_message(recorded, verify=level, expected_hash=recorded["item_hash"], node=NODE)
    assert message.content == json.loads(recorded["item_content"]) or level == "off"
    assert (message.sender, message.time) == (recorded["sender"], recorded["time"])
    verify_message(message)


def test_the_parsed_copy_of_the_node_is_ignored() -> None:
    forged = altered(POST, content={"address": OWNER, "content": "forged"})
    for level in LEVELS:
        assert read_message(forged, verify=level).content["content"] == {"p": 1}


def test_a_content_that_is_not_that_of_the_text_does_not_hold() -> None:
    message = read_message(POST, verify="off")
    with pytest.raises(ContentMismatchError, match="is not that of its hashed text"):
        verify_message(message.evolve(content=Content({"address": OWNER, "content": "forged"})))


def test_without_a_parsed_copy_the_text_is_read_at_every_level() -> None:
    assert read_message(POST, verify="off").content["content"] == {"p": 1}
    assert read_message(altered(POST, item_content=...), verify="off").content == {}


@pytest.mark.parametrize("level", ["content", "signature"])
@pytest.mark.parametrize(
    "changes",
    [
        {"item_content": OTHER_TEXT},
        {"item_content": POST["item_content"] + " "},
        {"item_content": ""},
        {"item_content": "\ud800"},
        {"item_content": ...},
        {"item_type": "storage"},
        {"item_type": "ipfs"},
        {"item_hash": HASHES[1]},
    ],
)
def test_what_does_not_hash_to_the_item_hash_does_not_hold(
    changes: dict[str, Any], level: Verify
) -> None:
    with pytest.raises(VerificationError):
        read_message(altered(POST, **changes), verify=level, node=NODE)


def test_another_message_than_the_one_asked_for_does_not_hold_at_any_level() -> None:
    for level in LEVELS:
        with pytest.raises(VerificationError, match="asked for") as caught:
            read_message(STORE, verify=level, expected_hash=POST["item_hash"], node=NODE)
        assert (caught.value.item_hash, caught.value.node) == (POST["item_hash"], NODE)


@pytest.mark.parametrize(
    "changes",
    [
        {"sender": STORE["sender"]},
        {"signature": STORE["signature"]},
        {"signature": None},
        {"signature": "0x"},
        {"signature": "\ud800"},
        {"chain": "BASE"},
        {"type": "STORE"},
        {"sender": ""},
        {"sender": "a\nb"},
        {"sender": "\ud800"},
        {"chain": ""},
    ],
)
def test_what_the_sender_did_not_sign_is_a_bad_signature(changes: dict[str, Any]) -> None:
    forged = altered(POST, **changes)
    read_message(forged, verify="content")
    with pytest.raises(BadSignatureError):
        read_message(forged, verify="signature")


def test_channel_and_time_are_not_covered_by_the_signature() -> None:
    read_message(altered(POST, channel="other", time=5), verify="signature")


def test_an_unverifiable_chain_is_no_pass() -> None:
    with pytest.raises(UnverifiableChainError):
        read_message(altered(POST, chain="MOON"), verify="signature")


def test_verifying_a_message_holds_its_text_against_its_hash() -> None:
    message = signed().evolve(item_content=OTHER_TEXT)
    with pytest.raises(ContentMismatchError):
        verify_message(message)


def test_a_forgotten_message_is_a_skeleton_whose_signature_holds() -> None:
    skeleton = read_message(
        FORGOTTEN["message"], verify="signature", status=MessageStatus.FORGOTTEN
    )
    assert skeleton.content == {}
    assert skeleton.address == OWNER
    assert not needs_content(skeleton)
    with pytest.raises(VerificationError, match="without the text"):
        read_message(FORGOTTEN["message"], verify="content")


def test_content_outside_of_the_message_is_left_to_be_fetched() -> None:
    data = OTHER_TEXT.encode()
    outside = altered(
        POST,
        item_type="storage",
        item_content=None,
        item_hash=hashlib.sha256(data).hexdigest(),
        content={"address": "forged"},
    )
    message = read_message(outside, verify="content")
    assert message.content == {}
    assert needs_content(message)
    assert with_content(message, data).content["content"] == "forged"
    assert not needs_content(with_content(message, data))


@pytest.mark.parametrize("missing", [..., None])
def test_a_missing_item_type_is_inferred(missing: Any) -> None:
    assert read_message(altered(POST, item_type=missing), verify="content").item_type == "inline"
    outside = altered(POST, item_type=missing, item_content=None)
    assert read_message(outside, verify="content").item_type == "storage"
    cid = altered(outside, item_hash="QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG")
    assert read_message(cid, verify="content").item_type == "ipfs"


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "NEWS"},
        {"type": 5},
        {"item_hash": "abc"},
        {"item_hash": None},
        {"item_hash": [HASHES[0]]},
        {"item_type": "paper"},
        {"item_type": 5},
        {"chain": None},
        {"sender": {"a": 1}},
        {"channel": 5},
        {"signature": 5},
        {"item_content": {"a": 1}},
        {"time": "yesterday"},
        {"time": None},
        {"time": True},
        {"time": float("nan")},
        {"time": float("inf")},
        {"time": 10**400},
        {"time": ...},
    ],
)
def test_what_has_not_the_form_of_a_message_is_malformed(changes: dict[str, Any]) -> None:
    for level in LEVELS:
        with pytest.raises(MalformedAnswerError) as caught:
            read_message(altered(POST, **changes), verify=level, node=NODE)
        assert caught.value.node == NODE
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("raw", [None, 5, "x", [POST], b"{}"])
def test_what_is_no_object_is_malformed(raw: Any) -> None:
    with pytest.raises(MalformedAnswerError, match="expected a message"):
        read_message(raw, verify="off")


def test_unknown_fields_are_kept() -> None:
    message = read_message(altered(POST, origin="p2p", future={"a": 1}), verify="signature")
    assert message["origin"] == "p2p"
    assert message.get("future") == {"a": 1}
    assert message.get("nothing", 5) == 5


def test_optional_fields_of_another_form_are_dropped() -> None:
    odd = altered(POST, size="big", confirmed="yes", confirmations=[{"chain": "ETH"}, 5])
    message = read_message(odd, verify="content")
    assert (message.size, message.confirmed) == (None, None)
    assert message.confirmations == ({"chain": "ETH"},)
    assert read_message(altered(POST, confirmations={}), verify="content").confirmations == ()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-09-21T14:13:21.250000Z", 1790000001.25),
        ("2026-09-21T14:13:21.250000", 1790000001.25),
        ("2026-09-21T16:13:21.250000+02:00", 1790000001.25),
    ],
)
def test_times_given_as_text_are_read_in_universal_time(text: str, seconds: float) -> None:
    assert read_message(altered(POST, time=text), verify="content").time == seconds


def test_a_deeply_nested_value_in_the_place_of_a_text_is_malformed() -> None:
    deep: Any = 1
    for _ in range(50_000):
        deep = [deep]
    with pytest.raises(MalformedAnswerError):
        read_message(altered(POST, channel=None) | {"channel": deep}, verify="content")
    while isinstance(deep, list):
        (deep,) = deep


@given(
    raw=JSON
    | st.fixed_dictionaries({}, optional={name: JSON | st.just(POST[name]) for name in POST})
    | st.builds(
        lambda field, value: {**POST, field: value}, st.sampled_from([*POST, "content"]), JSON
    ),
    level=st.sampled_from(LEVELS),
    expected=st.none() | st.sampled_from(HASHES),
    status=st.none() | st.sampled_from(MessageStatus),
)
def test_anything_is_a_message_that_holds_or_a_typed_error(
    raw: Any, level: Verify, expected: str | None, status: MessageStatus | None
) -> None:
    try:
        message = read_message(raw, verify=level, expected_hash=expected, status=status, node=NODE)
    except (MalformedAnswerError, VerificationError):
        return
    assert isinstance(message.address, str)
    if level != "off" and message.item_content is not None:
        text = message.item_content.encode()
        assert hashlib.sha256(text).hexdigest() == message.item_hash
        assert message.content == json.loads(text)
    if level == "signature":
        verify_message(message)


@given(st.binary(max_size=50) | JSON.map(json.dumps))
def test_content_is_an_object_or_does_not_hold(data: bytes | str) -> None:
    try:
        content = parse_content(data, HASHES[0], node=NODE)
    except VerificationError:
        return
    assert isinstance(content, dict)


@pytest.mark.parametrize("text", ["[]", "5", "null", '"x"', "{", ""])
def test_content_that_is_no_object_does_not_hold(text: str) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_content(text, HASHES[0])
    assert caught.value.item_hash == HASHES[0]


def test_levels() -> None:
    assert [check_verify(level) for level in LEVELS] == list(LEVELS)
    for level in ("on", None, True, ["off"], 5):
        with pytest.raises(ArgumentError, match="verify"):
            check_verify(level)
    assert hasher_to_verify(HASHES[0], "off") is None
    assert hasher_to_verify(HASHES[0], "content") is not None


def test_a_mismatch_names_both_hashes_and_the_node() -> None:
    verify_digest("a" * 64, "a" * 64)
    with pytest.raises(ContentMismatchError, match="nothing of them was kept") as caught:
        verify_digest("b" * 64, "a" * 64, node=NODE)
    assert "b" * 64 in str(caught.value)
    assert (caught.value.item_hash, caught.value.node) == ("a" * 64, NODE)
    assert isinstance(caught.value, AlephError)


def test_a_recorded_amend_is_the_message_of_the_post() -> None:
    verify_message(read_message(AMENDED | {"type": "POST"}, verify="signature"))
