from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core import rejection_errors
from aleph_core.errors import InsufficientFundsError, RejectedMessage, UnpaidMessageError
from aleph_core.rejection_errors import (
    AmendError,
    ContentUnavailableError,
    FileInUseError,
    ForgetError,
    InsufficientCreditsError,
    InvalidFormatError,
    PaymentMethodError,
    PermissionDeniedError,
    ProcessingError,
    SignatureRefusedError,
    StoreRefError,
    VmUpdateError,
    VolumeNotFoundError,
    VolumeTooSmallError,
)
from aleph_core.rejections import REASONS, rejection
from tests.core.recorded import CORPUS, HASHES, JSON

KINDS: dict[int, type[RejectedMessage]] = {
    -1: ProcessingError,
    0: InvalidFormatError,
    1: SignatureRefusedError,
    2: PermissionDeniedError,
    3: ContentUnavailableError,
    4: ContentUnavailableError,
    5: UnpaidMessageError,
    6: InsufficientCreditsError,
    **dict.fromkeys((100, 101, 102), AmendError),
    **dict.fromkeys((200, 201), StoreRefError),
    202: PaymentMethodError,
    **dict.fromkeys((300, 302, 303), VmUpdateError),
    301: VolumeNotFoundError,
    304: VolumeTooSmallError,
    **dict.fromkeys((500, 501, 502, 504), ForgetError),
    503: FileInUseError,
}
RECORDED = [
    (name, answer["json"])
    for name, answer in CORPUS.items()
    if isinstance(answer.get("json"), dict) and "error_code" in answer["json"]
]
KEYS = st.sampled_from(
    [
        *("errors", "required_balance", "account_balance", "required_credits", "account_credits"),
        *("min_runtime_days", "volume_name", "parent_size", "volume_size", "parent_ref", "loc"),
        *("message", "aggregate", "msg", "ref", "replaces", "payment", "type"),
    ]
)
ENTRIES = st.dictionaries(KEYS, JSON, max_size=6)


@given(
    st.none() | st.integers() | st.sampled_from([*REASONS]),
    JSON | st.builds(dict, errors=JSON | st.lists(ENTRIES, max_size=3)),
    st.none() | ENTRIES,
)
def test_whatever_the_node_says_is_a_rejection(
    code: int | None, details: Any, content: Any
) -> None:
    error = rejection(HASHES[0], code, details, content, status=200)
    assert type(error) is (RejectedMessage if code is None else KINDS.get(code, RejectedMessage))
    assert (error.item_hash, error.error_code, error.status) == (HASHES[0], code, 200)
    assert error.details is details
    assert HASHES[0] in str(error)
    assert len(str(error)) < 2000
    for name in ("required", "available"):
        value = getattr(error, name, None)
        assert value is None or (isinstance(value, Decimal) and value.is_finite())


def test_every_known_code_says_what_to_do_and_has_its_error() -> None:
    for code, reason in REASONS.items():
        error = rejection(HASHES[0], code)
        assert reason in str(error)
        assert type(error) is KINDS[code]
    assert set(REASONS) == set(KINDS)
    assert set(KINDS.values()) == {
        UnpaidMessageError,
        *(getattr(rejection_errors, name) for name in rejection_errors.__all__),
    }
    assert "error code 999" in str(rejection(HASHES[0], 999))
    assert type(rejection(HASHES[0], 999)) is RejectedMessage
    assert "gave no reason" in str(rejection(HASHES[0], None))


@pytest.mark.parametrize(("name", "body"), RECORDED, ids=[name for name, _ in RECORDED])
def test_what_a_real_node_said_is_read_whole(name: str, body: Any) -> None:
    content = body["message"].get("content")
    error = rejection(body["item_hash"], body["error_code"], body["details"], content)
    assert type(error) is KINDS[body["error_code"]]
    told = {
        field: getattr(error, field)
        for field in (
            *("required", "available", "token", "min_runtime_days", "sender", "owner", "target"),
            *("problems", "file_hash", "ref", "payment_type", "refs", "targets"),
            *("store_hash", "vm_hash"),
        )
        if hasattr(error, field)
    }
    if body["error_code"] not in (2, 500):
        assert None not in told.values()
        assert () not in told.values()
    for entry in (body["details"] or {"errors": []})["errors"]:
        words = [entry] if isinstance(entry, str) else [*entry.values()]
        for word in words:
            assert str(word) in str(error) or word in told.values()


@pytest.mark.parametrize(
    ("code", "entry", "amounts", "words"),
    [
        (
            5,
            {"account_balance": "0", "required_balance": "0.000006993611646652"},
            (Decimal("0.000006993611646652"), Decimal(0), "ALEPH"),
            "0.000006993611646652 ALEPH required, 0 available",
        ),
        (
            6,
            {"required_credits": "10.5", "account_credits": 3, "min_runtime_days": 1},
            (Decimal("10.5"), Decimal(3), "credits"),
            "10.5 credits required, 3 available",
        ),
        (
            6,
            {"required_credits": 7},
            (Decimal(7), None, "credits"),
            "7 credits required, an unknown amount available",
        ),
        (6, {}, (None, None, "credits"), "too low"),
        (5, {"required_balance": "NaN", "account_balance": True}, (None, None, "ALEPH"), "NaN"),
    ],
)
def test_missing_funds_tell_the_amounts(
    code: int, entry: dict[str, Any], amounts: tuple[Any, ...], words: str
) -> None:
    error = rejection(HASHES[0], code, {"errors": [entry]})
    assert isinstance(error, InsufficientFundsError)
    assert (error.required, error.available, error.token) == amounts
    assert error.currency == error.token
    assert words in str(error)
    if isinstance(error, InsufficientCreditsError):
        assert error.min_runtime_days == entry.get("min_runtime_days")


def test_a_small_volume_is_told_in_bytes() -> None:
    entry = {
        "volume_name": "data",
        "parent_ref": HASHES[0],
        "parent_file": HASHES[1],
        "parent_size": 2097152,
        "volume_size": 1048576,
    }
    error = rejection(HASHES[0], 304, {"errors": [entry]})
    assert isinstance(error, VolumeTooSmallError)
    assert {name: getattr(error, name) for name in entry} == entry
    odd = rejection(HASHES[0], 304, {"errors": [{"volume_name": 5, "parent_size": "big"}]})
    assert isinstance(odd, VolumeTooSmallError)
    assert (odd.volume_name, odd.parent_size, odd.volume_size) == (None, None, None)


@pytest.mark.parametrize(
    ("code", "details", "content", "expected"),
    [
        (301, {"errors": [HASHES[0], HASHES[1]]}, {}, {"refs": (HASHES[0], HASHES[1])}),
        (301, {"errors": [5, None]}, {}, {"refs": ()}),
        (300, {"errors": [HASHES[0]]}, {}, {"ref": HASHES[0]}),
        (302, None, {"replaces": HASHES[1]}, {"ref": HASHES[1]}),
        (303, None, None, {"ref": None}),
        (102, None, {"ref": HASHES[1]}, {"ref": HASHES[1]}),
        (101, None, {"ref": {"item_hash": HASHES[1]}}, {"ref": None}),
        (202, None, {"payment": {"type": "superfluid"}}, {"payment_type": "superfluid"}),
        (202, None, {"payment": None}, {"payment_type": "hold"}),
        (202, None, {"address": "a"}, {"payment_type": "hold"}),
        (202, None, {"payment": "hold"}, {"payment_type": None}),
        (202, None, None, {"payment_type": None}),
        (501, {"errors": [{"aggregate": "key"}]}, {}, {"targets": ("key",)}),
        (501, {"errors": []}, {}, {"targets": ()}),
        (503, {"errors": ["in other words"]}, {}, {"targets": (), "vm_hash": None}),
        (2, {"errors": ["in other words"]}, {}, {"sender": None, "owner": None}),
        (4, {"errors": ["in other words"]}, {}, {"file_hash": None}),
        (
            0,
            {"errors": [{"type": "missing", "loc": ["content", 0], "msg": "Field required"}, "x"]},
            {},
            {"problems": ("content.0: Field required", "x")},
        ),
    ],
)
def test_other_numbers_and_names(
    code: int, details: Any, content: Any, expected: dict[str, Any]
) -> None:
    error = rejection(HASHES[0], code, details, content)
    assert {name: getattr(error, name) for name in expected} == expected


def test_a_ref_that_only_the_content_names_is_shown() -> None:
    assert HASHES[1] in str(rejection(HASHES[0], 102, None, {"ref": HASHES[1]}))


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({"errors": ["not authorized", "x"]}, "not authorized; x"),
        ({"errors": "not a list"}, "not a list"),
        ({"errors": 5}, ": 5"),
        ({"reason": "other form"}, "other form"),
        ("only words", "only words"),
        ([{"message": "m"}], "'message': 'm'"),
    ],
)
@pytest.mark.parametrize("code", [2, 999])
def test_the_words_of_the_node_are_shown_in_any_form(code: int, details: Any, words: str) -> None:
    assert words in str(rejection(HASHES[0], code, details))


def test_endless_words_are_cut() -> None:
    assert len(str(rejection(HASHES[0], 2, {"errors": ["x" * 10_000] * 10_000}))) < 800
