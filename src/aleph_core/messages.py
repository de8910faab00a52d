"""From content to a message ready to be published: item content, item hash, text to sign, envelope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from .errors import ArgumentError, SigningError
from .excerpts import shown
from .hashing import cid_hasher, sha256_hex
from .item_hash import check_address
from .json_text import json_text
from .models.message import MESSAGE_TYPES, Content, Message

__all__ = [
    "MAX_INLINE_CHARACTERS",
    "Signer",
    "build_message",
    "check_channel",
    "sign",
    "signable",
    "wire",
    "with_signature",
]

# pyaleph refuses inline content above this many characters (not bytes).
MAX_INLINE_CHARACTERS = 200_000
# aleph-message: MAX_CHANNEL_LENGTH.
_MAX_CHANNEL_LENGTH = 128
_LATEST = 9_223_372_036


class Signer(Protocol):
    """What signing needs of an account."""

    @property
    def CHAIN(self) -> str: ...

    def get_address(self) -> str: ...

    def sign_message(self, message: Mapping[str, Any]) -> dict[str, Any]: ...


def check_channel(channel: object) -> str | None:
    if channel is None:
        return None
    if not isinstance(channel, str) or not channel or len(channel) > _MAX_CHANNEL_LENGTH:
        raise ArgumentError("channel", f"expected text of 1 to {_MAX_CHANNEL_LENGTH} characters")
    json_text(channel, "channel")
    return str.__str__(channel)


def build_message(
    *,
    message_type: str,
    content: Mapping[str, Any],
    sender: str,
    chain: str,
    channel: str | None,
    time: float,
    inline_limit: int = MAX_INLINE_CHARACTERS,
    engine: str = "storage",
) -> tuple[Message, bytes]:
    """Return the unsigned message and its content as bytes.

    Content of more than ``inline_limit`` characters makes a message whose item type is the engine:
    its bytes must be stored there before the message is published.
    """
    kind = str(getattr(message_type, "value", message_type))
    if kind not in MESSAGE_TYPES:
        raise ArgumentError("message_type", f"{kind!r} is none of {', '.join(MESSAGE_TYPES)}")
    owner = content.get("address")
    check_address(owner, "content['address']")
    _check_time(content.get("time"))
    text = json_text(dict(content))
    data = text.encode()
    inline = len(text) <= min(inline_limit, MAX_INLINE_CHARACTERS)
    message = Message(
        chain=str(getattr(chain, "value", chain)),
        sender=check_address(sender, "sender"),
        type=kind,
        channel=check_channel(channel),
        time=time,
        item_type="inline" if inline else engine,
        item_content=text if inline else None,
        item_hash=_cid(data) if engine == "ipfs" and not inline else sha256_hex(data),
        content=Content(content),
    )
    return message, data


def _check_time(value: Any) -> None:
    # aleph-message: what a content's time may be.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= _LATEST:
        raise ArgumentError(
            "content['time']", f"expected seconds from 0 to {_LATEST}, not {shown(value)}"
        )


def _cid(data: bytes) -> str:
    hasher = cid_hasher()
    hasher.update(data)
    return hasher.finalize()


def sign(message: Message, account: Signer) -> Message:
    """Return the message with the account's signature; the account's chain and address must be the message's."""
    return with_signature(message, account.sign_message(signable(message)), account)


def signable(message: Message) -> dict[str, Any]:
    """Return what an account is given to sign: the envelope, still without a signature."""
    return {
        "chain": message.chain,
        "sender": message.sender,
        "type": message.type,
        "channel": message.channel,
        "time": message.time,
        "item_type": message.item_type,
        "item_content": message.item_content,
        "item_hash": message.item_hash,
    }


def with_signature(message: Message, signed: object, account: object) -> Message:
    """Return the message with the signature that the account gave; raise ``SigningError`` if none."""
    signature = signed.get("signature") if isinstance(signed, Mapping) else None
    if not isinstance(signature, str) or not signature:
        raise SigningError(
            f"{type(account).__name__} returned no signature; an account whose methods await "
            "works with the client of its own package alone"
        )
    return message.evolve(signature=signature)


def wire(message: Message) -> dict[str, Any]:
    """Return the envelope as nodes expect it: always with the signature, content only inside the text."""
    if message.signature is None:
        raise SigningError(f"message {message.item_hash} is not signed")
    envelope: dict[str, Any] = {
        "chain": message.chain,
        "sender": message.sender,
        "type": message.type,
        "channel": message.channel,
        "time": message.time,
        "item_type": message.item_type,
        "item_hash": message.item_hash,
        "signature": message.signature,
    }
    if message.item_type == "inline":
        envelope["item_content"] = message.item_content
    return envelope
