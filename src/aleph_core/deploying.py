"""What is decided about the code of a program: where it comes from, how it is paid, what revises it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .errors import ArgumentError
from .excerpts import shown
from .item_hash import check_item_hash, is_item_hash
from .models.message import Content, Message
from .packing import ARGUMENT, ZIP
from .payments import accepted_payments, payment_type

__all__ = ["UNSTORED", "Code", "check_code", "code_of", "code_payment", "revised_store"]

UNSTORED = "0" * 64
"""What stands for the hash of code in a content that is made before the code is stored."""


@attrs.frozen
class Code:
    """The code of a program: the hash of its STORE, and how it is packed."""

    ref: str
    encoding: str


def check_code(program_ref: object, code: object) -> None:
    """Raise unless there is exactly one of the hash of stored code and code to store."""
    if program_ref is None and code is None:
        raise ArgumentError("program_ref", "give the hash of stored code, or code= to store it")
    if program_ref is not None and code is not None:
        raise ArgumentError(ARGUMENT, "is given beside program_ref; give one of them")


def code_payment(content: Mapping[str, Any], *, time: float) -> str | None:
    """Return how to pay a file that belongs to what this content tells of: in the same way, if possible."""
    kind = payment_type(content)
    return kind if kind in accepted_payments("STORE", time=time) else None


def code_of(message: Message, encoding: object) -> Code:
    """Return the code that is run by a program, or stored by a STORE, and how to pack it anew.

    Raises ``ArgumentError`` for a program that would not see new code, and for an ``encoding`` that
    is not the program's.
    """
    if message.type == "STORE":
        name = getattr(encoding, "value", encoding)
        return Code(message.item_hash, ZIP if name is None else str(name))
    if message.type != "PROGRAM":
        raise ArgumentError("program", f"message {message.item_hash} is of type {message.type}")
    code = message.content.get("code")
    code = code if isinstance(code, dict) else Content()
    if code.get("use_latest") is not True:
        raise ArgumentError(
            "program",
            f"program {message.item_hash} stays with the code it has; publish another program",
        )
    packed = code.get("encoding")
    if encoding is not None and getattr(encoding, "value", encoding) != packed:
        raise ArgumentError(
            "encoding",
            f"program {message.item_hash} runs {shown(packed)} code, not {shown(encoding)}",
        )
    return Code(check_item_hash(code.get("ref"), "content['code']['ref']"), str(packed))


def revised_store(store: Message) -> str:
    """Return the hash that a new revision of this STORE must name: that of the first one."""
    ref = store.content.get("ref")
    if ref is None:
        return store.item_hash
    if isinstance(ref, str) and is_item_hash(ref):
        return ref
    raise ArgumentError(
        "program",
        f"STORE {store.item_hash} goes by the name {shown(ref)}; store the new code by that name",
    )
