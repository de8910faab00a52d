from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from aleph_message.models.execution.base import Encoding

from aleph_core.deploying import Code, check_code, code_of, code_payment, revised_store
from aleph_core.errors import ArgumentError
from aleph_core.models.message import Content, Message
from tests.core.recorded import HASHES, OWNER

NOW = datetime(2026, 11, 25, tzinfo=UTC).timestamp()
LATER = datetime(2027, 1, 1, tzinfo=UTC).timestamp()


def message(kind: str, **content: Any) -> Message:
    return Message(
        chain="ETH", sender=OWNER, type=kind, item_type="inline", item_hash=HASHES[0], time=NOW,
        content=Content(content),
    )  # fmt: skip


def program(**changes: Any) -> Message:
    return message(
        "PROGRAM", code={"ref": HASHES[1], "encoding": "squashfs", "use_latest": True, **changes}
    )


def test_code_is_stored_already_or_given_but_not_both() -> None:
    check_code(HASHES[0], None)
    check_code(None, "folder")
    for program_ref, code, argument in ((None, None, "program_ref"), (HASHES[0], "x", "code")):
        with pytest.raises(ArgumentError) as caught:
            check_code(program_ref, code)
        assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("payment", "time", "expected"),
    [
        (None, NOW, "hold"),
        ({"type": "hold"}, NOW, "hold"),
        ({"type": "credit"}, NOW, "credit"),
        ({"type": "superfluid"}, NOW, None),
        ({"type": "hold"}, LATER, None),
        ({"type": "credit"}, LATER, "credit"),
        ("nonsense", NOW, None),
    ],
)
def test_code_is_paid_as_the_program_is_where_files_can_be(
    payment: object, time: float, expected: str | None
) -> None:
    assert code_payment({"payment": payment}, time=time) == expected


@pytest.mark.parametrize("encoding", [None, "squashfs", Encoding.squashfs])
def test_new_code_of_a_program_is_packed_as_the_old(encoding: object) -> None:
    assert code_of(program(), encoding) == Code(HASHES[1], "squashfs")


def test_new_code_beside_a_store_is_packed_as_asked_for() -> None:
    assert code_of(message("STORE"), None) == Code(HASHES[0], "zip")
    assert code_of(message("STORE"), Encoding.squashfs) == Code(HASHES[0], "squashfs")


@pytest.mark.parametrize(
    ("found", "encoding", "argument", "said"),
    [
        (program(), "zip", "encoding", "squashfs"),
        (program(use_latest=False), None, "program", "stays with the code"),
        (message("PROGRAM", code="text"), None, "program", "stays with the code"),
        (program(ref="x"), None, "content['code']['ref']", "no item hash"),
        (message("INSTANCE"), None, "program", "of type INSTANCE"),
        (message("POST"), None, "program", "of type POST"),
    ],
    ids=range(6),
)
def test_what_takes_no_new_code_says_why(
    found: Message, encoding: object, argument: str, said: str
) -> None:
    with pytest.raises(ArgumentError, match=said) as caught:
        code_of(found, encoding)
    assert caught.value.argument == argument


def test_a_revision_names_the_first_store() -> None:
    assert revised_store(message("STORE")) == HASHES[0]
    assert revised_store(message("STORE", ref=HASHES[1])) == HASHES[1]
    with pytest.raises(ArgumentError, match="by the name 'logo'"):
        revised_store(message("STORE", ref="logo"))
