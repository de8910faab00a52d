from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest

from aleph_core import confidential_errors, errors, machine_errors, rejection_errors
from aleph_core.booting import BootAttestationError, BootError, BootStep
from aleph_core.errors import (
    AlephClientError,
    AlephError,
    ApiError,
    ArgumentError,
    InvalidItemHashError,
    MessageNotFoundError,
    MessageNotProcessedError,
    MissingDependencyError,
    RejectedMessage,
    TransportError,
    TransportTimeout,
)
from aleph_core.evm import errors as evm_errors

ARGUMENTS: dict[str, Any] = {
    "message": "words",
    "argument": "ref",
    "problem": "is empty",
    "feature": "storing on IPFS",
    "extra": "ipfs",
    "item_hash": "a" * 64,
    "message_status": "pending",
    "step": BootStep.MEASURE,
    "expected": 1,
    "found": 43114,
}
HOMES = (errors, machine_errors, confidential_errors, rejection_errors, evm_errors)
KINDS = [
    *(getattr(home, name) for home in HOMES for name in home.__all__),
    BootAttestationError,
    BootError,
]


def make(kind: type[AlephError]) -> AlephError:
    required = [
        parameter
        for parameter in inspect.signature(kind).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]
    positional = [ARGUMENTS[p.name] for p in required if p.kind is not p.KEYWORD_ONLY]
    named = {p.name: ARGUMENTS[p.name] for p in required if p.kind is p.KEYWORD_ONLY}
    if issubclass(kind, MessageNotProcessedError):
        named = {name: ARGUMENTS[name] for name in ("item_hash", "message_status")}
    elif issubclass(kind, RejectedMessage):
        named = {"item_hash": ARGUMENTS["item_hash"]}
    return kind(*positional, **named)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_of_the_one_family_and_survives_pickling_and_copying(
    kind: type[AlephError],
) -> None:
    error = make(kind)
    assert isinstance(error, AlephError)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert (str(twin), vars(twin)) == (str(error), vars(error))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if issubclass(kind, ApiError)])
def test_every_refusal_carries_status_node_body_and_attempts(kind: type[ApiError]) -> None:
    error = make(kind)
    assert {"status", "node", "body", "attempts"} <= set(vars(error))


def test_the_data_of_an_error_crosses_processes() -> None:
    error = TransportTimeout("late", node="http://a", attempts=3, causes=["x", "y"], sent=False)
    error.add_note("and a note")
    twin = pickle.loads(pickle.dumps(error))
    assert (twin.node, twin.attempts, twin.causes, twin.sent) == ("http://a", 3, ("x", "y"), False)
    assert twin.__notes__ == ["and a note"]
    assert twin.args == ("late",)


def test_a_bad_argument_is_a_value_error_that_names_the_argument() -> None:
    error = ArgumentError("file_path", "is a directory")
    assert isinstance(error, ValueError)
    assert str(error) == "file_path: is a directory"
    assert error.argument == "file_path"


def test_an_impossible_hash_is_a_bad_argument_and_an_unknown_message() -> None:
    error = InvalidItemHashError("item_hash", "no hash", item_hash="x")
    assert isinstance(error, ArgumentError)
    assert isinstance(error, MessageNotFoundError)
    assert (error.argument, error.item_hash, error.status) == ("item_hash", "x", 0)


def test_a_missing_dependency_says_what_to_install() -> None:
    assert "pip install 'aleph-sync[ipfs]'" in str(MissingDependencyError("x", extra="ipfs"))


def test_the_name_of_the_guide_catches_everything() -> None:
    with pytest.raises(AlephClientError):
        raise TransportError("cut")


def test_words_added_later_are_shown() -> None:
    error = TransportError("cut")
    error.message += " again"
    assert str(error) == "cut again"
