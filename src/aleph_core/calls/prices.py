"""Prices and costs: pyaleph ``/api/v0/price`` and ``/api/v0/costs``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..call import Answer, Call, JsonBody
from ..errors import (
    ArgumentError,
    ForgottenMessageError,
    InsufficientFundsError,
    InvalidMessageError,
    MessageNotFoundError,
    PendingMessageError,
    RemovedMessageError,
)
from ..filters import PAYMENT_TYPES, check_count, check_known
from ..item_hash import check_address, check_item_hash
from ..json_text import json_text
from ..messages import build_message, signable
from ..models.accounts import Balance
from ..models.message import MessageStatus
from ..models.page import Page
from ..models.prices import Costs, CostSummary, Price, ResourceCost
from ..rejection_errors import InsufficientCreditsError
from ..rejections import wanting
from ..structuring import amount, structure
from .answers import facts, json_object, malformed, read_page, read_record, refuse, segment

__all__ = ["LARGEST_PAGE", "check_settled", "costs", "estimate", "price", "tell_amounts"]

LARGEST_PAGE = 1000
_SMALLEST_PAGE = 10

_PATH = "/api/v0/price"
_DAY = 24 * 60 * 60


def estimate(
    content: Mapping[str, Any], message_type: str, *, owner: str, time: float
) -> Call[Price]:
    """Ask what a message would cost that nobody published; it needs no signature.

    ``owner`` and ``time`` (seconds) are for content that names none.
    """
    fields = {"address": owner, "time": time, **content}
    message, _ = build_message(
        message_type=message_type,
        content=fields,
        sender=fields["address"],
        chain="ETH",
        channel=None,
        time=fields["time"],
    )
    if message.item_type != "inline":
        raise ArgumentError("content", "is too large for nodes to tell its price")

    def parse(answer: Answer) -> Price:
        if answer.status == 422:
            raise InvalidMessageError(
                f"{answer.node or 'the node'} takes the content for no {message_type}: "
                f"{answer.excerpt}",
                **facts(answer),
            )
        return _read_price(answer, f"the question for the price of a {message_type}")

    envelope = {name: value for name, value in signable(message).items() if value is not None}
    text = json_text({"message": envelope}, "content")
    return Call("POST", f"{_PATH}/estimate", parse, body=JsonBody(text.encode()))


def price(item_hash: str, status: MessageStatus, *, include_size: bool = False) -> Call[Price]:
    """Ask what a published message costs; ``status`` is its present one.

    A node that takes the message for pending answers 102, which is no answer: whoever asks again
    waits again.
    """

    def parse(answer: Answer) -> Price:
        node, data = answer.node or "the node", facts(answer)
        if answer.status == 404:
            raise MessageNotFoundError(
                f"{node} knows no price of message {item_hash}: {answer.excerpt}",
                item_hash=item_hash,
                **data,
            )
        if answer.status == 410:
            gone = RemovedMessageError if status is MessageStatus.REMOVED else ForgottenMessageError
            raise gone(
                f"message {item_hash} has no price any more: {answer.excerpt}",
                item_hash=item_hash,
                message_status=status.value,
                **data,
            )
        if answer.status == 400:
            raise ArgumentError(
                "item_hash",
                f"message {item_hash} has no price, only files, programs and instances have "
                f"({node} says: {answer.excerpt})",
            )
        return _read_price(answer, f"the question for the price of message {item_hash}")

    params = [("include_size", "true")] if include_size else []
    return Call("GET", f"{_PATH}/{segment(item_hash)}", parse, params=params, repeat_timeouts=False)


def check_settled(item_hash: str, status: MessageStatus, *, node: str) -> None:
    """Raise ``PendingMessageError`` for a message that nodes do not tell the price of yet."""
    if status is MessageStatus.PENDING:
        raise PendingMessageError(
            f"message {item_hash} is pending and has no price yet; get_estimated_price takes its "
            "content, wait_for_message waits until it is processed",
            item_hash=item_hash,
            message_status=status.value,
            node=node,
        )


def _read_price(answer: Answer, what: str) -> Price:
    if answer.status != 200:
        refuse(answer, what)
    body = json_object(answer)
    # The text is exact, and missing from older nodes; the other is the same as a binary number.
    told = [amount(body.get(name)) for name in ("cost", "required_tokens")]
    exact = next((str(number) for number in told if number is not None), None)
    if exact is None:
        malformed(answer, "a price under 'cost'")
    return read_record(answer, {**body, "cost": exact, "required_tokens": exact}, Price)


def costs(
    *,
    address: str | None = None,
    item_hash: str | None = None,
    payment_type: object = "credit",
    include_details: int = 0,
    include_size: bool = False,
    page: int = 1,
    page_size: int,
) -> Call[Costs]:
    """Ask what everything costs that is paid in one way, all or of one owner, or one message."""
    kind = str(getattr(payment_type, "value", payment_type))
    check_known([kind], PAYMENT_TYPES, "payment_type")
    details = int(include_details) if isinstance(include_details, bool) else include_details
    check_count(details, "include_details", 0, 2)
    check_count(page, "page", 1)
    check_count(page_size, "page_size", _SMALLEST_PAGE, LARGEST_PAGE)
    if details == 2 and address is None and item_hash is None:
        raise ArgumentError("include_details", "2 is for one address or one item_hash alone")
    params = [("payment_type", kind), ("include_details", str(details))]
    if address is not None:
        params.append(("address", check_address(address)))
    if item_hash is not None:
        params.append(("item_hash", check_item_hash(item_hash)))
    if include_size:
        params.append(("include_size", "true"))

    def parse(answer: Answer) -> Costs:
        if answer.status != 200:
            refuse(answer, "the question for costs")
        body = json_object(answer)
        resources: Page[ResourceCost] = Page((), page_size, kind="resources")
        if body.get("resources") is not None:
            read = partial(structure, kind=ResourceCost)
            resources = read_page(answer, "resources", read, page_size=page_size)
        filters = body.get("filters")
        return Costs(
            read_record(answer, body.get("summary"), CostSummary),
            resources,
            filters if isinstance(filters, dict) else {},
        )

    params += [("page", str(page)), ("pagination", str(page_size))]
    return Call("GET", "/api/v0/costs", parse, params=params)


def tell_amounts(
    error: InsufficientFundsError,
    *,
    price: Price | None,
    running: Costs | None,
    balance: Balance | None,
) -> None:
    """Complete an error that came without numbers by what the node told when it was asked for them.

    Nodes want the tokens for everything that is there already and this, or the credits for a day.
    """
    on_credit = isinstance(error, InsufficientCreditsError)
    if isinstance(error, InsufficientCreditsError):
        error.min_runtime_days = 1
    if balance is not None:
        error.available = balance.credit_balance if on_credit else balance.balance
    if running is not None and price is not None:
        sums = running.summary
        there = sums.total_cost_credit if on_credit else sums.total_cost_hold
        if there is not None:
            error.required = (there + price.cost) * (_DAY if on_credit else 1)
    if error.required is not None and error.available is not None:
        error.message += wanting(error.required, error.available, error.token)
