"""Programs and instances to publish, and a compute node to start them on."""

from __future__ import annotations

from typing import Any

from tests.devnode.author import Answer, Author, Json, Visitor

# Before the end of the hold plan and of payment streams for machines.
EARLY = 1_770_000_000
CONFIDENTIAL = {
    "environment": {
        "internet": True,
        "aleph_api": True,
        "hypervisor": "qemu",
        "trusted_execution": {"policy": 1, "firmware": "f" * 64},
    }
}


def instance(rootfs: str, **fields: Any) -> Json:
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


def program(ref: str, **fields: Any) -> Json:
    return {
        "type": "vm-function",
        "allow_amend": False,
        "code": {"encoding": "zip", "entrypoint": "main:app", "ref": ref, "use_latest": False},
        "on": {"http": True, "persistent": True},
        "environment": {"internet": False, "aleph_api": True},
        "resources": {"vcpus": 1, "memory": 128, "seconds": 30},
        "runtime": {"ref": ref, "use_latest": True, "comment": ""},
        "payment": {"type": "credit"},
        "volumes": [],
        **fields,
    }


def notify(visitor: Visitor, vm: str) -> Answer:
    return visitor.post("/control/allocation/notify", {"instance": vm})


def started(owner: Author, rootfs: str, **fields: Any) -> str:
    """Publish an instance and start it."""
    vm = owner.send("INSTANCE", instance(rootfs, **fields))
    answer = notify(owner, vm)
    assert answer.status == 200, answer.text
    assert answer.json == {"success": True, "successful": True, "failing": [], "errors": {}}
    return vm
