from __future__ import annotations

import base64
import json
import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aleph_cid import CidHasher, compute_cid

from aleph_devnode import DevNode
from tests.devnode.author import BOUNDARY, Author, form
from tests.devnode.test_server import running

MIB = 1024 * 1024


def _raw(author: Author, file_hash: str) -> tuple[int, bytes]:
    answer = author.get(f"/api/v0/storage/raw/{file_hash}")
    return answer.status, answer.body


@pytest.mark.parametrize("reverse", [False, True])
def test_the_parts_of_an_upload_come_in_any_order(author: Author, reverse: bool) -> None:
    content = os.urandom(300_000)
    message, metadata = author.claim(content)
    parts = [("file", content), ("other", b"ignored"), ("metadata", metadata)]
    answer = author.post_form("/api/v0/storage/add_file", *(parts[::-1] if reverse else parts))
    assert (answer.status, answer.json["hash"]) == (200, sha256(content).hexdigest())
    assert author.status(message["item_hash"]) == "processed"
    assert _raw(author, answer.json["hash"]) == (200, content)


def test_a_file_and_its_message_in_one_request_are_paid_by_the_owner(
    author: Author, pauper: Author
) -> None:
    for payment in ({}, {"payment": {"type": "credit"}}):
        message, metadata = pauper.claim(b"unpaid", **payment)
        answer = pauper.post_form(
            "/api/v0/storage/add_file", ("file", b"unpaid"), ("metadata", metadata)
        )
        assert (answer.status, answer.text) == (402, "402: Payment Required")
        assert pauper.get(f"/api/v0/messages/{message['item_hash']}").status == 404
        message, metadata = author.claim(b"paid", **payment)
        answer = author.post_form(
            "/api/v0/storage/add_file", ("file", b"paid"), ("metadata", metadata)
        )
        assert answer.status == 200
    assert _raw(author, sha256(b"unpaid").hexdigest())[0] == 404
    pauper.store(b"free")


@pytest.mark.parametrize(
    "change",
    [
        lambda metadata: {**metadata, "sync": None},
        lambda metadata: {**metadata, "message": {**metadata["message"], "type": "POST"}},
        lambda metadata: {**metadata, "message": {**metadata["message"], "chain": "X"}},
        lambda metadata: {**metadata, "message": {**metadata["message"], "item_content": "{}"}},
        lambda metadata: [],
    ],
)
def test_bad_metadata_is_refused(author: Author, change: Any) -> None:
    _, metadata = author.claim(b"x")
    changed = json.dumps(change(json.loads(metadata))).encode()
    answer = author.post_form("/api/v0/storage/add_file", ("file", b"x"), ("metadata", changed))
    assert answer.status == 422
    assert answer.text.startswith("422: Could not decode metadata: ")


def test_metadata_that_is_a_null_message_is_refused(author: Author) -> None:
    message = author.seal(
        author.sign("STORE", {})
        | {"item_content": "null", "item_hash": sha256(b"null").hexdigest()}
    )
    metadata = json.dumps({"message": message, "sync": True}).encode()
    answer = author.post_form("/api/v0/storage/add_file", ("file", b"x"), ("metadata", metadata))
    assert answer.status == 422


@pytest.mark.parametrize("path", ["/api/v0/storage/add_file", "/api/v0/ipfs/add_file"])
def test_forms_that_are_none_are_refused(author: Author, path: str) -> None:
    body, headers = form(("file", b"x"))
    for wrong_body, wrong_headers in (
        (body, {"Content-Type": "multipart/form-data"}),
        (b"no form", headers),
        (body[:-12], headers),
        (b"--" + BOUNDARY.encode() + b"\r\n\xff: x\r\n\r\n\r\n", headers),
    ):
        assert author.ask("POST", path, wrong_body, wrong_headers).status in (400, 422)


def test_limits_hold_and_a_busy_sender_sees_the_answer() -> None:
    with DevNode(
        max_storage_file=200_000, max_unsigned_file=100_000, max_ipfs_file=300_000
    ) as node:
        author = Author(node.url)
        node.fund(author.address)
        small, middle, large, huge = (bytes(size) for size in (100_000, 200_000, 300_000, 2 * MIB))

        def signed(content: bytes) -> int:
            _, metadata = author.claim(content)
            parts = (("file", content), ("metadata", metadata))
            return author.post_form("/api/v0/storage/add_file", *parts).status

        def refusal(answer: Any) -> Any:
            return answer.status, answer.text

        raw = {"Content-Type": "application/octet-stream"}
        assert author.upload(small)
        assert signed(middle) == 200
        too_large = (413, "Maximum request body size 100000 exceeded.")
        path = "/api/v0/storage/add_file"
        assert refusal(author.ask("POST", path, huge, raw)) == too_large
        assert refusal(author.post_form(path, ("file", middle))) == too_large
        assert signed(large) == 413
        assert signed(huge) == 413
        assert author.post_form("/api/v0/ipfs/add_file", ("file", middle)).status == 413
        assert author.post_form("/api/v0/ipfs/add_file", ("file", huge)).status == 413
        assert author.post("/api/v0/storage/add_json", "x" * 100_000).status == 413
        assert author.get(f"/api/v0/storage/{sha256(middle).hexdigest()}").status == 200
        _, metadata = author.claim(b"x", padding="x" * 2 * MIB)
        assert author.post_form(path, ("file", b"x"), ("metadata", metadata)).status == 413


def test_ipfs_files_go_by_their_cid(author: Author) -> None:
    content = os.urandom(3 * MIB)
    cid = compute_cid(content)
    message = author.sign("STORE", {"item_type": "ipfs", "item_hash": cid})
    metadata = json.dumps({"message": message, "sync": True}).encode()
    answer = author.post_form("/api/v0/ipfs/add_file", ("file", content), ("metadata", metadata))
    assert (answer.status, answer.json) == (
        200,
        {"status": "success", "hash": cid, "name": "f.bin", "size": len(content)},
    )
    assert _raw(author, cid) == (200, content)
    found = author.get(f"/api/v0/storage/{cid}").json
    assert (found["engine"], base64.b64decode(found["content"])) == ("ipfs", content)


def test_ipfs_claims_must_be_for_ipfs_and_for_that_file(author: Author) -> None:
    path = "/api/v0/ipfs/add_file"
    _, metadata = author.claim(b"x")
    answer = author.post_form(path, ("file", b"x"), ("metadata", metadata))
    assert (answer.status, "item_type=ipfs" in answer.text) == (422, True)
    message = author.sign("STORE", {"item_type": "ipfs", "item_hash": compute_cid(b"other")})
    metadata = json.dumps({"message": message, "sync": False}).encode()
    answer = author.post_form(path, ("file", b"this one"), ("metadata", metadata))
    assert (answer.status, "does not match" in answer.text) == (422, True)
    assert _raw(author, compute_cid(b"this one")) == (200, b"this one")
    assert author.post_form(path, ("metadata", metadata)).status == 422


def test_car_archives_are_refused(author: Author) -> None:
    path = "/api/v0/ipfs/add_car"
    message = author.sign("STORE", {"item_type": "ipfs", "item_hash": compute_cid(b"")})
    metadata = json.dumps({"message": message, "sync": False}).encode()
    _, wrong = author.claim(b"x")
    assert author.ask("POST", path, b"x", {"Content-Type": "text/plain"}).status == 400
    assert author.post_form(path, ("metadata", metadata)).status == 422
    assert author.post_form(path, ("file", b"x"), ("metadata", wrong)).status == 422
    answer = author.post_form(path, ("file", b"x"), ("metadata", metadata))
    assert (answer.status, answer.text) == (502, "502: The local node keeps no directories")


def test_json_is_stored_sorted_compact_and_unescaped(author: Author) -> None:
    value = {"b": [1, None], "a": "é"}
    written = '{"a":"é","b":[1,null]}'.encode()
    answer = author.post("/api/v0/storage/add_json", value)
    assert answer.json["hash"] == sha256(written).hexdigest()
    assert _raw(author, answer.json["hash"]) == (200, written)
    answer = author.post("/api/v0/ipfs/add_json", value)
    assert answer.json["hash"] == compute_cid(written)


def test_names_and_revisions_give_the_latest_file_and_survive_forgetting(author: Author) -> None:
    def named(ref: str) -> str | None:
        answer = author.get(f"/api/v0/storage/by-ref/{ref}")
        return str(answer.json["file_hash"]) if answer.status == 200 else None

    name = f"{author.address}/folder%2Fdocs"
    first = author.store(b"one", ref="folder/docs")
    second = author.store(b"two", ref="folder/docs")
    author.store(b"old", ref="folder/docs", time=1_700_000_000)
    assert named(name) == sha256(b"two").hexdigest()
    author.forget(second)
    assert named(name) == sha256(b"one").hexdigest()
    author.forget(first)
    assert named(name) == sha256(b"old").hexdigest()

    original = author.store(b"v1")
    revision = author.store(b"v2", ref=original)
    assert named(original) == sha256(b"v2").hexdigest()
    assert author.error(author.store(b"v3", ref=revision, status=422)) == (201, None)
    author.forget(revision)
    assert named(original) == sha256(b"v1").hexdigest()
    author.forget(original)
    assert named(original) is None
    assert author.get(f"/api/v0/storage/by-message-hash/{original}").status == 404
    assert author.get("/api/v0/storage/by-message-hash/xyz").status == 400


def test_a_revision_of_someone_elses_file_is_refused(author: Author, pauper: Author) -> None:
    original = author.store(b"theirs")
    revision = pauper.store(b"mine", ref=original, status=422)
    assert author.error(revision)[0] == 2


def test_a_forgotten_file_that_nobody_pins_is_kept_for_a_while(author: Author) -> None:
    file_hash = sha256(b"shared file").hexdigest()
    one, metadata = author.claim(b"shared file")
    author.post_form("/api/v0/storage/add_file", ("file", b"shared file"), ("metadata", metadata))
    two = author.send("STORE", {"item_type": "storage", "item_hash": file_hash})
    count = f"/api/v0/storage/count/{file_hash}"
    assert author.get(count).json == 2
    author.forget(one["item_hash"])
    assert author.get(count).json == 1
    author.forget(two)
    assert author.get(count).json == 1
    assert _raw(author, file_hash) == (200, b"shared file")


def test_the_engine_of_a_store_must_fit_its_hash(author: Author) -> None:
    store = author.sign("STORE", {"item_type": "inline", "item_hash": author.upload(b"x")})
    assert author.publish(store).status == 422
    assert author.error(store["item_hash"])[0] == 0


def test_downloads_ignore_ranges_and_say_so(author: Author) -> None:
    file_hash = author.upload(b"0123456789")
    answer = author.ask("GET", f"/api/v0/storage/raw/{file_hash}", headers={"Range": "bytes=2-3"})
    assert (answer.status, answer.body) == (200, b"0123456789")
    assert answer.headers["accept-ranges"] == "none"
    assert answer.headers["content-length"] == "10"


def test_an_empty_file_is_a_file(author: Author) -> None:
    item_hash = author.store(b"")
    assert _raw(author, sha256(b"").hexdigest()) == (200, b"")
    assert author.get(f"/api/v0/price/{item_hash}").json["detail"] == []


def test_many_files_of_an_address_are_listed_by_cursor(author: Author) -> None:
    stores = [author.store(f"file {number}".encode()) for number in range(5)]
    path = f"/api/v0/addresses/{author.address}/files"
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = author.get(path, pagination=2, cursor=cursor, sort_order=1).json
        seen += [file["item_hash"] for file in page["files"]]
        cursor = page["next_cursor"]
    assert seen == stores
    assert author.get(path, cursor="bad").status == 422
    assert len(author.get(path, pagination=0).json["files"]) == 5
    assert author.get(path, page=2, pagination=5).status == 404


def test_a_large_file_takes_no_memory_in_either_direction(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("the peak memory of a process is read from /proc")
    size, piece = 96 * MIB, b"0123456789abcdef" * (MIB // 16)
    hasher = CidHasher.for_ipfs()
    for _ in range(size // MIB):
        hasher.update(piece)
    cid = hasher.finalize()
    with running("--data-dir", str(tmp_path)) as (process, url):

        def peak() -> int:
            status = Path(f"/proc/{process.pid}/status").read_text()
            line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
            return int(line.split()[1]) * 1024

        author = Author(url)
        author.post("/_devnode/fund", {"address": author.address})
        message = author.sign("STORE", {"item_type": "ipfs", "item_hash": cid})
        metadata = json.dumps({"message": message, "sync": True}).encode()
        whole, headers = form(("metadata", metadata), ("file", b"*"))
        head, _, tail = whole.rpartition(b"*")
        author.upload(b"warm")
        before = peak()
        with author.connection() as connection:
            connection.putrequest("POST", "/api/v0/ipfs/add_file")
            connection.putheader("Content-Type", headers["Content-Type"])
            connection.putheader("Content-Length", str(len(head) + size + len(tail)))
            connection.endheaders(head)
            for _ in range(size // MIB):
                connection.send(piece)
            connection.send(tail)
            response = connection.getresponse()
            assert (response.status, json.loads(response.read())["hash"]) == (200, cid)
            connection.request("GET", f"/api/v0/storage/raw/{cid}")
            response = connection.getresponse()
            assert all(response.read(MIB) == piece for _ in range(size // MIB))
            assert not response.read()
        assert peak() - before < 24 * MIB
