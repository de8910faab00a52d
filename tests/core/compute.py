"""What compute nodes, the scheduler and the list of nodes answer, as seen on the wire or in clients of theirs."""

from __future__ import annotations

from typing import Any

VM = "6da21a3aafb51de0b7f5a92078ca4a68e6bf11b26da21a3aafb51de0b7f5a920"
OTHER_VM = "b" * 64
NODE_HASH = "c" * 64

EXECUTION: dict[str, Any] = {
    "networking": {
        "ipv4_network": "172.16.8.0/24",
        "host_ipv4": "203.0.113.10",
        "ipv6_network": "fc00:1:2:3:3:8::/124",
        "ipv6_ip": "fc00:1:2:3:3:8:0:1",
        "ipv4_ip": "172.16.8.2",
        "mapped_ports": {"22": {"host": 24000, "tcp": True, "udp": False}},
    },
    "status": {
        "defined_at": "2026-11-23 06:50:45.974627+00:00",
        "preparing_at": None,
        "prepared_at": None,
        "starting_at": None,
        "started_at": None,
        "stopping_at": None,
        "stopped_at": None,
    },
    "running": True,
    "awaiting_confidential_init": False,
    "vm_type": "instance",
}
EXECUTION_V1: dict[str, Any] = {
    "networking": {"ipv4": "172.16.8.0/24", "ipv6": "fc00:1:2:3:3:8::/124"},
    "vm_type": "instance",
    "awaiting_confidential_init": False,
}
USAGE: dict[str, Any] = {
    "cpu": {
        "count": 2,
        "load_average": {"load1": 1.18, "load5": 1.27, "load15": 1.05},
        "core_frequencies": {"min": 2600.0, "max": 2600.0},
    },
    "mem": {"total_kB": 25276503, "available_kB": 24017170},
    "disk": {"total_kB": 270553174, "available_kB": 78510858},
    "period": {"start_timestamp": "2026-11-23T06:50:00Z", "duration_seconds": 60.0},
    "properties": {
        "cpu": {
            "architecture": "x86_64",
            "vendor": "AuthenticAMD",
            "features": ["sev", "sev_es"],
        }
    },
    "gpu": {
        "devices": [
            {
                "vendor": "NVIDIA",
                "device_name": "AD104GL [RTX 4000 SFF Ada Generation]",
                "device_class": "0300",
                "pci_host": "01:00.0",
                "device_id": "10de:27b0",
                "compatible": True,
            }
        ],
        "available_devices": [],
    },
    "active": True,
}
H100: dict[str, Any] = {
    "vendor": "NVIDIA",
    "model": "H100",
    "device_name": "GH100 [H100 PCIe]",
    "device_class": "0302",
    "pci_host": "0000:01:00.0",
    "device_id": "10de:2331",
    "compatible": True,
}
CRN: dict[str, Any] = {
    "hash": NODE_HASH,
    "name": "Test GPU Instance",
    "address": "https://crn.example/",
    "owner": "0x5aBd3258C5492fD378EBC2e0017416E199e5Da56",
    "score": 0.9645,
    "status": "linked",
    "type": "compute",
    "locked": True,
    "parent": "d" * 64,
    "stream_reward": "0x5aBd3258C5492fD378EBC2e0017416E199e5Da56",
    "inactive_since": None,
    "terms_and_conditions": "",
    "version": "1.6.0-rc1",
    "payment_receiver_address": "0x5aBd3258C5492fD378EBC2e0017416E199e5Da56",
    "gpu_support": True,
    "confidential_support": False,
    "qemu_support": True,
    "ipv6_check": {"host": True, "vm": True},
    "system_usage": USAGE,
    "compatible_gpus": [H100],
    "compatible_available_gpus": [H100],
}
CONFIG: dict[str, Any] = {
    "DOMAIN_NAME": "crn.example",
    "node_hash": None,
    "version": "1.14.0",
    "references": {"API_SERVER": "https://official.aleph.cloud"},
    "security": {},
    "networking": {},
    "debug": {},
    "payment": {
        "PAYMENT_RECEIVER_ADDRESS": "0x5aBd3258C5492fD378EBC2e0017416E199e5Da56",
        "AVAILABLE_PAYMENTS": {"Chain.AVAX": {}, "Chain.BASE": {}},
    },
    "computing": {
        "ENABLE_QEMU_SUPPORT": True,
        "INSTANCE_DEFAULT_HYPERVISOR": "qemu",
        "ENABLE_CONFIDENTIAL_COMPUTING": True,
        "ENABLE_GPU_SUPPORT": False,
    },
}
PERIOD = {"start_timestamp": "2023-01-01T00:00:00Z", "duration_seconds": 3600}
NODE_ITEM: dict[str, Any] = {
    "node_id": NODE_HASH,
    "url": "https://crn.example/",
    "ipv6": None,
    "supports_ipv6": False,
}
PLAN: dict[str, Any] = {
    "period": PERIOD,
    "plan": {
        NODE_HASH: {
            "persistent_vms": {},
            "instances": [VM],
            "on_demand_vms": None,
            "jobs": [],
        }
    },
}
ALLOCATION: dict[str, Any] = {
    "vm_hash": VM,
    "vm_type": "instance",
    "vm_ipv6": "fc00:1:2:3:3:8:0:1",
    "period": PERIOD,
    "node": NODE_ITEM,
}
SCHEDULER_VM: dict[str, Any] = {
    "vm_hash": VM,
    "vm_type": "instance",
    "allocated_node": NODE_HASH,
    "status": "dispatched",
    "scheduling_status": "scheduled",
    "migration_target": None,
    "owner": "0x5aBd3258C5492fD378EBC2e0017416E199e5Da56",
}
SCHEDULER_NODE: dict[str, Any] = {
    "node_hash": NODE_HASH,
    "address": None,
    "status": "healthy",
    "name": "a node",
}
NAME: dict[str, Any] = {
    "name": "x.y.aleph.sh",
    "item_hash": VM,
    "ipv4": {"public": "1.2.3.4", "local": "172.16.3.1"},
    "ipv6": "fc00:1:2:3:3:8:0:1",
}
