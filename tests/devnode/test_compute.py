"""The compute node and the services beside it, held against what the real ones answer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from aleph_devnode import DevNode, NodeSettings
from tests.devnode.author import Author, Json, Visitor, eventually
from tests.devnode.machines import CONFIDENTIAL, EARLY, notify, persistent_program, started
from tests.vm_contents import instance

ABSENT = "e" * 64
HERE = NodeSettings().node_hash
RECEIVER = NodeSettings().reward_address
GPU = {
    "vendor": "NVIDIA",
    "model": None,
    "device_name": "AD104GL [RTX 4000 SFF Ada Generation]",
    "device_class": "0300",
    "pci_host": "01:00.0",
    "device_id": "10de:27b0",
    "compatible": True,
}
WANTED_GPU = {
    "vendor": "NVIDIA",
    "device_name": "AD104GL",
    "device_class": "0300",
    "device_id": "10de:27b0",
}


@pytest.fixture
def owner(author: Author) -> Author:
    """Someone with tokens and credits for many machines."""
    return author


@pytest.fixture
def rootfs(owner: Author) -> str:
    return owner.store(b"rootfs")


def execution(visitor: Visitor, vm: str) -> Json:
    return visitor.get("/v2/about/executions/list").json.get(vm)


def mapped(visitor: Visitor, vm: str) -> Json:
    return execution(visitor, vm)["networking"]["mapped_ports"]


def update(visitor: Visitor, vm: str) -> Any:
    return visitor.ask("POST", f"/control/machine/{vm}/update")


def forward(owner: Author, vm: str, entry: Json) -> Any:
    """Publish what to forward to a machine, and have it read."""
    owner.aggregate("port-forwarding", {vm: entry})
    return update(owner, vm)


def test_a_machine_starts_when_the_node_is_notified(owner: Author, rootfs: str) -> None:
    vm = owner.send("INSTANCE", instance(rootfs))
    assert execution(owner, vm) is None
    assert notify(owner, vm).status == 200
    found = execution(owner, vm)
    assert (found["running"], found["vm_type"]) == (True, "instance")
    assert found["awaiting_confidential_init"] is False
    assert found["networking"]["ipv4_ip"].endswith(".2")
    assert mapped(owner, vm)["22"].keys() == {"host", "tcp", "udp"}
    assert found["status"]["started_at"] >= found["status"]["defined_at"]
    assert found["status"]["stopped_at"] is None
    older = owner.get("/about/executions/list").json[vm]
    assert older["networking"]["ipv4"] == found["networking"]["ipv4_network"]
    again = notify(owner, vm)
    assert again.status == 200
    assert execution(owner, vm) == found
    assert again.headers["server"] == "aleph-vm/1.14.0"


def test_what_cannot_be_started_is_refused_in_the_node_s_words(owner: Author, rootfs: str) -> None:
    def refusal(**fields: Any) -> tuple[int, str]:
        time = fields.pop("time", None)
        content = instance(rootfs, **fields) | ({} if time is None else {"time": time})
        answer = notify(owner, owner.send("INSTANCE", content))
        return answer.status, answer.json["error"]

    missing = notify(owner, ABSENT)
    assert missing.status == 500
    assert missing.json == {
        "error": f"Aleph message not found: {ABSENT}",
        "error_type": "<class 'FileNotFoundError'>",
    }
    note = notify(owner, owner.post_note())
    assert (note.status, note.json) == (400, {"error": "400: Message is not an instance"})
    elsewhere = {"node": {"node_hash": ABSENT}}
    assert refusal(requirements=elsewhere) == (
        400,
        "400: Instance is allocated to a different node",
    )
    assert refusal(payment=None, time=EARLY) == (400, "400: Invalid payment method")
    stream = {"type": "superfluid", "chain": "AVAX", "receiver": "0x" + "1" * 40}
    assert refusal(payment=stream, time=EARLY) == (400, "400: Message is not for this instance")


def test_a_machine_that_does_not_fit_is_refused() -> None:
    with DevNode(memory_mib=3000) as node:
        owner = Author(node.url)
        node.fund(owner.address)
        rootfs = owner.store(b"rootfs")
        first = started(owner, rootfs)
        second = notify(owner, owner.send("INSTANCE", instance(rootfs)))
        assert second.status == 503
        text = "This CRN cannot host the requested instance at this time."
        assert second.json == {"error": text}
        assert notify(owner, first).status == 200


def test_a_body_of_another_form_is_answered_with_a_list_inside_a_string(owner: Author) -> None:
    for body in ({}, {"instance": "nothash"}, []):
        answer = owner.post("/control/allocation/notify", body)
        assert answer.status == 400
        assert isinstance(answer.json, str)
        assert json.loads(answer.json)[0]["loc"] in (["instance"], [])
    no_json = owner.ask("POST", "/control/allocation/notify", b"{")
    assert (no_json.status, no_json.json) == (400, {"error": "Body is not valid JSON"})


def test_a_machine_without_money_for_an_hour_is_refused(author: Author, rootfs: str) -> None:
    vm = author.send("INSTANCE", instance(rootfs))
    credit = author.get(f"/api/v0/addresses/{author.address}/balance").json["credit_balance"]
    transfer = {"transfer": {"credits": [{"address": author.another().address, "amount": credit}]}}
    content = {"type": "aleph_credit_transfer", "content": transfer}
    author.send("POST", content, channel="ALEPH_CREDIT")
    answer = notify(author, vm)
    assert answer.status == 402
    lines = answer.json["error"].splitlines()
    assert lines[0] == "Insufficient credits for this instance"
    assert lines[2].startswith("Required: ")
    assert lines[3] == "Current user credits: 0"


def test_streams_flow_unless_the_node_is_told_otherwise(owner: Author, rootfs: str) -> None:
    stream = {"type": "superfluid", "chain": "AVAX", "receiver": RECEIVER}
    content = {"payment": stream, "time": EARLY}
    assert execution(owner, started(owner, rootfs, **content))["running"]
    with DevNode(streams_flow=False) as node:
        other = Author(node.url)
        node.fund(other.address)
        vm = other.send("INSTANCE", instance(other.store(b"r"), **content))
        answer = notify(other, vm)
    assert (answer.status, answer.json["error"]) == (
        402,
        "402: Empty payment stream for this instance",
    )


def test_a_confidential_machine_waits_for_its_owner(owner: Author, rootfs: str) -> None:
    vm = started(owner, rootfs, **CONFIDENTIAL, requirements={"node": {"node_hash": HERE}})
    found = execution(owner, vm)
    assert (found["running"], found["awaiting_confidential_init"]) == (False, True)
    assert owner.get("/about/executions/list").json[vm]["awaiting_confidential_init"] is True


def test_a_confidential_machine_on_the_hold_plan_is_paid_by_its_sender(
    owner: Author, rootfs: str
) -> None:
    held = instance(rootfs, **CONFIDENTIAL, payment=None, time=EARLY)
    assert notify(owner, owner.send("INSTANCE", held)).status == 200
    friend = owner.another()
    allowed = {"authorizations": [{"address": friend.address, "types": ["INSTANCE"]}]}
    owner.aggregate("security", allowed)
    delegated = held | {"address": owner.address, "time": EARLY + 1}
    refused = notify(friend, friend.send("INSTANCE", delegated))
    assert refused.status == 402
    assert refused.json["error"].splitlines()[0] == "Insufficient balance for this instance"


def test_the_scheduler_starts_what_is_held_or_persistent(owner: Author, rootfs: str) -> None:
    held = owner.send("INSTANCE", instance(rootfs, payment=None, time=EARLY))
    persistent = owner.send("PROGRAM", persistent_program(rootfs))
    on_demand = owner.send(
        "PROGRAM", persistent_program(rootfs, on={"http": True, "persistent": False})
    )
    bound = owner.send(
        "INSTANCE",
        instance(rootfs, payment=None, time=EARLY, requirements={"node": {"node_hash": ABSENT}}),
    )
    assert execution(owner, held)["running"]
    assert execution(owner, persistent)["vm_type"] == "persistent_program"
    assert execution(owner, on_demand) is execution(owner, bound) is None
    plan = owner.get("/api/v0/plan").json
    assert held in plan["plan"][HERE]["instances"]
    assert persistent in plan["plan"][HERE]["persistent_vms"]
    assert plan["period"]["duration_seconds"] == 3600
    (known,) = owner.get("/api/v0/nodes").json["nodes"]
    assert known == {
        "node_id": HERE,
        "url": owner.url,
        "ipv6": None,
        "supports_ipv6": False,
    }
    allocation = owner.get(f"/api/v0/allocation/{held}").json
    assert (allocation["vm_hash"], allocation["node"]) == (held, known)
    assert allocation["vm_ipv6"] == execution(owner, held)["networking"]["ipv6_ip"]
    assert owner.get(f"/api/v0/allocation/{bound}").status == 404


def test_a_forgotten_machine_stops(owner: Author, rootfs: str) -> None:
    vm = started(owner, rootfs)
    owner.forget(vm)
    assert execution(owner, vm) is None
    assert notify(owner, vm).status == 500
    assert update(owner, vm).json == {"error": "404: VM not found"}


def test_ports_follow_the_aggregate_and_keep_their_host_ports(owner: Author, rootfs: str) -> None:
    vm = started(owner, rootfs)
    ssh = mapped(owner, vm)
    assert ssh.keys() == {"22"}
    both = {"80": {"tcp": True, "udp": False}, "443": {"tcp": True, "udp": True}}
    answer = forward(owner, vm, {"ports": both})
    assert (answer.status, answer.json) == (200, {})
    first = mapped(owner, vm)
    assert first.keys() == {"22", "80", "443"}
    assert first["22"] == ssh["22"]
    assert len({mapping["host"] for mapping in first.values()}) == 3
    changed = {"tcp": False, "udp": True}
    forward(owner, vm, {"ports": {"80": changed}})
    second = mapped(owner, vm)
    assert second == {"22": ssh["22"], "80": {"host": first["80"]["host"], **changed}}
    forward(owner, vm, {"ports": both})
    assert mapped(owner, vm)["443"]["host"] not in {m["host"] for m in first.values()}
    closed = {"22": {"tcp": False, "udp": False}}
    forward(owner, vm, {"ports": closed})
    assert mapped(owner, vm) == {"22": {"host": ssh["22"]["host"], "tcp": False, "udp": False}}
    for nothing in (None, {"ports": {}}, {}):
        forward(owner, vm, {"ports": both})
        forward(owner, vm, nothing)
        assert mapped(owner, vm) == {"22": {"host": ssh["22"]["host"], "tcp": True, "udp": False}}


def test_ports_are_read_when_a_machine_starts(owner: Author, rootfs: str) -> None:
    vm = owner.send("INSTANCE", instance(rootfs))
    owner.aggregate("port-forwarding", {vm: {"ports": {"80": {"tcp": True, "udp": False}}}})
    notify(owner, vm)
    assert mapped(owner, vm).keys() == {"22", "80"}


@pytest.mark.parametrize(
    ("flags", "error", "error_type"),
    [
        (None, "'NoneType' object is not subscriptable", "TypeError"),
        ({"tcp": True}, "'udp'", "KeyError"),
        ({"udp": True}, "'tcp'", "KeyError"),
    ],
)
def test_incomplete_flags_fail_when_other_ports_are_gone_already(
    owner: Author, rootfs: str, flags: Json, error: str, error_type: str
) -> None:
    vm = started(owner, rootfs)
    forward(owner, vm, {"ports": {"443": {"tcp": True, "udp": True}}})
    answer = forward(owner, vm, {"ports": {"80": flags}})
    assert answer.status == 500
    assert answer.json == {"error": error, "error_type": f"<class '{error_type}'>"}
    assert mapped(owner, vm).keys() == {"22"}


@pytest.mark.parametrize("entry", [{"ports": None}, {"ports": {"http": None}}, {"ports": []}, [1]])
def test_what_cannot_be_read_drops_every_port(owner: Author, rootfs: str, entry: Json) -> None:
    vm = started(owner, rootfs)
    answer = forward(owner, vm, entry)
    assert (answer.status, answer.json) == (200, {})
    assert mapped(owner, vm) == {}


def test_a_machine_that_cannot_get_its_ports_does_not_start(owner: Author, rootfs: str) -> None:
    vm = owner.send("INSTANCE", instance(rootfs))
    owner.aggregate("port-forwarding", {vm: {"ports": {"80": {"tcp": True}}}})
    assert notify(owner, vm).json["error"] == "'udp'"
    assert execution(owner, vm) is None


def test_paths_that_are_not_there_have_two_texts(owner: Author) -> None:
    def error(method: str, path: str) -> tuple[int, Json]:
        answer = owner.ask(method, path)
        return answer.status, answer.json

    plain = (404, {"error": "404: Not Found"})
    by_name = (404, {"error": "404: Invalid message reference"})
    for path in ("/about/nothing", "/control/allocation/notify", "/status/check/"):
        assert error("GET", path) == plain
    for method, path in (
        ("POST", f"/control/{ABSENT}/update"),
        ("POST", f"/control/machine/{ABSENT}/update/"),
        ("POST", "/about/executions/list"),
        ("DELETE", f"/control/machine/{ABSENT}/rescue"),
    ):
        assert error(method, path) == by_name
    assert error("POST", f"/control/machine/{ABSENT}/update") == (
        404,
        {"error": "404: VM not found"},
    )
    assert error("POST", "/control/machine/nothash/update") == (
        400,
        {"error": "Invalid ref: 'nothash'"},
    )


def test_a_machine_that_boots_has_no_network_yet() -> None:
    with DevNode(boot_seconds=1.0) as node:
        owner = Author(node.url)
        node.fund(owner.address)
        vm = owner.send("INSTANCE", instance(owner.store(b"rootfs")))
        answers: list[Any] = []
        waiting = threading.Thread(target=lambda: answers.append(notify(owner, vm)))
        begun = time.monotonic()
        waiting.start()
        found = eventually(lambda: execution(owner, vm))
        assert (found["networking"], found["running"]) == ({}, False)
        assert update(owner, vm).json == {"status": "ok", "msg": "VM not starting yet"}
        assert owner.get("/about/executions/list").json == {}
        waiting.join()
        assert answers[0].status == 200
        assert time.monotonic() - begun >= 1.0
        assert execution(owner, vm)["running"]


def test_machines_outlive_the_node(tmp_path: Path) -> None:
    with DevNode(data_dir=tmp_path) as node:
        owner = Author(node.url)
        node.fund(owner.address)
        vm = started(owner, owner.store(b"rootfs"))
        before = execution(owner, vm)
    with DevNode(data_dir=tmp_path) as node:
        again = execution(Visitor(node.url), vm)
        assert again == before


@pytest.fixture
def gpu_node() -> Iterator[DevNode]:
    with DevNode(gpus=[GPU], confidential=False, memory_mib=8192) as node:
        yield node


def test_the_host_tells_what_it_has_and_what_is_free(gpu_node: DevNode) -> None:
    owner = Author(gpu_node.url)
    gpu_node.fund(owner.address)
    device = {name: value for name, value in GPU.items() if value is not None}
    idle = owner.get("/about/usage/system").json
    assert idle["gpu"] == {"devices": [device], "available_devices": [device]}
    assert idle["mem"]["total_kB"] == idle["mem"]["available_kB"] == 8192 * 1024 * 1024 // 1000
    assert idle["properties"]["cpu"]["features"] == []
    wanting = {
        "requirements": {"node": {"node_hash": HERE}, "gpu": [WANTED_GPU]},
        "environment": {"internet": True, "aleph_api": True, "hypervisor": "qemu"},
    }
    started(owner, owner.store(b"rootfs"), **wanting)
    busy = owner.get("/about/usage/system").json
    assert busy["gpu"] == {"devices": [device], "available_devices": []}
    assert busy["mem"]["available_kB"] == 6144 * 1024 * 1024 // 1000
    assert busy["cpu"]["load_average"]["load1"] == 1.0
    second = notify(owner, owner.send("INSTANCE", instance(owner.store(b"rootfs"), **wanting)))
    assert second.status == 500
    assert second.json["error"].startswith("Failed to find available GPU")
    (listed,) = owner.get("/crns.json", filter_inactive="true").json["crns"]
    assert listed["system_usage"]["gpu"] == busy["gpu"]
    assert (listed["gpu_support"], listed["confidential_support"]) == (True, False)
    assert listed["compatible_available_gpus"] == []


def test_the_node_says_who_it_is_and_that_it_is_well(owner: Author) -> None:
    config = owner.get("/status/config").json
    assert config["DOMAIN_NAME"] == "127.0.0.1"
    assert config["node_hash"] == HERE
    assert config["payment"]["PAYMENT_RECEIVER_ADDRESS"] == RECEIVER
    assert config["payment"]["AVAILABLE_PAYMENTS"].keys() == {"Chain.AVAX", "Chain.BASE"}
    assert owner.get("/about/capability").json["cpu"]["count"] == 64
    assert all(owner.get("/status/check/fastapi").json.values())
    assert owner.get("/status/check/fastapi/legacy").status == 200
    assert owner.get("/status/check/host").json["ipv6"]["egress"] is True
    assert owner.get("/status/check/ipv6").json == {"host": True, "vm": True}
    check = "/status/check/version"
    assert owner.get(check, reference="1.14.0").text.startswith("Up-to-date: ")
    assert owner.get(check, reference="1.14.1").status == 403
    assert owner.get(check, reference="1.14.0-rc1").status == 200
    assert owner.get(check, reference="newest").status == 400
    assert owner.get(check).status == 400
    assert owner.get("/releases/latest").json["tag_name"] == "1.14.0"


def test_names_lead_to_the_instances_that_run(owner: Author, rootfs: str) -> None:
    vm = started(owner, rootfs)
    network = execution(owner, vm)["networking"]
    (name,) = [entry for entry in owner.get("/instances/list").json if entry["item_hash"] == vm]
    assert name["ipv6"] == network["ipv6_ip"]
    assert name["ipv4"] == {"public": network["host_ipv4"], "local": network["ipv4_network"]}
    assert owner.get("/instances/list", crn="127.0.0.1").json
    assert owner.get("/instances/list", crn="crn.example").json == []


def test_the_newer_scheduler_api_lists_by_pages(owner: Author, rootfs: str) -> None:
    vms = [owner.send("INSTANCE", instance(rootfs)) for _ in range(3)]
    notify(owner, vms[0])
    page = owner.get("/api/v1/vms", owner=owner.address, page_size=2).json
    assert page["pagination"] == {"page": 1, "page_size": 2, "total_items": 3, "total_pages": 2}
    rest = owner.get("/api/v1/vms", owner=owner.address.lower(), page_size=2, page=2).json
    assert [entry["vm_hash"] for entry in page["items"] + rest["items"]] == vms[::-1]
    (running,) = owner.get("/api/v1/vms", vm_hash=vms[0][:20]).json["items"]
    assert (running["status"], running["allocated_node"]) == ("dispatched", HERE)
    waiting = owner.get(f"/api/v1/vms/{vms[1]}").json
    assert (waiting["status"], waiting["allocated_node"]) == ("unscheduled", None)
    assert owner.get(f"/api/v1/vms/{ABSENT}").status == 404
    assert owner.get("/api/v1/vms", sender=owner.address).json["pagination"]["total_items"] == 3
    assert owner.get("/api/v1/vms", page_size=1000).json["pagination"]["page_size"] == 100
    assert owner.get("/api/v1/vms", page="x").status == 422
    for part, found in ((HERE[:6], 1), (HERE[-6:], 1), ("beef", 0)):
        assert len(owner.get("/api/v1/nodes", hash=part).json["items"]) == found
    assert owner.get(f"/api/v1/nodes/{HERE}").json["address"] == owner.url
    assert owner.get(f"/api/v1/nodes/{ABSENT}").status == 404


def test_the_environment_leads_to_the_node(node: DevNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEPH_DEFAULT_CHANNEL", "ELSEWHERE")
    settings = node.client_settings()
    for name, url in node.environment().items():
        assert getattr(settings, name.removeprefix("ALEPH_")) == url
        if "FIRMWARE" not in name:
            assert url.startswith(node.url)
    assert sha256(node.firmware).hexdigest() == settings.DEFAULT_CONFIDENTIAL_FIRMWARE_HASH
    assert settings.DEFAULT_CHANNEL == "ELSEWHERE"
