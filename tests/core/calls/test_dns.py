from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from aleph_core.call import Answer
from aleph_core.calls import dns as calls
from aleph_core.errors import AlephError, ApiError, MalformedAnswerError
from tests.core.compute import NAME, OTHER_VM, VM
from tests.core.recorded import ANSWERS, JSON, altered, answer


@given(ANSWERS)
def test_any_answer_is_read_or_an_error_of_the_family(found: Answer) -> None:
    try:
        calls.names().parse(found)
    except AlephError as error:
        assert str(error)


@pytest.mark.parametrize("body", [[NAME], json.dumps([NAME])])
def test_a_list_is_read_as_json_and_as_a_string_that_holds_json(body: Any) -> None:
    (name,) = calls.names().parse(answer(json.dumps(body)))
    assert (name.name, name.item_hash) == ("x.y.aleph.sh", VM)
    assert name.ipv4 is not None
    assert (name.ipv4.public, name.ipv4.local) == ("1.2.3.4", "172.16.3.1")
    assert name.extra == {}


def test_bad_names_are_reported_and_sparse_ones_kept() -> None:
    sparse = altered(NAME, ipv4=None, ipv6=..., since="2026")
    bad = altered(NAME, item_hash=None)
    page = calls.names().parse(answer([sparse, bad, 3]))
    assert (page[0].ipv4, page[0].ipv6, page[0]["since"]) == (None, None, "2026")
    assert [entry.raw for entry in page.invalid] == [bad, 3]


@given(JSON)
def test_whatever_the_addresses_are_the_name_stays(value: Any) -> None:
    page = calls.names().parse(answer([altered(NAME, ipv4=value, ipv6=value)]))
    assert page[0].item_hash == VM


@pytest.mark.parametrize("body", [{}, '"text"', '"{}"', "null", b"<html>", b""])
def test_what_is_no_list_is_no_empty_list(body: Any) -> None:
    with pytest.raises(MalformedAnswerError):
        calls.names().parse(answer(body))
    with pytest.raises(ApiError):
        calls.names().parse(answer("down", 500))


def test_filters_go_out_in_every_spelling() -> None:
    assert [*calls.names(host="crn.example").params] == [
        ("crn", "crn.example"),
        ("crn_url", "crn.example"),
    ]
    assert [*calls.names(item_hash=VM).params] == [("item_hash", VM)]
    assert not calls.names().params


def test_names_of_other_machines_are_left_out() -> None:
    page = calls.names().parse(answer([NAME, altered(NAME, item_hash=OTHER_VM, name="other")]))
    assert [name.name for name in calls.names_of_machines(page, {OTHER_VM})] == ["other"]
