from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from aleph_devnode import DevNode, broadcasting
from tests.devnode.author import Author, Visitor

QUIET = 0.3


@contextmanager
def watching(visitor: Visitor, path: str = "messages", **query: Any) -> Iterator[ClientConnection]:
    url = visitor.url.replace("http", "ws", 1) + f"/api/ws0/{path}?{urlencode(query, safe=',')}"
    with connect(url, proxy=None, ping_interval=None, compression=None, max_queue=1) as opened:
        yield opened


def frame(opened: ClientConnection) -> Any:
    return json.loads(opened.recv(timeout=10))


def nothing_more(opened: ClientConnection) -> bool:
    try:
        opened.recv(timeout=QUIET)
    except TimeoutError:
        return True
    return False


def test_history_comes_oldest_first_then_what_is_processed(author: Author) -> None:
    hashes = [author.post_note(number) for number in range(3)]
    with watching(author, addresses=author.address, history=2) as opened:
        assert [frame(opened)["item_hash"] for _ in range(2)] == hashes[1:]
        later = author.post_note("later")
        live = frame(opened)
        assert live["item_hash"] == later
        assert live["content"]["ref"] is None
        assert "size" not in live
    with watching(author, addresses=author.address) as opened:
        assert [frame(opened)["item_hash"] for _ in range(4)] == [*hashes, later]
    with watching(author, addresses=author.address, sortOrder=1, history=2) as opened:
        assert [frame(opened)["item_hash"] for _ in range(2)] == hashes[:2]


def test_no_message_is_missed_or_repeated_while_the_history_is_read(author: Author) -> None:
    hashes = [author.post_note(number) for number in range(3)]
    later = author.sign("POST", {"type": "note", "content": "at once"})
    with watching(author, addresses=author.address, history=50) as opened:
        assert author.publish(later).status == 200
        expected = [*hashes, later["item_hash"]]
        assert [frame(opened)["item_hash"] for _ in expected] == expected
        assert nothing_more(opened)


@pytest.mark.parametrize(
    ("query", "through"),
    [
        ({"addresses": "ME"}, True),
        ({"addresses": "0xelse"}, False),
        ({"owners": "ME"}, True),
        ({"owners": "0xelse"}, False),
        ({"chains": "ETH"}, True),
        ({"chains": "SOL"}, False),
        ({"channels": "TEST"}, True),
        ({"channels": "ELSE"}, False),
        ({"refs": "thread"}, True),
        ({"refs": "else"}, False),
        ({"contentTypes": "note"}, True),
        ({"contentTypes": "else"}, False),
        ({"contentHashes": "a" * 64}, False),
        ({"hashes": "a" * 64}, False),
        ({"msgType": "POST"}, True),
        ({"msgType": "STORE"}, False),
        ({"msgTypes": "STORE"}, True),
        ({"paymentTypes": "credit"}, True),
        ({"startDate": 1}, True),
        ({"tags": "red"}, False),
    ],
)
def test_live_frames_pass_the_filters_that_the_real_node_applies(
    author: Author, query: dict[str, Any], through: bool
) -> None:
    chosen = {name: author.address if value == "ME" else value for name, value in query.items()}
    with watching(author, history=0, **chosen) as opened:
        item_hash = author.post_note({"tags": ["red"]}, ref="thread")
        if through:
            assert frame(opened)["item_hash"] == item_hash
        else:
            assert nothing_more(opened)


def test_content_may_be_left_out(author: Author) -> None:
    author.post_note("old")
    query = {"addresses": author.address, "contentFormat": "headers"}
    with watching(author, **query) as opened:
        assert "content" not in frame(opened)
        author.post_note("new")
        assert "content" not in frame(opened)


def test_text_from_the_client_is_ignored(author: Author) -> None:
    with watching(author, addresses=author.address, history=0) as opened:
        opened.send("hello?")
        item_hash = author.post_note()
        assert frame(opened)["item_hash"] == item_hash
        opened.close()
        assert opened.close_code == 1000


def test_a_socket_too_many_is_told_to_come_back() -> None:
    with DevNode(max_message_sockets=1) as node:
        visitor = Visitor(node.url)
        with watching(visitor) as first, watching(visitor) as second:
            with pytest.raises(ConnectionClosed) as caught:
                second.recv(timeout=10)
            assert caught.value.rcvd is not None
            assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (
                1013,
                "Too many connections",
            )
            Author(node.url).post_note()
            assert frame(first)


def test_a_socket_that_does_not_keep_up_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcasting, "BACKLOG", 1)
    with DevNode() as node:
        author = Author(node.url)
        with watching(author, history=0, contentFormat="full") as opened:
            for _ in range(60):
                author.post_note("x" * 190_000)
            received: list[str] = []
            with pytest.raises(ConnectionClosed) as caught:
                received.extend(iter(lambda: frame(opened)["item_hash"], None))
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1008
            assert len(received) < 60


def test_a_peer_that_answers_no_ping_is_dropped() -> None:
    with (
        DevNode(socket_ping_interval=0.1, socket_ping_timeout=0.1) as node,
        socket.create_connection(("127.0.0.1", node.port), timeout=10) as peer,
    ):
        peer.sendall(
            b"GET /api/ws0/messages HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert b"101 Switching" in b"".join(iter(lambda: peer.recv(4096), b""))


def test_a_peer_that_answers_pings_stays() -> None:
    with DevNode(socket_ping_interval=0.05, socket_ping_timeout=5.0) as node:
        author = Author(node.url)
        with watching(author, history=0) as opened:
            item_hash = author.post_note()
            assert frame(opened)["item_hash"] == item_hash
            assert nothing_more(opened)
            author.post_note()
            assert frame(opened)


def test_the_status_socket_pushes_changed_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aleph_devnode.routes.info.METRICS_INTERVAL", 0.05)
    with DevNode() as node:
        author = Author(node.url)
        with watching(author, "status") as opened:
            assert frame(opened)["pyaleph_status_sync_messages_total"] == 0
            author.post_note()
            while frame(opened)["pyaleph_status_sync_messages_total"] != 1:
                pass
            opened.send("ignored")


def test_a_full_backlog_drops_frames_and_remembers_it() -> None:
    async def overrun() -> bool:
        from aleph_devnode.queries import SocketQuery

        subscription = broadcasting.Subscription(SocketQuery(), asyncio.Queue(1))
        shown = dict.fromkeys(("type", "sender", "item_hash", "chain", "channel"), "")
        for _ in range(3):
            subscription.offer({**shown, "content": {}})
        return subscription.overrun and subscription.frames.qsize() == 1

    assert asyncio.run(overrun())
