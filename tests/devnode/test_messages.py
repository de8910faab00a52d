from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_devnode.cursors import InvalidCursor, decode_moment, encode_moment
from aleph_devnode.envelopes import InvalidEnvelope, parse_envelope
from tests.devnode.author import Author

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("type", "item_hash", "item_type", "item_content", "chain", "sender", "signature", "time")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)), st.text())
def test_junk_is_no_message(junk: dict[str, Any], item_content: str) -> None:
    plausible = {"type": "POST", "chain": "ETH", "sender": "0x1", "time": 1, "item_hash": "a" * 64}
    for message in (junk, plausible | junk, plausible | {"item_content": item_content} | junk):
        try:
            parsed = parse_envelope(message, max_inline_characters=1000)
        except (InvalidEnvelope, TypeError, OverflowError):
            continue
        assert parsed.item_type in ("storage", "ipfs")
        assert parsed.item_content is None


@given(st.integers(0, 2**33), st.integers(0, 999_999), st.text())
def test_cursors_hold_moment_and_hash(seconds: int, microseconds: int, item_hash: str) -> None:
    time = seconds + microseconds / 1_000_000
    found, found_hash = decode_moment(encode_moment(time, item_hash))
    assert found == pytest.approx(time, abs=1e-6)
    assert found_hash == item_hash


@given(st.text())
def test_no_text_breaks_the_reading_of_cursors(text: str) -> None:
    try:
        time, item_hash = decode_moment(text)
    except InvalidCursor:
        return
    assert isinstance(time, float)
    assert isinstance(item_hash, str)


def test_every_filter_selects(author: Author) -> None:
    other = author.another()
    grant = {"address": other.address}
    security = author.aggregate("security", {"authorizations": [grant]})
    plain = author.post_note("plain", channel="PLAIN", time=1_700_000_000)
    tagged = author.post_note({"tags": ["t1", "t2"]}, ref="thread")
    by_other = other.send("POST", {"type": "by-other", "address": author.address})
    stored = author.store(b"found by its hash", tags=["t2"], payment={"type": "credit"})
    file_hash = author.message(stored)["message"]["content"]["item_hash"]
    key = "cd" * 32
    keyed = author.aggregate(key, {})

    def found(**query: Any) -> set[str]:
        answer = author.get("/api/v0/messages.json", **{"owners": author.address} | query)
        assert answer.status == 200, answer.text
        return {message["item_hash"] for message in answer.json["messages"]}

    everything = {security, plain, tagged, by_other, stored, keyed}
    assert found() == everything
    assert found(addresses=other.address) == {by_other}
    assert found(msgTypes="STORE,AGGREGATE") == {stored, security, keyed}
    assert found(message_types="STORE") == {stored}
    assert found(msgType="STORE") == {stored}
    assert found(msgTypes="STORE", msgType="POST") == set()
    assert found(tags="t2,t9") == {tagged, stored}
    assert found(refs="thread") == {tagged}
    assert found(contentTypes="by-other") == {by_other}
    assert found(contentHashes=file_hash) == {stored}
    assert found(contentKeys=key) == {keyed}
    assert found(channels="PLAIN,NONE") == {plain}
    assert found(chains="ETH") == everything
    assert found(chains="SOL") == set()
    assert found(paymentTypes="credit") == {stored}
    assert found(hashes=f"{plain},{tagged}") == {plain, tagged}
    assert found(startDate=1_700_000_000, endDate=1_700_000_001) == {plain}
    assert found(startBlock=5) == everything
    assert found(endBlock=5) == set()
    assert found(msgStatuses="pending,processed") == everything
    assert found(msgStatuses="pending,removing") == set()
    assert found(msgStatuses="removed") == set()
    assert found(pagination=0) == everything


def test_lists_come_in_either_order_and_tell_totals_like_the_real_node(author: Author) -> None:
    hashes = [author.post_note(number) for number in range(5)]
    query = {"addresses": author.address, "pagination": 2}

    def page(**more: Any) -> tuple[list[str], int]:
        answer = author.get("/api/v0/messages.json", **query | more).json
        return [message["item_hash"] for message in answer["messages"]], answer["pagination_total"]

    assert page() == (hashes[:2:-1], 5)
    assert page(sortOrder=1) == (hashes[:2], 5)
    assert page(sortOrder=1, page=3) == (hashes[4:], 5)
    assert page(page=9) == ([], 16)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = author.get("/api/v0/messages.json", **query, sortOrder=1, cursor=cursor).json
        seen += [message["item_hash"] for message in answer["messages"]]
        cursor = answer["next_cursor"]
    assert seen == hashes
    assert (
        author.get("/api/v0/messages.json", cursor="", pagination=9999).json["pagination_per_page"]
        == 200
    )


def test_content_is_shown_in_full_as_headers_or_not_at_all(author: Author) -> None:
    hashes = {
        author.post_note("x", ref="thread"): {"type": "note", "ref": "thread"},
        author.aggregate("k", {"a": 1}): {"key": "k"},
    }
    forget = author.forget(author.post_note())
    for query, expected in (
        ({"contentFormat": "headers"}, hashes),
        ({"excludeContent": "true", "contentFormat": "headers"}, hashes),
        ({"excludeContent": "true"}, dict.fromkeys(hashes)),
        ({"contentFormat": "none"}, dict.fromkeys(hashes)),
    ):
        listed = author.get("/api/v0/messages.json", addresses=author.address, **query).json
        for message in listed["messages"]:
            if message["item_hash"] == forget:
                continue
            headers = expected[message["item_hash"]]
            shown = None if headers is None else {"address": author.address} | headers
            assert message.get("content") == shown
            assert json.loads(message["item_content"])["address"] == author.address


def test_forgotten_messages_are_listed_by_the_time_they_were_forgotten(author: Author) -> None:
    notes = [author.post_note(number, channel="GONE") for number in range(3)]
    file_store = author.store(b"forgotten")
    for item_hash in (notes[2], notes[0], file_store):
        author.forget(item_hash, reason="old")

    def gone(**query: Any) -> list[Any]:
        answer = author.get(
            "/api/v0/messages.json", msgStatuses="forgotten", owners=author.address, **query
        )
        assert answer.status == 200, answer.text
        found: list[Any] = answer.json["messages"]
        return found

    assert [message["item_hash"] for message in gone()] == [file_store, notes[0], notes[2]]
    assert [message["size"] for message in gone(msgTypes="STORE")] == [9]
    assert [message["item_hash"] for message in gone(channels="GONE", sortOrder=1)] == [
        notes[2],
        notes[0],
    ]
    first = gone()[-1]["forgotten_at"]
    assert len(gone(startDate=first + 0.5)) == 2
    assert {"content", "item_content"}.isdisjoint(gone()[0])
    for bad in ({"msgStatuses": "forgotten,processed"}, {"cursor": ""}, {"refs": "x", "tags": "y"}):
        query = {"msgStatuses": "forgotten", **bad}
        assert author.get("/api/v0/messages.json", **query).status == 400


def test_hashes_are_listed_by_reception(author: Author) -> None:
    first, second = author.post_note(time=2_000_000_000), author.post_note(time=1_000_000_000)

    def hashes(**query: Any) -> list[str]:
        answer = author.get("/api/v0/messages/hashes", pagination=0, **query)
        assert answer.status == 200, answer.text
        found: list[str] = answer.json["hashes"]
        return found

    listed = [found for found in hashes(sortOrder=1) if found in (first, second)]
    assert listed == [first, second]
    assert hashes(status="pending") == []
    assert first in hashes(status="processed", startDate=1_700_000_000)
    assert hashes(startDate=5, endDate=6) == []
    assert author.get("/api/v0/messages/hashes", startDate=6, endDate=5).status == 422
    assert author.get("/api/v0/messages/hashes", hash_only="false").status == 500
    assert author.get("/api/v0/messages/hashes", hash_only="false", endDate=5).status == 200


@pytest.mark.parametrize(
    "query", [{"startBlock": 6, "endBlock": 5}, {"sortBy": "mood"}, {"contentFormat": "some"}]
)
def test_filters_that_make_no_sense_are_refused(author: Author, query: dict[str, Any]) -> None:
    assert author.get("/api/v0/messages.json", **query).status == 422


def test_stats_channels_and_post_types_count_what_an_address_signed(author: Author) -> None:
    other = author.another()
    author.post_note(channel="ONE")
    author.aggregate("k", {})
    other.post_note()
    path = f"/api/v0/addresses/{author.address}"
    assert author.get(f"{path}/channels").json["channels"] == ["ONE", "TEST"]
    assert author.get(f"{path}/post_types").json["post_types"] == ["note"]
    assert {"ONE", "TEST"} <= set(author.get("/api/v0/channels/list.json").json["channels"])
    both = f"addresses%5B%5D={author.address}&addresses%5B%5D={other.address}"
    data = author.get(f"/api/v0/addresses/stats.json?{both}").json["data"]
    assert {address: counts["messages"] for address, counts in data.items()} == {
        author.address: 2,
        other.address: 1,
    }
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = author.get("/api/v1/addresses/stats.json", cursor=cursor, pagination=1).json
        found += page["data"]
        cursor = page["next_cursor"]
    assert found.index(author.address) < found.index(other.address)
    assert len(found) == len(set(found))
    upper = author.address[2:12].upper()
    page = author.get("/api/v1/addresses/stats.json", addressContains=upper, sortOrder=1).json
    assert list(page["data"]) == [author.address]
    assert author.get("/api/v1/addresses/stats.json", cursor="?").status == 422


def test_a_post_may_be_forgotten_by_whoever_could_have_written_it(author: Author) -> None:
    delegate, stranger = author.another(), author.another()
    grant = {"address": delegate.address, "types": ["POST"]}
    author.aggregate("security", {"authorizations": [grant]})
    note, aggregate = author.post_note(), author.aggregate("k", {})
    amend = author.amend(note, "amended")
    assert author.error(stranger.forget(note, status=422))[0] == 2
    assert author.error(delegate.forget(note, aggregate, status=422))[0] == 2
    assert author.status(note) == "processed"
    forget = delegate.forget(note)
    assert author.message(amend)["forgotten_by"] == [forget]
    assert author.error(delegate.forget(forget, status=422)) == (
        502,
        {"errors": [{"message": forget}]},
    )
    assert author.error(author.forget(status=422)) == (500, None)
    again = author.forget(note, status=202)
    author.await_status(again, "rejected")


def test_a_rejected_message_has_nothing_to_forget(author: Author) -> None:
    rejected = author.amend(author.amend(author.post_note(), 1), 2, status=422)
    assert author.error(author.forget(rejected, status=202))[0] == 501


def test_the_node_tells_about_itself(author: Author) -> None:
    metrics = author.get("/metrics.json").json
    assert metrics["pyaleph_status_sync_pending_messages_total"] == 0
    assert "pyaleph_status_sync_messages_total" in author.get("/metrics").text
    assert author.get("/api/v0/core/x/metrics").status == 404
    answer = author.ask("GET", "/version", headers={"Origin": "http://elsewhere"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert author.ask("HEAD", "/api/v0/messages.json").body == b""
    assert author.get("/api/v0/version/").status == 404
    answer = author.ask("POST", "/version")
    assert (answer.status, answer.text) == (405, "405: Method Not Allowed")


def test_programs_that_messages_start_are_listed(author: Author) -> None:
    assert author.get("/api/v0/programs/on/message", sort_order=1).json == []
    for query in ({"sort_order": 5}, {"other": 1}):
        assert author.get("/api/v0/programs/on/message", **query).status == 400
