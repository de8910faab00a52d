"""Programs and instances to publish, and a compute node to start them on."""

from __future__ import annotations

from typing import Any

from tests.devnode.author import Answer, Author, Json, Visitor
from tests.vm_contents import instance, program

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


def persistent_program(ref: str, **fields: Any) -> Json:
    on = {"http": True, "persistent": True}
    return program(ref, ref, **{"on": on, "payment": {"type": "credit"}, **fields})


def notify(visitor: Visitor, vm: str) -> Answer:
    return visitor.post("/control/allocation/notify", {"instance": vm})


def started(owner: Author, rootfs: str, **fields: Any) -> str:
    """Publish an instance and start it."""
    vm = owner.send("INSTANCE", instance(rootfs, **fields))
    answer = notify(owner, vm)
    assert answer.status == 200, answer.text
    assert answer.json == {"success": True, "successful": True, "failing": [], "errors": {}}
    return vm
