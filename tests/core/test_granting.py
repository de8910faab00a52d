"""Changes of a security aggregate: they hold, and lose nothing that they are not about."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core import granting
from aleph_core.authorizations import Authorization, UnreadableAuthorization, read_authorizations
from aleph_core.errors import ArgumentError, ResourceNotFoundError
from tests.core.recorded import JSON

ADA, BOB, EVE = ("0x" + letter * 40 for letter in "aBe")
POSTS = Authorization(ADA, types=["POST"])
STORES = Authorization(BOB, types=["STORE"])

addresses = st.sampled_from([ADA, ADA.upper().replace("X", "x"), BOB])
entries = JSON | st.fixed_dictionaries(
    {"address": addresses},
    optional={"types": st.sampled_from([["POST"], [], None, ["odd"]]), "note": JSON},
)
# But for NaN, which is equal to nothing.
contents = st.fixed_dictionaries(
    {}, optional={"authorizations": st.lists(entries, max_size=5)}
).filter(lambda content: json.loads(json.dumps(content)) == content)


def content(*entries: Any) -> dict[str, Any]:
    return {
        "authorizations": [
            entry.as_dict() if isinstance(entry, Authorization) else entry for entry in entries
        ]
    }


def test_an_entry_is_added_once() -> None:
    assert granting.add({}, authorization=POSTS) == content(POSTS)
    assert granting.add(content(STORES), authorization=POSTS) == content(STORES, POSTS)
    assert granting.add(content(POSTS), authorization=POSTS) == {}


def test_updating_replaces_all_entries_of_an_address_where_the_first_one_was() -> None:
    more = Authorization(ADA, types=["STORE"])
    present = content(None, POSTS, STORES, {"address": ADA.upper().replace("X", "x")})
    assert granting.update(present, address=ADA, authorizations=[more]) == content(
        None, more, STORES
    )


def test_updating_what_was_revoked_grants_nothing() -> None:
    for present in ({}, content(STORES)):
        with pytest.raises(ResourceNotFoundError, match=ADA):
            granting.update(present, address=ADA, authorizations=[POSTS])


def test_revoking_an_address_takes_its_malformed_entries_too() -> None:
    odd = {"address": ADA.lower(), "types": "POST"}
    assert granting.revoke(content(POSTS, odd, STORES, 5), target=ADA) == content(STORES, 5)
    assert granting.revoke(content(STORES), target=ADA) == {}
    assert granting.revoke({}, target=ADA) == {}


def test_revoking_an_entry_leaves_the_others_of_the_address() -> None:
    other = Authorization(ADA, channels=["TEST"])
    assert granting.revoke(content(POSTS, other), target=POSTS) == content(other)
    assert granting.revoke(content(other), target=POSTS) == {}


def test_replacing_all_writes_nothing_where_there_is_nothing_to_replace() -> None:
    assert granting.replace_all(content(POSTS), authorizations=[STORES]) == content(STORES)
    assert granting.replace_all(content(POSTS), authorizations=[]) == content()
    assert granting.replace_all({}, authorizations=[]) == {}


@given(contents)
def test_every_change_holds_and_keeps_what_it_is_not_about(present: dict[str, Any]) -> None:
    def changed(**written: Any) -> list[Any]:
        return read_authorizations({**present, **written})

    before = read_authorizations(present)
    added = changed(**granting.add(present, authorization=POSTS))
    assert POSTS in added
    assert added[: len(before)] == before
    assert granting.add({**present, **content(POSTS)}, authorization=POSTS) == {}

    revoked = granting.revoke(present, target=ADA)
    left = changed(**revoked)
    assert left == [entry for entry in before if entry in left]
    assert not any(getattr(entry, "address", "").lower() == ADA.lower() for entry in left)
    assert granting.revoke({**present, **revoked}, target=ADA) == {}
    others = [entry for entry in before if getattr(entry, "address", None) == BOB]
    assert [entry for entry in left if getattr(entry, "address", None) == BOB] == others
    try:
        updated = granting.update(present, address=ADA, authorizations=[POSTS])
    except ResourceNotFoundError:
        assert left == before
    else:
        found = changed(**updated)
        assert [entry for entry in found if entry != POSTS] == left
        assert granting.update(updated, address=ADA, authorizations=[POSTS]) == updated


def test_what_is_given_is_checked_before_anything_is_sent() -> None:
    odd = UnreadableAuthorization(5)
    assert granting.check_all(POSTS) == (POSTS,)
    assert granting.check_all([POSTS, odd]) == (POSTS, odd)
    assert granting.check_all(POSTS, address=ADA.lower()) == (POSTS,)
    assert granting.check_target(POSTS) is POSTS
    assert granting.check_target(ADA) == ADA
    for wrong in (None, "x", [None], {"address": ADA}):
        with pytest.raises(ArgumentError):
            granting.check_all(wrong)
        with pytest.raises(ArgumentError):
            granting.check_target(wrong)
    with pytest.raises(ArgumentError, match=BOB):
        granting.check_all([POSTS], address=BOB)
