"""What is priced: contents of messages that have a price, and sizes of files."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import attrs

from .errors import ArgumentError
from .filters import check_count, check_known
from .item_hash import check_address
from .json_text import plain
from .models.message import Message, Published
from .payments import agreed_payment
from .structuring import amount

__all__ = ["check_one", "check_size_mib", "priced", "store_to_price", "whole_mib"]

_MIB = 1024 * 1024
# What only the contents of one type have; the first that is there tells the type.
_MARKS = (
    ("workload", "V-PROGRAM"),
    ("code", "PROGRAM"),
    ("rootfs", "INSTANCE"),
    ("item_hash", "STORE"),
)


def priced(content: object, message_type: object = None) -> tuple[dict[str, Any], str]:
    """Return the content as JSON and the type of its message, which is told by its fields.

    ``content`` is an object, a message, or a model of aleph-message. Raises ``ArgumentError`` for
    what has no price.
    """
    if isinstance(content, Published):
        content = content.message
    if isinstance(content, Message):
        message_type = message_type or content.type
        content = content.content
    fields = _fields(content)
    kinds = [kind for _, kind in _MARKS]
    if message_type is not None:
        name = str(getattr(message_type, "value", message_type))
        check_known([name], kinds, "message_type")
        return fields, name
    for mark, kind in _MARKS:
        if mark in fields:
            return fields, kind
    raise ArgumentError(
        "content",
        f"has none of the fields {', '.join(mark for mark, _ in _MARKS)}, so it is of no type that "
        f"has a price: {', '.join(kinds)}",
    )


def _fields(content: object) -> dict[str, Any]:
    if attrs.has(type(content)):
        content = attrs.asdict(content)  # type: ignore[arg-type]
    fields = plain(content, "content")
    if not isinstance(fields, dict):
        raise ArgumentError("content", f"expected an object, not {type(content).__name__}")
    return fields


def store_to_price(
    size_mib: float, *, owner: str, time: float, payment: object = None
) -> dict[str, Any]:
    """Return the content of a STORE of a file that need not be there."""
    return {
        "address": check_address(owner),
        "time": time,
        "item_type": "storage",
        "item_hash": "0" * 64,
        "estimated_size_mib": size_mib,
        "payment": agreed_payment(payment, "STORE", time=time),
    }


def check_one(**given: object) -> None:
    """Raise ``ArgumentError`` unless exactly one of the arguments is given."""
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        raise ArgumentError(
            named[1] if named else next(iter(given)),
            f"give exactly one of {', '.join(given)}"
            + (f", not {' and '.join(named)}" if named else ""),
        )


def check_size_mib(size_mib: object = None, size: object = None) -> float:
    """Return the size of a file in MiB, given so or in bytes; whole numbers stay whole."""
    if size is not None:
        number = Decimal(check_count(size, "size")) / _MIB
    else:
        given = amount(size_mib)
        if given is None or given < 0 or isinstance(size_mib, str):
            raise ArgumentError(
                "storage_size_mib", f"expected a number from 0, not {size_mib!r:.80}"
            )
        number = given
    whole = int(number)
    return whole if number == whole else float(number)


def whole_mib(size: int) -> int:
    """Return the size in MiB, as nodes round it up before they take a file."""
    return math.ceil(size / _MIB)
