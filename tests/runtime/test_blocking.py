"""What only threads and processes do."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import textwrap
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from aleph_async._runtime import Registry, Request, _blocking
from aleph_core.call import Answer
from aleph_core.errors import (
    ArgumentError,
    ClosedClientError,
    ConfigurationError,
    TransportError,
    TransportTimeout,
)
from tests.hostile import HostileServer, answer, never

LIMIT = 1024


def get(server: HostileServer) -> Request:
    return Request(method="GET", url=server.url)


def in_child(work: object) -> bytes:
    """Fork, call the work in the child, and return what it returned there."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(writing, work())  # type: ignore[operator]
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with open(reading, "rb") as file:
        result = file.read()
    assert os.waitpid(child, 0)[1] == 0
    return result


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_opens_connections_of_its_own_and_leaves_the_parents_alone() -> None:
    with HostileServer(answer(b"1")) as server:
        http = _blocking.Http()
        http.exchange(get(server), limit=LIMIT)

        assert in_child(lambda: http.exchange(get(server), limit=LIMIT).body) == b"1"
        assert server.requests[-1].connection == 2

        http.exchange(get(server), limit=LIMIT)
        assert server.requests[-1].connection == 1
        http.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_closing_in_a_forked_child_does_not_close_the_parents_connections() -> None:
    def close() -> bytes:
        http.close()
        return b"closed"

    with HostileServer(answer(b"1")) as server:
        http = _blocking.Http()
        http.exchange(get(server), limit=LIMIT)
        assert in_child(close) == b"closed"
        http.exchange(get(server), limit=LIMIT)
        http.close()

        assert server.connections == 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_while_another_thread_makes_the_pool_does_not_lock_the_child() -> None:
    from aleph_async._runtime._blocking import http as module

    with HostileServer(answer(b"1")) as server:
        http = _blocking.Http()
        with module._lock:
            assert in_child(lambda: http.exchange(get(server), limit=LIMIT).body) == b"1"
        http.close()


class Thing:
    """Something to share."""


def test_everybody_gets_the_same_thing_for_a_key_as_long_as_somebody_holds_it() -> None:
    registry = Registry(Thing)
    with ThreadPoolExecutor(8) as pool:
        things = list(pool.map(registry.get, ["a"] * 50))
    assert len(set(map(id, things))) == 1
    assert registry.get("b") is not things[0]
    kept = weakref.ref(things[0])
    del things
    gc.collect()
    assert kept() is None


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_what_its_parent_holds() -> None:
    registry = Registry(_blocking.Lock)

    def enter() -> bytes:
        with registry.get("a"):
            return b"entered"

    with registry.get("a"):
        assert in_child(enter) == b"entered"


def test_threads_share_one_pool() -> None:
    with HostileServer(answer(b"1")) as server:
        http = _blocking.Http()

        def call(_: int) -> Answer:
            return http.exchange(get(server), limit=LIMIT)

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(call, range(200)))
        http.close()

        assert {found.body for found in answers} == {b"1"}
        assert len(server.requests) == 200
        assert server.connections <= 8


def test_closing_under_a_waiting_thread_ends_its_wait_with_an_error_of_ours() -> None:
    errors: list[BaseException] = []
    http = _blocking.Http(timeout=1)

    def call() -> None:
        try:
            http.exchange(get(server), limit=LIMIT)
        except Exception as error:  # noqa: BLE001 - the subject of the test
            errors.append(error)

    with HostileServer(never()) as server:
        thread = threading.Thread(target=call)
        thread.start()
        server.wait_for_requests(1)
        http.close()
        thread.join(10)

    assert [type(error) for error in errors] in (
        [TransportTimeout],
        [TransportError],
        [ClosedClientError],
    )


def test_an_http_that_nobody_closes_does_not_warn_when_it_goes() -> None:
    with HostileServer(answer(b"1")) as server:
        http = _blocking.Http()
        http.exchange(get(server), limit=LIMIT)
        del http
        gc.collect()


@pytest.mark.parametrize(
    "ending",
    [
        "",
        "import os\nif os.fork(): os.wait()",
        "import os\nif os.fork(): os.wait()\nelse: http.exchange(request, limit=9)",
        "from aleph_async._runtime._blocking import start\nstart(lambda: __import__('time').sleep(60))",
    ],
)
def test_a_program_that_closes_nothing_ends_without_a_word(ending: str) -> None:
    program = textwrap.dedent(
        """
        import sys
        from aleph_async._runtime import Request
        from aleph_async._runtime._blocking import Http
        http = Http()
        request = Request(method="GET", url=sys.argv[1])
        assert http.exchange(request, limit=9).body == b"1"
        """
    )
    with HostileServer(answer(b"1")) as server:
        assert run(program + ending, server.url) == ""


def run(program: str, *arguments: str) -> str:
    """Run the program with every warning on; return what it complains about."""
    # A coverage tracer started in the child imports asyncio twice, which breaks it.
    inherited = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env={**inherited, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_given_client_keeps_its_timeout_and_stays_open() -> None:
    with HostileServer(never()) as server, httpx.Client(timeout=0.2) as client:
        http = _blocking.Http(http_client=client)
        with pytest.raises(TransportTimeout, match=r"0\.2 s"):
            http.exchange(get(server), limit=LIMIT)
        http.close()
        assert not client.is_closed
        with pytest.raises(ClosedClientError):
            http.exchange(get(server), limit=LIMIT)


def test_a_timeout_of_ones_own_wins_over_that_of_a_given_client() -> None:
    with HostileServer(never()) as server, httpx.Client(timeout=60) as client:
        http = _blocking.Http(http_client=client, timeout=0.1)
        with pytest.raises(TransportTimeout, match=r"0\.1 s"):
            http.exchange(get(server), limit=LIMIT)


def test_a_connection_that_is_being_made_while_the_client_is_closed_is_closed_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connecting, go_on = threading.Event(), threading.Event()
    connect = socket.create_connection
    made: list[socket.socket] = []

    def slowly(*arguments: Any, **options: Any) -> socket.socket:
        connecting.set()
        assert go_on.wait(10)
        made.append(connect(*arguments, **options))
        return made[0]

    monkeypatch.setattr("httpcore._backends.sync.socket.create_connection", slowly)
    with HostileServer([answer(b"{}")]) as server, ThreadPoolExecutor(1) as pool:
        http = _blocking.Http()
        exchange = pool.submit(http.exchange, get(server), limit=LIMIT)
        assert connecting.wait(10)
        http.close()
        go_on.set()
        with pytest.raises(ClosedClientError):
            exchange.result(10)
    assert [one.fileno() for one in made] == [-1]


def test_a_given_client_that_was_closed_is_a_clear_error() -> None:
    client = httpx.Client()
    client.close()
    with pytest.raises(ClosedClientError):
        _blocking.Http(http_client=client).exchange(
            Request(method="GET", url="http://127.0.0.1:1"), limit=LIMIT
        )


def test_a_given_client_follows_no_redirect_and_its_transport_is_used() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"Location": "http://elsewhere"})

    with httpx.Client(transport=httpx.MockTransport(handle), follow_redirects=True) as client:
        found = _blocking.Http(http_client=client).exchange(
            Request(method="GET", url="http://node/"), limit=LIMIT
        )
    assert found.status == 302


@pytest.mark.parametrize("option", ["ssl_context", "unix_socket"])
def test_options_of_the_connection_belong_to_a_given_client_itself(option: str) -> None:
    import ssl

    value = ssl.create_default_context() if option == "ssl_context" else "/x.sock"
    with httpx.Client() as client, pytest.raises(ArgumentError, match=option):
        _blocking.Http(http_client=client, **{option: value})  # type: ignore[arg-type]


def test_an_async_client_is_refused_by_name() -> None:
    with pytest.raises(ArgumentError, match=r"^http_client: must be an httpx\.Client"):
        _blocking.Http(http_client=httpx.AsyncClient())  # type: ignore[arg-type]


def test_proxies_of_the_environment_that_make_no_sense_are_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://proxy.invalid")
    with pytest.raises(ConfigurationError, match="cannot set up HTTP"):
        _blocking.Http().exchange(Request(method="GET", url="http://x.invalid"), limit=LIMIT)


def test_importing_the_runtime_loads_no_event_loop_and_no_websockets() -> None:
    names = [
        "anyio",
        "asyncio",
        "httpcore",
        "httpx_ws",
        "wsproto",
        "httpx_aiohttp",
        "aiohttp",
        "trio",
    ]
    checked = (
        "import sys\n"
        "import aleph_sync._runtime\n"
        f"print(*(name for name in {names!r} if name in sys.modules), end='')"
    )
    assert run(checked) == ""
