"""The aggregates of the network's foundation, in the shapes that it publishes them."""

from __future__ import annotations

from typing import Any

UNIT = {"vcpus": 1, "memory_mib": 2048, "disk_mib": 20_480}
GPU_UNIT = {"vcpus": 1, "memory_mib": 6144, "disk_mib": 61_440}
SIZES = [{"id": f"tier-{n}", "compute_units": n} for n in (1, 2, 4, 6, 8, 12)]


def gpu(number: int, model: str, vram: int, units: int) -> dict[str, Any]:
    return {"id": f"tier-{number}", "model": model, "vram": vram, "compute_units": units}


def family(unit: dict[str, int], tiers: list[Any], **price: Any) -> dict[str, Any]:
    storage = {"payg": "0.000000977", "holding": "0.05", "credit": "0.17967489"}
    prices = {"storage": storage, "compute_unit": price}
    return {"price": prices, "compute_unit": unit, "tiers": tiers}


PRICING: dict[str, Any] = {
    "storage": {"price": {"storage": {"holding": "0.333333333", "credit": "0.17967489"}}},
    "web3_hosting": {"price": {"fixed": 50, "storage": {"holding": "0.333333333"}}},
    "instance": family(UNIT, SIZES, payg="0.055", holding="1000", credit="14250"),
    "instance_gpu_standard": family(
        GPU_UNIT,
        [gpu(1, "RTX 4000 ADA", 20_480, 3), gpu(3, "RTX 4090", 24_576, 6)],
        payg="0.28",
        credit="72500",
    ),
    "instance_gpu_premium": family(
        GPU_UNIT, [gpu(1, "A100", 81_920, 16), gpu(2, "H100", 81_920, 24)], credit="145000"
    ),
    "instance_quantum": family(UNIT, SIZES[:1], credit="9", qubits="5"),
}

RUNTIMES: dict[str, Any] = {
    "entries": [
        {
            "id": "python",
            "name": "Python",
            "type": "program",
            "item_hash": "a" * 64,
            "default": True,
            "sha256": "b" * 64,
        },
        {"id": "debian", "name": "Debian", "type": "instance", "item_hash": "c" * 64},
        {"id": "odd", "name": "no hash", "type": "instance"},
        {"id": "new", "name": "of a new type", "type": "unikernel", "item_hash": "d" * 64, "x": 1},
    ]
}

VM_IMAGES: dict[str, Any] = {
    "rootfs": {
        "ubuntu24": {
            "hash": "5330dcefe1857bcd97b7b7f24d1420a7d46232d53f27be280c8a7071d88bd84e",
            "display_name": "Ubuntu 24.04 LTS",
            "min_disk_mib": 20_480,
        },
        "debian9": {"hash": "1" * 64, "deprecated": True},
        "odd": {"display_name": "no hash"},
    },
    "runtimes": {"python": {"hash": "2" * 64}},
    "firmwares": {},
    "defaults": {"rootfs": "ubuntu24", "kernel": "linux"},
    "kernels": {"linux": {"hash": "3" * 64}},
}

SETTINGS: dict[str, Any] = {
    "compatible_gpus": [
        {"name": "GA102", "model": "RTX 3090", "vendor": "NVIDIA", "device_id": "10de:2204"},
        {
            "name": "GA102 Ti",
            "model": "RTX 3090",
            "vendor": "NVIDIA",
            "device_id": "10de:2203",
            "device_class": "0300",
            "model_id": "rtx3090",
        },
        {"name": "without an identifier"},
    ],
    "last_crn_version": "1.7.2",
    "community_wallet_address": "0x5aBd3258C5492fD378EBC2e0017416E199e5Da56",
    "community_wallet_timestamp": 1_739_996_239,
    "vm_allocation_signers": ["0x00"],
}
