"""Messages that the published SDK 2.4.0 and this library once signed, held against the other's rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aleph_core.errors import BadSignatureError, ContentMismatchError
from aleph_core.messages import sign
from aleph_core.models.message import Message
from aleph_core.verification import read_message
from aleph_sync import ETHAccount, SOLAccount
from tests.interop.driving import PublishedSdk, SdkError

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))


def name(message: dict[str, Any]) -> str:
    return f"{message['chain']}-{message['type']}"


THEIRS = pytest.mark.parametrize("message", GOLDEN["published_sdk"], ids=name)
OURS = pytest.mark.parametrize("message", GOLDEN["aleph_sync"], ids=name)


def with_the_signature_of_another(message: dict[str, Any]) -> dict[str, Any]:
    [other, *_] = [
        each
        for each in GOLDEN["published_sdk"] + GOLDEN["aleph_sync"]
        if each["chain"] == message["chain"] and each["item_hash"] != message["item_hash"]
    ]
    return {**message, "signature": other["signature"]}


def with_another_text(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "item_content": message["item_content"].replace("1795", "1796")}


def content(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "content": json.loads(message["item_content"])}


@THEIRS
def test_what_the_published_sdk_signed_holds(message: dict[str, Any]) -> None:
    found = read_message(message, verify="signature")
    assert found.item_hash == message["item_hash"]
    assert found.content["address"] == message["sender"]


@THEIRS
def test_what_was_altered_since_the_published_sdk_signed_it_does_not_hold(
    message: dict[str, Any],
) -> None:
    with pytest.raises(BadSignatureError):
        read_message(with_the_signature_of_another(message), verify="signature")
    with pytest.raises(ContentMismatchError):
        read_message(with_another_text(message), verify="content")


@pytest.mark.parametrize("message", GOLDEN["published_sdk"] + GOLDEN["aleph_sync"], ids=name)
def test_we_sign_letter_by_letter_alike(
    message: dict[str, Any], eth: ETHAccount, sol: SOLAccount
) -> None:
    unsigned: Message = read_message(message, verify="content").evolve(signature=None)
    account = eth if message["chain"] == "ETH" else sol
    assert sign(unsigned, account).signature == message["signature"]


@pytest.mark.interop
@OURS
def test_what_we_signed_holds_for_the_published_sdk(
    sdk: PublishedSdk, message: dict[str, Any]
) -> None:
    sdk("verify", message=content(message))


@pytest.mark.interop
@OURS
def test_what_was_altered_since_we_signed_it_does_not_hold_for_the_published_sdk(
    sdk: PublishedSdk, message: dict[str, Any]
) -> None:
    with pytest.raises(SdkError) as caught:
        sdk("verify", message=content(with_the_signature_of_another(message)))
    assert caught.value.kind == "BadSignatureError"


@pytest.mark.interop
@pytest.mark.parametrize("message", GOLDEN["published_sdk"] + GOLDEN["aleph_sync"], ids=name)
def test_the_published_sdk_signs_letter_by_letter_alike(
    sdk: PublishedSdk, message: dict[str, Any]
) -> None:
    unsigned = {field: value for field, value in message.items() if field != "signature"}
    signed = sdk("sign", chain=message["chain"], message=unsigned)
    assert signed["signature"] == message["signature"]
