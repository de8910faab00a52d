from __future__ import annotations

import hashlib
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError, InvalidItemHashError, MessageNotFoundError
from aleph_core.item_hash import (
    as_list,
    check_address,
    check_addresses,
    check_item_hash,
    check_item_hashes,
    is_address,
    is_cid,
    is_item_hash,
)
from tests.core.recorded import CID_V0, CID_V1, HASHES, OWNER


class Holder:
    item_hash = "0" * 64


SHA256 = st.binary().map(lambda data: hashlib.sha256(data).hexdigest())
PATHS = ["", "/", "../", "..", "a/b", "?", "a?b", "#", "%2e", "a b", "a\n", "\x00", "é", "a,b"]


@given(SHA256)
def test_every_sha256_is_an_item_hash_in_any_usual_spelling(item_hash: str) -> None:
    assert is_item_hash(item_hash)
    assert not is_cid(item_hash)
    for spelling in (item_hash, item_hash.upper(), "0x" + item_hash, "0X" + item_hash.upper()):
        assert check_item_hash(spelling) == item_hash


def test_what_has_an_item_hash_is_none_and_says_where_it_is() -> None:
    with pytest.raises(InvalidItemHashError, match=r"^vm_id: .* Holder .* give its item_hash$"):
        check_item_hash(Holder(), "vm_id")


@pytest.mark.parametrize("cid", [CID_V0, CID_V1])
def test_cids_are_item_hashes_as_they_are(cid: str) -> None:
    assert is_cid(cid)
    assert check_item_hash(cid) == cid


@given(st.text(st.characters(exclude_categories=())))
def test_what_passes_is_safe_in_a_path(text: str) -> None:
    try:
        checked = check_item_hash(text)
    except InvalidItemHashError:
        return
    assert checked.isascii()
    assert checked.isalnum()


@pytest.mark.parametrize(
    "value",
    [
        *PATHS,
        "0" * 63,
        "0" * 65,
        "g" * 64,
        "0x" + "0" * 63,
        CID_V0[:-4],
        CID_V1 + "a",
        "Qm" + "0" * 44,
        HASHES[0] + "\n",
        *(None, 5, b"0" * 64, [HASHES[0]]),
    ],
)
def test_what_can_be_no_hash_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidItemHashError, match="file_hash") as caught:
        check_item_hash(value, "file_hash")
    assert isinstance(caught.value, MessageNotFoundError)
    assert caught.value.item_hash == (value if isinstance(value, str) else "")
    assert len(str(caught.value)) < 300


def test_a_very_long_text_is_cut_in_the_error() -> None:
    with pytest.raises(InvalidItemHashError) as caught:
        check_item_hash("x" * 1_000_000)
    assert len(str(caught.value)) < 300


def test_one_hash_is_one_hash_and_the_bad_one_of_several_is_named() -> None:
    assert check_item_hashes(HASHES[0]) == [HASHES[0]]
    assert check_item_hashes(iter(HASHES)) == HASHES
    with pytest.raises(ArgumentError, match=r"hashes\[1\]"):
        check_item_hashes([HASHES[0], "abc"])


@pytest.mark.parametrize("value", [None, 5, 1.5, object()])
def test_what_is_no_list_is_refused_by_name(value: object) -> None:
    with pytest.raises(ArgumentError, match="hashes"):
        check_item_hashes(value)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="addresses"):
        check_addresses(value)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="keys"):
        as_list(value, "keys")


class Who(StrEnum):
    OWNER = OWNER


@pytest.mark.parametrize(
    "address",
    [
        OWNER,
        "X-avax15s5dusqyqm2vmyvyjkfxdqj3k3ntldunjmt9d3",
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
        "tz1hTC8Ue9yrZUMrbhqSQ6X8bgrgq8UtqPhL",
        "NULSd6HgUiMKPNi221bPfqvvho8QpuYBvn1x3",
    ],
)
def test_addresses_of_every_chain_pass(address: str) -> None:
    assert check_address(address) == address
    assert is_address(address)
    assert check_addresses(address) == [address]


@pytest.mark.parametrize("value", [*PATHS, "x" * 129, "-a", None, 7, b"abc"])
def test_what_can_be_no_address_is_refused_by_name(value: object) -> None:
    with pytest.raises(ArgumentError, match="owner"):
        check_address(value, "owner")
    with pytest.raises(ArgumentError, match=r"owners\[1\]"):
        check_addresses([OWNER, value], "owners")  # type: ignore[list-item]


@pytest.mark.parametrize("text", ["users", "", "0x1234", OWNER + "/"])
def test_short_names_and_paths_are_no_addresses(text: str) -> None:
    assert not is_address(text)


def test_a_member_of_an_enumeration_counts_as_its_value() -> None:
    assert check_address(Who.OWNER) == OWNER
