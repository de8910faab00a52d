from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.permissions import is_authorized

ONE = "0x838fE5fF882F4E092945B36c43Cd2b6E31A2209f"
TWO = "0x5129F59621807bb6c69d5e1bAfA1266556F7E708"
THREE = "0x5E2e55f879bae2C9292132C9282657878c56ebAc"
STRANGER = "0x9939f1Da536DcA6E672bb07879Baa535fC223eC1"

# The aggregate that was published on a real node when the answers below were recorded.
RECORDED = {
    "authorizations": [
        {
            "address": ONE,
            "types": ["POST"],
            "channels": ["corpus-shared"],
            "post_types": ["shared-perm"],
        },
        {"address": TWO, "types": ["AGGREGATE"], "aggregate_keys": ["shared"]},
        {"address": THREE, "chain": "BASE", "types": ["POST", "STORE", "FORGET"]},
    ]
}


def allows(authorizations: object, sender: str = ONE, **message: Any) -> bool:
    facts: dict[str, Any] = {
        "chain": "ETH",
        "channel": "corpus-shared",
        "message_type": "POST",
        "post_type": "shared-perm",
    }
    return is_authorized(authorizations, sender=sender, **{**facts, **message})


@pytest.mark.parametrize(
    ("sender", "message", "granted"),
    [
        (ONE, {}, True),
        (ONE, {"channel": "shared-elsewhere"}, False),
        (ONE, {"channel": None}, False),
        (ONE, {"post_type": "other"}, False),
        (ONE, {"post_type": None}, False),
        (ONE, {"message_type": "STORE", "post_type": None}, False),
        (TWO, {"message_type": "AGGREGATE", "aggregate_key": "private"}, False),
        (TWO, {"message_type": "AGGREGATE", "aggregate_key": "shared"}, True),
        (TWO, {"message_type": "AGGREGATE", "aggregate_key": None}, False),
        (TWO, {}, False),
        (THREE, {"chain": "BASE", "post_type": "any"}, True),
        (THREE, {"chain": "ETH", "post_type": "any"}, False),
        (STRANGER, {}, False),
        (ONE.lower(), {}, True),
        (ONE.upper(), {}, True),
    ],
)
def test_answers_as_a_real_node_did(sender: str, message: dict[str, Any], granted: bool) -> None:
    assert allows(RECORDED, sender, **message) is granted


@pytest.mark.parametrize(
    "content", [None, {}, {"authorizations": []}, {"authorizations": None}, {"other": [1]}]
)
def test_nothing_granted_is_nothing_allowed(content: object) -> None:
    assert not allows(content)


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"types": []},
        {"types": [], "channels": [], "post_types": [], "aggregate_keys": [], "chain": ""},
        {"chain": None, "unknown": {"kept": 1}},
    ],
)
@pytest.mark.parametrize("message_type", ["POST", "AGGREGATE", "STORE", "FORGET", "INSTANCE"])
def test_an_entry_without_restrictions_allows_everything(
    entry: dict[str, Any], message_type: str
) -> None:
    content = {"authorizations": [{"address": ONE, **entry}]}
    assert allows(content, message_type=message_type, channel=None, post_type=None)


def test_one_matching_entry_is_enough() -> None:
    content = {
        "authorizations": [
            {"address": ONE, "types": ["STORE"]},
            {"address": TWO},
            {"address": ONE, "types": ["POST"]},
        ]
    }
    assert allows(content)
    assert not allows(content, message_type="AGGREGATE")


def test_post_types_and_aggregate_keys_bind_their_own_type_of_message_only() -> None:
    content = {"authorizations": [{"address": ONE, "post_types": ["a"], "aggregate_keys": ["b"]}]}
    assert allows(content, message_type="STORE", post_type=None)
    assert allows(content, post_type="a")
    assert not allows(content, post_type="b")
    assert allows(content, message_type="AGGREGATE", post_type=None, aggregate_key="b")
    assert not allows(content, message_type="AGGREGATE", post_type=None, aggregate_key="a")


@pytest.mark.parametrize("name", ["types", "channels", "post_types", "aggregate_keys"])
@pytest.mark.parametrize(
    "wrong",
    [None, "POST", "corpus-shared", "shared-perm", 1, True, {"POST": 1}, [None], [["POST"]], [1]],
    ids=repr,
)
def test_a_malformed_restriction_grants_nothing(name: str, wrong: object) -> None:
    content = {"authorizations": [{"address": ONE, name: wrong}]}
    for message_type in ("POST", "AGGREGATE", "STORE"):
        assert not allows(content, message_type=message_type, aggregate_key="k")
        assert not allows(content, message_type=message_type, channel=None, post_type=None)


@pytest.mark.parametrize("wrong", [["ETH"], 1, True, {"ETH": 1}, 0, []], ids=repr)
def test_a_malformed_chain_grants_nothing(wrong: object) -> None:
    assert not allows({"authorizations": [{"address": ONE, "chain": wrong}]})


@pytest.mark.parametrize("wrong", [None, "", 1, [ONE], {"a": ONE}], ids=repr)
def test_an_entry_without_an_address_grants_nothing(wrong: object) -> None:
    assert not allows({"authorizations": [{"address": wrong}]})
    assert not allows({"authorizations": [{"address": wrong}]}, sender="")


@pytest.mark.parametrize("junk", [None, 1, "text", ["list"], [ONE], {}], ids=repr)
def test_junk_beside_a_good_entry_is_passed_over(junk: object) -> None:
    assert allows({"authorizations": [junk, *RECORDED["authorizations"], junk]})


@pytest.mark.parametrize(
    "content", ["authorizations", 1, True, [{"address": ONE}], {"authorizations": {"address": ONE}}]
)
def test_content_of_another_shape_grants_nothing(content: object) -> None:
    assert not allows(content)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
FIELDS = ["address", "chain", "channels", "types", "post_types", "aggregate_keys"]


@given(
    json_values
    | st.fixed_dictionaries({"authorizations": json_values})
    | st.fixed_dictionaries(
        {
            "authorizations": st.lists(
                st.dictionaries(st.sampled_from(FIELDS), json_values) | json_values
            )
        }
    )
)
def test_random_content_never_crashes_and_never_grants(content: object) -> None:
    assert allows(content) is False


@given(st.dictionaries(st.sampled_from(FIELDS[1:]), json_values, min_size=1))
def test_an_entry_grants_only_when_each_of_its_restrictions_is_well_formed(
    entry: dict[str, Any],
) -> None:
    if allows({"authorizations": [{**entry, "address": ONE}]}):
        assert isinstance(entry.get("chain"), str | None)
        for name in FIELDS[2:]:
            assert isinstance(entry.get(name, []), list)
            assert all(isinstance(value, str) for value in entry.get(name, []))
