"""What a node answered as done must survive the death of its process."""

from __future__ import annotations

import threading
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path

from aleph_devnode import DevNode
from tests.devnode.author import Author, Visitor
from tests.devnode.test_server import running

WRITERS = 4
ENOUGH = 60


def test_nothing_answered_as_processed_is_lost_when_the_node_is_killed_under_load(
    tmp_path: Path,
) -> None:
    done: list[str] = []
    uploaded: list[bytes] = []
    enough = threading.Event()
    with running("--data-dir", str(tmp_path)) as (process, url):

        def write(number: int) -> None:
            author = Author(url)
            step = 0
            while True:
                step += 1
                try:
                    done.append(author.post_note({"writer": number, "step": step}))
                    content = f"{number}/{step}".encode() * 100
                    author.upload(content)
                    uploaded.append(content)
                except (OSError, ValueError, HTTPException, AssertionError):
                    return
                if len(done) >= ENOUGH:
                    enough.set()

        writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        assert enough.wait(60)
        process.kill()
        for writer in writers:
            writer.join(60)
            assert not writer.is_alive()
    assert len(done) >= ENOUGH
    assert uploaded
    with DevNode(data_dir=tmp_path) as node:
        visitor = Visitor(node.url)
        assert {visitor.status(item_hash) for item_hash in done} == {"processed"}
        for content in uploaded:
            file_hash = sha256(content).hexdigest()
            assert visitor.get(f"/api/v0/storage/raw/{file_hash}").body == content
        assert not list((tmp_path / "incoming").iterdir())


def test_many_clients_at_once_lose_no_update(tmp_path: Path) -> None:
    writers, steps = 8, 12
    with DevNode(data_dir=tmp_path) as node:
        author = Author(node.url)
        wrong: list[int] = []

        def write(number: int) -> None:
            for step in range(steps):
                message = author.sign(
                    "AGGREGATE", {"key": "shared", "content": {f"{number}-{step}": step}}
                )
                status = author.publish(message).status
                if status != 200:
                    wrong.append(status)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(90)
        assert not wrong
        merged = author.merged_aggregate("shared")
        assert merged == {
            f"{number}-{step}": step for number in range(writers) for step in range(steps)
        }
        total = author.get("/api/v0/messages.json", addresses=author.address, pagination=1)
        assert total.json["pagination_total"] == writers * steps
