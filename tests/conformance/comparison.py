"""Comparing an answer with a recorded one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs

Json = Any
Path = tuple[str | int, ...]

BODIES = ("json", "text_json", "text", "base64", "length", "sha256", "headers")


def resolve(document: Json, pointer: str) -> Json:
    """Return what a JSON pointer points at, None where it points at nothing."""
    for part in _parts(pointer):
        try:
            document = document[int(part)] if isinstance(document, list) else document[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return document


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _matches(pointer: str, path: Path) -> bool:
    parts = _parts(pointer)
    return len(parts) == len(path) and all(
        part in ("*", str(step)) for part, step in zip(parts, path, strict=True)
    )


def kind_of(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


@attrs.frozen
class Tolerance:
    """Hold where an exchange allows its answer to differ."""

    volatile: Sequence[Json] = ()
    unordered: Sequence[str] = ()
    contains: Sequence[str] = ()

    @classmethod
    def of(cls, recorded: Json) -> Tolerance:
        return cls(
            recorded.get("volatile", ()),
            recorded.get("unordered", ()),
            recorded.get("contains", ()),
        )

    def volatile_kinds(self, path: Path) -> list[str] | None:
        """Return the kinds of value allowed at a volatile place."""
        for rule in self.volatile:
            if _matches(rule["pointer"], path):
                return str(rule.get("type", "any")).split("|")
        return None

    def optional(self, path: Path) -> bool:
        return any(
            rule.get("optional") and _matches(rule["pointer"], path) for rule in self.volatile
        )


def differences(
    recorded: Json, actual: Json, tolerance: Tolerance, path: Path = ()
) -> Iterator[str]:
    """Yield what differs between two JSON values."""
    where = "/" + "/".join(map(str, path))
    kinds = tolerance.volatile_kinds(path)
    if kinds is not None:
        if "any" not in kinds and kind_of(actual) not in kinds:
            yield f"{where} is {kind_of(actual)}, expected {' or '.join(kinds)}"
    elif kind_of(recorded) != kind_of(actual):
        yield f"{where} is {actual!r}, expected {recorded!r}"
    elif isinstance(recorded, dict):
        yield from _in_objects(recorded, actual, tolerance, path)
    elif isinstance(recorded, list):
        yield from _in_lists(recorded, actual, tolerance, path)
    elif isinstance(recorded, float) or isinstance(actual, float):
        if not math.isclose(recorded, actual, rel_tol=1e-12):
            yield f"{where} is {actual!r}, expected {recorded!r}"
    elif recorded != actual:
        yield f"{where} is {actual!r}, expected {recorded!r}"


def _in_objects(
    recorded: dict[str, Json], actual: dict[str, Json], tolerance: Tolerance, path: Path
) -> Iterator[str]:
    for key in recorded.keys() | actual.keys():
        place = (*path, key)
        if key in recorded and key in actual:
            yield from differences(recorded[key], actual[key], tolerance, place)
        elif not tolerance.optional(place):
            where = "/" + "/".join(map(str, place))
            yield f"{where} is {'missing' if key in recorded else 'not in the recording'}"


def _in_lists(
    recorded: list[Json], actual: list[Json], tolerance: Tolerance, path: Path
) -> Iterator[str]:
    where = "/" + "/".join(map(str, path))
    may_hold_more = any(_matches(pointer, path) for pointer in tolerance.contains)
    if may_hold_more or any(_matches(pointer, path) for pointer in tolerance.unordered):
        left = list(actual)
        for number, item in enumerate(recorded):
            same = _same_as(item, tolerance, (*path, number))
            found = next((place for place, other in enumerate(left) if same(other)), None)
            if found is None:
                yield f"{where} lacks {item!r}"
            else:
                del left[found]
        if left and not may_hold_more:
            yield f"{where} has {len(left)} items more"
        return
    if len(recorded) != len(actual):
        yield f"{where} has {len(actual)} items, expected {len(recorded)}"
    for number, (item, other) in enumerate(zip(recorded, actual, strict=False)):
        yield from differences(item, other, tolerance, (*path, number))


def _same_as(item: Json, tolerance: Tolerance, place: Path) -> Callable[[Json], bool]:
    return lambda other: not any(differences(item, other, tolerance, place))


def response_differences(recorded: Json, actual: Json, tolerance: Tolerance) -> Iterator[str]:
    """Yield what differs between two HTTP answers in the recorded form."""
    for name in ("status", "content_type"):
        if recorded[name] != actual[name]:
            yield f"{name} is {actual[name]!r}, expected {recorded[name]!r}"
    for name in BODIES:
        if name not in recorded:
            continue
        if name not in actual:
            yield f"there is no {name}: {actual!r}"
        elif name == "text" and "text_regex" in recorded:
            if not re.fullmatch(recorded["text_regex"], actual["text"], re.DOTALL):
                yield f"text is {actual['text']!r}, expected {recorded['text_regex']!r}"
        elif name == "headers":
            for header, value in recorded[name].items():
                if actual[name].get(header) != value:
                    yield f"header {header} is {actual[name].get(header)!r}, expected {value!r}"
        elif name in ("json", "text_json"):
            yield from differences(recorded[name], actual[name], tolerance)
        elif recorded[name] != actual[name]:
            yield f"{name} is {actual[name]!r}, expected {recorded[name]!r}"
