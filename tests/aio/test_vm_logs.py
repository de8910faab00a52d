"""The logs of machines, live ones over lost connections, and past ones."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from aleph_async import (
    AlephError,
    ApiError,
    AuthenticatedAlephHttpClient,
    ClockSkew,
    ETHAccount,
    KeyExpired,
    LogEntry,
    LoginRefused,
    MalformedAnswerError,
    NotAuthorized,
    RetryPolicy,
    SOLAccount,
    TransportError,
    UnsupportedByNode,
    VmClient,
    VmNotFound,
    WrongDomain,
)
from aleph_async._runtime import HttpClient, sleep, start
from aleph_devnode import DevNode
from tests.hostile import (
    PING,
    TEXT,
    HostileServer,
    Step,
    answer,
    chunked,
    frame,
    hang_up,
    never,
    unavailable,
    websocket,
)
from tests.scripted import routes

pytestmark = pytest.mark.anyio

ABSENT = "e" * 64
BOOT = 3
LIVE = f"/control/machine/{ABSENT}/stream_logs"
PAST = f"/control/machine/{ABSENT}/logs"
HASTY = RetryPolicy(initial_delay=0.01, maximum_delay=0.05)


@pytest.fixture
async def vm_client(node: DevNode, account: ETHAccount) -> AsyncIterator[VmClient]:
    async with VmClient(account, node.url, raise_on_error=True) as client:
        yield client


def socket(*frames: bytes, then: str = "close", code: int = 1000) -> Step:
    """Let whoever comes log in, then send the frames; the login is the body of the request."""
    return websocket(*frames, then=then, code=code, hear=1)


def line(message: str, kind: str = "stdout") -> bytes:
    return frame(TEXT, json.dumps({"type": kind, "message": message}))


CONNECTED = frame(TEXT, json.dumps({"status": "connected"}))


def refused(reason: str) -> bytes:
    return frame(TEXT, json.dumps({"status": "failed", "reason": reason}))


async def first(entries: AsyncIterator[LogEntry], count: int) -> list[str]:
    """Return the messages of the first entries."""
    found: list[str] = []
    async for entry in entries:
        found.append(entry.message)
        if len(found) == count:
            break
    await entries.aclose()
    return found


async def all_of(entries: AsyncIterator[LogEntry]) -> tuple[list[LogEntry], AlephError | None]:
    """Return all entries, and the error that ended them."""
    found: list[LogEntry] = []
    try:
        async for entry in entries:
            found.append(entry)  # noqa: PERF401 - what came before an error counts
    except AlephError as error:
        return found, error
    return found, None


async def test_lines_come_from_the_beginning_and_as_they_are_written(
    node: DevNode, vm_client: VmClient, vm_id: str
) -> None:
    entries: list[LogEntry] = []
    logs = vm_client.get_logs(vm_id)
    async for entry in logs:
        entries.append(entry)
        if len(entries) == BOOT:
            node.log(vm_id, "stderr", "warn line")
        if len(entries) == BOOT + 1:
            break
    await logs.aclose()
    assert [entry.type for entry in entries] == ["stdout"] * BOOT + ["stderr"]
    assert entries[-1] == LogEntry(type="stderr", message="warn line")
    assert f"Log: {entries[-1]}" == "Log: warn line"


async def test_the_log_of_a_machine_that_ran_once_has_an_end(
    vm_client: VmClient, vm_id: str
) -> None:
    await vm_client.stop_instance(vm_id)
    entries = [entry async for entry in vm_client.get_logs(vm_id)]
    assert [entry.type for entry in entries] == ["stdout"] * BOOT + ["system"]


async def test_a_refused_login_raises(
    node: DevNode, account: ETHAccount, vm_client: VmClient, vm_id: str
) -> None:
    stranger = SOLAccount.generate()
    async with VmClient(stranger, node.url) as other:
        with pytest.raises(NotAuthorized) as caught:
            await first(other.get_logs(vm_id), 1)
        assert caught.value.address == stranger.get_address()
        with pytest.raises(NotAuthorized):
            await first(other.get_past_logs(vm_id), 1)
    async with VmClient(account, node.url, domain="elsewhere") as other:
        with pytest.raises(WrongDomain):
            await first(other.get_logs(vm_id), 1)
        with pytest.raises(WrongDomain, match=r"127\.0\.0\.1"):
            await first(other.get_past_logs(vm_id), 1)


async def test_a_delegate_of_the_owner_reads_along(
    node: DevNode, client: AuthenticatedAlephHttpClient, vm_id: str
) -> None:
    delegate = SOLAccount.generate()
    entry = {"address": delegate.get_address(), "types": ["INSTANCE"]}
    await client.create_aggregate("security", {"authorizations": [entry]}, sync=True)
    async with VmClient(delegate, node.url) as other:
        assert len(await first(other.get_logs(vm_id), BOOT)) == BOOT
        assert len(await first(other.get_past_logs(vm_id), BOOT)) == BOOT


async def test_an_unknown_machine_is_told(vm_client: VmClient) -> None:
    for logs in (vm_client.get_logs(ABSENT), vm_client.get_past_logs(ABSENT)):
        with pytest.raises(VmNotFound) as caught:
            await first(logs, 1)
        assert caught.value.item_hash == ABSENT


async def test_past_lines_have_times(node: DevNode, vm_client: VmClient, vm_id: str) -> None:
    for number in range(2000):
        if number % 1000 == 0:
            node.log(vm_id, "stderr", f"line {number} " + "x" * 100_000)
    entries = [entry async for entry in vm_client.get_past_logs(vm_id)]
    assert [entry.type for entry in entries] == ["stdout"] * BOOT + ["stderr"] * 2
    assert entries[-1].message.startswith("line 1000 xxx")
    for entry in entries:
        assert entry.time is not None
        assert abs((datetime.now(UTC) - entry.time).total_seconds()) < 600


async def test_a_core_node_has_no_logs(hasty: Any) -> None:
    missing = answer("404: Not Found", status=404, content_type="text/plain")
    with HostileServer(missing) as server:
        for logs in (hasty(server.url).get_logs(ABSENT), hasty(server.url).get_past_logs(ABSENT)):
            with pytest.raises(UnsupportedByNode, match="URL of a compute node"):
                await first(logs, 1)


async def test_a_lost_connection_goes_on_behind_the_last_line(hasty: Any) -> None:
    a, b, c = line("a"), line("b"), line("c", "stderr")
    script = [
        socket(CONNECTED, a, b, then="cut"),
        unavailable(),
        socket(CONNECTED, a, then="reset"),
        socket(CONNECTED, a, b, c, then="close", code=1012),
        socket(CONNECTED, a, b, c, line("a"), then="open"),
    ]
    with HostileServer(script) as server:
        found = await first(hasty(server.url).get_logs(ABSENT), 4)
    assert found == ["a", "b", "c", "a"]
    assert len(server.requests) == 5


async def test_each_connection_logs_in_anew_with_objects(hasty: Any) -> None:
    script = [
        socket(CONNECTED, line("a"), then="cut"),
        socket(CONNECTED, line("a"), line("b"), then="open"),
    ]
    with HostileServer(script) as server:
        await first(hasty(server.url).get_logs(ABSENT), 2)
        sent = [request.body[: request.body.index(b"}}}") + 3] for request in server.requests]
    logins = [json.loads(body)["auth"] for body in sent]
    assert logins[0]["X-SignedPubKey"] == logins[1]["X-SignedPubKey"]
    assert logins[0]["X-SignedOperation"] != logins[1]["X-SignedOperation"]
    auth = logins[1]
    document = json.loads(bytes.fromhex(auth["X-SignedOperation"]["payload"]))
    assert (document["method"], document["path"], document["domain"]) == ("GET", LIVE, "127.0.0.1")
    assert isinstance(auth["X-SignedPubKey"]["signature"], str)


async def test_a_node_that_dropped_old_lines_repeats_none(hasty: Any) -> None:
    lines = [line(f"line {number}") for number in range(100)]
    script = [
        socket(CONNECTED, *lines[:80], then="cut"),
        socket(CONNECTED, *lines[30:], then="open"),
    ]
    with HostileServer(script) as server:
        found = await first(hasty(server.url).get_logs(ABSENT), 100)
    assert found == [f"line {number}" for number in range(100)]


async def test_a_log_that_was_replaced_is_delivered_whole(
    hasty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aleph_async import _vm_logs

    monkeypatch.setattr(_vm_logs, "_REPLAYED_AFTER", 0.2)
    script = [
        socket(CONNECTED, line("a"), line("b"), then="cut"),
        socket(CONNECTED, line("c"), then="open"),
        socket(CONNECTED, line("c"), line("d"), then="open"),
    ]
    with HostileServer(script) as server:
        assert await first(hasty(server.url).get_logs(ABSENT), 4) == ["a", "b", "c", "d"]


async def test_a_machine_that_is_starting_is_waited_for(hasty: Any) -> None:
    starting = line("VM is starting, try again shortly", "system")
    script = [
        socket(CONNECTED, starting),
        socket(CONNECTED, starting),
        socket(CONNECTED, line("a"), then="open"),
    ]
    with HostileServer(script) as server:
        found = await first(hasty(server.url).get_logs(ABSENT), 2)
        assert found == ["VM is starting, try again shortly", "a"]
    with HostileServer(socket(CONNECTED, starting)) as server:
        logs = hasty(server.url, retry=None).get_logs(ABSENT)
        assert [entry.type async for entry in logs] == ["system"]


async def test_a_quiet_socket_is_kept_alive(hasty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from aleph_async._runtime import _frames

    begin = _frames.Frames.__init__

    def impatient(frames: Any, node: str, **options: Any) -> None:
        begin(frames, node, **{**options, "ping_interval": 0.05})

    monkeypatch.setattr(_frames.Frames, "__init__", impatient)
    with HostileServer(socket(CONNECTED, line("a"), then="open")) as server:
        logs = hasty(server.url).get_logs(ABSENT)
        reading = start(lambda: first(logs, 2))
        while server.requests == [] or server.requests[0].body.count(bytes([PING])) < 3:
            await sleep(0.01)
        await reading.cancel()
    assert server.connections == 1


async def test_a_node_that_is_gone_is_an_error_in_the_end(hasty: Any) -> None:
    script = [socket(CONNECTED, line("a"), then="cut"), hang_up()]
    with HostileServer(script) as server:
        logs = hasty(server.url).get_logs(ABSENT, reconnect_timeout=0.3)
        found, error = await all_of(logs)
        assert [entry.message for entry in found] == ["a"]
        assert isinstance(error, TransportError)
        assert error.node == server.url
        assert error.attempts > 2
    for client in (hasty(server.url), hasty(server.url, retry=None)):
        for logs in (client.get_past_logs(ABSENT), client.get_logs(ABSENT, reconnect_timeout=0.1)):
            found, error = await all_of(logs)
            assert found == []
            assert isinstance(error, TransportError)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("1 validation error for K\n  Value error, Token expired", KeyExpired),
        ("1 validation error for O\n  Value error, Time is too far in the future", ClockSkew),
        ("Signature could not verified", LoginRefused),
    ],
)
async def test_other_refusals_have_their_errors(
    hasty: Any, reason: str, kind: type[ApiError]
) -> None:
    with HostileServer(socket(refused(reason))) as server:
        with pytest.raises(kind) as caught:
            await first(hasty(server.url).get_logs(ABSENT), 1)
        assert type(caught.value) is kind
        assert server.connections == 1


async def test_frames_of_another_form_are_kept(hasty: Any) -> None:
    frames = (CONNECTED, frame(TEXT, "no JSON"), frame(TEXT, "[1]"), line("a"))
    with HostileServer(socket(*frames, then="open")) as server:
        assert await first(hasty(server.url).get_logs(ABSENT), 3) == ["no JSON", "[1]", "a"]


async def test_a_server_without_logins_is_malformed(hasty: Any) -> None:
    with HostileServer(socket(line("a"), then="open")) as server:
        found, error = await all_of(hasty(server.url).get_logs(ABSENT))
    assert found == []
    assert isinstance(error, MalformedAnswerError)
    assert "accept or refuse the login" in str(error)


LINES = b'[{"MESSAGE":"a","file":"stdout"},{"MESSAGE":"b","file":"stdout"}'


@pytest.mark.parametrize(
    ("step", "kind", "messages"),
    [
        (chunked(LINES), MalformedAnswerError, ["a"]),
        (chunked(LINES, end=b""), TransportError, ["a"]),
        (chunked(LINES, b"}"), MalformedAnswerError, ["a"]),
        (chunked(b'{"error": "none"}'), MalformedAnswerError, []),
        (chunked(LINES, b"] <html>"), MalformedAnswerError, ["a", "b"]),
    ],
    ids=["properly", "hard", "oddly", "at once", "late"],
)
async def test_a_past_log_that_breaks_off_is_no_success(
    hasty: Any, step: Any, kind: type[AlephError], messages: list[str]
) -> None:
    with HostileServer(routes({PAST: step})) as server:
        found, error = await all_of(hasty(server.url).get_past_logs(ABSENT))
        assert isinstance(error, kind)
        assert [entry.message for entry in found] == messages
        assert len(server.requests) == 1


async def test_past_logs_are_asked_for_again_before_the_first_line(hasty: Any) -> None:
    script = [unavailable(), chunked(LINES + b"]")]
    with HostileServer(script) as server:
        found = [entry.message async for entry in hasty(server.url).get_past_logs(ABSENT)]
    assert found == ["a", "b"]
    operations = [request.headers["x-signedoperation"] for request in server.requests]
    assert len(set(operations)) == 2
    with HostileServer(never()) as server:
        client = hasty(server.url, retry=None, timeout=0.2)
        logs = client.get_logs(ABSENT)
        with pytest.raises(TransportError):
            await first(logs, 1)


async def test_a_given_http_client_is_left_open(
    node: DevNode, account: ETHAccount, vm_id: str, recording: HttpClient
) -> None:
    async with VmClient(account, node.url, http_client=recording) as vm_client:
        await first(vm_client.get_logs(vm_id), 1)
        await first(vm_client.get_past_logs(vm_id), 1)
    assert not recording.is_closed
