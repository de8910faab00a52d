from __future__ import annotations

import gc
import socket
import ssl
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import trustme

from aleph_async._runtime import Http, Request, Timeout, clock
from aleph_core.errors import (
    ArgumentError,
    ClosedClientError,
    ConfigurationError,
    MalformedAnswerError,
    TransportError,
    TransportTimeout,
)
from tests.hostile import (
    HostileServer,
    Peer,
    Step,
    answer,
    chunked,
    chunked_garbage,
    gzip_bomb,
    gzipped,
    hang_up,
    html_error,
    longer_than_announced,
    never,
    processing,
    rate_limited,
    raw,
    redirect,
    reset_after_request,
    reset_before_request,
    slow_drip,
    truncated,
    wrong_content_type,
)

pytestmark = pytest.mark.anyio

LIMIT = 1024 * 1024


def get(server: HostileServer, path: str = "/", **options: object) -> Request:
    return Request(method="GET", url=server.url + path, **options)  # type: ignore[arg-type]


async def test_an_answer_is_given_whole_with_lower_case_headers_and_its_node(http: Http) -> None:
    with HostileServer(answer({"a": 1}, headers={"X-Some": "1"})) as server:
        found = await http.exchange(
            get(server, "/p?q=a%2Cb%20c", headers={"X-Mine": "2"}), limit=LIMIT
        )

    assert (found.status, found.json(), found.node) == (200, {"a": 1}, server.url)
    assert found.headers["x-some"] == "1"
    assert server.requests[0].headers["x-mine"] == "2"
    target = urlsplit(server.requests[0].target)
    assert (target.path, parse_qsl(target.query)) == ("/p", [("q", "a,b c")])


async def test_a_body_is_sent_with_its_length(http: Http) -> None:
    request_body = b'{"x": 1}'
    with HostileServer(answer()) as server:
        await http.exchange(Request(method="POST", url=server.url, body=request_body), limit=LIMIT)

    assert server.requests[0].body == request_body
    assert "transfer-encoding" not in server.requests[0].headers


async def test_one_connection_serves_one_request_after_the_other(http: Http) -> None:
    with HostileServer(answer(b"1")) as server:
        for _ in range(3):
            await http.exchange(get(server), limit=LIMIT)

        assert server.connections == 1


@pytest.mark.parametrize(
    ("step", "status"),
    [
        (html_error(502), 502),
        (wrong_content_type({"a": 1}), 200),
        (rate_limited(3), 429),
        (redirect("http://127.0.0.1:9/elsewhere"), 302),
        (answer("refused", status=422), 422),
    ],
)
async def test_an_answer_of_any_status_is_an_answer_and_redirects_are_not_followed(
    http: Http, step: Step, status: int
) -> None:
    with HostileServer(step) as server:
        found = await http.exchange(get(server), limit=LIMIT)

        assert (found.status, len(server.requests)) == (status, 1)


@pytest.mark.parametrize(
    "step",
    [
        truncated(b'{"a": 1}'),
        truncated(b""),
        chunked_garbage(),
        chunked(b'{"a"', end=b""),
        hang_up(),
        reset_after_request(),
        raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello"),
        gzipped({"a": 1}, cut=9),
    ],
)
async def test_a_broken_answer_is_a_transport_error_of_a_request_that_may_have_arrived(
    http: Http, step: Step
) -> None:
    with HostileServer(step) as server, pytest.raises(TransportError) as caught:
        await http.exchange(get(server), limit=LIMIT)

    assert (caught.value.sent, caught.value.node) == (True, server.url)
    assert server.url in str(caught.value)


async def test_a_connection_reset_before_anything_is_read_is_a_transport_error(http: Http) -> None:
    with HostileServer(reset_before_request()) as server, pytest.raises(TransportError):
        await http.exchange(get(server), limit=LIMIT)


async def test_a_refused_connection_says_that_nothing_was_sent(http: Http) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(TransportError, match="cannot connect to") as caught:
        await http.exchange(Request(method="GET", url=url), limit=LIMIT)
    assert (caught.value.sent, caught.value.node) == (False, url)


async def test_an_unknown_host_says_that_nothing_was_sent(http: Http) -> None:
    url = "http://nowhere.invalid"
    with pytest.raises(TransportError) as caught:
        await http.exchange(Request(method="GET", url=url), limit=LIMIT)
    assert caught.value.sent is False


async def test_credentials_in_a_url_are_in_no_error(http: Http) -> None:
    with pytest.raises(TransportError) as caught:
        await http.exchange(Request(method="GET", url="http://me:secret@127.0.0.1:1/"), limit=LIMIT)
    assert "secret" not in str(caught.value) + str(caught.value.node)


async def test_a_silent_node_times_out_as_sent(hasty: Http) -> None:
    with (
        HostileServer(never()) as server,
        pytest.raises(TransportTimeout, match=r"no answer from .* within 0\.3 s") as caught,
    ):
        await hasty.exchange(get(server), limit=LIMIT)
    assert caught.value.sent is True


async def test_a_full_pool_times_out_with_nothing_sent() -> None:
    http = Http(
        timeout=Timeout(5, pool=0.1), prefer_aiohttp=False, limits=httpx.Limits(max_connections=1)
    )
    with HostileServer(answer(b"1")) as server:
        async with http.stream(get(server)):
            with pytest.raises(TransportTimeout, match="no free connection") as caught:
                await http.exchange(get(server), limit=LIMIT)
        await http.aclose()
    assert caught.value.sent is False


async def test_a_node_that_drips_does_not_hold_the_caller_for_ever(hasty: Http) -> None:
    began = clock()
    with (
        HostileServer(slow_drip(b"x" * 10_000, interval=0.02)) as server,
        pytest.raises(TransportTimeout, match="too slowly"),
    ):
        await hasty.exchange(get(server), limit=LIMIT)
    assert clock() - began < 5


async def test_an_answer_that_only_seems_to_begin_is_a_timeout(http: Http) -> None:
    with HostileServer(processing()) as server, pytest.raises(TransportTimeout) as caught:
        await http.exchange(get(server, timeout=0.2), limit=LIMIT)
    assert "no answer from" in str(caught.value)
    assert caught.value.sent


async def test_a_request_has_a_timeout_of_its_own(http: Http) -> None:
    with HostileServer(never()) as server, pytest.raises(TransportTimeout, match=r"0\.2 s"):
        await http.exchange(get(server, timeout=0.2), limit=LIMIT)


async def test_a_call_that_the_node_delays_gets_its_minimum(hasty: Http) -> None:
    def late(peer: Peer) -> None:
        peer.wait(0.6)
        answer(b"1")(peer)

    with HostileServer(late) as server:
        found = await hasty.exchange(get(server, minimum_timeout=5.0), limit=LIMIT)
    assert found.body == b"1"


@pytest.mark.parametrize(
    "step", [answer(b"x" * 101), chunked(b"x" * 60, b"x" * 60), gzipped(b"x" * 101)]
)
async def test_an_answer_above_the_limit_is_malformed(http: Http, step: Step) -> None:
    with (
        HostileServer(step) as server,
        pytest.raises(MalformedAnswerError, match="more than the 100 bytes") as caught,
    ):
        await http.exchange(get(server), limit=100)
    assert caught.value.status == 200


async def test_an_answer_of_exactly_the_limit_is_taken(http: Http) -> None:
    with HostileServer(answer(b"x" * 100)) as server:
        assert len((await http.exchange(get(server), limit=100)).body) == 100


async def test_a_compressed_answer_is_unpacked(http: Http) -> None:
    with HostileServer(gzipped({"a": "b" * 5000})) as server:
        found = await http.exchange(get(server), limit=LIMIT)
    assert found.json() == {"a": "b" * 5000}


async def test_a_compression_bomb_is_cut_at_the_limit(http: Http) -> None:
    with (
        HostileServer(gzip_bomb()) as server,
        pytest.raises(MalformedAnswerError, match="more than"),
    ):
        await http.exchange(get(server), limit=LIMIT)


@pytest.mark.parametrize("encoding", ["br", "gzip", "nonsense"])
async def test_an_encoding_that_cannot_be_read_is_malformed(http: Http, encoding: str) -> None:
    with (
        HostileServer(answer(b"plain", headers={"Content-Encoding": encoding})) as server,
        pytest.raises(MalformedAnswerError),
    ):
        await http.exchange(get(server), limit=LIMIT)


async def test_bytes_beyond_the_announced_length_are_an_error_or_ignored(http: Http) -> None:
    with HostileServer([longer_than_announced(b"1"), answer(b"2")]) as server:
        found: list[bytes | None] = []
        for _ in range(3):
            try:
                found.append((await http.exchange(get(server), limit=LIMIT)).body)
            except TransportError:
                found.append(None)

    assert found in ([b"1", None, b"2"], [b"1", b"2", b"2"], [None, b"2", b"2"])


async def test_credentials_in_a_url_are_used(http: Http) -> None:
    with HostileServer(answer(b"1")) as server:
        url = server.url.replace("//", "//me:secret@")
        found = await http.exchange(Request(method="GET", url=url), limit=LIMIT)

    assert server.requests[0].headers["authorization"] == "Basic bWU6c2VjcmV0"
    assert found.node == server.url


async def test_head_has_no_body_whatever_it_announces(http: Http) -> None:
    with HostileServer(answer(b"x" * 50)) as server:
        found = await http.exchange(Request(method="HEAD", url=server.url), limit=10)
    assert (found.body, found.headers["content-length"]) == (b"", "50")


async def test_cookies_of_a_node_are_not_kept(http: Http) -> None:
    with HostileServer(answer(b"1", headers={"Set-Cookie": "a=b; Path=/"})) as server:
        await http.exchange(get(server), limit=LIMIT)
        await http.exchange(get(server), limit=LIMIT)
    assert "cookie" not in server.requests[1].headers


async def test_a_unix_socket_is_spoken_to(tmp_path: Path) -> None:
    path = tmp_path / "node.sock"
    http = Http(unix_socket=str(path))
    with HostileServer(answer(b"1"), unix_socket=path) as server:
        found = await http.exchange(get(server, "/x"), limit=LIMIT)
        await http.aclose()
    assert (found.body, server.requests[0].target) == (b"1", "/x")


async def test_a_missing_unix_socket_says_that_nothing_was_sent(tmp_path: Path) -> None:
    http = Http(unix_socket=str(tmp_path / "none.sock"))
    with pytest.raises(TransportError) as caught:
        await http.exchange(Request(method="GET", url="http://localhost/"), limit=LIMIT)
    await http.aclose()
    assert caught.value.sent is False
    del caught
    gc.collect()


async def test_tls_is_checked_and_an_own_context_is_used() -> None:
    authority = trustme.CA()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with HostileServer(answer(b"1"), ssl_context=server_context) as server:
        strict = Http()
        with pytest.raises(TransportError, match=r"(?i)certificate") as caught:
            await strict.exchange(get(server), limit=LIMIT)
        await strict.aclose()
        http = Http(ssl_context=trusting)
        found = await http.exchange(get(server), limit=LIMIT)
        await http.aclose()
    assert (caught.value.sent, found.body) == (False, b"1")


async def test_a_closed_http_refuses_requests_and_closes_twice_in_peace(http: Http) -> None:
    await http.aclose()
    await http.aclose()
    with pytest.raises(ClosedClientError):
        await http.exchange(Request(method="GET", url="http://127.0.0.1:1"), limit=LIMIT)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "5", True])
def test_a_timeout_that_makes_no_sense_is_refused_by_name(timeout: object) -> None:
    with pytest.raises(ArgumentError, match=r"^timeout: "):
        Http(timeout=timeout)  # type: ignore[arg-type]


def test_a_client_of_the_wrong_kind_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match=r"^http_client: "):
        Http(http_client=object())  # type: ignore[arg-type]


async def test_a_url_that_is_none_is_a_transport_error_with_nothing_sent(http: Http) -> None:
    with pytest.raises(TransportError) as caught:
        await http.exchange(Request(method="GET", url="gopher://x/"), limit=LIMIT)
    assert caught.value.sent is False


async def test_errors_of_the_http_library_are_the_cause_and_not_the_error(hasty: Http) -> None:
    with HostileServer(never()) as server, pytest.raises(TransportError) as caught:
        await hasty.exchange(get(server), limit=LIMIT)
    assert isinstance(caught.value.__cause__, httpx.HTTPError)
