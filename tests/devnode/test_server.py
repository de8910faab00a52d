from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from aleph_devnode import DevNode, NodeSettings
from aleph_devnode.database import SCHEMA_VERSION, Database, DatabaseUnusable
from tests.devnode.author import Author, Visitor, eventually


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a node as a program and give its process and URL."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "aleph_devnode", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        yield process, json.loads(line)["url"]
    finally:
        process.kill()
        process.communicate()


def _drain(open_socket: ClientConnection) -> None:
    while True:
        open_socket.recv(timeout=5)


def test_nodes_run_side_by_side_and_know_nothing_of_each_other() -> None:
    with DevNode() as one, DevNode() as other:
        author = Author(one.url)
        item_hash = author.post_note()
        assert author.status(item_hash) == "processed"
        assert Visitor(other.url).get(f"/api/v0/messages/{item_hash}").status == 404


def test_a_node_starts_and_stops_quickly_even_with_open_websockets() -> None:
    begun = time.monotonic()
    with DevNode() as node:
        assert Visitor(node.url).get("/version").status == 200
        started = time.monotonic()
        sockets = [
            connect(node.url.replace("http", "ws") + f"/api/ws0/{name}", proxy=None)
            for name in ("messages", "status")
        ]
        stopping = time.monotonic()
    stopped = time.monotonic()
    for open_socket in sockets:
        with open_socket, pytest.raises(ConnectionClosed):
            _drain(open_socket)
    assert started - begun < 1.0
    assert stopped - stopping < 2.0


def test_nothing_is_left_of_a_stopped_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = set(threading.enumerate())
    with DevNode() as node:
        Visitor(node.url).upload(b"bytes")
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
    left = set(threading.enumerate()) - before
    assert not [thread for thread in left if "aleph-devnode" in thread.name]
    with pytest.raises(ConnectionRefusedError):
        Visitor(node.url).get("/version")


def test_a_stopping_node_tells_waiting_publishers_that_the_outcome_is_unknown() -> None:
    with DevNode() as node:
        author = Author(node.url)
        message = author.sign("STORE", {"item_type": "storage", "item_hash": "a" * 64})
        statuses: list[int] = []
        waiting = threading.Thread(target=lambda: statuses.append(author.publish(message).status))
        waiting.start()
        eventually(lambda: author.get(f"/api/v0/messages/{message['item_hash']}").status == 200)
    waiting.join(10)
    assert statuses == [202]


def test_a_node_keeps_its_port_and_its_folder_when_it_is_started_again(tmp_path: Path) -> None:
    node = DevNode(data_dir=tmp_path / "new" / "folder")
    with node:
        url = node.url
        author = Author(url)
        item_hash = author.post_note({"kept": True})
        file_hash = author.upload(b"kept")
        node.fund(author.address, aleph=7, credits=0)
    with node:
        assert node.url == url
        assert author.message(item_hash)["message"]["content"]["content"] == {"kept": True}
        assert author.get(f"/api/v0/storage/raw/{file_hash}").body == b"kept"
        assert author.get(f"/api/v0/addresses/{author.address}/balance").json["balance"] == 7.0
    with DevNode(data_dir=node._data_dir, port=node.port) as third:
        assert third.url == url
        assert author.status(item_hash) == "processed"


def test_pending_messages_are_taken_up_again_after_a_restart(tmp_path: Path) -> None:
    with DevNode(data_dir=tmp_path, retry_delay=60.0) as node:
        author = Author(node.url)
        original = author.sign("POST", {"type": "note", "content": 1})
        amend = author.amend(original["item_hash"], 2, status=202)
    with DevNode(data_dir=tmp_path, port=node.port, retry_delay=60.0):
        assert author.status(amend) == "pending"
        assert author.publish(original).status == 200
        author.await_status(amend, "processed")
        assert author.merged(original["item_hash"])["content"] == 2


def test_stopping_twice_is_harmless_and_starting_twice_an_error() -> None:
    node = DevNode()
    with pytest.raises(RuntimeError, match="before it is started"):
        _ = node.url
    with node, pytest.raises(RuntimeError, match="running already"):
        node.start()
    node.stop()


def test_a_taken_port_is_an_error_and_leaves_nothing_behind() -> None:
    with DevNode() as node, pytest.raises(OSError, match=r"[Aa]ddress already in use"):
        DevNode(port=node.port).start()


def test_a_node_shows_where_it_is() -> None:
    node = DevNode()
    assert repr(node) == "<DevNode not running>"
    with node:
        assert repr(node) == f"<DevNode {node.url}>"
    assert repr(node) == "<DevNode not running>"


def test_settings_are_given_whole_or_by_name() -> None:
    assert NodeSettings(max_retries=2).max_retries == 2
    with pytest.raises(TypeError, match="either"):
        DevNode(settings=NodeSettings(), max_retries=1)
    with pytest.raises(TypeError, match="max_tries"):
        DevNode(max_tries=1)


def test_the_address_may_be_of_the_sixth_version() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with DevNode(host="::1") as node:
        assert node.url.startswith("http://[::1]:")
        node.fund("0xsomeone")
        assert Visitor(node.url).get("/version").status == 200


def test_funding_adds_up_and_has_generous_defaults() -> None:
    with DevNode() as node:
        node.fund("0xa")
        found = Visitor(node.url).get("/api/v0/addresses/0xa/balance").json
        assert found["balance"] >= 10_000
        assert found["credit_balance"] >= 10_000_000
        node.fund("0xb", aleph="1.5", credits=3)
        node.fund("0xb", aleph=1, credits=4)
        found = Visitor(node.url).get("/api/v0/addresses/0xb/balance").json
        assert (found["balance"], found["credit_balance"]) == (2.5, 7)


@pytest.mark.parametrize(
    "body", [b"no json", b"{}", b'{"address":""}', b'{"address":"0xa","credits":-1}', b"[]"]
)
def test_bad_funding_is_refused(node: DevNode, body: bytes) -> None:
    assert Visitor(node.url).ask("POST", "/_devnode/fund", body).status == 422


def test_funding_nobody_is_an_error(node: DevNode) -> None:
    with pytest.raises(ValueError, match="cannot be funded"):
        node.fund("")


def test_the_program_prints_its_url_serves_and_stops_cleanly_on_a_signal() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with running("--sync-timeout", "1") as (process, url):
            assert url.startswith("http://127.0.0.1:")
            author = Author(url)
            assert author.status(author.post_note()) == "processed"
            process.send_signal(number)
            _, errors = process.communicate(timeout=10)
            assert (process.returncode, errors) == (0, "")


def test_a_folder_serves_one_node_at_a_time(tmp_path: Path) -> None:
    with DevNode(data_dir=tmp_path) as node:
        file_hash = Visitor(node.url).upload(b"untouched")
        with pytest.raises(DatabaseUnusable, match="another node"):
            DevNode(data_dir=tmp_path).start()
        program = subprocess.run(
            [sys.executable, "-m", "aleph_devnode", "--data-dir", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert program.returncode == 1
        assert "another node" in program.stderr
        assert not program.stdout
        assert Visitor(node.url).get(f"/api/v0/storage/raw/{file_hash}").body == b"untouched"


def test_a_database_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "node.sqlite"
    database = Database(path)
    asyncio.run(
        database.run(
            lambda connection: connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        )
    )
    database.close()
    with pytest.raises(DatabaseUnusable, match="another version"):
        DevNode(data_dir=tmp_path).start()


def test_a_folder_that_cannot_be_made_is_an_error_and_frees_the_port(tmp_path: Path) -> None:
    (tmp_path / "files").write_bytes(b"in the way")
    node = DevNode(data_dir=tmp_path)
    with pytest.raises(OSError, match="files"):
        node.start()
    (tmp_path / "files").unlink()
    with node:
        assert Visitor(node.url).get("/version").status == 200


def test_what_fails_inside_a_transaction_changes_nothing() -> None:
    database = Database(None)

    def work(connection: object) -> None:
        connection.execute("INSERT INTO files VALUES ('a', 1, 'file')")  # type: ignore[attr-defined]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(database.run(work))
    rows = asyncio.run(
        database.run(lambda connection: connection.execute("SELECT * FROM files").fetchall())
    )
    assert not rows
    database.close()
