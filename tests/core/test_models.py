from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime
from typing import Any

import attrs
import pydantic
import pytest
from aleph_message.models import PostMessage
from aleph_message.status import MessageStatus as TheirStatus

from aleph_core.errors import AlephError, ArgumentError
from aleph_core.models.aggregate import Aggregate
from aleph_core.models.files import StorageLimits, StoredContent
from aleph_core.models.message import Content, MessageRejection, MessageStatus, Published
from aleph_core.models.page import InvalidEntry, Page
from aleph_core.models.post import Post
from tests.core.recorded import HASHES, OWNER, POST, STORE, signed

MESSAGE = signed()


def test_a_message_is_read_by_attribute_and_by_item() -> None:
    assert MESSAGE.item_hash == MESSAGE["item_hash"] == POST["item_hash"]
    assert MESSAGE["content"]["content"] == {"p": 1}
    assert MESSAGE.content.content.p == 1
    assert MESSAGE.datetime == datetime(2026, 9, 21, 14, 13, 21, 250000, UTC)
    assert MESSAGE["time"] == MESSAGE.time
    with pytest.raises(KeyError):
        MESSAGE["evolve"]
    with pytest.raises(KeyError):
        MESSAGE["extra"]
    assert MESSAGE.get("nothing") is None


def test_a_message_cannot_be_changed_but_evolved() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        MESSAGE.sender = "x"  # type: ignore[misc]
    assert MESSAGE.evolve(sender="x").sender == "x"


@pytest.mark.parametrize("time", [1e18, -1e18, 1e308])
def test_a_time_outside_of_the_calendar_is_a_typed_error(time: float) -> None:
    with pytest.raises(ArgumentError, match="calendar"):
        _ = MESSAGE.evolve(time=time).datetime


def test_the_owner_is_the_one_of_the_content() -> None:
    assert MESSAGE.address == OWNER
    assert MESSAGE.evolve(content=Content(address=HASHES[0])).address == HASHES[0]
    assert MESSAGE.evolve(content=Content(address=[1])).address == MESSAGE.sender
    assert MESSAGE.evolve(content=Content()).address == MESSAGE.sender
    bare = MESSAGE.evolve(content=Content(), extra={"owner": "o"})
    assert bare.evolve(status=MessageStatus.FORGOTTEN).address == "o"
    assert bare.address == MESSAGE.sender


def test_a_message_becomes_the_model_of_aleph_message() -> None:
    model = MESSAGE.to_aleph_message()
    assert isinstance(model, PostMessage)
    assert model.item_hash == POST["item_hash"]
    confirmed = MESSAGE.evolve(confirmed=True, confirmations=())
    assert confirmed.to_aleph_message().item_hash == POST["item_hash"]
    with pytest.raises(pydantic.ValidationError):
        MESSAGE.evolve(content=Content(address=OWNER)).to_aleph_message()


def test_a_message_becomes_a_dictionary() -> None:
    found = MESSAGE.as_dict()
    assert {name: found[name] for name in POST} == POST
    assert found["content"]["content"] == {"p": 1}
    assert type(found["content"]) is dict
    assert found["confirmations"] == []


def test_content_is_a_dictionary_whose_keys_are_attributes() -> None:
    content = Content({"a": {"b": [1]}, "items": 5})
    assert content.a.b == [1]
    assert content["items"] == 5
    with pytest.raises(AttributeError, match="nothing"):
        _ = content.nothing


@pytest.mark.parametrize("name", ["__deepcopy__", "__getstate__", "__reduce_ex__", "__html__"])
def test_content_answers_for_no_name_of_the_language(name: str) -> None:
    hostile = Content({name: 5, "a": {"b": 1}})
    assert getattr(hostile, "__html__", None) is None
    for twin in (copy.copy(hostile), copy.deepcopy(hostile), pickle.loads(pickle.dumps(hostile))):
        assert twin == hostile
        assert twin.a.b == 1


def test_messages_cross_processes() -> None:
    assert pickle.loads(pickle.dumps(MESSAGE)) == MESSAGE
    assert copy.deepcopy(MESSAGE) == MESSAGE


def test_signature_and_text_stay_out_of_the_repr() -> None:
    assert POST["signature"] not in repr(MESSAGE)
    assert "item_content" not in repr(MESSAGE)


def test_statuses_equal_their_text_and_those_of_aleph_message() -> None:
    assert {status.value for status in MessageStatus} >= {status.value for status in TheirStatus}
    assert all(MessageStatus(status.value) == status for status in TheirStatus)
    assert f"{MessageStatus.PENDING}" == "pending"


def test_a_result_unpacks_and_is_read_by_name_and_by_index() -> None:
    result = Published(signed(STORE), MessageStatus.PROCESSED)
    message, status = result
    assert (message, status) == (result.message, result.status) == (result[0], result[1])
    assert len(result) == 2
    assert result["item_hash"] == result.item_hash == STORE["item_hash"]
    assert result["status"] is status
    assert result["message"] is message
    assert result["address"] == result.content["address"]
    with pytest.raises(KeyError):
        result["nothing"]
    with pytest.raises(IndexError):
        result[2]


def test_pages_iterate_and_index_over_their_items() -> None:
    page = Page((1, 2, 3), per_page=20, page=1, total=3, kind="messages")
    assert [*page] == [1, 2, 3]
    assert (len(page), page[0], page[-1], page[1:]) == (3, 1, 3, (2, 3))
    assert page.messages == page.posts == (1, 2, 3)
    assert (page.pagination_page, page.pagination_total) == (1, 3)
    assert (page.pagination_per_page, page.pagination_item) == (20, "messages")
    assert not Page((), per_page=20)
    assert "secret" not in repr(InvalidEntry(AlephError("x"), raw="secret"))


def post(**changes: Any) -> Post:
    fields: dict[str, Any] = {
        "item_hash": HASHES[0], "original_item_hash": HASHES[0], "original_type": "t", "address": OWNER,
    }  # fmt: skip
    return Post(**{**fields, **changes})


def test_a_post_is_read_by_attribute_and_by_item() -> None:
    found = post(content=[1])
    assert found["content"] == found.content == [1]
    assert found["hash"] == found.hash == HASHES[0]
    assert found["sender"] == found.sender == OWNER
    assert not found.amended
    assert found.evolve(item_hash=HASHES[1]).amended
    assert found.get("nothing", 1) == 1
    assert found.get("address") == OWNER
    with pytest.raises(KeyError):
        found["evolve"]


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (Aggregate(OWNER, "k", {"a": 1}), ["address", "key", "content", "created", "last_updated"]),
        (
            StoredContent(HASHES[0], HASHES[1], "http://node/x", "storage", "a.txt"),
            ["item_hash", "hash", "url", "engine", "filename"],
        ),
        (MessageRejection(5, {"a": 1}, "why"), ["error_code", "details", "reason"]),
    ],
)
def test_small_models_are_read_by_item_too(model: Any, names: list[str]) -> None:
    for name in names:
        assert model[name] == getattr(model, name)
    for name in ("nothing", "__class__", "__init__"):
        with pytest.raises(KeyError):
            model[name]


def test_limits_depend_on_the_engine() -> None:
    limits = StorageLimits(storage=1, storage_unsigned=2, ipfs=3, ipfs_unsigned=4)
    assert [limits.signed_limit(engine) for engine in ("storage", "ipfs")] == [1, 3]
    assert [limits.unsigned_limit(engine) for engine in ("storage", "ipfs")] == [2, 4]
