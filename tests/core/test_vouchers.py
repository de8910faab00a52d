"""Vouchers: who holds which, by the lists of their publishers, whatever else is in those."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.call import Answer
from aleph_core.calls.vouchers import metadata, solana_registry
from aleph_core.errors import AlephError, ApiError, ArgumentError, MalformedAnswerError
from aleph_core.models.voucher import Voucher, VoucherAttribute, VoucherMetadata
from aleph_core.structuring import structure
from aleph_core.vouchers import Holding, evm_holdings, is_evm, metadata_url, solana_holdings
from tests.core.recorded import ANSWERS, JSON, OWNER, STORE, answer

SOLANA = "HfUgTyVFVzWBVvTQN6TPDCyd7i7WPMzALRB2vhfZUWiA"
POST = {
    "nft_vouchers": {
        "1": {"claimer": OWNER, "metadata_id": "7"},
        "2": {"claimer": STORE["sender"], "metadata_id": "7"},
        "3": {"claimer": OWNER.lower(), "metadata_id": 8},
        "4": {"claimer": OWNER},
        "5": None,
    }
}
REGISTRY: dict[str, Any] = {
    "claimed_tickets": {
        "t1": {"claimer": SOLANA, "batch_id": 1},
        "t2": {"claimer": SOLANA.lower(), "batch_id": 1},
        "t3": {"claimer": SOLANA, "batch_id": "2"},
        "t4": {"claimer": SOLANA},
        "t5": "odd",
    },
    "batches": {"1": {"metadata_id": "7"}, "2": {"metadata_id": 9}, "3": None},
}
METADATA: dict[str, Any] = {
    "name": "Node runner",
    "description": "For those who run nodes",
    "external_url": "https://claim.example/{id}",
    "image": "ipfs://image",
    "icon": "ipfs://icon",
    "attributes": [
        {"trait_type": "Duration", "value": "Forever"},
        {"trait_type": "Tokens", "value": 0.1, "display_type": "number"},
        {"value": "of no trait"},
    ],
    "colour": "red",
}


def test_evm_vouchers_belong_to_who_claimed_them() -> None:
    assert evm_holdings(POST, OWNER) == (Holding("1", "7"), Holding("3", "8"), Holding("4", ""))


def test_solana_vouchers_have_the_kind_of_their_batch() -> None:
    assert solana_holdings(REGISTRY, SOLANA) == (
        Holding("t1", "7"),
        Holding("t3", "9"),
        Holding("t4", ""),
    )


def test_addresses_are_told_apart() -> None:
    assert is_evm(OWNER)
    assert not is_evm(SOLANA)


def test_a_voucher_is_what_its_kind_is_about() -> None:
    found = structure(METADATA, VoucherMetadata)
    voucher = Voucher.of("5", "7", found)
    assert (voucher.id, voucher.metadata_id, voucher.name) == ("5", "7", "Node runner")
    assert voucher.external_url == "https://claim.example/5"
    assert voucher.attributes == (
        VoucherAttribute(trait_type="Duration", value="Forever"),
        VoucherAttribute(trait_type="Tokens", value=Decimal("0.1"), display_type="number"),
    )
    assert voucher["colour"] == "red"


def test_a_voucher_without_metadata_is_one_all_the_same() -> None:
    voucher = Voucher.of("5", "7", None)
    assert (voucher.id, voucher.name, voucher.attributes) == ("5", "", ())


def test_metadata_may_be_missing() -> None:
    assert metadata("7").parse(answer("", 404)) is None
    with pytest.raises(ApiError) as caught:
        metadata("7").parse(answer("down", 503))
    assert caught.value.status == 503


def test_the_identifier_cannot_leave_its_place_in_the_url() -> None:
    template = "https://claim.example/sbt/{id}.json"
    assert metadata_url(template, "7") == "https://claim.example/sbt/7.json"
    assert metadata_url(template, "../x?y") == "https://claim.example/sbt/..%2Fx%3Fy.json"


@pytest.mark.parametrize("body", [{}, [], {"claimed_tickets": {}}, {**REGISTRY, "batches": 5}])
def test_a_registry_of_another_form_is_not_an_empty_one(body: Any) -> None:
    with pytest.raises(MalformedAnswerError):
        solana_registry().parse(answer(body))


@given(ANSWERS)
def test_no_answer_leads_to_another_error(found: Answer) -> None:
    for call in (metadata("7"), solana_registry()):
        try:
            call.parse(found)
        except AlephError:
            pass


@given(
    JSON | st.fixed_dictionaries({}, optional={"nft_vouchers": st.dictionaries(st.text(), JSON)}),
    JSON,
)
def test_no_list_of_another_form_fails(content: Any, batches: Any) -> None:
    assert isinstance(evm_holdings(content, OWNER), tuple)
    registry = {"claimed_tickets": REGISTRY["claimed_tickets"], "batches": batches}
    assert [holding.id for holding in solana_holdings(registry, SOLANA)] == ["t1", "t3", "t4"]
    assert solana_holdings(content, SOLANA) == ()


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(METADATA, JSON)))
def test_no_field_of_another_form_costs_a_voucher(raw: dict[str, Any]) -> None:
    found = structure(raw, VoucherMetadata)
    assert Voucher.of("5", "7", found).id == "5"


@pytest.mark.parametrize("metadata_id", [None, 5, b"5", ["5"], ""])
def test_a_kind_that_is_no_text_is_refused(metadata_id: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        metadata_url("https://vouchers.example.org/{id}.json", metadata_id)
    assert caught.value.argument == "metadata_id"
