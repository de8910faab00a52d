from __future__ import annotations

import json
import time
from hashlib import sha256

import pytest

from aleph_devnode import DevNode
from tests.devnode.author import Author

ABSENT = sha256(b"nobody has this").hexdigest()


def test_a_message_that_waits_is_processed_as_soon_as_its_dependency_arrives() -> None:
    with DevNode(retry_delay=3600.0) as node:
        author = Author(node.url)
        node.fund(author.address)
        original = author.sign("POST", {"type": "note", "content": 1})
        content = b"uploaded late"
        store = author.sign(
            "STORE", {"item_type": "storage", "item_hash": sha256(content).hexdigest()}
        )
        revision = author.sign(
            "STORE",
            {"item_type": "storage", "item_hash": author.upload(b"r"), "ref": store["item_hash"]},
        )
        forget = author.sign("FORGET", {"hashes": [original["item_hash"], store["item_hash"]]})
        waiting = [store, revision, forget]
        for message in waiting:
            assert author.publish(message, sync=False).status == 202
            assert author.status(message["item_hash"]) == "pending"
        author.upload(content)
        for message in (store, revision):
            author.await_status(message["item_hash"], "processed")
        assert author.status(forget["item_hash"]) == "pending"
        author.publish(original)
        author.await_status(forget["item_hash"], "processed")
        assert author.status(original["item_hash"]) == "forgotten"


def test_attempts_that_an_arrival_causes_do_not_count() -> None:
    with DevNode(retry_delay=3600.0, max_retries=2) as node:
        author = Author(node.url)
        originals = [author.sign("POST", {"type": "note", "content": n}) for n in range(5)]
        forget = author.sign("FORGET", {"hashes": [m["item_hash"] for m in originals]})
        author.publish(forget, sync=False)
        for original in originals:
            assert author.status(forget["item_hash"]) == "pending"
            assert author.publish(original).status == 200
        author.await_status(forget["item_hash"], "processed")


def test_a_message_that_waits_in_vain_is_rejected_after_its_last_attempt(author: Author) -> None:
    amend = author.amend(ABSENT, "v", status=202)
    store = author.sign("STORE", {"item_type": "storage", "item_hash": ABSENT})
    author.publish(store, sync=False)
    forget = author.forget(ABSENT, status=202)
    unfetched = author.seal(
        {
            "chain": "ETH",
            "sender": author.address,
            "type": "POST",
            "channel": None,
            "time": 1.5,
            "item_type": "storage",
            "item_hash": ABSENT,
        }
    )
    author.publish(unfetched, sync=False)
    assert author.error(amend) == (101, None)
    assert author.error(forget) == (501, {"errors": [{"message": ABSENT}]})
    code, details = author.error(store["item_hash"])
    assert (code, details["errors"][0].split(" (")[0]) == (4, f"File not found: {ABSENT}")
    code, details = author.error(ABSENT)
    assert (code, details["errors"][0].split(" (")[0]) == (3, f"File not found: {ABSENT}")


def test_sync_waits_in_vain_for_what_is_known_already() -> None:
    with DevNode(sync_timeout=0.3) as node:
        author = Author(node.url)
        message = author.sign("POST", {"type": "note"})
        assert author.publish(message).status == 200
        for repeated in (message, message | {"signature": author.account.sign_raw(b"x").hex()}):
            begun = time.monotonic()
            answer = author.publish(repeated)
            assert (answer.status, answer.json["message_status"]) == (202, "pending")
            assert time.monotonic() - begun >= 0.3
        assert author.status(message["item_hash"]) == "processed"


def test_a_rejected_message_may_be_sent_again_with_another_signature(author: Author) -> None:
    message = author.sign("POST", {"type": "note"})
    bad = message | {"signature": "0x" + "11" * 65}
    assert author.publish(bad).status == 422
    assert author.error(message["item_hash"])[0] == 1
    assert author.publish(bad, sync=False).status == 202
    assert author.publish(message).status == 200
    assert author.status(message["item_hash"]) == "processed"


def test_a_message_without_the_key_signature_is_lost(author: Author) -> None:
    message = author.sign("POST", {"type": "note"})
    del message["signature"]
    assert author.publish(message, sync=False).status == 202
    assert author.get(f"/api/v0/messages/{message['item_hash']}").status == 404


@pytest.mark.parametrize(
    ("chain", "code"), [("AURORA", 0), ("STT", 0), ("ETH", 1), ("SOL", 1), ("DOT", 1), ("AVAX", 1)]
)
def test_signatures_that_do_not_hold_are_rejected(author: Author, chain: str, code: int) -> None:
    message = author.sign("POST", {"type": "note", "content": chain}, chain=chain)
    message["signature"] = "0x00"
    assert author.publish(message).status == 422
    assert author.error(message["item_hash"])[0] == code


def test_a_json_signature_that_lacks_a_key_is_retried_and_ends_as_an_internal_error(
    author: Author,
) -> None:
    message = author.sign("POST", {"type": "note"}, chain="SOL")
    message["signature"] = json.dumps({"signature": "x"})
    assert author.publish(message).status == 202
    assert author.error(message["item_hash"]) == (-1, None)


def test_a_key_that_is_an_object_fails_inside_the_node(author: Author) -> None:
    item_hash = author.aggregate({"name": "k"}, {}, status=202)  # type: ignore[arg-type]
    assert author.error(item_hash) == (-1, None)


def test_content_of_a_stored_message_is_checked_when_it_is_there(author: Author) -> None:
    def publish(raw: bytes) -> str:
        item_hash = author.upload(raw)
        author.publish(
            author.seal(
                {
                    "chain": "ETH",
                    "sender": author.address,
                    "type": "POST",
                    "time": 1_790_000_000,
                    "item_hash": item_hash,
                }
            ),
            sync=False,
        )
        return item_hash

    for raw in (b"\xff", b"nope", b"[1]", b'{"type":"a\\u0000b"}', b'{"type":1}', b'{"x":NaN}'):
        assert author.error(publish(raw))[0] == 0
    good = publish(b'{"type":"note","content":' + author.address.encode().join([b'"', b'"}']))
    author.await_status(good, "processed")
    message = author.message(good)["message"]
    assert message["content"]["address"] == author.address
    assert message["content"]["time"] == 1_790_000_000
    assert (message["item_type"], message["item_content"]) == ("storage", None)
    assert author.get(f"/api/v0/storage/count/{good}").json == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"chain": "NOWHERE"},
        {"sender": 5},
        {"item_hash": None},
        {"item_hash": "zz", "item_content": None},
        {"item_type": "carrier pigeon"},
        {"item_type": "storage"},
        {"item_type": "ipfs", "item_content": None},
        {"item_type": "inline", "item_content": None},
        {"item_content": "{", "item_hash": sha256(b"{").hexdigest()},
        {"item_content": "\ud800", "item_hash": "a" * 64},
        {"time": 1e16},
        {"channel": 5},
        {"signature": 5},
        {"type": ["POST"]},
    ],
)
def test_what_is_no_message_is_refused_before_anything_is_stored(
    author: Author, changed: dict[str, object]
) -> None:
    answer = author.publish(author.sign("POST", {"type": "note"}) | changed)
    assert (answer.status, answer.text) == (422, "InvalidMessageFormat")


@pytest.mark.parametrize("changed", [{"time": None}, {"time": 1e300}, {"item_content": 5}])
def test_where_the_real_node_fails_this_one_does_too(
    author: Author, changed: dict[str, object]
) -> None:
    answer = author.publish(author.sign("POST", {"type": "note"}) | changed)
    assert (answer.status, answer.text.splitlines()[0]) == (500, "500 Internal Server Error")


@pytest.mark.parametrize("name", ["type", "item_hash", "chain", "sender", "time", "item_content"])
def test_a_message_without_a_key_it_needs_is_refused(author: Author, name: str) -> None:
    message = author.sign("POST", {"type": "note"})
    del message[name]
    answer = author.publish(message)
    assert (answer.status, answer.text) == (422, "InvalidMessageFormat")


def test_inline_null_is_rejected_without_a_word(author: Author) -> None:
    message = author.seal(
        author.sign("POST", {}) | {"item_content": "null", "item_hash": sha256(b"null").hexdigest()}
    )
    assert author.publish(message, sync=False).status == 202
    assert author.error(message["item_hash"])[0] == 0


def test_only_so_many_messages_are_remembered_as_seen() -> None:
    with DevNode(known_messages=1, sync_timeout=0.2) as node:
        author = Author(node.url)
        bad = author.sign("POST", {"type": "note"}) | {"signature": "0x00"}
        assert author.publish(bad).status == 422
        assert author.publish(bad).status == 202
        author.post_note()
        assert author.publish(bad).status == 422


def test_the_deprecated_route_takes_a_message_as_text(author: Author) -> None:
    path = "/api/v0/p2p/pubsub/pub"
    message = author.sign("POST", {"type": "note"})
    sent = {"topic": "ALEPH-TEST", "data": json.dumps(message)}
    answer = author.post(path, sent)
    assert (answer.status, answer.json) == (200, {"status": "success", "failed": []})
    author.await_status(message["item_hash"], "processed")
    for changed, status in (
        ({"topic": "ELSE"}, 403),
        ({"data": message}, 422),
        ({"data": "{"}, 422),
        ({"data": "[]"}, 422),
        ({"data": "{}"}, 422),
    ):
        assert author.post(path, sent | changed).status == status


def test_an_unknown_hash_and_a_malformed_one_are_told_apart(author: Author) -> None:
    for path in ("", "/status", "/content"):
        assert author.get(f"/api/v0/messages/{'b' * 64}{path}").status == 404
        assert author.get(f"/api/v0/messages/xyz{path}").status == 400
    answer = author.get(f"/api/v0/messages/{ABSENT}/consumed_credits").json
    assert answer == {"item_hash": ABSENT, "consumed_credits": 0}
