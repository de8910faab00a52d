"""The signing service inside a virtual machine: ``GET /properties`` and ``POST /sign`` of aleph-vm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from ..call import Answer, Call, JsonBody
from ..errors import SigningError
from .answers import json_object, malformed, refuse

__all__ = ["RemoteKey", "remote_key", "remote_signature"]


@attrs.frozen
class RemoteKey:
    """The key of a signing service, as far as it is public."""

    chain: str
    curve: str
    address: str
    public_key: str


def remote_key() -> Call[RemoteKey]:
    """Ask for whom the service signs."""
    return Call("GET", "/properties", _read_key)


def remote_signature(message: Mapping[str, Any]) -> Call[str]:
    """Ask for the signature of a message, which is sent with its content.

    The service inside a virtual machine signs only messages whose content is published for the
    machine's own item hash, so it reads ``item_content``. Raises ``SigningError`` when it refuses.
    """
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()

    def parse(answer: Answer) -> str:
        return _read_signature(answer, message)

    return Call("POST", "/sign", parse, body=JsonBody(body))


def _read_key(answer: Answer) -> RemoteKey:
    if answer.status != 200:
        refuse(answer, "a question for its key")
    body = {"curve": "secp256k1", **json_object(answer)}

    def text(name: str) -> str:
        value = body.get(name)
        if not isinstance(value, str) or not value:
            malformed(answer, f"a text under {name!r}")
        return value

    return RemoteKey(
        chain=text("chain"),
        curve=text("curve"),
        address=text("address"),
        public_key=text("public_key"),
    )


def _read_signature(answer: Answer, message: Mapping[str, Any]) -> str:
    item_hash = message.get("item_hash")
    if 400 <= answer.status < 500 and answer.status != 429:
        raise SigningError(
            f"the signing service {answer.node} refused message {item_hash} ({answer.status}): "
            f"{answer.excerpt or 'no reason given'}; inside a virtual machine, publish with the "
            "machine's item hash as address, and inline"
        )
    if answer.status != 200:
        refuse(answer, f"the signing of message {item_hash}")
    signed = json_object(answer)
    for name in ("chain", "sender", "type", "item_hash"):
        if signed.get(name, message[name]) != message[name]:
            malformed(answer, f"the message that was sent, with its {name}")
    signature = signed.get("signature")
    if not isinstance(signature, str) or not signature:
        malformed(answer, "a text under 'signature'")
    return signature
