"""JSON as the network uses it: the text that is hashed and signed, and the text that nodes answer."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from enum import Enum
from typing import Any, Protocol

from .errors import ArgumentError

__all__ = ["Fields", "check_json", "json_text", "parse_json", "plain"]


class Model(Protocol):
    """What is known of a model of aleph-message, or of any other one of pydantic."""

    def model_dump(self, *, mode: str = ..., exclude_none: bool = ...) -> dict[str, Any]: ...


Fields = Mapping[str, Any] | Model

# How deep a value that is sent may be nested; and how deep an answer, far from the end of any C stack.
_DEEPEST = 200
_DEEPEST_ANSWER = 5_000
# Possessive, and a string without an end reaches to the end of the data: time and memory stay linear.
_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|([\[{])|([\]}])', re.DOTALL)


def json_text(value: Any, argument: str = "content") -> str:
    """Serialise compactly, keys in the order given; raise ``ArgumentError`` naming what cannot be sent."""
    check_json(value, argument)
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(argument, "holds a lone surrogate, which is no Unicode text") from error
    except (TypeError, ValueError) as error:
        raise ArgumentError(argument, f"cannot be written as JSON: {error}") from error
    return text


def check_json(value: Any, argument: str, depth: int = 0) -> None:
    """Raise ``ArgumentError`` with the path of the first value that JSON or the network cannot carry."""
    if depth > _DEEPEST:
        raise ArgumentError(argument, f"is nested deeper than {_DEEPEST} levels")
    if value is None or isinstance(value, bool | int):
        return
    if isinstance(value, str):
        if "\x00" in value:
            raise ArgumentError(argument, "holds the character U+0000, which nodes refuse")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ArgumentError(argument, f"{value} has no form in JSON")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ArgumentError(argument, f"has the key {key!r}; JSON keys are strings")
            check_json(key, f"{argument} (key)", depth + 1)
            check_json(inner, f"{argument}[{key!r}]", depth + 1)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            check_json(inner, f"{argument}[{index}]", depth + 1)
    else:
        raise ArgumentError(argument, f"a value of type {type(value).__name__} has no form in JSON")


def plain(value: Any, argument: str, depth: int = 0) -> Any:
    """Return the value with models, enumerations and mappings inside turned into what JSON knows.

    A field of a model that is None is left out, as aleph-message does when it compares contents.
    """
    if depth > _DEEPEST:
        raise ArgumentError(argument, f"is nested deeper than {_DEEPEST} levels")
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return dump(mode="json", exclude_none=True)
    if isinstance(value, Enum):
        return plain(value.value, argument, depth + 1)
    if isinstance(value, Mapping):
        return {key: plain(inner, argument, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, argument, depth + 1) for inner in value]
    return value


def parse_json(data: bytes | str) -> Any:
    """Parse JSON of any origin; raise ``ValueError`` for what is none or is nested too deeply."""
    # Before 3.12 only the recursion limit keeps the parser on the C stack, and eth-account's
    # dependencies raise that limit a hundredfold when they are imported.
    if sys.version_info < (3, 12) and sys.getrecursionlimit() > _DEEPEST_ANSWER:
        _check_depth(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _check_depth(data: bytes) -> None:
    if data.count(b"[") + data.count(b"{") <= _DEEPEST_ANSWER:
        return
    depth = 0
    for match in _BRACKETS.finditer(data):
        if match.group(1):
            depth += 1
            if depth > _DEEPEST_ANSWER:
                raise ValueError("nested too deeply")
        elif match.group(2):
            depth -= 1
