from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.call import Answer, Call, JsonBody
from aleph_core.calls.prices import check_settled, costs, estimate, price, tell_amounts
from aleph_core.errors import (
    AlephError,
    ApiError,
    ArgumentError,
    ForgottenMessageError,
    InvalidItemHashError,
    InvalidMessageError,
    MalformedAnswerError,
    MessageNotFoundError,
    PendingMessageError,
    RemovedMessageError,
    UnpaidMessageError,
)
from aleph_core.hashing import sha256_hex
from aleph_core.item_hash import NOBODY
from aleph_core.models.accounts import Balance
from aleph_core.models.message import MessageStatus
from aleph_core.models.prices import Costs, CostSummary, Price, PriceDetail, ResourceCost
from aleph_core.priced import store_to_price
from aleph_core.rejection_errors import InsufficientCreditsError
from aleph_core.structuring import structure
from tests.core.mutations import check_survival, check_values, mutated
from tests.core.recorded import ANSWERS, HASHES, NODE, OWNER, altered, answer, recorded

PROCESSED = MessageStatus.PROCESSED
INSTANCE = recorded("money-005-price-instance")
SIZED = recorded("money-006-price-size")
DETAILED = recorded("money-020-costs-hold-details-2")
PRICES = [
    *("money-001-price-store-hold", "money-002-price-store-credit", "money-003-price-program"),
    *("money-004-price-program-credit", "money-005-price-instance", "money-006-price-size"),
    *("money-010-estimate-store-hold", "money-011-estimate-store-credit"),
    *("money-012-estimate-instance", "money-013-estimate-program"),
    *("money-014-estimate-instance-route", "forget-033-store-price"),
]


def read_price(body: Any, status: int = 200) -> Price:
    return price(HASHES[0], PROCESSED).parse(answer(body, status))


def read_costs(body: Any, **options: Any) -> Costs:
    return costs(page_size=10, **options).parse(answer(body))


@pytest.mark.parametrize("name", PRICES)
def test_every_recorded_price_is_read_exactly(name: str) -> None:
    body = recorded(name)
    found = read_price(body)
    assert str(found.cost) == body["cost"]
    assert found.required_tokens == found.cost
    assert float(found.required_tokens) == pytest.approx(body["required_tokens"])
    assert (found.payment_type, found.charged_address) == (body["payment_type"], OWNER)
    assert found.extra == {}
    assert len(found.detail) == len(body["detail"])
    for part, raw in zip(found.detail, body["detail"], strict=True):
        assert (part.type, part.name) == (raw["type"], raw["name"])
        for field in ("cost_hold", "cost_stream", "cost_credit"):
            assert getattr(part, field) == Decimal(raw[field])
        if raw["size_mib"] is not None:
            assert part.size_mib == Decimal(str(raw["size_mib"]))
    kind = {"hold": "cost_hold", "credit": "cost_credit"}[found.payment_type]
    assert sum(part[kind] for part in found.detail) == found.cost


def test_a_price_is_read_as_items_too() -> None:
    found = read_price(SIZED)
    assert found["payment_type"] == "hold"
    assert found["detail"][0]["size_mib"] == Decimal("0.000019073486328125")
    assert found.get("nothing", 5) == 5


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"cost": ...}, Decimal("3.9583333333333335")),
        ({"cost": None}, Decimal("3.9583333333333335")),
        ({"cost": "much"}, Decimal("3.9583333333333335")),
        ({"required_tokens": ...}, Decimal("3.958333333333333333")),
        ({"required_tokens": True}, Decimal("3.958333333333333333")),
        ({"cost": 5}, Decimal(5)),
    ],
)
def test_one_of_the_two_amounts_suffices(changes: dict[str, Any], expected: Decimal) -> None:
    found = read_price(altered(INSTANCE, **changes))
    assert (found.cost, found.required_tokens) == (expected, expected)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "<html>",
        altered(INSTANCE, cost=None, required_tokens=None),
        altered(INSTANCE, cost="1e99999", required_tokens="NaN"),
        altered(INSTANCE, payment_type=...),
    ],
)
def test_an_answer_without_a_price_is_malformed(body: Any) -> None:
    with pytest.raises(MalformedAnswerError):
        read_price(body)


@pytest.mark.parametrize(
    ("name", "status", "before", "kind"),
    [
        ("money-007-price-404", 404, PROCESSED, MessageNotFoundError),
        ("money-047-price-rejected", 404, PROCESSED, MessageNotFoundError),
        ("money-009-price-post", 400, PROCESSED, ArgumentError),
        (None, 410, MessageStatus.FORGOTTEN, ForgottenMessageError),
        (None, 410, MessageStatus.REMOVED, RemovedMessageError),
        (None, 410, PROCESSED, ForgottenMessageError),
        (None, 500, PROCESSED, ApiError),
    ],
)
def test_refusals_have_their_kinds(
    name: str | None, status: int, before: MessageStatus, kind: type[AlephError]
) -> None:
    said = "gone" if name is None else recorded(name)
    with pytest.raises(kind) as caught:
        price(HASHES[0], before).parse(answer(said, status))
    assert type(caught.value) is kind
    assert said in str(caught.value)
    if isinstance(caught.value, ApiError):
        assert (caught.value.status, caught.value.node) == (status, NODE)
    if isinstance(caught.value, ForgottenMessageError | RemovedMessageError):
        assert caught.value.message_status == before


def test_a_price_is_not_asked_for_again_when_no_answer_comes() -> None:
    call = price(HASHES[0], PROCESSED, include_size=True)
    assert (call.method, call.path) == ("GET", f"/api/v0/price/{HASHES[0]}")
    assert list(call.params) == [("include_size", "true")]
    assert call.idempotent
    assert not call.repeat_timeouts


def test_what_is_pending_has_no_price_yet() -> None:
    with pytest.raises(PendingMessageError, match="get_estimated_price") as caught:
        check_settled(HASHES[0], MessageStatus.PENDING, node=NODE)
    assert (caught.value.item_hash, caught.value.message_status) == (HASHES[0], "pending")
    assert caught.value.node == NODE
    for status in set(MessageStatus) - {MessageStatus.PENDING}:
        check_settled(HASHES[0], status, node=NODE)


def envelope(call: Call[Price]) -> dict[str, Any]:
    assert isinstance(call.body, JsonBody)
    body = json.loads(call.body.text)
    assert list(body) == ["message"]
    message: dict[str, Any] = body["message"]
    return message


def test_an_estimate_sends_a_message_without_a_signature() -> None:
    content = {"address": OWNER, "time": 5, "rootfs": {}, "text": "é"}
    call = estimate(content, "INSTANCE", owner=NOBODY, time=9.0)
    assert (call.method, call.path) == ("POST", "/api/v0/price/estimate")
    message = envelope(call)
    assert json.loads(message["item_content"]) == content
    assert message["item_hash"] == sha256_hex(message["item_content"].encode())
    assert (message["sender"], message["time"], message["type"]) == (OWNER, 5, "INSTANCE")
    assert "signature" not in message


def test_an_estimate_fills_in_an_owner_and_a_time() -> None:
    message = envelope(estimate({"code": {}}, "PROGRAM", owner=NOBODY, time=9.5))
    content = json.loads(message["item_content"])
    assert (content["address"], content["time"]) == (NOBODY, 9.5)
    assert (message["sender"], message["time"]) == (NOBODY, 9.5)


def test_an_estimate_is_read_like_a_price() -> None:
    content = store_to_price(100, owner=NOBODY, time=1.0)
    call = estimate(content, "STORE", owner=NOBODY, time=1.0)
    found = call.parse(answer(recorded("money-010-estimate-store-hold")))
    assert found.cost == Decimal("33.3333333")
    with pytest.raises(InvalidMessageError, match="for no STORE: InvalidMessageFormat"):
        call.parse(answer(recorded("money-016-estimate-bad-content"), 422))
    with pytest.raises(ApiError):
        call.parse(answer("500: Internal Server Error", 500))


@pytest.mark.parametrize(
    ("content", "argument"),
    [
        ({"address": "no"}, "content['address']"),
        ({"time": "noon"}, "content['time']"),
        ({"big": "x" * 200_001}, "content"),
        ({"odd": {1, 2}}, "content"),
    ],
)
def test_content_that_cannot_be_sent_is_named(content: dict[str, Any], argument: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        estimate(content, "STORE", owner=NOBODY, time=1.0)
    assert caught.value.argument.startswith(argument)


def test_recorded_costs_are_read_exactly() -> None:
    found = read_costs(DETAILED, address=OWNER, payment_type="hold", include_details=2)
    assert found.summary.total_cost_hold == Decimal(DETAILED["summary"]["total_cost_hold"])
    assert found.summary.total_consumed_credits == 0
    assert found["filters"]["address"] == OWNER
    assert (found.resources.total, found.resources.page) == (found.summary.resource_count, 1)
    assert len(found.resources) == len(DETAILED["resources"])
    for resource, raw in zip(found.resources, DETAILED["resources"], strict=True):
        assert resource.item_hash == raw["item_hash"]
        assert resource.cost_hold == Decimal(raw["cost_hold"])
        assert sum(part.cost_hold or 0 for part in resource.detail) == resource.cost_hold
        assert resource.extra == {}


def test_costs_without_details_are_sums_alone() -> None:
    found = read_costs(recorded("money-017-costs-credit"))
    assert found.summary.total_cost_credit == Decimal("19.237358853404904589")
    assert found.summary.resource_count == 3
    assert found.resources.items == ()
    without_parts = read_costs(recorded("money-019-costs-hold-details"))
    assert {resource.detail for resource in without_parts.resources} == {()}


def test_the_parameters_of_costs() -> None:
    call = costs(
        address=OWNER, item_hash=HASHES[0], payment_type="hold", include_details=True,
        include_size=True, page=2, page_size=10,
    )  # fmt: skip
    assert dict(call.params) == {
        "address": OWNER, "item_hash": HASHES[0], "payment_type": "hold", "include_details": "1",
        "include_size": "true", "page": "2", "pagination": "10",
    }  # fmt: skip
    assert dict(costs(page_size=100).params) == {
        "payment_type": "credit", "include_details": "0", "page": "1", "pagination": "100",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"include_details": 2}, "include_details"),
        ({"include_details": 3}, "include_details"),
        ({"include_details": "all"}, "include_details"),
        ({"payment_type": "cash"}, "payment_type"),
        ({"payment_type": None}, "payment_type"),
        ({"page_size": 9}, "page_size"),
        ({"page_size": 1001}, "page_size"),
        ({"page": 0}, "page"),
        ({"address": "0x/../1"}, "address"),
    ],
)
def test_costs_that_nodes_would_refuse(options: dict[str, Any], argument: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        costs(**{"page_size": 10, **options})
    assert caught.value.argument == argument
    with pytest.raises(InvalidItemHashError):
        costs(item_hash="x", page_size=10)


@pytest.mark.parametrize("body", [{}, {"summary": None}, {"summary": {}, "resources": 5}, [], "x"])
def test_costs_of_another_form_are_malformed(body: Any) -> None:
    with pytest.raises(MalformedAnswerError):
        read_costs(body)


RUNNING = structure(recorded("money-017-costs-credit")["summary"], CostSummary)
BALANCE = structure(recorded("money-025-balance"), Balance)


def funds(kind: type[UnpaidMessageError], **known: Any) -> UnpaidMessageError:
    error = kind("paid first", item_hash=HASHES[0])
    given: dict[str, Any] = {
        "price": read_price(INSTANCE),
        "running": read_costs(recorded("money-017-costs-credit")),
        "balance": BALANCE,
        **known,
    }
    tell_amounts(error, **given)
    return error


def test_amounts_that_were_asked_for_complete_an_error() -> None:
    tokens = funds(UnpaidMessageError)
    assert tokens.required == Decimal("2008.333333325") + Decimal("3.958333333333333333")
    assert tokens.available == 5000
    assert str(tokens).startswith("paid first: 2012.29166665833")
    paid = funds(InsufficientCreditsError)
    assert isinstance(paid, InsufficientCreditsError)
    total = Decimal("19.237358853404904589") + Decimal("3.958333333333333333")
    assert paid.required == total * 86400
    assert (paid.available, paid.min_runtime_days) == (50000000, 1)
    assert "credits required, 50000000 available" in str(paid)


@pytest.mark.parametrize("missing", ["price", "running", "balance"])
def test_amounts_that_nobody_told_stay_unknown(missing: str) -> None:
    error = funds(UnpaidMessageError, **{missing: None})
    assert (error.required is None) == (missing != "balance")
    assert (error.available is None) == (missing == "balance")
    assert str(error) == "paid first"


CALLS: list[Callable[[], Call[Any]]] = [
    lambda: price(HASHES[0], PROCESSED),
    lambda: estimate({"rootfs": {}}, "INSTANCE", owner=NOBODY, time=1.0),
    lambda: costs(page_size=10),
]


@given(st.sampled_from(CALLS), ANSWERS)
def test_whatever_is_answered_there_is_a_result_or_an_error_of_ours(
    build: Callable[[], Call[Any]], found: Answer
) -> None:
    try:
        result = build().parse(found)
    except AlephError:
        return
    check_values(result)


@given(mutated(INSTANCE))
def test_changed_prices_are_read_or_malformed(body: Any) -> None:
    try:
        found = read_price(body)
    except MalformedAnswerError:
        return
    check_values(found)
    assert found.cost == found.required_tokens


@given(mutated(DETAILED))
def test_changed_costs_are_read_or_malformed(body: Any) -> None:
    try:
        found = read_costs(body)
    except MalformedAnswerError:
        return
    check_values(found.summary)
    check_values(found.resources.items)
    entries = body.get("resources") or []
    assert len(found.resources) + len(found.resources.invalid) == len(entries)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (SIZED["detail"][0], PriceDetail),
        (INSTANCE, Price),
        (DETAILED["resources"][0], ResourceCost),
        (DETAILED["summary"], CostSummary),
    ],
)
@given(data=st.data())
def test_models_survive_missing_null_and_extra_fields(
    raw: dict[str, Any], kind: Any, data: st.DataObject
) -> None:
    check_survival(raw, kind, data)
