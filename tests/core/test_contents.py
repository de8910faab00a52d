from __future__ import annotations

from typing import Any

import pytest
from aleph_message.models import Chain, Payment, PaymentType
from aleph_message.models.execution.environment import HostRequirements

from aleph_core.contents import (
    UNSET,
    aggregate_content,
    aggregate_target,
    entry_of_own_aggregate,
    forget_content,
    post_content,
    storage_engine,
    store_content,
)
from aleph_core.errors import ArgumentError
from tests.core.recorded import CID_V0, HASHES, OWNER

WHERE: dict[str, Any] = {"address": OWNER, "time": 1.5}


def post(**changes: Any) -> dict[str, Any]:
    return post_content(**{**WHERE, "post_type": "t", "content": {"a": 1}, **changes})


def aggregate(**changes: Any) -> dict[str, Any]:
    return aggregate_content(**{**WHERE, "key": "k", "content": {"a": 1}, **changes})


def store(**changes: Any) -> dict[str, Any]:
    return store_content(**{**WHERE, "file_hash": HASHES[0], **changes})


def forget(**changes: Any) -> dict[str, Any]:
    return forget_content(**{**WHERE, "hashes": HASHES, **changes})


def test_contents_have_the_fields_that_nodes_know() -> None:
    assert post() == {"address": OWNER, "time": 1.5, "type": "t", "content": {"a": 1}}
    assert aggregate() == {"address": OWNER, "time": 1.5, "key": "k", "content": {"a": 1}}
    assert store() == {
        "address": OWNER, "time": 1.5, "item_type": "storage", "item_hash": HASHES[0],
    }  # fmt: skip
    assert forget(reason="why") == {
        "address": OWNER, "time": 1.5, "hashes": HASHES, "reason": "why",
    }  # fmt: skip


@pytest.mark.parametrize("content", [None, "text", 5, 1.5, True, [], [1, {"a": None}], {}])
def test_a_post_holds_any_json_value(content: Any) -> None:
    assert post(content=content)["content"] == content


def test_tags_of_a_post_go_into_its_content() -> None:
    given = {"a": 1}
    assert post(content=given, tags=("x", "y"))["content"] == {"a": 1, "tags": ["x", "y"]}
    assert given == {"a": 1}
    assert post(content={"tags": None})["content"] == {"tags": None}


def test_an_amend_names_the_original() -> None:
    assert post(post_type="amend", ref="0x" + HASHES[0])["ref"] == HASHES[0]
    assert post(ref="any text")["ref"] == "any text"


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"content": UNSET}, "post_content"),
        ({"content": float("nan")}, "post_content"),
        ({"content": {"a": {1}}}, "post_content['a']"),
        ({"content": b"bytes"}, "post_content"),
        ({"content": "text", "tags": ["x"]}, "tags"),
        ({"content": {"tags": "text"}}, "tags"),
        ({"tags": "text"}, "tags"),
        ({"tags": ["x"] * 17}, "tags"),
        ({"tags": [""]}, "tags"),
        ({"tags": ["x" * 257]}, "tags"),
        ({"tags": [5]}, "tags"),
        ({"tags": {"x"}}, "tags"),
        ({"post_type": None}, "post_type"),
        ({"post_type": ""}, "post_type"),
        ({"post_type": 5}, "post_type"),
        ({"post_type": "amend"}, "ref"),
        ({"post_type": "amend", "ref": "text"}, "ref"),
        ({"ref": ""}, "ref"),
        ({"ref": 5}, "ref"),
        ({"address": "../"}, "address"),
    ],
)
def test_bad_posts(changes: dict[str, Any], argument: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        post(**changes)
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"key": ""}, "key"),
        ({"key": 5}, "key"),
        ({"content": {"a": float("inf")}}, "content['a']"),
        ({"content": {5: 1}}, "content"),
        ({"content": {"tags": [5]}}, "tags"),
        ({"address": None}, "address"),
    ],
)
def test_bad_aggregates(changes: dict[str, Any], argument: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        aggregate(**changes)
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("given", "key", "content"),
    [
        (("k", {"a": 1}, UNSET, UNSET), "k", {"a": 1}),
        ((UNSET, UNSET, "k", {"a": 1}), "k", {"a": 1}),
        (("k", UNSET, UNSET, {"a": 1}), "k", {"a": 1}),
        (("users", UNSET, "ada", {"a": 1}), "users", {"ada": {"a": 1}}),
        (("users", {"a": 1}, "ada", UNSET), "users", {"ada": {"a": 1}}),
    ],
)
def test_both_readings_of_an_aggregate_call(
    given: tuple[Any, Any, Any, Any], key: str, content: dict[str, Any]
) -> None:
    target = aggregate_target(*given)
    assert (target.key, target.content) == (key, content)


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ((UNSET, UNSET, UNSET, {"a": 1}), "key"),
        (("k", {"a": 1}, UNSET, {"a": 1}), "content"),
        (("k", UNSET, UNSET, UNSET), "content"),
        (("k", "text", UNSET, UNSET), "content"),
        (("k", None, UNSET, UNSET), "content"),
        ((5, {"a": 1}, UNSET, UNSET), "key"),
        (("k", {"a": 1}, "", UNSET), "key"),
    ],
)
def test_an_aggregate_call_that_means_nothing(given: tuple[Any, ...], argument: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        aggregate_target(*given)
    assert caught.value.argument == argument


def test_what_can_be_no_address_is_a_key_of_ones_own() -> None:
    assert entry_of_own_aggregate("users", "ada@example.org") == ("users", "ada@example.org")
    assert entry_of_own_aggregate(OWNER, "key") is None
    assert entry_of_own_aggregate("", "key") is None
    assert entry_of_own_aggregate(5, "key") is None


def test_a_store_of_a_cid_is_on_ipfs() -> None:
    assert store(file_hash=CID_V0)["item_type"] == "ipfs"
    assert store(file_hash=CID_V0, engine="ipfs")["item_type"] == "ipfs"


def test_optional_fields_of_a_store() -> None:
    fields = store(
        ref="name", tags=["a"], metadata={"m": 1}, mime_type="text/plain", extra_fields={"x": 1}
    )
    assert {name: fields[name] for name in ("ref", "tags", "metadata", "mime_type", "x")} == {
        "ref": "name", "tags": ["a"], "metadata": {"m": 1}, "mime_type": "text/plain", "x": 1,
    }  # fmt: skip
    assert store(extra_fields={"tags": ("a",)})["tags"] == ["a"]
    assert store(extra_fields={"tags": None})["tags"] is None


@pytest.mark.parametrize(
    ("payment", "fields"),
    [
        ("hold", {"type": "hold"}),
        ({"type": "credit", "chain": None}, {"type": "credit"}),
        ({"type": PaymentType.credit, "chain": Chain.ETH}, {"type": "credit", "chain": "ETH"}),
        (Payment(type=PaymentType.hold, chain=Chain.ETH), {"type": "hold", "chain": "ETH"}),
    ],
)
def test_payments_are_taken_in_every_form(payment: Any, fields: dict[str, Any]) -> None:
    assert store(payment=payment)["payment"] == fields


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"file_hash": "../x"}, "file_hash"),
        ({"file_hash": ""}, "file_hash"),
        ({"engine": "ipfs"}, "storage_engine"),
        ({"engine": "tape"}, "storage_engine"),
        ({"file_hash": CID_V0, "engine": "storage"}, "storage_engine"),
        ({"ref": ""}, "ref"),
        ({"tags": "text"}, "tags"),
        ({"metadata": "text"}, "metadata"),
        ({"metadata": {"a": b""}}, "metadata['a']"),
        ({"extra_fields": "text"}, "extra_fields"),
        ({"extra_fields": {"address": OWNER}}, "extra_fields"),
        ({"extra_fields": {"item_hash": HASHES[1]}}, "extra_fields"),
        ({"extra_fields": {"ref": "b"}, "ref": "a"}, "extra_fields"),
        ({"extra_fields": {"tags": "text"}}, "tags"),
        ({"extra_fields": {"x": {1}}}, "extra_fields['x']"),
        ({"payment": "superfluid"}, "payment"),
        ({"payment": "free"}, "payment"),
        ({"payment": {}}, "payment"),
        ({"payment": 5}, "payment"),
        ({"payment": HostRequirements()}, "payment"),
    ],
)
def test_bad_stores(changes: dict[str, Any], argument: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        store(**changes)
    assert caught.value.argument == argument


def test_forgetting_takes_one_hash_or_many_once() -> None:
    assert forget(hashes=HASHES[0])["hashes"] == [HASHES[0]]
    assert forget(hashes=iter([HASHES[0], "0x" + HASHES[0]]))["hashes"] == [HASHES[0]]
    assert forget(hashes=[], aggregates=[HASHES[1]])["aggregates"] == [HASHES[1]]


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"hashes": []}, "hashes"),
        ({"hashes": None}, "hashes"),
        ({"hashes": 5}, "hashes"),
        ({"hashes": ["x"]}, "hashes[0]"),
        ({"hashes": f"{HASHES[0]},{HASHES[1]}"}, "hashes[0]"),
        ({"hashes": [f"{index:064x}" for index in range(1001)]}, "hashes"),
        ({"aggregates": ["my-key"]}, "aggregates[0]"),
        ({"aggregates": 5}, "aggregates"),
        ({"reason": "x" * 1001}, "reason"),
        ({"reason": 5}, "reason"),
        ({"reason": "nul \x00"}, "reason['reason']"),
        ({"address": "?"}, "address"),
    ],
)
def test_bad_forgets(changes: dict[str, Any], argument: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        forget(**changes)
    assert caught.value.argument == argument


@pytest.mark.parametrize("value", ["disk", "", None, 5, "Storage"])
def test_an_unknown_storage_engine_is_refused(value: Any) -> None:
    with pytest.raises(ArgumentError, match="storage_engine"):
        storage_engine(value)


def test_what_was_not_given_says_so() -> None:
    assert repr(UNSET) == "<not given>"
