"""Recorded answers with something changed: what a node of another version might say."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs
from hypothesis import strategies as st

from aleph_core.models.record import Record
from aleph_core.structuring import structure
from tests.core.recorded import JSON

# Values in place of others: nothing, null, another type, something enormous.
_ODD = JSON | st.sampled_from(
    [None, "", "x", -1, 0.5, 10**400, "1e999999999", "NaN", [], {}, [None]]
)


@st.composite
def mutated(draw: st.DrawFn, body: Any) -> Any:
    """Return a copy in which up to five fields or entries are gone, of another form, or new."""
    changed = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 5))):
        places = [*_places(changed)]
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        change = draw(st.sampled_from(["drop", "replace", "add"]))
        if change == "drop":
            del container[key]
        elif change == "replace":
            container[key] = copy.deepcopy(draw(_ODD))
        elif isinstance(container, dict):
            container[draw(st.text(max_size=8))] = copy.deepcopy(draw(_ODD))
        else:
            container.insert(0, copy.deepcopy(draw(_ODD)))
    return changed


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def check_values(value: Any) -> None:
    """Hold every number of a record to be finite, and every time to have a zone."""
    if isinstance(value, Decimal):
        assert value.is_finite()
    elif isinstance(value, datetime):
        assert value.tzinfo is not None
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            if field.name not in ("extra", "invalid"):
                check_values(getattr(value, field.name))
    elif isinstance(value, dict | tuple | list):
        for inner in value.values() if isinstance(value, dict) else value:
            check_values(inner)


def check_survival(raw: dict[str, Any], kind: type[Record], data: st.DataObject) -> None:
    """Hold a record to be read without some of its optional fields, and with fields of the future."""
    fields = {field.name: field for field in attrs.fields(kind) if field.name != "extra"}
    optional = [name for name, field in fields.items() if field.default is not attrs.NOTHING]
    dropped = data.draw(st.sets(st.sampled_from(optional))) if optional else set()
    nulled = data.draw(st.sets(st.sampled_from(optional))) if optional else set()
    names = st.text().filter(lambda name: name not in fields)
    extra = data.draw(st.dictionaries(names, JSON, max_size=3))
    known = {name: value for name, value in raw.items() if name in fields}
    whole = structure(known, kind)
    changed = {**known, **dict.fromkeys(nulled), **extra}
    found = structure({n: v for n, v in changed.items() if n not in dropped}, kind)
    assert found.extra == extra
    for name, field in fields.items():
        default = field.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
            default = default.factory()
        assert found[name] == (default if name in dropped | nulled else whole[name])
