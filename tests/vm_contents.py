"""Contents of machines and programs, as small as nodes take them."""

from __future__ import annotations

from typing import Any


def instance(rootfs: str, **fields: Any) -> dict[str, Any]:
    return {
        "allow_amend": False,
        "environment": {"internet": True, "aleph_api": True},
        "resources": {"vcpus": 1, "memory": 2048, "seconds": 30},
        "rootfs": {
            "parent": {"ref": rootfs, "use_latest": True},
            "persistence": "host",
            "size_mib": 20480,
        },
        "volumes": [],
        "payment": {"type": "credit"},
        **fields,
    }


def program(code: str, runtime: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "vm-function",
        "allow_amend": False,
        "code": {"encoding": "zip", "entrypoint": "main:app", "ref": code, "use_latest": False},
        "on": {"http": True, "persistent": False},
        "environment": {"internet": False, "aleph_api": True},
        "resources": {"vcpus": 1, "memory": 128, "seconds": 30},
        "runtime": {"ref": runtime, "use_latest": True, "comment": ""},
        "volumes": [],
        **fields,
    }


def verifiable_program(workload: str, **fields: Any) -> dict[str, Any]:
    return {
        "allow_amend": False,
        "environment": {"internet": True},
        "resources": {"vcpus": 1, "memory": 2048, "seconds": 30},
        "payment": {"type": "credit"},
        "runtime": {"ref": workload},
        "workload": {"ref": workload, "hash_tree": workload, "roothash": "e" * 64},
        "volumes": [],
        "verification": {
            "backend": "sev_snp",
            "measurements": [{"platform": "sev_snp", "registers": {"launch": "a" * 96}}],
        },
        **fields,
    }
