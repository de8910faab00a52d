"""Contents of messages, validated before anything is signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from .errors import ArgumentError
from .item_hash import check_address, check_item_hash, check_item_hashes, is_address, is_cid
from .json_text import check_json
from .payments import HOLD, agreed_payment

__all__ = [
    "UNSET",
    "aggregate_content",
    "aggregate_target",
    "entry_of_own_aggregate",
    "forget_content",
    "post_content",
    "storage_engine",
    "store_content",
]

# aleph-message: MAX_N_TAGS, the length of a Tag, MAX_FORGET_TARGETS, MAX_FORGET_REASON_LENGTH.
_MAX_TAGS = 16
_MAX_TAG_LENGTH = 256
_MAX_FORGET_TARGETS = 1000
_MAX_FORGET_REASON = 1000


class _Unset:
    def __repr__(self) -> str:
        return "<not given>"


UNSET: Any = _Unset()


def post_content(
    *,
    address: str,
    time: float,
    post_type: object,
    content: Any,
    ref: str | None = None,
    tags: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return the content of a POST; ``tags`` go where nodes look for them, inside an object content."""
    kind = _text(post_type, "post_type")
    if content is UNSET:
        raise ArgumentError("post_content", "is missing")
    if tags is not None:
        if not isinstance(content, Mapping):
            raise ArgumentError("tags", "tags live inside the content, so it must be an object")
        content = {**content, "tags": check_tags(tags)}
    elif isinstance(content, Mapping):
        content = dict(content)
        if content.get("tags") is not None:
            check_tags(content["tags"])
    check_json(content, "post_content")
    fields: dict[str, Any] = {"address": check_address(address), "time": time, "type": kind}
    if kind == "amend":
        if ref is None:
            raise ArgumentError("ref", "an amend needs the item hash of the original post")
        ref = check_item_hash(ref, "ref")
    if ref is not None:
        fields["ref"] = _text(ref, "ref")
    fields["content"] = content
    return fields


@attrs.frozen
class AggregateTarget:
    key: str
    content: dict[str, Any]


def aggregate_target(
    name: object, entries: object, key: object, content: object
) -> AggregateTarget:
    """Tell what an aggregate call means: ``(key, content)`` in either spelling, or one entry.

    With a positional name and ``key=`` as well, the content is the entry ``key`` of that aggregate.
    """
    value = entries if content is UNSET else content
    if entries is not UNSET and content is not UNSET:
        raise ArgumentError("content", "is given twice")
    if name is UNSET:
        if key is UNSET:
            raise ArgumentError("key", "is missing")
        name, key = key, UNSET
    if not isinstance(value, Mapping):
        raise ArgumentError(
            "content", "the content of an aggregate is an object with names as keys"
        )
    target = AggregateTarget(_text(name, "key"), dict(value))
    if key is UNSET:
        return target
    return AggregateTarget(target.key, {_text(key, "key"): target.content})


def entry_of_own_aggregate(address: object, key: object) -> tuple[str, str] | None:
    """Return ``(aggregate key, entry)`` when the first argument can be no address on any chain.

    A guide's example reads ``fetch_aggregate("users", email)``: the entry of one's own aggregate.
    """
    if isinstance(address, str) and address and not is_address(address) and address[:2] != "0x":
        return _text(address, "key"), _text(key, "key")
    return None


def aggregate_content(
    *, address: str, time: float, key: str, content: Mapping[str, Any]
) -> dict[str, Any]:
    if content.get("tags") is not None:
        check_tags(content["tags"])
    check_json(dict(content), "content")
    return {
        "address": check_address(address),
        "time": time,
        "key": _text(key, "key"),
        "content": dict(content),
    }


def storage_engine(value: object) -> str:
    engine = str(getattr(value, "value", value))
    if engine not in ("storage", "ipfs"):
        raise ArgumentError("storage_engine", f"{engine!r} is neither 'storage' nor 'ipfs'")
    return engine


def store_content(
    *,
    address: str,
    time: float,
    file_hash: str,
    engine: str | None = None,
    ref: str | None = None,
    payment: object = None,
    tags: Sequence[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    mime_type: str | None = None,
    extra_fields: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the content of a STORE; its engine follows from the form of the file's hash.

    Without a payment it is the default one of the message's time.
    """
    file_hash = check_item_hash(file_hash, "file_hash")
    fitting = "ipfs" if is_cid(file_hash) else "storage"
    if engine is not None and storage_engine(engine) != fitting:
        raise ArgumentError("storage_engine", f"{engine!r} has no files like {file_hash}")
    fields: dict[str, Any] = {
        "address": check_address(address),
        "time": time,
        "item_type": fitting,
        "item_hash": file_hash,
    }
    if ref is not None:
        fields["ref"] = _text(ref, "ref")
    if tags is not None:
        fields["tags"] = check_tags(tags)
    if metadata is not None:
        if not isinstance(metadata, Mapping):
            raise ArgumentError("metadata", f"expected an object, not {type(metadata).__name__}")
        check_json(dict(metadata), "metadata")
        fields["metadata"] = dict(metadata)
    paid = agreed_payment(payment, "STORE", time=time)
    # To hold tokens is what nodes assume.
    if payment is not None or paid["type"] != HOLD:
        fields["payment"] = paid
    if mime_type is not None:
        fields["mime_type"] = mime_type
    if extra_fields is not None and not isinstance(extra_fields, Mapping):
        raise ArgumentError(
            "extra_fields", f"expected an object, not {type(extra_fields).__name__}"
        )
    for name, value in (extra_fields or {}).items():
        if name in fields or name == "payment":
            raise ArgumentError("extra_fields", f"{name!r} is a field of the message itself")
        if name == "tags" and value is not None:
            value = check_tags(value)
        fields[name] = value
    check_json(fields, "extra_fields")
    return fields


def forget_content(
    *,
    address: str,
    time: float,
    hashes: str | Iterable[str],
    aggregates: Iterable[str] = (),
    reason: object = None,
) -> dict[str, Any]:
    """Return the content of a FORGET of 1 to 1000 messages.

    Nodes take only hash-shaped values in ``aggregates``: to delete an aggregate, forget its messages.
    """
    targets = check_item_hashes(hashes)
    keys = check_item_hashes(aggregates, "aggregates")
    if not targets and not keys:
        raise ArgumentError("hashes", "name at least one message to forget")
    if len(targets) > _MAX_FORGET_TARGETS or len(keys) > _MAX_FORGET_TARGETS:
        raise ArgumentError("hashes", f"nodes take at most {_MAX_FORGET_TARGETS} in one message")
    fields: dict[str, Any] = {
        "address": check_address(address),
        "time": time,
        "hashes": list(dict.fromkeys(targets)),
    }
    if keys:
        fields["aggregates"] = keys
    if reason is not None:
        if not isinstance(reason, str) or len(reason) > _MAX_FORGET_REASON:
            raise ArgumentError(
                "reason", f"expected text of at most {_MAX_FORGET_REASON} characters"
            )
        fields["reason"] = reason
    check_json(fields, "reason")
    return fields


def check_tags(tags: object) -> list[str]:
    if isinstance(tags, str) or not isinstance(tags, Sequence):
        raise ArgumentError("tags", "expected a list of texts")
    if len(tags) > _MAX_TAGS:
        raise ArgumentError("tags", f"nodes take at most {_MAX_TAGS}, not {len(tags)}")
    for tag in tags:
        if not isinstance(tag, str) or not 1 <= len(tag) <= _MAX_TAG_LENGTH:
            raise ArgumentError(
                "tags", f"{tag!r:.80} is no text of 1 to {_MAX_TAG_LENGTH} characters"
            )
    return list(tags)


def _text(value: object, argument: str) -> str:
    if not isinstance(value, str) or not value:
        raise ArgumentError(argument, f"expected text, not {value!r:.80}")
    return str(getattr(value, "value", value))
