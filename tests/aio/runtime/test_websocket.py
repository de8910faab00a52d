from __future__ import annotations

import httpx
import pytest

from aleph_async._runtime import Http, clock
from aleph_core.errors import ApiError, RateLimited, TransportError, TransportTimeout
from tests.hostile import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    HostileServer,
    Step,
    answer,
    frame,
    hang_up,
    never,
    rate_limited,
    redirect,
    upgrade_refused,
    websocket,
    websocket_binary,
    websocket_deaf,
    websocket_garbage,
    websocket_oversize,
    websocket_pinging,
    websocket_too_many,
)

pytestmark = pytest.mark.anyio

LIMIT = 1024 * 1024


async def test_messages_come_in_order_and_a_close_ends_them_with_its_code(http: Http) -> None:
    step = websocket(frame(TEXT, "one"), frame(TEXT, "zwöi"), code=1001, reason="bye")
    with HostileServer(step) as server:
        async with http.websocket(server.url, maximum_message_bytes=LIMIT) as socket:
            assert [await socket.receive(5), await socket.receive(5)] == ["one", "zwöi"]
            for _ in range(2):
                with pytest.raises(TransportError, match="1001 bye") as caught:
                    await socket.receive(5)
                assert caught.value.close_code == 1001
                assert caught.value.node == server.url


async def test_a_ws_url_is_as_good_as_an_http_url(http: Http) -> None:
    with HostileServer(websocket(frame(TEXT, "one"), then="open")) as server:
        url = server.url.replace("http", "ws") + "/api/ws0/messages?a=b"
        async with http.websocket(url, maximum_message_bytes=LIMIT) as socket:
            assert await socket.receive(5) == "one"
    assert server.requests[0].target == "/api/ws0/messages?a=b"


async def test_a_message_in_fragments_and_pieces_is_one_message(http: Http) -> None:
    frames = (
        frame(TEXT, "grü".encode()[:3], final=False)
        + frame(PING, b"between")
        + frame(0, "grü".encode()[3:], final=False)
        + frame(0, b"x" * 200_000)
    )
    with HostileServer(
        websocket(*(frames[i : i + 7000] for i in range(0, len(frames), 7000)))
    ) as server:
        async with http.websocket(server.url, maximum_message_bytes=LIMIT) as socket:
            assert await socket.receive(5) == "grü" + "x" * 200_000


async def test_quiet_is_a_timeout_after_which_the_websocket_is_still_usable(http: Http) -> None:
    with HostileServer(websocket(frame(TEXT, "late"), then="open", after=0.4)) as server:
        async with http.websocket(server.url, maximum_message_bytes=LIMIT) as socket:
            with pytest.raises(TransportTimeout, match=r"no message in 0\.1 s"):
                await socket.receive(0.1)
            assert await socket.receive(5) == "late"


async def test_a_peer_that_pings_and_says_nothing_is_not_waited_for_any_longer(http: Http) -> None:
    with HostileServer(websocket_pinging()) as server:
        async with http.websocket(server.url, maximum_message_bytes=LIMIT) as socket:
            begun = clock()
            with pytest.raises(TransportTimeout, match=r"no message in 0\.2 s"):
                await socket.receive(0.2)
            assert clock() - begun < 5


async def test_leaving_says_goodbye(http: Http) -> None:
    with HostileServer(websocket(then="open")) as server:
        async with http.websocket(server.url, maximum_message_bytes=LIMIT):
            pass
        server.wait_for_body(bytes([CLOSE]) + b"\x03\xe8")


async def test_pings_of_the_node_are_answered(http: Http) -> None:
    with HostileServer(websocket(frame(PING, b"hello"), frame(TEXT, "one"), then="open")) as server:
        async with http.websocket(server.url, maximum_message_bytes=LIMIT) as socket:
            await socket.receive(5)
        server.wait_for_body(bytes([PONG]) + b"hello")


async def test_pings_keep_a_quiet_websocket_alive(http: Http) -> None:
    with HostileServer(websocket(then="open")) as server:
        async with http.websocket(
            server.url, maximum_message_bytes=LIMIT, ping_interval=0.05, ping_timeout=5
        ) as socket:
            with pytest.raises(TransportTimeout):
                await socket.receive(0.5)
    assert server.requests[0].body.count(bytes([PING])) >= 3


async def test_a_peer_that_answers_no_ping_is_dead(http: Http) -> None:
    began = clock()
    with HostileServer(websocket_deaf(frame(TEXT, "one"))) as server:
        async with http.websocket(
            server.url, maximum_message_bytes=LIMIT, ping_interval=0.1, ping_timeout=0.1
        ) as socket:
            assert await socket.receive() == "one"
            with pytest.raises(TransportError, match="no ping") as caught:
                await socket.receive()
    assert caught.value.close_code == 1006
    assert not isinstance(caught.value, TransportTimeout)
    assert clock() - began < 5


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (websocket_garbage(), 1002),
        (websocket(frame(TEXT, b"\xff\xfe"), then="silent"), 1007),
        (websocket(frame(0, b"orphan"), then="silent"), 1002),
        (websocket(frame(TEXT, b"x", size=1 << 63), then="silent"), 1002),
        (websocket_binary(), 1003),
        (websocket(frame(BINARY, b""), then="silent"), 1003),
        (websocket_oversize(LIMIT + 1), 1009),
        (
            websocket(*[frame(TEXT, b"x" * LIMIT, final=False), frame(0, b"x")], then="silent"),
            1009,
        ),
        (websocket_too_many(), 1013),
        (websocket(then="cut"), 1006),
        (websocket(then="reset"), 1006),
        (websocket(frame(TEXT, b"cut", size=100), then="cut"), 1006),
        (websocket(frame(CLOSE), then="silent"), 1005),
    ],
)
async def test_a_websocket_that_ends_or_breaks_is_a_transport_error_with_a_code(
    http: Http, step: Step, code: int
) -> None:
    with HostileServer(step) as server:
        async with http.websocket(server.url, maximum_message_bytes=LIMIT) as socket:
            with pytest.raises(TransportError) as caught:
                await socket.receive(5)
            assert (caught.value.close_code, type(caught.value)) == (code, TransportError)


async def test_messages_before_the_break_are_not_lost(http: Http) -> None:
    with HostileServer(websocket(frame(TEXT, "good") + b"\xff\xff\xff", then="silent")) as server:
        async with http.websocket(server.url, maximum_message_bytes=LIMIT) as socket:
            assert await socket.receive(5) == "good"
            with pytest.raises(TransportError):
                await socket.receive(5)


async def test_a_message_of_exactly_the_limit_is_taken(http: Http) -> None:
    with HostileServer(websocket_oversize(LIMIT)) as server:
        async with http.websocket(server.url, maximum_message_bytes=LIMIT) as socket:
            assert len(await socket.receive(5)) == LIMIT


@pytest.mark.parametrize(
    ("step", "status"),
    [(upgrade_refused(403), 403), (answer(b"1"), 200), (redirect("http://127.0.0.1:9/"), 302)],
)
async def test_a_refused_upgrade_is_an_api_error_with_its_status(
    http: Http, step: Step, status: int
) -> None:
    with (
        HostileServer(step) as server,
        pytest.raises(ApiError, match="refused the websocket") as caught,
    ):
        async with http.websocket(server.url, maximum_message_bytes=LIMIT):
            raise AssertionError("there is no websocket")
    assert (caught.value.status, caught.value.node) == (status, server.url)


async def test_an_upgrade_refused_for_its_rate_says_when_to_come_back(http: Http) -> None:
    with HostileServer(rate_limited(7)) as server, pytest.raises(RateLimited) as caught:
        async with http.websocket(server.url, maximum_message_bytes=LIMIT):
            raise AssertionError("there is no websocket")
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize("step", [hang_up(), websocket(accept="forged")])
async def test_an_upgrade_that_breaks_is_a_transport_error_without_a_code(
    http: Http, step: Step
) -> None:
    with HostileServer(step) as server, pytest.raises(TransportError) as caught:
        async with http.websocket(server.url, maximum_message_bytes=LIMIT):
            raise AssertionError("there is no websocket")
    assert caught.value.close_code is None


async def test_an_upgrade_that_is_never_answered_times_out(hasty: Http) -> None:
    with HostileServer(never()) as server, pytest.raises(TransportTimeout):
        async with hasty.websocket(server.url, maximum_message_bytes=LIMIT):
            raise AssertionError("there is no websocket")


async def test_nobody_there_says_that_nothing_was_sent(http: Http) -> None:
    with pytest.raises(TransportError) as caught:
        async with http.websocket("http://127.0.0.1:1/", maximum_message_bytes=LIMIT):
            raise AssertionError("there is no websocket")
    assert caught.value.sent is False


async def test_an_error_inside_passes_unchanged(http: Http) -> None:
    error = httpx.ReadError("of the caller")
    with HostileServer(websocket(then="open")) as server, pytest.raises(httpx.ReadError) as caught:
        async with http.websocket(server.url, maximum_message_bytes=LIMIT):
            raise error
    assert caught.value is error
