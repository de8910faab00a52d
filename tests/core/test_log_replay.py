from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aleph_core.log_replay import LogReplay
from aleph_core.models.log_entry import LogEntry

# Few different lines, so that they repeat.
LINES = st.lists(st.sampled_from(["tick", "tock", "a", "b"]), max_size=120)


def take(replay: LogReplay, lines: list[str]) -> list[str]:
    """Return the lines that are delivered."""
    return [line for line in lines if replay.is_new(LogEntry(type="stdout", message=line))]


def numbered(count: int, begin: int = 0) -> list[str]:
    return [f"line {number}" for number in range(begin, begin + count)]


@given(LINES, st.lists(st.tuples(st.integers(0, 120), st.booleans()), max_size=5))
def test_every_line_is_delivered_once_over_any_number_of_connections(
    lines: list[str], cuts: list[tuple[int, bool]]
) -> None:
    replay = LogReplay()
    delivered: list[str] = []
    for cut, rests in [*cuts, (len(lines), True)]:
        replay.begin()
        # A connection may be lost in the middle of what it replays.
        delivered += take(replay, lines[:cut])
        if rests and cut >= len(delivered):
            replay.rest()
        assert not replay.is_lost
    assert delivered == lines


def test_lines_that_the_node_dropped_do_not_disturb() -> None:
    replay = LogReplay()
    assert take(replay, numbered(500)) == numbered(500)
    replay.begin()
    assert take(replay, numbered(350, 200)) == numbered(50, 500)
    assert replay.is_live


def test_almost_all_lines_may_be_dropped() -> None:
    replay = LogReplay()
    take(replay, numbered(500))
    replay.begin()
    assert take(replay, numbered(20, 490)) == numbered(10, 500)


def test_a_place_that_is_gone_is_told_and_then_all_is_delivered() -> None:
    replay = LogReplay()
    take(replay, numbered(10))
    replay.begin()
    assert take(replay, numbered(10, 100)) == []
    assert replay.is_lost
    replay.begin()
    assert not replay.is_lost
    assert take(replay, numbered(12, 100)) == numbered(12, 100)


def test_a_shorter_log_that_ends_elsewhere_is_told_by_its_silence() -> None:
    replay = LogReplay()
    take(replay, numbered(10))
    replay.begin()
    assert take(replay, numbered(3, 100)) == []
    assert not replay.is_lost
    replay.rest()
    assert replay.is_lost


def test_silence_ends_the_replay_of_lines_that_are_all_alike() -> None:
    replay = LogReplay()
    take(replay, ["tick"] * 100)
    replay.begin()
    assert take(replay, ["tick"] * 70) == []
    replay.rest()
    assert take(replay, ["tick"]) == ["tick"]


def test_the_stream_of_a_line_counts() -> None:
    replay = LogReplay()
    replay.is_new(LogEntry(type="stdout", message="a"))
    replay.begin()
    assert not replay.is_new(LogEntry(type="stderr", message="a"))
    assert replay.is_lost
