"""Backups, restores and reservations, held against what a real compute node answers."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from aleph_devnode import DevNode, disk_images
from tests.devnode.author import Author, eventually
from tests.devnode.machines import notify, started
from tests.devnode.vm_signing import Login, ethereum_login
from tests.vm_contents import instance

ABSENT = "e" * 64
MIB = 1024 * 1024
DISK = disk_images.make(1000 * MIB, b"content")
GPU = {
    "vendor": "NVIDIA",
    "device_name": "AD104GL",
    "device_class": "0300",
    "pci_host": "01:00.0",
    "device_id": "10de:27b0",
}
WANTED_GPU = {name: value for name, value in GPU.items() if name != "pci_host"}
VOLUMES = [
    {"mount": "/data", "name": "data", "persistence": "host", "size_mib": 10},
    {"mount": "/tmp/x", "ephemeral": True, "size_mib": 10},
]


@pytest.fixture
def vm(author: Author) -> str:
    return started(author, author.store(b"rootfs"))


def login_of(author: Author, **changes: Any) -> Login:
    return ethereum_login(author.account.export_private_key(), "127.0.0.1", **changes)


def ask(author: Author, method: str, vm: str, operation: str, **request: Any) -> Any:
    path = f"/control/machine/{vm}/{operation}"
    return login_of(author).ask(author, method, path, **request)


def form(name: str, content: bytes, *, filename: bool = True) -> dict[str, Any]:
    named = '; filename="disk"' if filename else ""
    body = (
        f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode()
        + content
        + b"\r\n--b--\r\n"
    )
    return {"body": body, "headers": {"Content-Type": "multipart/form-data; boundary=b"}}


def as_json(value: Any) -> dict[str, Any]:
    return {"body": json.dumps(value), "headers": {"Content-Type": "application/json"}}


def backup_of(author: Author, vm: str, query: str = "") -> Any:
    assert ask(author, "POST", vm, "backup", query=query).status == 202
    answer = ask(author, "GET", vm, "backup")
    assert answer.status == 200
    return answer.json


def local(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def test_a_backup_is_made_told_taken_and_deleted(author: Author) -> None:
    vm = started(author, author.store(b"rootfs"), volumes=VOLUMES)
    missing = ask(author, "GET", vm, "backup")
    assert (missing.status, missing.json) == (404, {"error": "No backup found for this VM"})
    told = backup_of(author, vm, "?include_volumes=true")
    assert told["backup_id"].startswith(f"{vm}-20")
    assert told["volumes"] == ["rootfs.qcow2", "data.qcow2"]
    again = ask(author, "POST", vm, "backup")
    assert again.status == 200
    assert again.json["backup_id"] == told["backup_id"]
    taken = author.ask("GET", local(told["download_url"]))
    assert taken.status == 200
    assert len(taken.body) == told["size"] == int(taken.headers["content-length"])
    digest = f"sha256:{hashlib.sha256(taken.body).hexdigest()}"
    assert told["checksum"] == taken.headers["x-backup-checksum"] == digest
    with tarfile.open(fileobj=io.BytesIO(taken.body)) as tar:
        assert {entry.name: entry.size for entry in tar} == told["source_sizes"]
    ask(author, "POST", vm, "stop")
    assert author.ask("GET", local(told["download_url"])).status == 200
    assert ask(author, "GET", vm, "backup").status == 404
    notify(author, vm)
    deleted = ask(author, "DELETE", vm, f"backup/{told['backup_id']}")
    assert (deleted.status, deleted.headers["content-type"][:10]) == (200, "text/plain")
    assert author.ask("GET", local(told["download_url"])).status == 404
    assert ask(author, "DELETE", vm, f"backup/{told['backup_id']}").status == 404


def test_a_backup_takes_its_time_and_may_fail_once(author: Author) -> None:
    with DevNode(backup_seconds=0.5, backup_failure="no space") as node:
        owner = Author(node.url)
        node.fund(owner.address)
        vm = started(owner, owner.store(b"rootfs"))
        for _ in range(2):
            begun = ask(owner, "POST", vm, "backup")
            assert (begun.status, begun.json) == (202, {"status": "in_progress"})
        busy = ask(owner, "POST", vm, "restore", **form("rootfs", DISK))
        assert busy.status == 409
        failed = eventually(
            lambda: (found := ask(owner, "GET", vm, "backup")).status != 202 and found
        )
        assert (failed.status, failed.text) == (500, "Backup failed: no space")
        assert failed.headers["content-type"].startswith("text/plain")
        assert ask(owner, "GET", vm, "backup").status == 404


def test_backups_are_for_owners_and_downloads_for_signatures(
    author: Author, pauper: Author, vm: str
) -> None:
    told = backup_of(author, vm)
    for method, operation in (
        ("POST", "backup"),
        ("GET", "backup"),
        ("DELETE", f"backup/{told['backup_id']}"),
        ("POST", "restore"),
    ):
        assert ask(pauper, method, vm, operation).status == 403
    path = urlsplit(told["download_url"]).path
    query = parse_qs(urlsplit(told["download_url"]).query)
    signature, expires = query["signature"][0], query["expires"][0]
    assert pauper.get(path, signature=signature, expires=expires).status == 200
    assert pauper.get(path).status == 403
    assert pauper.get(path, signature="0" * 64, expires=expires).status == 403
    assert pauper.get(path, signature=signature, expires=int(expires) + 1).status == 403
    assert pauper.get(path, signature=signature, expires="soon").status == 400


def test_ids_of_backups_are_looked_at(author: Author, vm: str) -> None:
    other = ask(author, "DELETE", vm, f"backup/{ABSENT}-20260101T000000Z")
    assert (other.status, other.json["error"]) == (403, "Backup does not belong to this VM")
    assert ask(author, "DELETE", vm, f"backup/{vm}.tar").status == 400


def test_a_disk_is_put_back_from_a_file(node: DevNode, author: Author, vm: str) -> None:
    answer = ask(author, "POST", vm, "restore", **form("rootfs", DISK))
    assert (answer.status, answer.json) == (200, {"status": "restored", "vm_hash": vm})
    found = node.machine(vm)
    assert found["disk"] == f"file:{hashlib.sha256(DISK).hexdigest()}"
    assert found["running"]
    assert ask(author, "POST", vm, "reinstall").status == 200
    assert node.machine(vm)["disk"] == "image"
    assert node.machine(vm)["volumes_erased"] == 1


def test_a_disk_is_put_back_from_a_stored_file(node: DevNode, author: Author, vm: str) -> None:
    ref = author.store(DISK)
    answer = ask(author, "POST", vm, "restore", **as_json({"volume_ref": ref}))
    assert answer.status == 200
    assert node.machine(vm)["disk"] == f"volume:{ref}"
    with pytest.raises(LookupError):
        node.machine(ABSENT)


@pytest.mark.parametrize(
    ("request_of", "status", "problem"),
    [
        (form("rootfs", b"a tar, perhaps"), 400, "not a valid QCOW2"),
        (form("rootfs", disk_images.make(99_000 * MIB)), 400, "exceeds the declared"),
        (form("disk", DISK), 400, "Missing 'rootfs' field in multipart upload"),
        (form("rootfs", DISK, filename=False), 400, "Missing 'rootfs' field"),
        ({"body": b"x"}, 400, "Expected multipart upload or JSON with volume_ref"),
        (as_json({}), 400, "Missing volume_ref in JSON body"),
        (as_json({"volume_ref": "Qm" + "a" * 44}), 400, "Invalid volume_ref format"),
        (as_json({"volume_ref": ABSENT}), 500, "Restore failed"),
    ],
)
def test_what_is_no_disk_is_refused(
    author: Author, vm: str, request_of: dict[str, Any], status: int, problem: str
) -> None:
    answer = ask(author, "POST", vm, "restore", **request_of)
    assert answer.status == status
    assert problem in answer.json["error"]


def test_a_disk_that_is_too_large_is_refused(author: Author) -> None:
    content = instance(author.store(b"small"))
    content["rootfs"]["size_mib"] = 1
    vm = author.send("INSTANCE", content)
    assert notify(author, vm).status == 200
    answer = ask(author, "POST", vm, "restore", **form("rootfs", DISK + bytes(2 * MIB)))
    assert answer.status == 413


def reserve(author: Author, content: Any) -> Any:
    path = "/control/reserve_resources"
    return login_of(author).ask(author, "POST", path, **as_json(content))


def content_of(author: Author, **fields: Any) -> Any:
    return {"address": author.address, "time": 1, **instance(ABSENT, **fields)}


def test_anyone_may_reserve(pauper: Author) -> None:
    answer = reserve(pauper, content_of(pauper))
    assert answer.status == 200
    assert answer.json["status"] == "reserved"
    assert answer.json["expires"][10] == " "
    unsigned = pauper.post("/control/reserve_resources", content_of(pauper))
    assert unsigned.status == 400
    invalid = reserve(pauper, {"address": pauper.address})
    assert invalid.status == 400
    assert json.loads(invalid.json)


def test_a_machine_that_does_not_fit_is_not_reserved() -> None:
    with DevNode(memory_mib=1000) as node:
        visitor = Author(node.url)
        full = reserve(visitor, content_of(visitor))
    text = "This CRN cannot reserve the requested resources at this time."
    assert (full.status, full.json) == (503, {"error": text})


def test_a_gpu_is_held_for_one_wallet() -> None:
    with DevNode(gpus=[GPU]) as node:
        first = Author(node.url)
        second = first.another()
        for author in (first, second):
            node.fund(author.address)
        environment = {"internet": True, "aleph_api": True, "hypervisor": "qemu"}
        wanted = {"requirements": {"gpu": [WANTED_GPU]}, "environment": environment}
        for _ in range(2):
            assert reserve(first, content_of(first, **wanted)).status == 200
        taken = reserve(second, content_of(second, **wanted))
        assert taken.status == 400
        assert taken.json["error"] == "Failed to reserves all resources"
        vm = second.send("INSTANCE", instance(second.store(b"r"), **wanted))
        assert notify(second, vm).status == 500
        vm = first.send("INSTANCE", instance(first.store(b"r"), **wanted))
        assert notify(first, vm).status == 200
