"""Whether the compute node starts the machine that it was notified of."""

from __future__ import annotations

from decimal import Decimal
from sqlite3 import Connection

from . import capacity, costs, funds, processed
from .answers import Refusal
from .costs import CREDIT, HOLD, HOUR, STREAM
from .machines import Machine, Machines, is_confidential, required_node
from .processed import Message
from .reservations import Reservations
from .settings import NodeSettings


def admit(
    connection: Connection,
    settings: NodeSettings,
    machines: Machines,
    vm_hash: str,
    reservations: Reservations,
) -> Machine:
    """Return the machine, which is begun unless it is there already.

    Raises ``Refusal``, or FileNotFoundError for a message that is not processed (yet).
    """
    message = processed.load(connection, vm_hash)
    if message is None:
        raise FileNotFoundError(f"Aleph message not found: {vm_hash}")
    if message.type != "INSTANCE":
        raise Refusal(400, reason="Message is not an instance")
    if required_node(message.content) not in (None, settings.node_hash):
        raise Refusal(400, reason="Instance is allocated to a different node")
    known = machines.each(connection)
    machine = next((machine for machine in known if machine.vm_hash == vm_hash), None)
    if machine is None and not capacity.is_enough(settings, known, message.content):
        raise Refusal(503, "This CRN cannot host the requested instance at this time.")
    _check_payment(connection, settings, message)
    if machine is not None:
        return machine
    held = reservations.held_from(message.sender)
    gpus = capacity.assign_gpus(settings, known, message.content, held=held)
    return machines.begin(connection, message, placed=False, gpus=gpus)


def _check_payment(connection: Connection, settings: NodeSettings, message: Message) -> None:
    payment_type = message.payment_type or HOLD
    has_gpu = (message.content.get("requirements") or {}).get("gpu") is not None
    if payment_type == HOLD and (has_gpu or is_confidential(message.content)):
        price, balance = (
            _price(connection, message, HOLD),
            funds.tokens_of(connection, message.sender),
        )
        if price > balance:
            raise Refusal(
                402,
                f"Insufficient balance for this instance\n\nRequired: {price} token \n"
                f"Current user balance: {balance}",
            )
    elif payment_type == STREAM:
        if message.content["payment"].get("receiver") != settings.reward_address:
            raise Refusal(400, reason="Message is not for this instance")
        if not settings.streams_flow:
            raise Refusal(402, reason="Empty payment stream for this instance")
    elif payment_type == CREDIT:
        needed = _price(connection, message, CREDIT) * HOUR
        owned = funds.credits_of(connection, message.owner)
        if needed > owned:
            raise Refusal(
                402,
                f"Insufficient credits for this instance\n\nRequired: {needed} credits \n"
                f"Current user credits: {owned}",
            )
    else:
        raise Refusal(400, reason="Invalid payment method")


def _price(connection: Connection, message: Message, payment_type: str) -> Decimal:
    saved = costs.saved(connection, item_hash=message.item_hash)
    return costs.total((cost for *_, cost in saved), payment_type)
