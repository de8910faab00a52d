from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from aleph_message.models import Chain, MessageType
from aleph_message.status import MessageStatus as TheirStatus
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError
from aleph_core.filters import (
    MessageFilter,
    PostFilter,
    SortBy,
    SortOrder,
    check_count,
    check_paging,
)
from aleph_core.models.message import Message, MessageStatus
from aleph_core.models.post import Post
from aleph_core.paging import Position
from tests.core.recorded import AMENDED, HASHES, OWNER, STORE, signed

LISTS = {
    "refs": "refs",
    "tags": "tags",
    "channels": "channels",
    "chains": "chains",
    "content_types": "contentTypes",
}
VALUE = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=",\x00"), min_size=1, max_size=20
)


def params(given_filter: MessageFilter | PostFilter) -> dict[str, str]:
    return dict(
        parse_qsl(urlencode(given_filter.params()), strict_parsing=bool(given_filter.params()))
    )


@given(st.dictionaries(st.sampled_from([*LISTS]), st.lists(VALUE, min_size=1, max_size=4)))
def test_every_value_arrives_as_it_was_given(lists: dict[str, list[str]]) -> None:
    found = params(MessageFilter(**lists))  # type: ignore[arg-type]
    assert {name: text.split(",") for name, text in found.items()} == {
        LISTS[name]: values for name, values in lists.items()
    }


@given(VALUE)
def test_one_text_is_one_value_and_never_its_letters(text: str) -> None:
    for name in LISTS:
        assert getattr(MessageFilter(**{name: text}), name) == (text,)  # type: ignore[arg-type]


def test_every_restriction_has_its_parameter() -> None:
    everything = MessageFilter(
        message_types=[MessageType.post, "STORE"],
        message_statuses=[TheirStatus.PROCESSED, MessageStatus.REMOVING],
        content_types="t",
        content_keys=HASHES[0],
        content_hashes={HASHES[1]: 1},
        refs=("r",),
        addresses=OWNER,
        owners=[OWNER],
        tags={"a"},
        hashes=(value for value in HASHES),
        channels="TEST",
        chains=Chain.ETH,
        payment_types="credit",
        start_date=1,
        end_date=2.5,
        start_block=3,
        end_block=4,
        sort_by="tx-time",
        sort_order=1,
    )
    assert params(everything) == {
        "msgTypes": "POST,STORE",
        "msgStatuses": "processed,removing",
        "contentTypes": "t",
        "contentKeys": HASHES[0],
        "contentHashes": HASHES[1],
        "refs": "r",
        "addresses": OWNER,
        "owners": OWNER,
        "tags": "a",
        "hashes": ",".join(HASHES),
        "channels": "TEST",
        "chains": "ETH",
        "paymentTypes": "credit",
        "startDate": "1",
        "endDate": "2.5",
        "startBlock": "3",
        "endBlock": "4",
        "sortBy": "tx-time",
        "sortOrder": "1",
    }


def test_an_empty_filter_asks_for_everything() -> None:
    assert MessageFilter().params() == []
    assert PostFilter().params() == []
    assert MessageFilter(tags=[], channels=None).params() == []  # type: ignore[arg-type]
    assert MessageFilter().matches(signed())


def test_live_parameters_are_those_that_nodes_apply_as_they_should() -> None:
    chosen = MessageFilter(message_types="POST", tags="a", channels="c", start_date=1)
    assert dict(chosen.live_params()) == {
        "channels": "c", "msgType": "POST", "history": "0",
    }  # fmt: skip
    several = MessageFilter(message_types=["POST", "STORE"])
    assert dict(several.live_params()) == {"history": "0"}


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (datetime(2026, 9, 21, 14, 13, 21, 250000, UTC), 1790000001.25),
        (datetime(2026, 9, 21, 16, 13, 21, tzinfo=timezone(timedelta(hours=2))), 1790000001.0),
        (1790000001, 1790000001.0),
        (1.5, 1.5),
        (0, 0.0),
    ],
)
def test_dates_are_moments_or_seconds(moment: datetime | float, seconds: float) -> None:
    assert MessageFilter(start_date=moment).start_date == seconds
    assert PostFilter(end_date=moment).end_date == seconds


@given(st.datetimes())
def test_a_naive_moment_is_local_time(moment: datetime) -> None:
    found = MessageFilter(start_date=moment).start_date
    try:
        expected = moment.timestamp()
    except (OverflowError, ValueError):
        # The edge of the calendar is taken as universal time.
        expected = moment.replace(tzinfo=UTC).timestamp()
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("moment", [datetime.min, datetime.max])  # noqa: DTZ901 - local time is meant
def test_the_ends_of_the_calendar_are_dates(moment: datetime) -> None:
    assert "startDate" in params(MessageFilter(start_date=moment))


@pytest.mark.parametrize(
    ("given_values", "argument"),
    [
        ({"tags": ["a,b"]}, "tags"),
        ({"tags": ""}, "tags"),
        ({"tags": ["a", ""]}, "tags"),
        ({"tags": "\x00"}, "tags"),
        ({"tags": "\ud800"}, "tags"),
        ({"channels": 5}, "channels"),
        ({"channels": b"bytes"}, "channels"),
        ({"channels": [None]}, "channels"),
        ({"addresses": "../x"}, "addresses[0]"),
        ({"addresses": [OWNER, "?"]}, "addresses[1]"),
        ({"owners": "a/b"}, "owners[0]"),
        ({"hashes": "abc"}, "hashes[0]"),
        ({"content_hashes": "abc"}, "content_hashes[0]"),
        ({"content_keys": "my-key"}, "content_keys"),
        ({"message_types": "NEWS"}, "message_types"),
        ({"message_types": "post"}, "message_types"),
        ({"message_statuses": "done"}, "message_statuses"),
        ({"message_statuses": ["forgotten", "processed"]}, "message_statuses"),
        ({"payment_types": "cash"}, "payment_types"),
        ({"start_date": "2026-01-01"}, "start_date"),
        ({"start_date": True}, "start_date"),
        ({"start_date": float("nan")}, "start_date"),
        ({"end_date": float("inf")}, "end_date"),
        ({"end_date": 10**400}, "end_date"),
        ({"end_date": 10**5000}, "end_date"),
        ({"start_date": 2, "end_date": 1}, "end_date"),
        ({"start_block": -1}, "start_block"),
        ({"end_block": 1.5}, "end_block"),
        ({"sort_by": "name"}, "sort_by"),
        ({"sort_by": []}, "sort_by"),
        ({"sort_order": "ASC"}, "sort_order"),
        ({"sort_order": 2}, "sort_order"),
    ],
)
def test_what_nodes_refuse_or_ignore_is_refused_by_name(
    given_values: dict[str, Any], argument: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        MessageFilter(**given_values)
    assert caught.value.argument == argument


@given(
    st.dictionaries(
        st.sampled_from([*MessageFilter.__annotations__, "refs", "addresses", "tags", "start_date"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
        | st.lists(st.text() | st.integers()) | st.datetimes() | st.sampled_from([*HASHES, OWNER]),
    )
)  # fmt: skip
def test_any_filter_is_sent_or_a_bad_argument(given_values: dict[str, Any]) -> None:
    try:
        chosen = MessageFilter(**given_values)
    except ArgumentError:
        return
    urlencode(chosen.params())
    urlencode(chosen.live_params())
    chosen.matches(signed())


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (1, SortOrder.ASCENDING),
        (-1, SortOrder.DESCENDING),
        ("-1", SortOrder.DESCENDING),
        (SortOrder.ASCENDING, SortOrder.ASCENDING),
        (None, None),
    ],
)
def test_orders_are_read_in_every_form(order: Any, expected: SortOrder | None) -> None:
    assert SortOrder.read(order) is expected
    assert MessageFilter(sort_by=SortBy.TIME, sort_order=order).sort_order is expected


def test_a_filter_is_changed_by_evolving_it() -> None:
    chosen = MessageFilter(tags="a")
    assert chosen.evolve(channels="c") == MessageFilter(tags="a", channels="c")
    with pytest.raises(ArgumentError):
        chosen.evolve(tags="")


@pytest.mark.parametrize(
    "chosen",
    [
        MessageFilter(message_types="POST", chains="ETH", channels="corpus-shared"),
        MessageFilter(addresses=OWNER, owners=OWNER, hashes=HASHES, content_types="amend"),
        MessageFilter(refs="0caf9759862ae9fb93a5f2fc57778b9692b14d6402ed035708a0a4f3b19447a4"),
        MessageFilter(start_date=1790000001.25, end_date=1790000002, payment_types="hold"),
    ],
)
def test_a_message_that_was_asked_for_matches(chosen: MessageFilter) -> None:
    assert chosen.matches(signed())


@pytest.mark.parametrize(
    "chosen",
    [
        MessageFilter(message_types="STORE"),
        MessageFilter(chains="SOL"),
        MessageFilter(channels="other"),
        MessageFilter(addresses=STORE["sender"]),
        MessageFilter(owners=STORE["sender"]),
        MessageFilter(hashes=STORE["item_hash"]),
        MessageFilter(content_types="t"),
        MessageFilter(content_keys=HASHES[0]),
        MessageFilter(content_hashes=HASHES[0]),
        MessageFilter(refs="r"),
        MessageFilter(tags="t"),
        MessageFilter(payment_types="credit"),
        MessageFilter(start_date=1790000002),
        MessageFilter(end_date=1790000001.25),
    ],
)
def test_a_message_that_was_not_asked_for_does_not_match(chosen: MessageFilter) -> None:
    assert not chosen.matches(signed())


def message_of(**content: Any) -> Message:
    return signed().evolve(content=type(signed().content)({"address": OWNER, **content}))


def test_tags_and_payments_are_found_where_nodes_look_for_them() -> None:
    assert MessageFilter(tags=["x", "b"]).matches(message_of(content={"tags": ["a", "b", 5]}))
    assert MessageFilter(tags="b").matches(message_of(tags=["b"]))
    assert not MessageFilter(tags="b").matches(message_of(tags="b"))
    assert not MessageFilter(tags="b").matches(message_of(content={"tags": [["b"]]}))
    assert MessageFilter(payment_types="credit").matches(message_of(payment={"type": "credit"}))
    assert not MessageFilter(payment_types="credit").matches(message_of(payment={"type": 5}))


def test_skeletons_are_matched_by_what_they_have() -> None:
    chosen = MessageFilter(message_statuses="forgotten", owners=OWNER, start_date=1)
    assert chosen.skeletons is MessageStatus.FORGOTTEN
    skeleton = Message(
        chain="ETH", sender="other", type="POST", item_type="inline", item_hash=HASHES[0], time=0,
        status=MessageStatus.FORGOTTEN, extra={"owner": OWNER},
    )  # fmt: skip
    assert chosen.matches(skeleton)
    assert not chosen.evolve(owners=STORE["sender"]).matches(skeleton)
    assert MessageFilter(message_statuses="processed").skeletons is None


def post_of(**changes: Any) -> Post:
    fields: dict[str, Any] = {
        "item_hash": AMENDED["item_hash"], "original_item_hash": AMENDED["original_item_hash"],
        "original_type": "shared-doc", "address": OWNER, "chain": "ETH", "content": {"tags": ["a"]},
    }  # fmt: skip
    return Post(**{**fields, **changes})


@pytest.mark.parametrize(
    ("chosen", "matches"),
    [
        (PostFilter(), True),
        (PostFilter(types=["shared-doc", "x"], addresses=OWNER, chains="ETH", tags="a"), True),
        (PostFilter(hashes=AMENDED["original_item_hash"]), True),
        (PostFilter(hashes=AMENDED["item_hash"]), False),
        (PostFilter(types="amend"), False),
        (PostFilter(addresses=STORE["sender"]), False),
        (PostFilter(chains="SOL"), True),
        (PostFilter(tags="b"), False),
    ],
)
def test_posts_match_by_their_original(chosen: PostFilter, matches: bool) -> None:
    assert chosen.matches(post_of()) is matches


def test_a_post_without_object_content_has_no_tags() -> None:
    assert not PostFilter(tags="a").matches(post_of(content="a"))


def test_chains_of_posts_are_not_sent_but_told_apart_here() -> None:
    assert PostFilter(chains=["SOL", "ETH"]).is_on_chain(post_of())
    assert not PostFilter(chains="SOL").is_on_chain(post_of())
    assert params(PostFilter(chains="ETH", types="a")) == {"types": "a"}


@pytest.mark.parametrize("value", [0, -1, True, 1.0, "1", [10**5000]])
def test_pages_are_counted_from_one(value: Any) -> None:
    with pytest.raises(ArgumentError, match="page_size"):
        check_paging(1, value, largest=200)
    with pytest.raises(ArgumentError, match="page:"):
        check_paging(value, 10)


def test_counts_within_their_bounds_pass() -> None:
    check_paging(None, 200, largest=200)
    check_paging(5, 1)
    assert check_count(3, "n", 3, 3) == 3


@pytest.mark.parametrize("status", ["pending", "rejected", ["processed", "rejected"]])
def test_statuses_that_nodes_never_list_are_refused(status: str | list[str]) -> None:
    with pytest.raises(ArgumentError, match="get_message_status"):
        MessageFilter(message_statuses=status)


@pytest.mark.parametrize("kind", [MessageFilter, PostFilter])
def test_single_restrictions_are_merged_into_a_filter(kind: Any) -> None:
    assert kind.from_arguments(kind(tags="a"), {"channels": "c"}) == kind(tags="a", channels="c")
    assert kind.from_arguments(None, {"tags": "a"}) == kind(tags="a")
    for given_filter in ("tags", {}):
        with pytest.raises(ArgumentError, match="_filter"):
            kind.from_arguments(given_filter, {})
    with pytest.raises(ArgumentError, match="nonsense: is no restriction; there are addresses"):
        kind.from_arguments(None, {"nonsense": 1})
    with pytest.raises(ArgumentError, match="tags"):
        kind.from_arguments(None, {"tags": ""})


def test_post_types_restrict_to_posts_of_these_types() -> None:
    expected = MessageFilter(message_types="POST", content_types=["a"])
    assert MessageFilter.from_arguments(None, {}, post_types=["a"]) == expected


def test_where_a_walk_through_all_pages_begins() -> None:
    assert MessageFilter().first_position() == PostFilter().first_position() == Position()
    assert MessageFilter(message_statuses="removed").first_position() == Position(page=1)
    for chosen in (MessageFilter(sort_by="tx-time"), PostFilter(sort_by="tx-time")):
        with pytest.raises(ArgumentError, match="sort_by"):
            chosen.first_position()
