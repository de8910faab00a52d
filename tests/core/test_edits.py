"""Edits of one aggregate, simulated step by step in every order."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aleph_core.accounts import ETHAccount
from aleph_core.contents import aggregate_content
from aleph_core.edits import Change, Edit, History, pause
from aleph_core.errors import ArgumentError, BadSignatureError, VerificationError
from aleph_core.messages import build_message, sign
from aleph_core.models.message import Message

KEY = "list"


@cache
def account(number: int) -> ETHAccount:
    return ETHAccount((number + 1).to_bytes(32, "big"))


OWNER = account(0).get_address()


def element(entries: Mapping[str, Any], time: float, *, key: str = KEY, signer: int = 0) -> Message:
    content = aggregate_content(address=OWNER, time=time, key=key, content=entries)
    message, _ = build_message(
        message_type="AGGREGATE",
        content=content,
        sender=account(signer).get_address(),
        chain="ETH",
        channel="TEST",
        time=time,
    )
    return sign(message, account(signer))


def history(*messages: Message, key: str = KEY) -> History:
    found = History(OWNER, key)
    for message in messages:
        found.add(message)
    return found


def added(name: str) -> Change:
    def change(content: dict[str, Any]) -> Mapping[str, Any]:
        names = content.get("names", [])
        return {"names": names if name in names else [*names, name]}

    return change


def taken(name: str) -> Change:
    return lambda content: {"names": [n for n in content.get("names", []) if n != name]}


def port(number: int, *, open_: bool) -> Change:
    def change(content: dict[str, Any]) -> Mapping[str, Any]:
        ports = dict((content.get("vm") or {}).get("ports", {}))
        ports.pop(str(number), None)
        if open_:
            ports[str(number)] = {"tcp": True, "udp": False}
        return {"vm": {"ports": ports}}

    return change


class Network:
    """What several editors see of each other: elements that were processed, in the order of a plan."""

    def __init__(self, start: Mapping[str, Any]) -> None:
        self.clock = itertools.count(1)
        self.processed: list[Message] = [element(start, 0.5)] if start else []
        self.under_way: dict[int, Message] = {}

    def editor(self, number: int, change: Change) -> Iterator[None]:
        """Read, write, wait until it is processed, look: others may act at each ``yield``."""
        seen = history(*self.processed)
        edit = Edit(change, seen)
        while True:
            wanted = edit.next_entries(seen)
            if not wanted:
                return
            yield
            time = edit.next_time(wanted, seen, float(next(self.clock)))
            message = element(wanted, time)
            edit.wrote(message.item_hash)
            self.under_way[number] = message
            yield
            self.processed.append(self.under_way.pop(number))
            yield
            seen = history(*self.processed)

    def content(self) -> dict[str, Any]:
        return history(*self.processed).content()


def run(start: Mapping[str, Any], changes: list[Change], order: list[int]) -> dict[str, Any]:
    network = Network(start)
    editors = {number: network.editor(number, change) for number, change in enumerate(changes)}
    for turn in itertools.chain(order, itertools.cycle(range(len(changes)))):
        if not editors:
            return network.content()
        if turn in editors:
            try:
                next(editors[turn])
            except StopIteration:
                del editors[turn]
        assert len(network.processed) < 60, "the editors never cease to correct each other"
    raise AssertionError


ORDERS = st.lists(st.integers(0, 2), max_size=30)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(ORDERS)
def test_no_edit_is_lost_in_whatever_order_the_editors_act(order: list[int]) -> None:
    changes = [added("a"), added("b"), taken("old")]
    content = run({"names": ["old", "kept"], "other": 1}, changes, order)
    assert sorted(content["names"]) == ["a", "b", "kept"]
    assert content["other"] == 1


@settings(max_examples=150, deadline=None, derandomize=True)
@given(ORDERS)
def test_what_several_add_at_once_to_nothing_is_all_there(order: list[int]) -> None:
    content = run({}, [added("a"), added("b"), added("c")], order)
    assert sorted(content["names"]) == ["a", "b", "c"]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(ORDERS)
def test_ports_of_one_machine_are_changed_by_several_at_once(order: list[int]) -> None:
    changes = [port(22, open_=True), port(80, open_=True), port(443, open_=False)]
    start = {"vm": {"ports": {"443": {"tcp": True, "udp": False}}}}
    content = run(start, changes, order)
    assert sorted(content["vm"]["ports"]) == ["22", "80"]


def test_nothing_is_written_when_everything_is_there() -> None:
    seen = history(element({"names": ["a"]}, 1.0))
    assert Edit(added("a"), seen).next_entries(seen) == {}


def test_a_list_is_put_into_another_order_when_that_is_the_edit() -> None:
    seen = history(element({"names": ["b", "a"]}, 1.0))
    edit = Edit(lambda content: {"names": sorted(content["names"])}, seen)
    assert edit.next_entries(seen) == {"names": ["a", "b"]}


def test_setting_null_is_a_change() -> None:
    assert Edit(lambda _content: {"x": None}, history()).next_entries(history()) == {"x": None}


def test_the_change_cannot_alter_what_was_read() -> None:
    def change(content: dict[str, Any]) -> Mapping[str, Any]:
        content["names"].append("b")
        return content

    seen = history(element({"names": ["a"]}, 1.0))
    edit = Edit(change, seen)
    assert edit.next_entries(seen) == {"names": ["a", "b"]}
    assert edit.next_entries(seen) == {"names": ["a", "b"]}
    assert seen.content() == {"names": ["a"]}


def test_the_next_element_is_later_than_the_one_it_changes() -> None:
    seen = history(element({"names": ["a"]}, 4e9))
    edit = Edit(added("b"), seen)
    assert edit.next_time(["names"], seen, now=5.0) > 4e9
    assert 5.0 <= edit.next_time(["else"], seen, now=5.0) < 5.001


def test_a_change_must_return_entries() -> None:
    with pytest.raises(ArgumentError, match="change: must return the entries"):
        Edit(lambda _content: ["a"], history()).next_entries(history())  # type: ignore[arg-type,return-value]


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers() | st.lists(st.booleans()), max_size=4)
)
def test_the_latest_element_gives_each_entry_its_value(entries: dict[str, Any]) -> None:
    first = dict.fromkeys(entries, "old") | {"rest": 1}
    found = history(element(entries, 2.0), element(first, 1.0))
    assert found.content() == {**first, **entries}


def test_elements_of_other_keys_owners_and_types_do_not_count() -> None:
    other_key = element({"names": ["x"]}, 1.0, key="other")
    other_owner = other_key.evolve(content={**other_key.content, "address": "0x" + "1" * 40})
    post = other_key.evolve(type="POST")
    assert history(other_key, other_owner, post).content() == {}


def test_an_element_with_a_forged_signature_is_an_error() -> None:
    forged = element({"names": ["a"]}, 1.0).evolve(signature="0x" + "11" * 65)
    with pytest.raises(BadSignatureError):
        history(forged)


def test_what_another_signed_counts_only_if_the_owner_ever_allowed_it() -> None:
    theirs = element({"names": ["theirs"]}, 1.0, signer=1)
    found = history(theirs)
    assert found.has_doubtful
    assert found.content() == {}

    found.admit([{"authorizations": [{"address": account(2).get_address()}]}])
    assert found.content() == {}

    found.admit([{}, {"authorizations": [{"address": account(1).get_address()}]}])
    assert found.content() == {"names": ["theirs"]}
    assert not found.has_doubtful


def test_an_entry_that_only_the_node_shows_is_not_taken_over() -> None:
    found = history(element({"names": ["a"]}, 1.0))
    shown = {"names": ["a"], "forged": 1}
    assert found.explains({"names": ["a"]}, None)
    assert not found.explains(shown, None)
    assert found.explains(shown, ["names"])
    found.require(shown, ["names"])
    with pytest.raises(VerificationError, match="forged"):
        found.require(shown, None)


def test_pauses_grow_and_differ() -> None:
    assert pause(0, lambda: 0.0) < pause(0, lambda: 1.0) < pause(3, lambda: 0.0) < pause(99) < 10


def test_the_content_is_a_copy() -> None:
    found = history(element({"names": ["a"]}, 1.0))
    content = copy.deepcopy(found.content())
    found.content()["names"].append("b")
    assert found.content() == content
