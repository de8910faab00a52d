"""The network's prices, as the foundation's ``pricing`` aggregate has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import attrs

from ..errors import ArgumentError, MalformedAnswerError
from ..structuring import structure
from .record import Record

__all__ = [
    "PAYG_GROUP",
    "PRICING_GROUPS",
    "ComputeUnit",
    "GroupEntity",
    "PricingEntity",
    "PricingModel",
    "PricingPerEntity",
    "Tier",
    "TierComputedSpec",
    "UnitPrice",
    "read_pricing",
]


class PricingEntity(StrEnum):
    """The families of products known here; the aggregate may have others."""

    STORAGE = "storage"
    WEB3_HOSTING = "web3_hosting"
    PROGRAM = "program"
    PROGRAM_PERSISTENT = "program_persistent"
    INSTANCE = "instance"
    INSTANCE_CONFIDENTIAL = "instance_confidential"
    INSTANCE_GPU_STANDARD = "instance_gpu_standard"
    INSTANCE_GPU_PREMIUM = "instance_gpu_premium"


class GroupEntity(StrEnum):
    """Groups of families, as people ask for them."""

    STORAGE = "storage"
    WEBSITE = "website"
    PROGRAM = "program"
    INSTANCE = "instance"
    CONFIDENTIAL = "confidential"
    GPU = "gpu"
    ALL = "all"


PRICING_GROUPS: Final[Mapping[str, tuple[PricingEntity, ...]]] = {
    GroupEntity.STORAGE: (PricingEntity.STORAGE,),
    GroupEntity.WEBSITE: (PricingEntity.WEB3_HOSTING,),
    GroupEntity.PROGRAM: (PricingEntity.PROGRAM, PricingEntity.PROGRAM_PERSISTENT),
    GroupEntity.INSTANCE: (PricingEntity.INSTANCE,),
    GroupEntity.CONFIDENTIAL: (PricingEntity.INSTANCE_CONFIDENTIAL,),
    GroupEntity.GPU: (PricingEntity.INSTANCE_GPU_STANDARD, PricingEntity.INSTANCE_GPU_PREMIUM),
    GroupEntity.ALL: tuple(PricingEntity),
}

PAYG_GROUP: Final = (
    PricingEntity.INSTANCE,
    PricingEntity.INSTANCE_CONFIDENTIAL,
    PricingEntity.INSTANCE_GPU_STANDARD,
    PricingEntity.INSTANCE_GPU_PREMIUM,
)


@attrs.frozen(kw_only=True)
class UnitPrice(Record):
    """One price in each way of paying that there is.

    ``holding`` is in tokens to keep, ``payg`` in tokens and ``credit`` in credits per hour, ``fixed``
    in tokens whatever the size; of a compute unit, or of a MiB of storage.
    """

    payg: Decimal | None = None
    holding: Decimal | None = None
    fixed: Decimal | None = None
    credit: Decimal | None = None

    def times(self, count: int) -> UnitPrice:
        """Return the price of so many units; what is fixed stays."""

        def multiplied(amount: Decimal | None) -> Decimal | None:
            return None if amount is None else amount * count

        return attrs.evolve(
            self,
            payg=multiplied(self.payg),
            holding=multiplied(self.holding),
            credit=multiplied(self.credit),
        )


@attrs.frozen(kw_only=True)
class ComputeUnit(Record):
    """What one compute unit of a family has; memory and disk in MiB."""

    vcpus: int
    memory_mib: int
    disk_mib: int


@attrs.frozen(kw_only=True)
class TierComputedSpec(ComputeUnit):
    """What a tier has in all; the disk is what the price includes. ``vram`` is in MiB."""

    gpu_model: str | None = None
    vram: int | None = None


@attrs.frozen(kw_only=True)
class Tier(Record):
    """A size in which a family is sold; the tiers of GPU families have a ``model``."""

    compute_units: int
    id: str = ""
    vram: int | None = None
    model: str | None = None

    def extract_tier_id(self) -> str:
        """Return the part of the identifier behind ``tier-``."""
        return self.id.split("-", 1)[-1]


@attrs.frozen(kw_only=True)
class PricingPerEntity(Record):
    """The prices of one family: ``price["compute_unit"].credit``, ``price["storage"].holding``."""

    price: Mapping[str, Any] = attrs.field(factory=dict)
    compute_unit: ComputeUnit | None = None
    tiers: tuple[Tier, ...] = ()

    def get_closest_tier(
        self,
        vcpus: int | None = None,
        memory_mib: int | None = None,
        compute_unit: int | None = None,
        *,
        disk_mib: int | None = None,
        model: str | None = None,
    ) -> Tier | None:
        """Return the tier whose number of compute units is closest to what is wanted.

        Of two that are equally close the larger one counts, but the closest may be smaller than what
        is wanted. ``model`` restricts to the tiers with this GPU. None when there is no such tier or
        the family is not sold by compute units.
        """
        candidates = [
            tier
            for tier in self.tiers
            if model is None or (tier.model or "").casefold() == model.casefold()
        ]
        wanted = [] if compute_unit is None else [_positive("compute_unit", compute_unit)]
        for name, amount in (("vcpus", vcpus), ("memory_mib", memory_mib), ("disk_mib", disk_mib)):
            if amount is None:
                continue
            needed = _positive(name, amount)
            contained = 0 if self.compute_unit is None else getattr(self.compute_unit, name)
            if contained > 0:
                wanted.append(-(-needed // contained))
        if not wanted and (model is None or any((vcpus, memory_mib, disk_mib))):
            return None
        units = max(wanted, default=0)
        return min(
            candidates,
            key=lambda tier: (abs(tier.compute_units - units), -tier.compute_units),
            default=None,
        )

    def get_services_specs(self, tier: Tier) -> TierComputedSpec:
        """Return what a tier of this family has; raises ``ArgumentError`` without compute units."""
        unit = self.compute_unit
        if unit is None:
            raise ArgumentError("tier", "this family is not sold by compute units")
        return TierComputedSpec(
            vcpus=tier.compute_units * unit.vcpus,
            memory_mib=tier.compute_units * unit.memory_mib,
            disk_mib=tier.compute_units * unit.disk_mib,
            gpu_model=tier.model,
            vram=None if tier.model is None else tier.vram,
        )

    def get_tier_price(self, tier: Tier) -> UnitPrice:
        """Return the price of a tier, its included disk with it; raises ``ArgumentError`` as above."""
        price = self.price.get("compute_unit")
        if not isinstance(price, UnitPrice):
            raise ArgumentError("tier", "this family is not sold by compute units")
        return price.times(tier.compute_units)


@attrs.frozen
class PricingModel(Mapping[str, PricingPerEntity]):
    """The prices of every family, by its name or ``PricingEntity``; ``extra`` keeps what is none."""

    entities: Mapping[str, PricingPerEntity]
    extra: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)

    def __getitem__(self, name: str) -> PricingPerEntity:
        return self.entities[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entities)

    def __len__(self) -> int:
        return len(self.entities)

    @property
    def gpu_models(self) -> dict[str, str]:
        """The models of GPUs that there are, each with the family in which it is sold."""
        return {
            tier.model: name
            for name, entity in self.entities.items()
            for tier in entity.tiers
            if tier.model is not None
        }


def read_pricing(content: Mapping[str, Any]) -> PricingModel:
    """Read the content of the aggregate; families that are unknown here are kept."""
    entities: dict[str, PricingPerEntity] = {}
    extra: dict[str, Any] = {}
    for name, raw in content.items():
        try:
            entity = structure(raw, PricingPerEntity)
        except MalformedAnswerError:
            extra[name] = raw
            continue
        prices = {kind: _price(value) for kind, value in entity.price.items()}
        entities[name] = attrs.evolve(entity, price=prices)
    return PricingModel(entities, extra)


@attrs.frozen(kw_only=True)
class _Amount(Record):
    amount: Decimal


def _price(value: Any) -> Any:
    """Return a price for an object and an amount for a number; anything else stays what it is."""
    kind: type[Record] = UnitPrice if isinstance(value, Mapping) else _Amount
    try:
        read = structure(value if kind is UnitPrice else {"amount": value}, kind)
    except MalformedAnswerError:
        return value
    return read.amount if isinstance(read, _Amount) else read


def _positive(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ArgumentError(name, f"expected a positive whole number, not {value!r:.80}")
    return value
