"""What the network's foundation publishes for all: prices, runtimes, images, settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from aleph_async import (
    AlephHttpClient,
    AuthenticatedAlephHttpClient,
    PricingEntity,
    ResourceNotFoundError,
    RuntimeType,
    Settings,
)
from aleph_devnode import DevNode
from tests.core.foundation import PRICING, RUNTIMES, SETTINGS, VM_IMAGES

pytestmark = pytest.mark.anyio


@pytest.fixture
async def public(
    node: DevNode, client: AuthenticatedAlephHttpClient
) -> AsyncIterator[AlephHttpClient]:
    """A reader for whom the account of ``client`` is the foundation."""
    settings = Settings(ALEPH_AGGREGATE_ADDRESS=client.account.get_address())
    async with AlephHttpClient(node.url, settings=settings) as public:
        yield public


async def test_prices_are_read_by_family_and_tier(
    client: AuthenticatedAlephHttpClient, public: AlephHttpClient
) -> None:
    await client.create_aggregate("pricing", PRICING, sync=True)
    prices = await public.pricing.get_pricing_aggregate()
    assert set(prices) == set(PRICING)
    instance = prices[PricingEntity.INSTANCE]
    tier = instance.get_closest_tier(vcpus=2, memory_mib=8192)
    assert tier is not None
    assert instance.get_services_specs(tier).disk_mib == 4 * 20_480
    assert instance.get_tier_price(tier).credit == Decimal(57_000)
    assert prices.gpu_models["H100"] == PricingEntity.INSTANCE_GPU_PREMIUM


async def test_prices_of_single_families_may_come_from_what_was_read_before(
    client: AuthenticatedAlephHttpClient, public: AlephHttpClient
) -> None:
    await client.create_aggregate("pricing", PRICING, sync=True)
    wanted = [PricingEntity.STORAGE, PricingEntity.PROGRAM]
    found = await public.pricing.get_pricing_for_services(wanted)
    assert list(found) == ["storage"]
    prices = await public.pricing.get_pricing_aggregate()
    await public.aclose()
    assert await public.pricing.get_pricing_for_services(wanted, prices) == found


async def test_runtimes_are_read_by_type(
    client: AuthenticatedAlephHttpClient, public: AlephHttpClient
) -> None:
    await client.create_aggregate("runtimes", RUNTIMES, sync=True)
    assert [entry.id for entry in await public.runtimes.get_runtimes()] == [
        "python",
        "debian",
        "new",
    ]
    (debian,) = await public.runtimes.get_runtimes(RuntimeType.INSTANCE)
    assert debian["item_hash"] == "c" * 64
    python = await public.runtimes.get_default_runtime(RuntimeType.PROGRAM)
    assert python is not None
    assert python.id == "python"
    assert await public.runtimes.get_default_runtime("instance") is None


async def test_images_are_read_by_name(
    client: AuthenticatedAlephHttpClient, public: AlephHttpClient
) -> None:
    await client.create_aggregate("vm-images", VM_IMAGES, sync=True)
    images = await public.vm_images.get_vm_images_aggregate()
    default = await public.vm_images.get_vm_image("rootfs")
    assert default == images.rootfs["ubuntu24"]
    assert (await public.vm_images.get_vm_image("runtime", "python")).hash == "2" * 64
    with pytest.raises(ResourceNotFoundError, match="python"):
        await public.vm_images.get_vm_image("runtime", "cobol")


async def test_settings_are_read_and_all_kept(
    client: AuthenticatedAlephHttpClient, public: AlephHttpClient
) -> None:
    await client.create_aggregate("settings", SETTINGS, sync=True)
    settings = await public.network_settings.get_settings_aggregate()
    assert [gpu.device_id for gpu in settings.gpus("RTX 3090")] == ["10de:2204", "10de:2203"]
    assert settings["vm_allocation_signers"] == ["0x00"]


async def test_what_is_not_published_is_not_an_empty_answer(public: AlephHttpClient) -> None:
    for ask in (
        public.pricing.get_pricing_aggregate,
        public.runtimes.get_runtimes,
        public.vm_images.get_vm_images_aggregate,
        public.network_settings.get_settings_aggregate,
    ):
        with pytest.raises(ResourceNotFoundError):
            await ask()
