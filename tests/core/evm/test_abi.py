from __future__ import annotations

import sys

import pytest
from eth_utils import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError, MissingDependencyError
from aleph_core.evm import refusals, superfluid
from aleph_core.evm.abi import Function, selector
from aleph_core.evm.addresses import checked_address
from aleph_core.evm.flows import FlowChange
from aleph_core.evm.networks import NETWORKS
from aleph_core.evm.transactions import Action, Transaction

ADA = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
BOB = "0x8C8d35429F74ec245F8Ef2f4Fd1e551cFF97d650"
AVAX = NETWORKS["AVAX"]

# As they are in Superfluid's own interfaces.
SELECTORS = {
    "e15536b6": superfluid._FORWARDER["create"],
    "0c033991": superfluid._FORWARDER["update"],
    "b4b333c6": superfluid._FORWARDER["delete"],
    "2860fd93": superfluid.FLOW_INFO,
    "22c904d9": superfluid.ACCOUNT_RATE,
    "09f0b495": superfluid.DEPOSIT,
    "62fc305e": superfluid._AGREEMENT["create"],
    "50209a62": superfluid._AGREEMENT["update"],
    "6ad3ca7d": superfluid.BATCH,
    "2ec8eec7": superfluid.REAL_BALANCE,
    "70a08231": superfluid.BALANCE,
}
ERRORS = {
    "ea76c9b3": "CFA_INSUFFICIENT_BALANCE",
    "801b6863": "CFA_FLOW_ALREADY_EXISTS",
    "5a32bf24": "CFA_FLOW_DOES_NOT_EXIST",
    "91acad16": "CFA_INVALID_FLOW_RATE",
    "cea9aa5f": "CFA_FWD_INVALID_FLOW_RATE",
    "a47338ef": "CFA_NO_SELF_FLOW",
    "78e02b2a": "CFA_ZERO_ADDRESS_RECEIVER",
    "0c9c55c1": "CFA_FLOW_RATE_TOO_BIG",
    "752c2b9c": "CFA_DEPOSIT_TOO_BIG",
    "a3eab6ac": "CFA_ACL_OPERATOR_NO_CREATE_PERMISSIONS",
    "ac434b5f": "CFA_ACL_OPERATOR_NO_UPDATE_PERMISSIONS",
    "e30f1bff": "CFA_ACL_OPERATOR_NO_DELETE_PERMISSIONS",
    "ce11b5d1": "CFA_NON_CRITICAL_SENDER",
    "2f4cb941": "SF_TOKEN_MOVE_INSUFFICIENT_BALANCE",
    "d4f5d496": "HOST_NEED_MORE_GAS",
}


@pytest.mark.parametrize(("digits", "function"), SELECTORS.items())
def test_functions_have_the_selectors_of_the_contracts(digits: str, function: Function) -> None:
    assert selector(function.signature).hex() == digits


def test_errors_have_the_selectors_of_the_contracts() -> None:
    assert {key.hex(): name for key, name in refusals.SELECTORS.items()} == ERRORS


def test_a_flow_is_created_through_the_forwarder() -> None:
    action = superfluid.apply(AVAX, ADA, [FlowChange("create", BOB, 385_802_469_135)])
    words = [action.data[4:][begin : begin + 32].hex() for begin in range(0, 192, 32)]
    assert action.to == AVAX.forwarder
    assert action.data[:4].hex() == "e15536b6"
    assert words[0].endswith(str(AVAX.super_token)[2:].lower())
    assert words[1].endswith(ADA[2:].lower())
    assert words[2].endswith(BOB[2:].lower())
    assert int(words[3], 16) == 385_802_469_135
    assert [int(word, 16) for word in words[4:]] == [160, 0]


def test_several_changes_are_one_call_of_the_host() -> None:
    changes = [FlowChange("create", BOB, 7), FlowChange("update", ADA, 8)]
    action = superfluid.apply(AVAX, "0x" + "11" * 20, changes)
    (operations,) = Function("", ("(uint32,address,bytes)[]",)).decode(action.data[4:])
    assert action.to == AVAX.host
    assert [operation[:2] for operation in operations] == [(201, str(AVAX.cfa).lower())] * 2
    inner = [Function("", ("bytes", "bytes")).decode(each[2]) for each in operations]
    assert [call[:4].hex() for call, _ in inner] == ["62fc305e", "50209a62"]
    assert {context for _, context in inner} == {b""}


@pytest.mark.parametrize("library", ["eth_abi.abi", "rlp"])
def test_the_extra_is_named_that_calls_need(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)

    def use() -> None:
        if library == "rlp":
            Transaction(1, 0, 1, 1, 21_000, Action(ADA)).unsigned()
        else:
            superfluid.BALANCE.encode(ADA)

    with pytest.raises(MissingDependencyError, match=r"aleph-sync\[payg\]"):
        use()
    if library != "rlp":
        with pytest.raises(MissingDependencyError):
            superfluid.BALANCE.decode(bytes(32))


def test_results_that_are_none_are_no_results() -> None:
    with pytest.raises(ValueError, match=r"32 bytes"):
        superfluid.BALANCE.decode(b"\x01")


@given(st.binary(min_size=20, max_size=20))
def test_addresses_are_read_in_every_spelling(raw: bytes) -> None:
    right = to_checksum_address(raw)
    for spelled in (right, right.lower(), "0x" + right[2:].upper()):
        assert checked_address(spelled, "receiver") == right


@pytest.mark.parametrize(
    "address", ["", "0x", ADA[:-1], ADA + "0", ADA.replace("f", "g"), None, 5, ADA.swapcase()]
)
def test_what_is_no_address_is_refused(address: object) -> None:
    with pytest.raises(ArgumentError, match="receiver"):
        checked_address(address, "receiver")


def test_a_mistyped_address_is_noticed_by_its_capitals() -> None:
    with pytest.raises(ArgumentError, match="checksum"):
        checked_address(ADA[:-2] + "67", "receiver")
