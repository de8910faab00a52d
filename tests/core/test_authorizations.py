from __future__ import annotations

from typing import Any

import pytest
from aleph_message.models import Chain, MessageType
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.authorizations import (
    Authorization,
    AuthorizationBuilder,
    UnreadableAuthorization,
    read_authorizations,
    security_content,
)
from aleph_core.errors import ArgumentError
from aleph_core.permissions import is_authorized

DELEGATE = "0x838fE5fF882F4E092945B36c43Cd2b6E31A2209f"
FACTS: dict[str, Any] = {
    "sender": DELEGATE,
    "chain": "ETH",
    "channel": "TEST",
    "message_type": "POST",
    "post_type": "note",
}


def test_is_written_as_nodes_read_it() -> None:
    entry = Authorization(
        DELEGATE, chain="ETH", channels=["TEST"], types=["POST"], post_types=["note"]
    )
    assert entry.as_dict() == {
        "address": DELEGATE,
        "chain": "ETH",
        "channels": ["TEST"],
        "types": ["POST"],
        "post_types": ["note"],
    }
    assert Authorization(DELEGATE).as_dict() == {"address": DELEGATE}
    assert security_content([entry]) == {"authorizations": [entry.as_dict()]}


def test_members_of_enumerations_count_by_their_value() -> None:
    entry = Authorization(DELEGATE, chain=Chain.ARBITRUM, types=[MessageType.post])
    assert entry == Authorization(DELEGATE, chain="ARB", types=("POST",))
    assert type(entry.as_dict()["types"][0]) is str


def test_the_builder_builds_step_by_step() -> None:
    built = (
        AuthorizationBuilder(DELEGATE)
        .chain(Chain.ETH)
        .channel("TEST")
        .channel("OTHER")
        .message_type(MessageType.post)
        .post_type("note")
        .message_type("AGGREGATE")
        .aggregate_key("profile")
        .build()
    )
    assert built == Authorization(
        DELEGATE,
        chain="ETH",
        channels=["TEST", "OTHER"],
        types=["POST", "AGGREGATE"],
        post_types=["note"],
        aggregate_keys=["profile"],
    )


def test_restrictions_of_a_type_need_the_type() -> None:
    with pytest.raises(ArgumentError, match="POST"):
        AuthorizationBuilder(DELEGATE).post_type("note")
    with pytest.raises(ValueError, match="AGGREGATE"):
        AuthorizationBuilder(DELEGATE).message_type("POST").aggregate_key("profile")


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("address", ""),
        ("address", "../x"),
        ("address", None),
        ("chain", ""),
        ("chain", 5),
        ("channels", "TEST"),
        ("channels", [""]),
        ("types", ["post"]),
        ("types", ["POST", None]),
        ("post_types", 5),
        ("aggregate_keys", [b"x"]),
    ],
)
def test_what_nodes_would_not_read_is_named(argument: str, value: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        Authorization(**{"address": DELEGATE, argument: value})
    assert caught.value.argument == argument


def test_allows_what_its_restrictions_let_through() -> None:
    entry = Authorization(DELEGATE, channels=["TEST"], types=["POST"])
    assert entry.allows(**FACTS)
    assert not entry.allows(**{**FACTS, "channel": "OTHER"})
    assert not entry.allows(**{**FACTS, "sender": "0x" + "1" * 40})


def test_reading_and_writing_back_loses_neither_what_is_new_nor_what_is_malformed() -> None:
    newer = {"address": DELEGATE, "types": ["FUTURE-TYPE"], "not_after": 5}
    nothing: Any = {"address": DELEGATE, "channels": None}
    content = {"authorizations": [None, {}, newer, nothing, 5]}
    found = read_authorizations(content)
    assert found[2] == Authorization(DELEGATE, types=["FUTURE-TYPE"], extra={"not_after": 5})
    assert found[3] == UnreadableAuthorization(nothing)
    assert security_content(found) == content
    for nothing in (None, {}, {"authorizations": None}, [], "x"):
        assert read_authorizations(nothing) == []
    with pytest.raises(ArgumentError, match="authorization"):
        Authorization.from_dict("x")  # type: ignore[arg-type]


texts = st.sampled_from(["", "a", "POST", "AGGREGATE", "TEST", "note"])
values = st.none() | texts | st.integers() | st.lists(texts | st.none(), max_size=3)
entries = st.dictionaries(
    st.sampled_from(["chain", "channels", "types", "post_types", "aggregate_keys"]),
    values,
)


@given(entries, st.sampled_from([DELEGATE, DELEGATE.lower(), "", None]))
def test_writing_back_what_was_read_never_grants_more(entry: dict[str, Any], address: Any) -> None:
    content = {"authorizations": [{**entry, "address": address}]}
    again = security_content(read_authorizations(content))
    for message_type in ("POST", "AGGREGATE", "STORE"):
        facts = {**FACTS, "message_type": message_type, "aggregate_key": "a"}
        assert is_authorized(again, **facts) <= is_authorized(content, **facts)
