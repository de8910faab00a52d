from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import MalformedAnswerError
from aleph_core.models.record import Record, named
from aleph_core.structuring import amount, structure, structure_entries
from tests.core.recorded import JSON


@attrs.frozen(kw_only=True)
class Disk(Record):
    free: int = named("available_kB")
    model: str | None = None


@attrs.frozen(kw_only=True)
class Machine(Record):
    name: str
    price: Decimal | None = None
    started: datetime | None = None
    running: bool = False
    load: float | None = None
    disk: Disk | None = None
    disks: tuple[Disk, ...] = ()
    ports: Mapping[str, Disk] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Rack(Record):
    disks: tuple[Disk, ...]


FULL = {
    "name": "a",
    "price": "0.10",
    "started": "2026-11-23 06:50:45.974627+00:00",
    "running": True,
    "load": 1,
    "disk": {"available_kB": 5.0},
    "disks": [{"available_kB": 1, "model": "x"}],
    "ports": {"22": {"available_kB": 2}},
}
MUTATED = st.fixed_dictionaries(
    {"name": st.just("a")},
    optional={key: JSON | st.just(value) for key, value in list(FULL.items())[1:]},
)


def test_every_type_is_read() -> None:
    machine = structure(FULL, Machine)
    assert machine.price == Decimal("0.10")
    assert machine.started == datetime(2026, 11, 23, 6, 50, 45, 974627, UTC)
    assert (machine.running, machine.load) == (True, 1.0)
    assert machine.disk == Disk(free=5)
    assert machine.disks == (Disk(free=1, model="x"),)
    assert machine.ports == {"22": Disk(free=2)}
    assert machine.extra == {}


def test_a_float_is_the_decimal_that_its_text_shows() -> None:
    assert structure({"name": "a", "price": 0.1}, Machine).price == Decimal("0.1")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.5", Decimal("0.5")),
        (0.5, Decimal("0.5")),
        (6.357828769683e-06, Decimal("0.000006357828769683")),
        (10**30, Decimal(10**30)),
        (Decimal("1.50"), Decimal("1.50")),
        ("1e1000", Decimal("1e1000")),
        *(
            (odd, None)
            for odd in ("1e1001", "1e-1001", "0e9999", "NaN", "-Infinity", "", "5 ALEPH")
        ),
        *((odd, None) for odd in (True, None, [], {}, float("inf"))),
    ],
)
def test_an_amount_is_exact_or_none(value: Any, expected: Decimal | None) -> None:
    assert amount(value) == expected


@given(st.text() | st.floats() | st.integers() | st.decimals(allow_nan=True))
def test_one_can_calculate_with_every_amount(value: Any) -> None:
    found = amount(value)
    if found is not None:
        assert (found + found).is_finite()
        assert (found * 86400).is_finite()


def test_unknown_fields_are_kept_and_read_as_items() -> None:
    machine = structure({"name": "a", "colour": "red"}, Machine)
    assert machine.extra == {"colour": "red"}
    assert (machine["name"], machine["colour"], machine.get("size", 3)) == ("a", "red", 3)
    with pytest.raises(KeyError):
        machine["size"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("running", "yes"),
        ("running", 1),
        ("price", {}),
        ("price", "nan"),
        ("price", True),
        ("load", 10**400),
        ("started", "yesterday"),
    ],
)
def test_a_value_of_another_type_gives_the_default_and_is_kept(name: str, value: Any) -> None:
    machine = structure({"name": "a", name: value}, Machine)
    assert getattr(machine, name) in (None, False)
    assert machine.extra == {name: value}


def test_the_usable_part_of_a_list_is_kept_and_the_whole_of_it_beside() -> None:
    raw = [{"available_kB": 1}, {"model": "no size"}, None]
    machine = structure({"name": "a", "disks": raw, "ports": {"1": raw[0], "2": 3}}, Machine)
    assert machine.disks == (Disk(free=1),)
    assert machine.ports == {"1": Disk(free=1)}
    assert machine.extra["disks"] is raw


def test_a_required_list_costs_only_its_bad_entries_too() -> None:
    raw = {"disks": [{"available_kB": 1}, 3]}
    rack = structure(raw, Rack)
    assert (rack.disks, rack.extra) == ((Disk(free=1),), raw)
    for value in (None, 3, {}):
        with pytest.raises(MalformedAnswerError, match="disks"):
            structure({"disks": value}, Rack)


@given(MUTATED)
def test_whatever_the_optional_fields_hold_the_entry_is_read(raw: dict[str, Any]) -> None:
    machine = structure(raw, Machine)
    assert machine.name == "a"
    for name, value in raw.items():
        read = getattr(machine, name)
        assert value is None or name in machine.extra or read is not None


@given(JSON)
def test_what_is_no_record_is_malformed(value: Any) -> None:
    with pytest.raises(MalformedAnswerError):
        structure(value if not isinstance(value, dict) else {}, Machine)


def test_bad_entries_are_reported_beside_the_good_ones() -> None:
    records, invalid = structure_entries([{"name": "a"}, 3, {"name": None}], Machine)
    assert records == (Machine(name="a"),)
    assert [entry.raw for entry in invalid] == [3, {"name": None}]
