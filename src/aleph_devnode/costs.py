"""What messages cost, and whether their owner can pay."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from sqlite3 import Connection
from typing import Any

import attrs
from aleph_message.models import (
    BaseContent,
    InstanceContent,
    ProgramContent,
    StoreContent,
    VerifiableProgramContent,
)
from aleph_message.models.execution.volume import (
    EphemeralVolume,
    ImmutableVolume,
    PersistentVolume,
)

from . import files, funds
from .prices import MINIMUM_CREDIT_STORE_MIB, MINIMUM_CREDITS_PER_HOUR, PRICES, Price, Rate
from .rejections import ErrorCode, Rejected

MIB = 1024 * 1024
HOUR = 3600
DAY = 24 * HOUR
_STEP = Decimal(1).scaleb(-18)

HOLD, STREAM, CREDIT = "hold", "superfluid", "credit"
Executable = ProgramContent | InstanceContent | VerifiableProgramContent


@attrs.frozen
class Cost:
    """Hold one part of a cost: tokens to hold, tokens per second, credits per second, each to 18 decimals."""

    type: str
    name: str
    hold: Decimal
    stream: Decimal
    credit: Decimal
    ref: str | None = None
    size_mib: float | None = None

    def by(self, payment_type: str) -> Decimal:
        return {HOLD: self.hold, STREAM: self.stream, CREDIT: self.credit}[payment_type]

    def shown(self, *, with_size: bool) -> dict[str, Any]:
        return {
            "type": self.type,
            "name": self.name,
            "cost_hold": written(self.hold),
            "cost_stream": written(self.stream),
            "cost_credit": written(self.credit),
            "size_mib": self.size_mib if with_size else None,
        }


@attrs.frozen
class Volume:
    """Hold what is known of the size of a volume: its size, or the STORE it comes from."""

    type: str
    name: str
    ref: str | None = None
    use_latest: bool = False
    size_mib: Decimal | None = None


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_STEP, ROUND_FLOOR)


def written(amount: Decimal) -> str:
    return f"{rounded(amount):f}"


def payment_type_of(content: BaseContent) -> str:
    """Return how content is paid; hold unless it says otherwise."""
    payment = getattr(content, "payment", None)
    return HOLD if payment is None else str(payment.type.value)


def total(costs: Iterable[Cost], payment_type: str) -> Decimal:
    return rounded(sum((cost.by(payment_type) for cost in costs), Decimal(0)))


def size_in_mib(size: int) -> Decimal:
    return Decimal(size / MIB)


def of_storage(size_mib: Decimal | None, payment_type: str, item_hash: str) -> list[Cost]:
    """Return the cost of a STORE; nothing while the size is unknown or zero."""
    if not size_mib:
        return []
    billed = max(size_mib, MINIMUM_CREDIT_STORE_MIB) if payment_type == CREDIT else size_mib
    cost = _cost_of_size(
        "STORAGE", "STORAGE", billed, PRICES["storage"].storage, payment_type, item_hash
    )
    return [attrs.evolve(cost, size_mib=float(size_mib))]


def of_store(connection: Connection, content: StoreContent, item_hash: str) -> list[Cost]:
    file = files.find(connection, content.item_hash)
    size = None if file is None else size_in_mib(file["size"])
    return of_storage(size, payment_type_of(content), item_hash)


def of_executable(
    connection: Connection, content: Executable, estimates: Mapping[str, float] | None = None
) -> list[Cost]:
    """Return the cost of a program or instance; ``estimates`` gives sizes in MiB of volumes by their cost name."""
    payment_type = payment_type_of(content)
    product = product_of(content)
    price = PRICES[product]
    units = _compute_units(content, price)
    multiplier = 1
    if (
        isinstance(content, ProgramContent)
        and not content.on.persistent
        and content.environment.internet
    ):
        multiplier = 2
    execution = _cost(
        "EXECUTION",
        product,
        Decimal(units * multiplier),
        price.compute_unit,
        payment_type,
        minimum=True,
    )
    volumes = []
    for volume in _volumes(content):
        size = _size(connection, volume, estimates or {})
        if size is not None:
            volumes.append(
                _cost_of_size(
                    volume.type, volume.name, size, price.storage, payment_type, volume.ref
                )
            )
    discount = _discount(volumes, price, units)
    return [execution, *volumes, discount]


def product_of(content: Executable) -> str:
    if isinstance(content, ProgramContent):
        return "program_persistent" if content.on.persistent else "program"
    if isinstance(content, VerifiableProgramContent):
        return "instance_confidential"
    return "instance_confidential" if content.environment.trusted_execution else "instance"


def _compute_units(content: Executable, price: Price) -> int:
    return int(
        max(content.resources.vcpus, math.ceil(content.resources.memory / price.unit_memory))
    )


def _volumes(content: Executable) -> list[Volume]:
    found = []
    if isinstance(content, InstanceContent):
        name = "EXECUTION_INSTANCE_VOLUME_ROOTFS"
        found.append(
            Volume(name, name, content.rootfs.parent.ref, size_mib=Decimal(content.rootfs.size_mib))
        )
    elif isinstance(content, ProgramContent):
        for part, source in (
            ("CODE", content.code),
            ("RUNTIME", content.runtime),
            ("DATA", content.data),
        ):
            if source is not None:
                name = f"EXECUTION_PROGRAM_VOLUME_{part}"
                found.append(Volume(name, name, source.ref, bool(source.use_latest)))
    for number, volume in enumerate(content.volumes):
        if isinstance(volume, ImmutableVolume):
            name = "EXECUTION_VOLUME_INMUTABLE"
            found.append(
                Volume(
                    name, f"#{number}:{volume.mount or name}", volume.ref, bool(volume.use_latest)
                )
            )
        elif isinstance(volume, EphemeralVolume | PersistentVolume):
            name = "EXECUTION_VOLUME_PERSISTENT"
            found.append(
                Volume(name, f"#{number}:{volume.mount or name}", size_mib=Decimal(volume.size_mib))
            )
    return found


def _size(connection: Connection, volume: Volume, estimates: Mapping[str, float]) -> Decimal | None:
    if volume.size_mib is not None:
        return volume.size_mib
    if volume.name in estimates:
        return Decimal(estimates[volume.name])
    found = volume_file(connection, str(volume.ref), use_latest=volume.use_latest)
    return None if found is None else size_in_mib(found["size"])


def volume_file(connection: Connection, ref: str, *, use_latest: bool) -> Any:
    """Return ``file_hash`` and ``size`` of the file that a volume refers to."""
    return files.tagged(connection, ref) if use_latest else files.pin_of_message(connection, ref)


def _cost(
    kind: str, name: str, amount: Decimal, rate: Rate, payment_type: str, *, minimum: bool = False
) -> Cost:
    credit = rounded(amount * (rate.credit_hour / HOUR))
    if minimum and payment_type == CREDIT:
        credit = max(credit, rounded(MINIMUM_CREDITS_PER_HOUR / HOUR))
    return Cost(
        kind, name, rounded(amount * rate.hold), rounded(amount * (rate.stream_hour / HOUR)), credit
    )


def _cost_of_size(
    kind: str, name: str, size_mib: Decimal, rate: Rate, payment_type: str, ref: str | None
) -> Cost:
    cost = _cost(kind, name, size_mib, rate, payment_type, minimum=True)
    return attrs.evolve(cost, ref=ref, size_mib=float(size_mib))


def _discount(volumes: Sequence[Cost], price: Price, units: int) -> Cost:
    allowance = Decimal(price.unit_disk * units)
    rate = price.storage
    name = "EXECUTION_VOLUME_DISCOUNT"
    return Cost(
        name,
        name,
        rounded(-min(sum((cost.hold for cost in volumes), Decimal(0)), allowance * rate.hold)),
        rounded(
            -min(
                sum((cost.stream for cost in volumes), Decimal(0)),
                allowance * (rate.stream_hour / HOUR),
            )
        ),
        rounded(
            -min(
                sum((cost.credit for cost in volumes), Decimal(0)),
                allowance * (rate.credit_hour / HOUR),
            )
        ),
    )


def save(
    connection: Connection, owner: str, item_hash: str, payment_type: str, costs: Iterable[Cost]
) -> None:
    connection.executemany(
        "INSERT INTO costs (owner, item_hash, payment_type, type, name, ref, cost_hold, cost_stream, cost_credit,"
        " size_mib) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                owner,
                item_hash,
                payment_type,
                cost.type,
                cost.name,
                cost.ref,
                written(cost.hold),
                written(cost.stream),
                written(cost.credit),
                cost.size_mib,
            )
            for cost in costs
        ],
    )


def forget(connection: Connection, item_hash: str) -> None:
    connection.execute("DELETE FROM costs WHERE item_hash = ?", (item_hash,))


def saved(connection: Connection, **chosen: str | None) -> list[tuple[str, str, str, Cost]]:
    """Return (item hash, owner, payment type, cost) of the saved costs with the given column values."""
    wanted = {column: value for column, value in chosen.items() if value is not None}
    conditions = " AND ".join(["1", *(f"{column} = ?" for column in wanted)])
    rows = connection.execute(
        f"SELECT * FROM costs WHERE {conditions} ORDER BY item_hash, id", list(wanted.values())
    ).fetchall()
    return [
        (
            row["item_hash"],
            row["owner"],
            row["payment_type"],
            Cost(
                row["type"],
                row["name"],
                Decimal(row["cost_hold"]),
                Decimal(row["cost_stream"]),
                Decimal(row["cost_credit"]),
                row["ref"],
                row["size_mib"],
            ),
        )
        for row in rows
    ]


def current(connection: Connection, owner: str, payment_type: str) -> Decimal:
    """Return the sum of what an address pays in one way."""
    return total(
        (cost for *_, cost in saved(connection, owner=owner, payment_type=payment_type)),
        payment_type,
    )


def check_funds(connection: Connection, owner: str, cost: Decimal, payment_type: str) -> None:
    """Raise ``Rejected`` unless the owner can pay ``cost`` beside everything it pays already."""
    required = current(connection, owner, payment_type) + cost
    if payment_type == CREDIT:
        owned = funds.credits_of(connection, owner)
        if owned < required * DAY:
            raise Rejected(
                ErrorCode.CREDIT_INSUFFICIENT,
                [
                    {
                        "account_credits": str(owned),
                        "required_credits": str(required * DAY),
                        "min_runtime_days": 1,
                    }
                ],
            )
        return
    balance = funds.tokens_of(connection, owner)
    if balance < required:
        raise Rejected(
            ErrorCode.BALANCE_INSUFFICIENT,
            [{"account_balance": str(balance), "required_balance": str(required)}],
        )
