from __future__ import annotations

import pytest

from tests.devnode.author import Author


def test_the_amend_with_the_latest_content_time_wins(author: Author) -> None:
    original = author.post_note({"v": 0}, time=1_780_000_000)
    late = author.amend(original, {"v": 2}, time=1_780_000_020)
    author.amend(original, {"v": 1}, time=1_780_000_010)
    author.amend(original, {"v": -1}, time=1_770_000_000)
    merged = author.merged(original)
    assert (merged["item_hash"], merged["content"]) == (late, {"v": 2})
    assert merged["last_updated"] == "2026-05-28T20:27:00+00:00"


def test_forgetting_the_winning_amend_revives_the_one_before_then_the_original(
    author: Author,
) -> None:
    original = author.post_note({"v": 0})
    first, second = author.amend(original, {"v": 1}), author.amend(original, {"v": 2})
    author.forget(second)
    assert author.merged(original)["item_hash"] == first
    author.forget(first)
    assert author.merged(original)["content"] == {"v": 0}
    author.forget(original)
    assert author.merged(original) is None


def test_a_post_and_its_amend_may_be_forgotten_together(author: Author) -> None:
    original = author.post_note()
    amend = author.amend(original, "amended")
    author.forget(original, amend, original)
    assert author.status(amend) == author.status(original) == "forgotten"


def test_an_amend_replaces_the_content_even_with_null(author: Author) -> None:
    original = author.post_note({"v": 0})
    author.amend(original, None)
    assert author.merged(original)["content"] is None


def test_an_amend_of_an_amend_is_rejected(author: Author) -> None:
    amend = author.amend(author.post_note(), 1)
    assert author.error(author.amend(amend, 2, status=422)) == (102, None)


def test_a_reference_may_be_an_object(author: Author) -> None:
    original = author.post_note("original")
    message = author.message(original)["message"]
    names = (
        "chain", "channel", "item_content", "item_hash", "item_type", "sender", "signature", "time"
    )  # fmt: skip
    ref = {name: message[name] for name in names} | {"type": "POST"}
    author.send("POST", {"type": "amend", "ref": ref, "content": "amended"})
    assert author.merged(original)["content"] == "amended"


def test_only_the_owner_or_a_delegate_for_that_kind_of_post_amends(author: Author) -> None:
    delegate, stranger = author.another(), author.another()
    note = author.post_note("mine")
    other = author.send("POST", {"type": "other", "content": "mine"})
    grant = {"address": delegate.address, "types": ["POST"], "post_types": ["note"]}
    author.aggregate("security", {"authorizations": [grant, "junk", {"address": 5}]})
    delegate.amend(note, "theirs", address=author.address)
    assert author.merged(note)["content"] == "theirs"
    refused = delegate.amend(other, "theirs", address=author.address, status=422)
    assert author.error(refused)[0] == 2
    assert author.error(stranger.amend(note, "x", status=422))[0] == 2
    assert author.error(stranger.amend(note, "x", address=author.address, status=422))[0] == 2
    assert author.error(delegate.amend(note, "x", address=stranger.address, status=422))[0] == 2


def test_posts_are_found_by_tag_reference_channel_and_date(author: Author) -> None:
    tagged = author.post_note({"tags": ["red", "blue"]}, channel="CH1")
    referring = author.post_note("x", ref="thread", time=1_700_000_000)
    moved = author.post_note({"tags": ["red"]})
    author.amend(moved, {"tags": ["green"]})

    def found(**query: object) -> set[str]:
        answer = author.get("/api/v1/posts.json", addresses=author.address, **query)
        return {post["original_item_hash"] for post in answer.json["posts"]}

    assert found() == {tagged, referring, moved}
    assert found(tags="red") == {tagged}
    assert found(tags="green,nosuch") == {moved}
    assert found(refs="thread") == {referring}
    assert found(channels="CH1") == {tagged}
    assert found(startDate=1_699_999_999, endDate=1_700_000_001) == {referring}
    assert found(endDate=1, startDate=2) == set()
    assert found(types="note", sortBy="tx-time", sortOrder=1) == {tagged, referring, moved}


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_a_cursor_leads_through_all_posts_in_both_directions(author: Author, version: str) -> None:
    hashes = [author.post_note(number, time=1_780_000_000 + number // 2) for number in range(5)]
    for order in (1, -1):
        seen: list[str] = []
        cursor = ""
        while cursor is not None:
            page = author.get(
                f"/api/{version}/posts.json",
                addresses=author.address,
                pagination=2,
                cursor=cursor,
                sortOrder=order,
            ).json
            seen += [post["original_item_hash"] for post in page["posts"]]
            cursor = page["next_cursor"]
        assert sorted(seen) == sorted(hashes)
        assert len(seen) == len(hashes)


def test_bad_cursors_and_pages_are_refused(author: Author) -> None:
    for path in ("/api/v0/posts.json", "/api/v1/posts.json"):
        assert author.get(path, cursor="e30").status == 422
        assert author.get(path, cursor="W10").status == 422
        assert author.get(path, cursor="eyJ0Ijo1LCJoIjoiYSJ9").status == 422
        assert author.get(path, cursor="", pagination=0).status == 422
        assert author.get(path, cursor="x", sortBy="tx-time").status == 422
        assert author.get(path, pagination=0, addresses=author.address).json["posts"] == []
    assert author.get("/api/v1/posts/page/0.json").status == 422
    assert author.get("/api/v1/posts/page/x.json").status == 400
