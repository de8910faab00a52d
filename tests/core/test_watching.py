from __future__ import annotations

from aleph_core import watching
from aleph_core.watching import OVERLAP, Sightings


def test_each_message_is_delivered_once() -> None:
    sightings = Sightings()
    assert sightings.is_new("a")
    sightings.deliver("a")
    assert not sightings.is_new("a")
    assert sightings.missed(["a", "b", "b", "c"]) == ["b", "c"]


def test_what_was_there_at_the_last_look_is_not_missed() -> None:
    sightings = Sightings()
    sightings.looked(["a", "b"], 5000.0)
    assert sightings.missed(["a", "b", "c"]) == ["c"]
    sightings.looked(["c"], None)
    assert sightings.missed(["b", "c"]) == ["b"]


def test_looks_overlap_and_their_time_never_goes_back() -> None:
    sightings = Sightings()
    assert sightings.since == 0
    sightings.looked([], 5000.0)
    assert sightings.since == 5000.0 - OVERLAP
    sightings.looked([], 100.0)
    assert sightings.anchor == 5000.0


def test_memory_is_bounded() -> None:
    sightings = Sightings()
    for number in range(watching._REMEMBERED + 10):
        sightings.deliver(str(number))
    assert sightings.is_new("9")
    assert not sightings.is_new("10")
