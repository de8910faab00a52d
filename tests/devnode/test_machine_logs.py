"""The logs of machines, live and past, held against what a real compute node answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from aleph_devnode import DevNode, listeners
from tests.devnode.author import Author, eventually
from tests.devnode.machines import started
from tests.devnode.vm_signing import Login, ethereum_login, zulu
from tests.vm_contents import instance

ABSENT = "e" * 64
QUIET = 0.3


@pytest.fixture
def vm(author: Author) -> str:
    return started(author, author.store(b"rootfs"))


def login_of(author: Author, **changes: Any) -> Login:
    return ethereum_login(author.account.export_private_key(), "127.0.0.1", **changes)


def path(vm: str) -> str:
    return f"/control/machine/{vm}/stream_logs"


@contextmanager
def opened(author: Author, vm: str) -> Iterator[ClientConnection]:
    url = author.url.replace("http", "ws", 1) + path(vm)
    with connect(url, proxy=None, ping_interval=None, compression=None) as socket:
        yield socket


@contextmanager
def following(author: Author, vm: str) -> Iterator[ClientConnection]:
    with opened(author, vm) as socket:
        socket.send(json.dumps(login_of(author).frame(path(vm))))
        assert frame(socket) == {"status": "connected"}
        yield socket


def frame(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=10))


def closed(socket: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed) as caught:
        socket.recv(timeout=10)
    return caught.value.rcvd and caught.value.rcvd.code


def refusal(author: Author, vm: str, first: Any) -> str:
    with opened(author, vm) as socket:
        socket.send(json.dumps(first))
        reply = frame(socket)
        assert reply["status"] == "failed"
        assert closed(socket) == 1000
    return str(reply["reason"])


def past(author: Author, vm: str) -> Any:
    return login_of(author).ask(author, "GET", f"/control/machine/{vm}/logs")


def test_a_running_machine_s_lines_are_replayed_and_followed(
    node: DevNode, author: Author, vm: str
) -> None:
    with following(author, vm) as socket:
        boot = [frame(socket) for _ in range(3)]
        assert {line["type"] for line in boot} == {"stdout"}
        node.log(vm, "stderr", "wärn line")
        assert frame(socket) == {"type": "stderr", "message": "wärn line"}
        assert login_of(author).ask(author, "POST", f"/control/machine/{vm}/stop").status == 200
        with pytest.raises(TimeoutError):
            socket.recv(timeout=QUIET)
    with following(author, vm) as socket:
        assert [frame(socket) for _ in range(3)] == boot
        assert frame(socket)["message"] == "wärn line"
        assert frame(socket) == {"type": "system", "message": "VM is not running, past logs sent"}
        assert closed(socket) == 1000


def test_a_machine_that_is_starting_has_no_log_yet() -> None:
    with DevNode(boot_seconds=30) as node:
        author = Author(node.url)
        node.fund(author.address)
        vm = author.send("INSTANCE", instance(author.store(b"rootfs")))
        with author.connection() as connection:
            body = json.dumps({"instance": vm})
            connection.request("POST", "/control/allocation/notify", body)
            eventually(lambda: vm in author.get("/v2/about/executions/list").json)
            with following(author, vm) as socket:
                told = {"type": "system", "message": "VM is starting, try again shortly"}
                assert frame(socket) == told
                assert closed(socket) == 1000


@pytest.mark.parametrize(("vm", "status"), [(ABSENT, 404), ("nothash", 400)])
def test_an_unknown_machine_is_refused_before_the_upgrade(
    author: Author, vm: str, status: int
) -> None:
    with pytest.raises(InvalidStatus) as caught, opened(author, vm):
        pass
    assert caught.value.response.status_code == status
    plain = author.get(path(vm))
    assert plain.status == status
    assert plain.json["error"]


def test_a_plain_request_is_told_to_upgrade(author: Author, vm: str) -> None:
    assert author.get(path(vm)).status == 400


def test_logins_are_refused_in_one_frame(author: Author, pauper: Author, vm: str) -> None:
    here = path(vm)
    assert refusal(author, vm, {}) == "missing 'auth' key in message"
    assert refusal(pauper, vm, login_of(pauper).frame(here)) == "unauthorized sender"
    elsewhere = login_of(author, operation={"domain": "crn.example"})
    assert refusal(author, vm, elsewhere.frame(here)) == "Invalid domain"
    assert (
        refusal(author, vm, login_of(author, der=True).frame(here))
        == "Signature could not verified"
    )
    ago = zulu(datetime.now(UTC) - timedelta(minutes=5))
    expired = refusal(author, vm, login_of(author, key={"expires": ago}).frame(here))
    assert "Token expired" in expired
    stale = refusal(author, vm, login_of(author, operation={"time": ago}).frame(here))
    assert "Time is too far in the past" in stale
    assert all("\n" in text for text in (expired, stale))
    texts = {
        name: json.dumps(value) for name, value in login_of(author).frame(here)["auth"].items()
    }
    assert refusal(author, vm, {"auth": texts})


def test_path_and_method_are_not_compared(author: Author, vm: str) -> None:
    login = login_of(author, operation={"path": "/other", "method": "POST"})
    with opened(author, vm) as socket:
        socket.send(json.dumps(login.frame(path(vm))))
        assert frame(socket) == {"status": "connected"}


@pytest.mark.parametrize("first", [[], "text", 5])
def test_json_that_is_no_object_breaks_the_protocol(author: Author, vm: str, first: Any) -> None:
    with opened(author, vm) as socket:
        socket.send(json.dumps(first))
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(timeout=10)
    assert caught.value.sent is not None
    assert caught.value.sent.code == 1002


def test_the_oldest_of_too_many_listeners_hears_nothing_more(
    node: DevNode, author: Author, vm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "MOST", 1)
    with following(author, vm) as older:
        for _ in range(3):
            frame(older)
        with following(author, vm) as newer:
            for _ in range(3):
                frame(newer)
            node.log(vm, "stdout", "new")
            assert frame(newer)["message"] == "new"
            with pytest.raises(TimeoutError):
                older.recv(timeout=QUIET)


def test_past_logs_are_an_array_with_times(node: DevNode, author: Author, vm: str) -> None:
    node.log(vm, "stderr", "last words")
    lines = past(author, vm).json
    assert len(lines) == 4
    assert lines[-1].pop("__REALTIME_TIMESTAMP")[10] == " "
    assert lines[-1] == {
        "SYSLOG_IDENTIFIER": f"vm-{vm}-stderr",
        "MESSAGE": "last words",
        "file": "stderr",
    }
    assert login_of(author).ask(author, "POST", f"/control/machine/{vm}/erase").status == 200
    assert [line["MESSAGE"] for line in past(author, vm).json][-1] == "last words"
    node.log(vm, "stdout", "after", keep=1)
    assert [line["MESSAGE"] for line in past(author, vm).json] == ["last words", "after"]


def test_past_logs_are_for_the_owner(author: Author, pauper: Author, vm: str) -> None:
    answer = past(pauper, vm)
    assert (answer.status, answer.text) == (403, "Unauthorized sender")
    missing = past(author, ABSENT)
    assert (missing.status, missing.json) == (404, {"error": "No execution found for this VM"})
    assert author.get(f"/control/machine/{vm}/logs").status == 400


def test_lines_of_another_form_are_not_written(node: DevNode, vm: str) -> None:
    with pytest.raises(ValueError, match="stdin"):
        node.log(vm, "stdin", "text")
