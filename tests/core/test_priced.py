from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest
from aleph_message.models import InstanceContent, ItemType, MessageType, StoreContent
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError
from aleph_core.item_hash import NOBODY
from aleph_core.models.message import Content, Published
from aleph_core.models.message import MessageStatus as Status
from aleph_core.priced import check_one, check_size_mib, priced, store_to_price, whole_mib
from tests.core.recorded import HASHES, OWNER, POST, STORE, signed
from tests.vm_contents import instance, program, verifiable_program

STORED = {"item_hash": HASHES[0], "item_type": "storage", "estimated_size_mib": 5}
MODEL = InstanceContent.model_validate(instance(HASHES[0], address=OWNER, time=1.0))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (instance(HASHES[0]), "INSTANCE"),
        (Content(instance(HASHES[0])), "INSTANCE"),
        (MODEL, "INSTANCE"),
        (program(HASHES[0], HASHES[1]), "PROGRAM"),
        (verifiable_program(HASHES[0]), "V-PROGRAM"),
        (STORED, "STORE"),
        (
            StoreContent(address=OWNER, time=1, item_type="storage", item_hash=HASHES[0]),  # type: ignore[arg-type]
            "STORE",
        ),
    ],
)
def test_the_fields_tell_the_type(content: Any, kind: str) -> None:
    fields, found = priced(content)
    assert found == kind
    assert type(fields) is dict
    if isinstance(content, dict):
        assert fields == content


@attrs.frozen
class Stored:
    item_hash: str = HASHES[0]
    item_type: ItemType = ItemType.storage


def test_an_object_of_attrs_is_content_too() -> None:
    assert priced(Stored()) == ({"item_hash": HASHES[0], "item_type": "storage"}, "STORE")


@pytest.mark.parametrize("kind", ["STORE", MessageType.store])
def test_a_type_that_is_given_is_taken(kind: Any) -> None:
    assert priced({"any": 1}, kind) == ({"any": 1}, "STORE")


def test_a_model_is_written_as_json_without_what_is_absent() -> None:
    fields, _ = priced(MODEL)
    assert fields["payment"]["type"] == "credit"
    assert "metadata" not in fields
    assert fields["rootfs"]["parent"]["ref"] == HASHES[0]


def test_a_message_tells_its_type_itself() -> None:
    message = signed(STORE)
    for given_content in (message, Published(message, Status.PROCESSED)):
        assert priced(given_content) == (dict(message.content), "STORE")
    with pytest.raises(ArgumentError, match="'POST' is none of") as caught:
        priced(signed(POST))
    assert caught.value.argument == "message_type"


@pytest.mark.parametrize("content", [{}, {"type": "t", "content": {}}, {"key": "k"}])
def test_content_of_a_type_without_a_price_is_refused(content: Any) -> None:
    with pytest.raises(ArgumentError, match="V-PROGRAM, PROGRAM, INSTANCE, STORE"):
        priced(content)


@pytest.mark.parametrize("content", [None, "text", 5, [1]])
def test_content_is_an_object(content: Any) -> None:
    with pytest.raises(ArgumentError, match="expected an object"):
        priced(content, "STORE")


@pytest.mark.parametrize(
    ("size_mib", "size", "expected"),
    [
        (100, None, 100),
        (0, None, 0),
        (0.5, None, 0.5),
        (2.0, None, 2),
        (Decimal("1.25"), None, 1.25),
        (None, 0, 0),
        (None, 1, 1 / 1048576),
        (None, 3 * 1048576, 3),
    ],
)
def test_sizes_come_in_mib_or_bytes(size_mib: Any, size: Any, expected: float) -> None:
    found = check_size_mib(size_mib, size)
    assert found == expected
    # Older nodes take whole numbers alone.
    assert isinstance(found, int) == (expected == int(expected))


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ((-1,), "storage_size_mib"),
        (("5",), "storage_size_mib"),
        ((True,), "storage_size_mib"),
        ((float("nan"),), "storage_size_mib"),
        ((None, -1), "size"),
        ((None, 1.5), "size"),
    ],
)
def test_sizes_of_another_kind_are_refused(arguments: Any, argument: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        check_size_mib(*arguments)
    assert caught.value.argument == argument


@given(st.integers(0, 2**50))
def test_a_file_counts_in_whole_mib_before_it_is_taken(size: int) -> None:
    assert (whole_mib(size) - 1) * 1048576 < size <= whole_mib(size) * 1048576 or size == 0


def test_a_file_that_is_not_there_is_priced_by_its_size() -> None:
    content = store_to_price(5, owner=OWNER, time=1.0, payment="credit")
    assert priced(content)[1] == "STORE"
    assert (content["estimated_size_mib"], content["payment"]) == (5, {"type": "credit"})
    # The payment that is meant when none is named, which changes with the years.
    for time, kind in ((1.0, "hold"), (1_800_000_000.0, "credit")):
        assert store_to_price(5, owner=NOBODY, time=time)["payment"] == {"type": kind}
    with pytest.raises(ArgumentError, match="hold or credit"):
        store_to_price(5, owner=NOBODY, time=1.0, payment="superfluid")


def test_exactly_one_of_several_arguments() -> None:
    check_one(a=None, b=0)
    with pytest.raises(ArgumentError, match=r"exactly one of a, b$") as caught:
        check_one(a=None, b=None)
    assert caught.value.argument == "a"
    with pytest.raises(ArgumentError, match="not a and b") as caught:
        check_one(a=1, b=2)
    assert caught.value.argument == "b"
