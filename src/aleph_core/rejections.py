"""The network's rejection codes: what each means, and which error tells it with what numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs

from .errors import RejectedMessage, UnpaidMessageError
from .excerpts import shown
from .payments import payment_type
from .rejection_errors import (
    AmendError,
    ContentUnavailableError,
    FileInUseError,
    ForgetError,
    InsufficientCreditsError,
    InvalidFormatError,
    PaymentMethodError,
    PermissionDeniedError,
    ProcessingError,
    SignatureRefusedError,
    StoreRefError,
    VmUpdateError,
    VolumeNotFoundError,
    VolumeTooSmallError,
)
from .structuring import amount

__all__ = ["REASONS", "rejection", "wanting"]

_Fields = dict[str, Any]


@attrs.frozen
class _Case:
    """``read`` gets the entries of the node's details and the message's content, whatever they hold."""

    reason: str
    kind: type[RejectedMessage] = RejectedMessage
    read: Callable[[Sequence[Any], Mapping[str, Any]], _Fields] = lambda _entries, _content: {}


def rejection(
    item_hash: str,
    error_code: int | None,
    details: Any = None,
    content: Mapping[str, Any] | None = None,
    **data: Any,
) -> RejectedMessage:
    """Return the error for a rejected message; ``details`` is what the node gave, or None.

    ``content`` is that of the message: some codes come without details, but name one of its fields.
    """
    errors = details.get("errors", details) if isinstance(details, Mapping) else details
    entries = errors if isinstance(errors, list) else [] if errors is None else [errors]
    case = _CASES.get(error_code) if error_code is not None else _Case("the node gave no reason")
    case = case or _Case(f"error code {shown(error_code)}")
    fields = case.read(entries, content or {})
    return case.kind(
        f"message {item_hash} was rejected: {case.reason}{_said(entries, fields)}",
        item_hash=item_hash,
        error_code=error_code,
        details=details,
        **fields,
        **data,
    )


def _said(entries: Sequence[Any], fields: _Fields) -> str:
    if fields.get("required") is not None:
        return wanting(fields["required"], fields["available"], fields["token"])
    words = [_words(entry) for entry in entries[:10]]
    if not words and fields.get("ref"):
        words = [_words(fields["ref"])]
    text = "; ".join(words)
    return f": {text if len(text) <= 500 else text[:500] + '…'}" if text else ""


def wanting(required: Decimal | None, available: Decimal | None, token: str) -> str:
    """Return the end of a sentence on funds that do not suffice."""
    return f": {_digits(required)} {token} required, {_digits(available)} available"


def _digits(number: Decimal | None) -> str:
    if number is None:
        return "an unknown amount"
    text = f"{number:f}"
    return text if len(text) <= 60 else f"{number:.20e}"


def _words(entry: object) -> str:
    return entry[:500] if isinstance(entry, str) else shown(entry, 500)


def _funds(token: str, name: str) -> Callable[[Sequence[Any], Mapping[str, Any]], _Fields]:
    def read(entries: Sequence[Any], _content: Mapping[str, Any]) -> _Fields:
        first = _first_object(entries)
        return {
            "token": token,
            "required": amount(first.get(f"required_{name}")),
            "available": amount(first.get(f"account_{name}")),
        }

    return read


def _credits(entries: Sequence[Any], content: Mapping[str, Any]) -> _Fields:
    days = _count(_first_object(entries).get("min_runtime_days"))
    return {**_funds("credits", "credits")(entries, content), "min_runtime_days": days}


def _format(entries: Sequence[Any], _content: Mapping[str, Any]) -> _Fields:
    return {"problems": tuple(_problem(entry) for entry in entries)}


def _problem(entry: object) -> str:
    """Return an entry as text; nodes pass on the objects in which pydantic reports what is wrong."""
    if isinstance(entry, Mapping) and isinstance(entry.get("msg"), str):
        where = entry.get("loc")
        path = ".".join(str(step)[:80] for step in where) if isinstance(where, list) else ""
        return f"{path}: {_words(entry['msg'])}" if path else _words(entry["msg"])
    return _words(entry)


_WORD = "[A-Za-z0-9_-]{1,128}"


def _said_as(*patterns: str) -> Callable[[Sequence[Any], Mapping[str, Any]], _Fields]:
    """Read what the node tells only in a sentence, of one of these forms."""
    forms = [re.compile(pattern) for pattern in patterns]

    def read(entries: Sequence[Any], _content: Mapping[str, Any]) -> _Fields:
        for entry in _texts(entries):
            for form in forms:
                match = form.match(entry)
                if match:
                    return match.groupdict()
        return {}

    return read


_permission = _said_as(
    rf"Sender (?P<sender>{_WORD}) is not authorized to post on behalf of address (?P<owner>{_WORD})",
    rf"Sender (?P<sender>{_WORD}) is not authorized to forget message (?P<target>{_WORD})"
    rf" owned by (?P<owner>{_WORD})",
    rf"Cannot amend post (?P<target>{_WORD}): .* original post owner (?P<owner>{_WORD})",
)
_unavailable = _said_as(rf"File not found: (?P<file_hash>{_WORD})")
_use = _said_as(rf"File (?P<store_hash>{_WORD}) used on vm (?P<vm_hash>{_WORD})")


def _file_in_use(entries: Sequence[Any], content: Mapping[str, Any]) -> _Fields:
    fields = _use(entries, content)
    return {**fields, "targets": (fields["store_hash"],)} if fields else {}


def _forgotten(entries: Sequence[Any], _content: Mapping[str, Any]) -> _Fields:
    names = [
        entry.get("message", entry.get("aggregate"))
        for entry in entries
        if isinstance(entry, Mapping)
    ]
    return {"targets": _texts(names)}


def _named_in(field: str) -> Callable[[Sequence[Any], Mapping[str, Any]], _Fields]:
    def read(entries: Sequence[Any], content: Mapping[str, Any]) -> _Fields:
        return {"ref": next(iter(_texts([*entries, content.get(field)])), None)}

    return read


def _volumes(entries: Sequence[Any], _content: Mapping[str, Any]) -> _Fields:
    return {"refs": _texts(entries)}


def _small_volume(entries: Sequence[Any], _content: Mapping[str, Any]) -> _Fields:
    first = _first_object(entries)
    names = {name: first.get(name) for name in ("volume_name", "parent_ref", "parent_file")}
    sizes = {name: _count(first.get(name)) for name in ("volume_size", "parent_size")}
    return {**{name: v if isinstance(v, str) else None for name, v in names.items()}, **sizes}


def _payment(_entries: Sequence[Any], content: Mapping[str, Any]) -> _Fields:
    return {"payment_type": payment_type(content) if content else None}


def _first_object(entries: Sequence[Any]) -> Mapping[str, Any]:
    return entries[0] if entries and isinstance(entries[0], Mapping) else {}


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str))


def _count(value: object) -> int | None:
    number = amount(value)
    return int(number) if number is not None and 0 <= number < 2**63 and not number % 1 else None


# The error codes of pyaleph, and what its user can do about each.
_CASES: Mapping[int, _Case] = {
    -1: _Case(
        "the node failed to process it; publish again, or to another node",
        ProcessingError,
    ),
    0: _Case("its format is not valid", InvalidFormatError, _format),
    1: _Case("its signature is missing or not the sender's", SignatureRefusedError),
    2: _Case("the sender may not publish for this address", PermissionDeniedError, _permission),
    3: _Case(
        "its content could not be fetched; upload the content first",
        ContentUnavailableError,
        _unavailable,
    ),
    4: _Case(
        "the stored file could not be fetched; upload the file first",
        ContentUnavailableError,
        _unavailable,
    ),
    5: _Case("the token balance is too low", UnpaidMessageError, _funds("ALEPH", "balance")),
    6: _Case("the credits are too low", InsufficientCreditsError, _credits),
    100: _Case("an amend needs the hash of the original in ref", AmendError, _named_in("ref")),
    101: _Case("the post to amend was not found", AmendError, _named_in("ref")),
    102: _Case(
        "an amend cannot be amended; name the original in ref",
        AmendError,
        _named_in("ref"),
    ),
    200: _Case("the file version named in ref was not found", StoreRefError, _named_in("ref")),
    201: _Case(
        "ref names a file that has a ref itself; name the original",
        StoreRefError,
        _named_in("ref"),
    ),
    202: _Case(
        "the payment method is not accepted any more; pay with credits",
        PaymentMethodError,
        _payment,
    ),
    300: _Case("the machine to replace was not found", VmUpdateError, _named_in("replaces")),
    301: _Case("a volume or the code was not found", VolumeNotFoundError, _volumes),
    302: _Case("the machine does not allow amends", VmUpdateError, _named_in("replaces")),
    303: _Case(
        "an update cannot be updated; name the original",
        VmUpdateError,
        _named_in("replaces"),
    ),
    304: _Case("a volume is smaller than its parent", VolumeTooSmallError, _small_volume),
    500: _Case("it forgets nothing; name at least one hash", ForgetError, _forgotten),
    501: _Case(
        "a message to forget was not found, or is forgotten already",
        ForgetError,
        _forgotten,
    ),
    502: _Case("a FORGET cannot be forgotten", ForgetError, _forgotten),
    503: _Case("the file is still used by a machine", FileInUseError, _file_in_use),
    504: _Case("the message was forgotten before", ForgetError, _forgotten),
}

REASONS: Mapping[int, str] = {code: case.reason for code, case in _CASES.items()}
