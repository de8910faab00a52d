"""Prices, tiers and what they contain, as the pricing aggregate has them."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError
from aleph_core.models.pricing import (
    PAYG_GROUP,
    PRICING_GROUPS,
    ComputeUnit,
    GroupEntity,
    PricingEntity,
    PricingPerEntity,
    Tier,
    TierComputedSpec,
    UnitPrice,
    read_pricing,
)
from tests.core.foundation import GPU_UNIT, PRICING, UNIT
from tests.core.recorded import JSON

pricing = read_pricing(PRICING)
instance = pricing[PricingEntity.INSTANCE]


def test_prices_are_decimals_in_every_way_of_paying() -> None:
    assert instance.price["compute_unit"] == UnitPrice(
        payg=Decimal("0.055"), holding=Decimal(1000), credit=Decimal(14250)
    )
    assert pricing["storage"].price["storage"].holding == Decimal("0.333333333")
    assert pricing["web3_hosting"].price["fixed"] == Decimal(50)


def test_families_that_are_unknown_here_are_kept() -> None:
    assert set(pricing) == set(PRICING)
    assert pricing["instance_quantum"].price["compute_unit"].extra == {"qubits": "5"}
    odd = read_pricing({**PRICING, "broken": [5]})
    assert set(odd) == set(PRICING)
    assert odd.extra == {"broken": [5]}


def test_the_groups_name_families() -> None:
    assert PRICING_GROUPS["gpu"] == PRICING_GROUPS[GroupEntity.GPU]
    assert set(PRICING_GROUPS[GroupEntity.ALL]) == set(PricingEntity)
    assert PricingEntity.STORAGE not in PAYG_GROUP


@pytest.mark.parametrize(
    ("wanted", "units"),
    [
        ({"vcpus": 1, "memory_mib": 2048}, 1),
        ({"vcpus": 4}, 4),
        ({"memory_mib": 2049}, 2),
        ({"vcpus": 1, "memory_mib": 16_384}, 8),
        ({"vcpus": 1, "disk_mib": 100_000}, 6),
        ({"compute_unit": 3}, 4),
        ({"vcpus": 2, "compute_unit": 12}, 12),
        ({"vcpus": 1000}, 12),
    ],
)
def test_the_closest_tier_has_the_number_of_units_that_is_nearest(
    wanted: dict[str, int], units: int
) -> None:
    tier = instance.get_closest_tier(**wanted)
    assert tier is not None
    assert tier.compute_units == units


def test_there_is_no_tier_where_nothing_is_asked_for_or_sold_by_units() -> None:
    assert instance.get_closest_tier() is None
    assert pricing["storage"].get_closest_tier(vcpus=1, memory_mib=2048) is None
    assert instance.get_closest_tier(vcpus=1, model="H100") is None


def test_tiers_are_found_by_the_model_of_a_gpu() -> None:
    premium = pricing[PricingEntity.INSTANCE_GPU_PREMIUM]
    tier = premium.get_closest_tier(model="h100")
    assert tier is not None
    assert (tier.model, tier.extract_tier_id()) == ("H100", "2")
    assert premium.get_services_specs(tier) == TierComputedSpec(
        vcpus=24, memory_mib=24 * 6144, disk_mib=24 * 61_440, gpu_model="H100", vram=81_920
    )
    assert pricing.gpu_models == {
        "RTX 4000 ADA": "instance_gpu_standard",
        "RTX 4090": "instance_gpu_standard",
        "A100": "instance_gpu_premium",
        "H100": "instance_gpu_premium",
    }


def test_a_tier_has_its_units_contents_and_price() -> None:
    tier = Tier(id="tier-3", compute_units=4)
    spec = instance.get_services_specs(tier)
    assert (spec.vcpus, spec.memory_mib, spec.disk_mib) == (4, 8192, 81_920)
    assert (spec.gpu_model, spec.vram) == (None, None)
    assert instance.get_tier_price(tier) == UnitPrice(
        payg=Decimal("0.22"), holding=Decimal(4000), credit=Decimal(57_000)
    )
    for ask in (pricing["storage"].get_services_specs, pricing["storage"].get_tier_price):
        with pytest.raises(ArgumentError, match="compute units"):
            ask(tier)


@pytest.mark.parametrize(
    "wanted", [{"vcpus": 0}, {"memory_mib": -1}, {"disk_mib": 1.5}, {"compute_unit": True}]
)
def test_sizes_are_positive_whole_numbers(wanted: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        instance.get_closest_tier(**wanted)


def test_a_unit_that_contains_nothing_decides_nothing() -> None:
    storage = PricingPerEntity(
        compute_unit=ComputeUnit(vcpus=0, memory_mib=0, disk_mib=1),
        tiers=(Tier(compute_units=1), Tier(compute_units=9)),
    )
    assert storage.get_closest_tier(vcpus=4, memory_mib=2048) is None
    tier = storage.get_closest_tier(vcpus=4, disk_mib=8)
    assert tier is not None
    assert tier.compute_units == 9


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """Return the aggregate with one part of it replaced by any JSON value, or missing."""
    content = copy.deepcopy(PRICING)
    place: Any = content
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
            place = place[key]
            continue
        if draw(st.booleans()) and isinstance(place, dict):
            del place[key]
        else:
            place[key] = draw(JSON)
        return content


@given(damaged(), st.integers(1, 10**9), st.integers(1, 10**9))
def test_one_odd_part_costs_nothing_but_itself(
    content: dict[str, Any], vcpus: int, memory: int
) -> None:
    found = read_pricing(content)
    assert set(found) | set(found.extra) == set(content)
    for name, entity in found.items():
        # Compared as text, for True equals 1.
        if json.dumps(content[name]) == json.dumps(PRICING.get(name)):
            assert entity == pricing[name]
        tier = entity.get_closest_tier(vcpus, memory)
        if tier is not None and entity.compute_unit is not None:
            units = tier.compute_units
            assert (
                entity.get_services_specs(tier).memory_mib == units * entity.compute_unit.memory_mib
            )


def test_the_units_of_the_families_are_read() -> None:
    for name, unit in (("instance", UNIT), ("instance_gpu_standard", GPU_UNIT)):
        assert pricing[name].compute_unit == ComputeUnit(**unit)
