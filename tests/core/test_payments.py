from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from aleph_message.models import Chain, MessageType, Payment, PaymentType
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.contents import store_content
from aleph_core.errors import ArgumentError
from aleph_core.payments import accepted_payments, agreed_payment
from tests.core.recorded import HASHES, OWNER

MACHINES = datetime(2026, 3, 11, tzinfo=UTC).timestamp()
ALL = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
BEFORE, BETWEEN, AFTER = MACHINES - 1, ALL - 1, ALL
RECEIVER = "0x" + "ab" * 20


@pytest.mark.parametrize(
    ("kind", "persistent", "time", "accepted"),
    [
        ("INSTANCE", False, BEFORE, ("hold", "superfluid", "credit")),
        ("INSTANCE", False, MACHINES, ("credit",)),
        ("INSTANCE", False, BETWEEN, ("credit",)),
        ("INSTANCE", False, AFTER, ("credit",)),
        ("PROGRAM", True, BEFORE, ("hold", "superfluid", "credit")),
        ("PROGRAM", True, MACHINES, ("credit",)),
        ("PROGRAM", True, AFTER, ("credit",)),
        ("PROGRAM", False, BEFORE, ("hold", "superfluid", "credit")),
        ("PROGRAM", False, BETWEEN, ("hold", "superfluid", "credit")),
        ("PROGRAM", False, AFTER, ("credit",)),
        ("V-PROGRAM", False, BEFORE, ("credit",)),
        ("V-PROGRAM", False, AFTER, ("credit",)),
        ("STORE", False, BEFORE, ("hold", "credit")),
        ("STORE", False, BETWEEN, ("hold", "credit")),
        ("STORE", False, AFTER, ("credit",)),
    ],
)
def test_what_is_accepted_depends_on_the_message_and_its_time(
    kind: str, persistent: bool, time: float, accepted: tuple[str, ...]
) -> None:
    assert accepted_payments(kind, persistent=persistent, time=time) == accepted
    assert accepted_payments(MessageType(kind), persistent=persistent, time=time) == accepted
    assert agreed_payment(None, kind, persistent=persistent, time=time) == {"type": accepted[0]}
    for given_type in ("hold", "superfluid", "credit"):
        if given_type in accepted:
            paid = agreed_payment(given_type, kind, persistent=persistent, time=time)
            assert paid == {"type": given_type}
            continue
        with pytest.raises(ArgumentError, match=f"no {given_type} for .*; pay by {accepted[0]}"):
            agreed_payment(given_type, kind, persistent=persistent, time=time)


@pytest.mark.parametrize("kind", ["POST", "AGGREGATE", "FORGET", "", None, "program"])
def test_other_messages_cost_nothing(kind: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        accepted_payments(kind, time=BETWEEN)
    assert caught.value.argument == "message_type"


@pytest.mark.parametrize(
    ("payment", "expected"),
    [
        ("hold", {"type": "hold"}),
        (PaymentType.superfluid, {"type": "superfluid"}),
        ({"type": "credit"}, {"type": "credit"}),
        ({"type": PaymentType.hold, "chain": Chain.SOL}, {"type": "hold", "chain": "SOL"}),
        ({"type": "hold", "chain": None, "receiver": None}, {"type": "hold"}),
        (MappingProxyType({"type": "hold"}), {"type": "hold"}),
        (Payment(type=PaymentType.hold, chain=Chain.ETH), {"chain": "ETH", "type": "hold"}),
        (
            Payment(type=PaymentType.superfluid, chain=Chain.AVAX, receiver=RECEIVER),
            {"chain": "AVAX", "receiver": RECEIVER, "type": "superfluid"},
        ),
    ],
    ids=str,
)
def test_a_payment_is_taken_in_every_form(payment: Any, expected: dict[str, str]) -> None:
    assert agreed_payment(payment, "PROGRAM", time=BETWEEN) == expected


@pytest.mark.parametrize(
    "payment",
    [
        5,
        b"hold",
        ["hold"],
        "HOLD",
        "",
        {},
        {"type": "barter"},
        {"type": ["hold"]},
        {"type": "hold", "chain": "MOON"},
        {"type": "hold", "chain": 5},
        {"type": "hold", "chain": ["ETH"]},
        {"type": "hold", "receiver": "../x"},
        {"type": "hold", "recipient": RECEIVER},
        {5: "hold"},
    ],
    ids=str,
)
def test_what_is_no_payment_is_named(payment: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        agreed_payment(payment, "PROGRAM", time=BETWEEN)
    assert caught.value.argument.partition("[")[0] == "payment"


@given(
    payment=st.recursive(
        st.none() | st.text() | st.integers() | st.sampled_from(["hold", "credit", "type"]),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["type", "chain"]), inner),
    ),
    kind=st.sampled_from(["STORE", "PROGRAM", "INSTANCE", "V-PROGRAM"]),
    persistent=st.booleans(),
    time=st.floats(0, 2**31),
)
def test_whatever_is_agreed_on_is_accepted(
    payment: Any, kind: str, persistent: bool, time: float
) -> None:
    try:
        paid = agreed_payment(payment, kind, persistent=persistent, time=time)
    except ArgumentError:
        return
    assert paid["type"] in accepted_payments(kind, persistent=persistent, time=time)
    assert Payment.model_validate(paid).model_dump(mode="json", exclude_none=True) == paid


def test_a_file_is_paid_by_the_time_of_its_message() -> None:
    def payment(given: Any, time: float) -> Any:
        content = store_content(address=OWNER, time=time, file_hash=HASHES[0], payment=given)
        return content.get("payment")

    assert payment(None, BETWEEN) is None
    assert payment(None, AFTER) == payment("credit", AFTER) == {"type": "credit"}
    assert payment("hold", BETWEEN) == {"type": "hold"}
    with pytest.raises(ArgumentError, match="since 2027-01-01; pay by credit"):
        payment("hold", AFTER)
