from __future__ import annotations

import hashlib
import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.call import Answer
from aleph_core.calls.posts import check_signed, post_from_content, posts
from aleph_core.errors import ApiError, VerificationError
from aleph_core.filters import PostFilter
from aleph_core.models.message import Content, Message
from aleph_core.models.page import Page
from aleph_core.models.post import Post
from aleph_core.paging import Position
from aleph_core.verification import Verify
from tests.core.recorded import AMENDED, ANSWERS, HASHES, OWNER, altered, answer

LEVELS: tuple[Verify, ...] = get_args(Verify)


def page_of(*entries: Any, verify: Verify = "content", strict: bool = False) -> Page[Post]:
    call = posts(PostFilter(), Position(page=1), 20, verify=verify, strict=strict)
    return call.parse(answer({"posts": [*entries]}))


def original(**content: Any) -> dict[str, Any]:
    fields = {"address": OWNER, "time": 1, "type": "shared-doc", "content": "x", **content}
    text = json.dumps(fields)
    item_hash = hashlib.sha256(text.encode()).hexdigest()
    return altered(
        AMENDED, item_content=text, item_hash=item_hash, original_item_hash=item_hash,
        type="shared-doc", content="forged", ref=None,
    )  # fmt: skip


def test_a_recorded_post_holds() -> None:
    (post,) = page_of(AMENDED)
    assert post.content == {"v": 1}
    assert post.amended
    assert (post.original_type, post.type, post.address) == ("shared-doc", "amend", OWNER)
    assert (post.ref, post.time) == ("shared-docref", 1790000015.25)


def test_the_parsed_copy_of_the_node_is_ignored() -> None:
    (post,) = page_of(altered(AMENDED, content="forged"))
    assert post.content == {"v": 1}
    (unchecked,) = page_of(altered(AMENDED, content="forged"), verify="off")
    assert unchecked.content == "forged"


def test_content_and_ref_of_an_original_come_from_its_text() -> None:
    (post,) = page_of(altered(original(ref="mine"), ref="forged"))
    assert (post.content, post.ref) == ("x", "mine")
    (bare,) = page_of(altered(original(), ref="forged"))
    assert bare.ref is None


@pytest.mark.parametrize(
    "changes",
    [
        {"item_content": AMENDED["item_content"] + " "},
        {"item_content": None},
        {"item_content": "\ud800"},
        {"item_hash": HASHES[0]},
        {"address": "0x933D5FEA6e9A6a46843159c7EB1608853c86AEE6"},
        {"original_item_hash": HASHES[0]},
    ],
)
def test_a_post_whose_text_is_not_its_own_does_not_hold(changes: dict[str, Any]) -> None:
    page = page_of(altered(AMENDED, **changes))
    assert not page
    assert isinstance(page.invalid[0].error, VerificationError)
    with pytest.raises(VerificationError):
        page_of(altered(AMENDED, **changes), strict=True)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (original(address="other"), "owner"),
        (original(type="t"), "type"),
        (altered(original(), original_item_hash=HASHES[0]), "no amend"),
    ],
)
def test_a_text_of_another_post_does_not_hold(entry: dict[str, Any], words: str) -> None:
    (invalid,) = page_of(entry).invalid
    assert words in str(invalid.error)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        5,
        altered(AMENDED, item_hash="abc"),
        altered(AMENDED, item_hash=...),
        altered(AMENDED, original_item_hash=5),
        altered(AMENDED, original_type=None),
        altered(AMENDED, address=None),
        altered(AMENDED, chain=5),
        altered(AMENDED, item_content={"a": 1}),
    ],
)
def test_what_has_not_the_form_of_a_post_is_left_out(entry: Any) -> None:
    page = page_of(entry, AMENDED, verify="off")
    assert len(page) == len(page.invalid) == 1
    with pytest.raises(ApiError):
        page_of(entry, verify="off", strict=True)


def test_optional_fields_of_another_form_are_dropped() -> None:
    odd = altered(AMENDED, size="big", confirmed=5, confirmations={}, ref=5, time="x", created=[])
    (post,) = page_of(odd)
    assert (post.size, post.confirmed, post.confirmations, post.ref) == (None, None, (), None)
    assert (post.time, post.created, post.last_updated) == (None, None, None)
    (confirmed,) = page_of(altered(AMENDED, confirmations=[{"chain": "ETH"}, 5]))
    assert confirmed.confirmations == ({"chain": "ETH"},)


def test_content_that_lies_outside_is_left_to_be_fetched() -> None:
    (post,) = page_of(altered(AMENDED, item_type="storage", item_content=None))
    assert post.item_type == "storage"
    assert post_from_content(post, AMENDED["item_content"].encode()).content == {"v": 1}
    with pytest.raises(VerificationError):
        post_from_content(post, b"[]", node="http://node")


def test_posts_are_asked_for_in_the_form_that_carries_their_text() -> None:
    call = posts(PostFilter(types="a"), Position(cursor="c"), 5, verify="off")
    assert call.path == "/api/v0/posts.json"
    assert list(call.params) == [("types", "a"), ("pagination", "5"), ("cursor", "c")]


@given(ANSWERS, st.sampled_from(LEVELS), st.booleans())
def test_any_answer_is_a_page_or_a_typed_error(
    given_answer: Answer, level: Verify, strict: bool
) -> None:
    try:
        posts(PostFilter(), Position(), 20, verify=level, strict=strict).parse(given_answer)
    except (ApiError, VerificationError):
        return
    assert given_answer.status == 200


def signed(item_hash: str, **changes: Any) -> Message:
    fields = {
        "chain": "ETH", "sender": OWNER, "type": "POST", "item_type": "inline", "time": 1.0,
        "content": Content({"address": OWNER, "type": "shared-doc"}), **changes,
    }  # fmt: skip
    return Message(item_hash=item_hash, **fields)


def test_a_post_signed_by_its_owner_in_both_versions_holds() -> None:
    (post,) = page_of(AMENDED)
    check_signed(post, {h: signed(h) for h in (post.item_hash, post.original_item_hash)})
    lower = signed(post.item_hash, sender=OWNER.lower())
    check_signed(post, {post.item_hash: lower, post.original_item_hash: signed(post.item_hash)})


@pytest.mark.parametrize("which", ["item_hash", "original_item_hash"])
@pytest.mark.parametrize(
    "changes", [None, {"sender": "0x" + "1" * 40}, {"type": "AGGREGATE"}], ids=str
)
def test_a_post_that_another_signed_does_not_hold(
    which: str, changes: dict[str, Any] | None
) -> None:
    (post,) = page_of(AMENDED)
    messages = {h: signed(h) for h in (post.item_hash, post.original_item_hash)}
    target = getattr(post, which)
    if changes is None:
        del messages[target]
    else:
        messages[target] = signed(target, **changes)
    with pytest.raises(VerificationError) as caught:
        check_signed(post, messages)
    assert caught.value.item_hash == target


def test_a_post_of_another_type_than_its_first_version_does_not_hold() -> None:
    (post,) = page_of(altered(AMENDED, original_type="other"))
    messages = {h: signed(h) for h in (post.item_hash, post.original_item_hash)}
    with pytest.raises(VerificationError, match="not of the type 'other'"):
        check_signed(post, messages)
