from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    ApiError,
    ArgumentError,
    InvalidEntry,
    Message,
    RetryPolicy,
    TransportError,
    WatchInterrupted,
)
from aleph_async._runtime import clock
from tests import scripted
from tests.hostile import (
    HostileServer,
    Step,
    answer,
    frame,
    hang_up,
    html_error,
    never,
    rate_limited,
    upgrade_refused,
    websocket,
    websocket_binary,
    websocket_deaf,
    websocket_garbage,
    websocket_oversize,
    websocket_too_many,
)
from tests.scripted import HASHES, LIST, MESSAGES, WATCH, listed, message, paths

pytestmark = pytest.mark.anyio

Make = Callable[..., AlephHttpClient]
NOTHING = answer({"hashes": [], "pagination_per_page": 0})
ANY = f"{MESSAGES}/"
STATUS = answer({"status": "processed", "reception_time": "2026-11-23T07:54:03Z"})
PATIENT = RetryPolicy(attempts=3, initial_delay=0.01, maximum_delay=0.05)


def node(table: Mapping[str, Step | Sequence[Step]]) -> HostileServer:
    """Play the table; the list is empty unless it says otherwise, since a watch begins with it."""
    return scripted.node({LIST: answer(listed()), **table})


def text(value: Any) -> bytes:
    return frame(1, value if isinstance(value, str) else json.dumps(value))


async def watched(
    client: AlephHttpClient, count: int, found: list[Message] | None = None, **options: Any
) -> list[Message]:
    """Return the first messages that a watch yields; ``found`` keeps what came before an error."""
    found = [] if found is None else found
    async for entry in client.watch_messages(**options):
        found.append(entry)
        if len(found) == count:
            break
    return found


async def test_garbage_in_frames_is_left_out_and_reported(
    reading: Make, caplog: pytest.LogCaptureFixture
) -> None:
    forged = {**message(3), "item_content": "{}"}
    bad = ["{", "[]", "5", '"x"', "[" * 5000, {**message(2), "type": "NEWS"}, forged]
    frames = [text(message(1)), *map(text, bad), text(message(1)), text(message(4))]
    reported: list[InvalidEntry] = []
    with node({HASHES: NOTHING, WATCH: websocket(*frames, then="open")}) as server:
        async with reading(server) as client:
            with caplog.at_level(logging.WARNING, "aleph"):
                found = await watched(client, 2, on_invalid=reported.append)
    assert [entry.content["content"]["n"] for entry in found] == [1, 4]
    assert len(reported) == len(bad)
    assert len(caplog.records) >= len(bad)


async def test_what_was_not_asked_for_is_not_yielded(reading: Make) -> None:
    frames = [text(message(1)), text(message(2, channel="WANTED"))]
    with node({HASHES: NOTHING, WATCH: websocket(*frames, then="open")}) as server:
        async with reading(server) as client:
            (found,) = await watched(client, 1, channels="WANTED")
    assert found.channel == "WANTED"


@pytest.mark.parametrize(
    "step",
    [
        websocket_garbage(),
        websocket_binary(),
        websocket_oversize(20 * 1024 * 1024),
        websocket_too_many(),
        websocket(then="cut"),
        websocket(then="reset"),
        websocket(code=1000),
        websocket(accept="wrong"),
        hang_up(),
        upgrade_refused(503),
    ],
)
async def test_a_broken_stream_is_made_again_and_goes_on(reading: Make, step: Step) -> None:
    steps = [step, step, websocket(text(message(1)), then="open")]
    with node({HASHES: NOTHING, WATCH: steps}) as server:
        async with reading(server, retry=PATIENT) as client:
            (found,) = await watched(client, 1)
        assert paths(server).count(WATCH) == 3
    assert found.content["content"] == {"n": 1}


@pytest.mark.parametrize(
    "step",
    [
        websocket_garbage(),
        websocket_binary(),
        websocket_too_many(),
        websocket(then="cut"),
        hang_up(),
    ],
)
async def test_a_stream_that_never_holds_is_given_up(reading: Make, step: Step) -> None:
    begun = clock()
    with node({HASHES: NOTHING, WATCH: step}) as server:
        async with reading(server, retry=PATIENT) as client:
            with pytest.raises(WatchInterrupted, match="nothing was seen") as caught:
                await watched(client, 1, reconnect_timeout=0.5)
        assert paths(server).count(WATCH) > 2
    assert caught.value.last_seen is None
    assert caught.value.node == server.url
    assert clock() - begun < 5


async def test_an_interrupted_watch_tells_the_last_message(reading: Make) -> None:
    step = websocket(text(message(1)), code=1013)
    with node({HASHES: NOTHING, WATCH: step}) as server:
        async with reading(server, retry=None) as client:
            found: list[Message] = []
            with pytest.raises(WatchInterrupted) as caught:
                await watched(client, 2, found)
        assert paths(server).count(WATCH) == 1
    assert caught.value.last_seen == found[0]
    assert found[0].item_hash in str(caught.value)


@pytest.mark.parametrize(("status", "kind"), [(403, ApiError), (404, ApiError), (400, ApiError)])
async def test_a_refused_upgrade_is_told_at_once(
    reading: Make, status: int, kind: type[ApiError]
) -> None:
    with node({HASHES: NOTHING, WATCH: upgrade_refused(status)}) as server:
        async with reading(server) as client:
            with pytest.raises(kind, match="refused the websocket") as caught:
                await watched(client, 1)
        assert paths(server).count(WATCH) == 1
    assert caught.value.status == status


async def test_a_limit_on_websockets_is_waited_for(reading: Make) -> None:
    steps = [rate_limited(0.01), websocket(text(message(1)), then="open")]
    with node({HASHES: NOTHING, WATCH: steps}) as server:
        async with reading(server) as client:
            assert len(await watched(client, 1)) == 1
    with node({HASHES: NOTHING, WATCH: rate_limited(0.01)}) as busy:
        async with reading(busy, retry=None) as client:
            with pytest.raises(WatchInterrupted):
                await watched(client, 1)


async def test_messages_of_the_gap_are_fetched_after_a_reconnect(reading: Make) -> None:
    first, missed, later = message(1), message(2), message(3)
    gap = answer({"hashes": [first["item_hash"], missed["item_hash"]], "pagination_per_page": 0})
    table = {
        HASHES: [NOTHING, NOTHING, gap],
        LIST: answer(listed(missed)),
        ANY: STATUS,
        WATCH: [
            websocket(text(first), then="cut"),
            websocket(text(missed), text(later), then="open"),
        ],
    }
    with node(table) as server:
        async with reading(server, retry=PATIENT) as client:
            found = await watched(client, 3)
    assert [entry.content["content"]["n"] for entry in found] == [1, 2, 3]


async def test_the_next_node_goes_on_when_one_fails(reading: Make) -> None:
    good = {HASHES: NOTHING, WATCH: websocket(text(message(1)), then="open")}
    with node({HASHES: NOTHING, WATCH: websocket_too_many()}) as bad, node(good) as server:
        async with reading(bad, server, retry=PATIENT) as client:
            assert len(await watched(client, 1)) == 1


async def test_a_silent_node_is_quiet_and_not_an_error(reading: Make) -> None:
    late = websocket(text(message(1)), then="open", after=0.5)
    with node({HASHES: NOTHING, WATCH: late}) as server:
        async with reading(server, timeout=0.2) as client:
            assert len(await watched(client, 1)) == 1


@pytest.mark.parametrize("step", [never(), html_error(500), answer(b"{"), answer({"hashes": 5})])
async def test_a_first_look_that_fails_ends_the_watch(reading: Make, step: Step) -> None:
    with node({HASHES: step, WATCH: websocket_deaf()}) as server:
        async with reading(server, retry=None, timeout=0.3) as client:
            with pytest.raises((ApiError, TransportError)) as caught:
                await watched(client, 1)
    assert caught.value.node == server.url


async def test_a_list_of_hashes_that_repeats_itself_ends(reading: Make) -> None:
    same = answer({"hashes": [message(1)["item_hash"]], "pagination_per_page": 1})
    table = {HASHES: same, ANY: STATUS, WATCH: websocket(text(message(2)), then="open")}
    with node(table) as server:
        async with reading(server) as client:
            (found,) = await watched(client, 1)
        assert len(server.requests) < 20
    assert found.content["content"] == {"n": 2}


@pytest.mark.parametrize(
    "options",
    [
        {"history": -1},
        {"history": 201},
        {"history": "5"},
        {"reconnect_timeout": float("inf")},
        {"reconnect_timeout": float("nan")},
        {"reconnect_timeout": -1},
        {"reconnect_timeout": "soon"},
        {"message_statuses": "forgotten"},
        {"message_types": "NEWS"},
        {"nonsense": 1},
        {"message_filter": "x"},
    ],
)
async def test_a_bad_watch_is_refused_before_anything_is_sent(
    reading: Make, options: dict[str, Any]
) -> None:
    with node({}) as server:
        async with reading(server) as client:
            with pytest.raises(ArgumentError):
                await watched(client, 1, **options)
        assert server.requests == []
