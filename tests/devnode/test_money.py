from __future__ import annotations

import json
import threading
import time
from hashlib import sha256
from typing import Any

import pytest

from aleph_devnode import DevNode
from tests.devnode.author import Author, Visitor
from tests.vm_contents import instance, program

MIB = 1024 * 1024
ABSENT = "e" * 64


def _price(author: Author, item_hash: str, **query: Any) -> Any:
    answer = author.get(f"/api/v0/price/{item_hash}", **query)
    assert answer.status == 200, answer.text
    return answer.json


def test_stores_must_be_paid_by_credit_from_2027_and_were_free_before_2025(
    author: Author, pauper: Author
) -> None:
    late = author.store(b"late", time=1_800_000_000, status=422)
    assert author.error(late) == (202, None)
    author.store(b"late too", time=1_800_000_000, payment={"type": "credit"})
    for number in range(2):
        pauper.store(f"early {number}".encode(), time=1_700_000_000)


def test_large_files_must_be_paid_on_either_plan() -> None:
    with DevNode(max_unsigned_file=2 * MIB) as node:
        author = Author(node.url)
        content = bytes(MIB + 1)
        file_hash = author.upload(content)
        cid = author.post_form("/api/v0/ipfs/add_file", ("file", content)).json["hash"]
        author.send("STORE", {"item_type": "ipfs", "item_hash": cid})
        refused = author.send(
            "STORE",
            {"item_type": "ipfs", "item_hash": cid, "payment": {"type": "credit"}},
            status=422,
        )
        code, details = author.error(refused)
        assert code == 6
        assert float(details["errors"][0]["required_credits"]) > 0
        refused = author.send("STORE", {"item_type": "storage", "item_hash": file_hash}, status=422)
        code, details = author.error(refused)
        assert (code, details["errors"][0]["account_balance"]) == (5, "0")
        node.fund(author.address, aleph=2, credits=0)
        author.send("STORE", {"item_type": "storage", "item_hash": file_hash})
        balance = author.get(f"/api/v0/addresses/{author.address}/balance").json
        assert 0.66 < balance["locked_amount"] < 0.67


def test_large_unclaimed_files_are_weighed_with_what_is_paid_already() -> None:
    with DevNode(max_unsigned_file=2 * MIB, max_storage_file=4 * MIB) as node:
        author = Author(node.url)
        node.fund(author.address, aleph=1, credits=0)
        content = bytes(3 * MIB)
        _, metadata = author.claim(content)
        parts = (("file", content), ("metadata", metadata))
        assert author.post_form("/api/v0/storage/add_file", *parts).status == 200
        author.store(b"")
        _, metadata = author.claim(b"more")
        parts = (("file", b"more"), ("metadata", metadata))
        assert author.post_form("/api/v0/storage/add_file", *parts).status == 402
        node.fund(author.address, aleph=3, credits=0)
        message, metadata = author.claim(content)
        parts = (("file", content), ("metadata", metadata))
        assert author.post_form("/api/v0/storage/add_file", *parts).status == 200
        assert _price(author, message["item_hash"])["cost"].startswith("0.999")


def test_an_instance_needs_its_rootfs_large_enough_and_locks_it(author: Author) -> None:
    rootfs = author.store(bytes(2 * MIB))
    volume = {"persistence": "host", "size_mib": 1, "mount": "/v", "name": "data"}
    small = instance(rootfs) | {
        "volumes": [volume | {"parent": {"ref": rootfs, "use_latest": False}}]
    }
    code, details = author.error(author.send("INSTANCE", small, status=422))
    (problem,) = details["errors"]
    assert code == 304
    assert (problem["volume_name"], problem["parent_size"], problem["volume_size"]) == (
        "data",
        2 * MIB,
        MIB,
    )
    missing = author.send("INSTANCE", instance(ABSENT), status=202)
    assert author.error(missing) == (301, {"errors": [ABSENT]})
    vm = author.send("INSTANCE", instance(rootfs) | {"volumes": [volume]})
    refused = author.forget(rootfs, status=422)
    assert author.error(refused) == (503, {"errors": [f"File {rootfs} used on vm {vm}"]})
    detail = {part["name"]: part for part in _price(author, vm, include_size="true")["detail"]}
    assert detail["#0:/v"]["size_mib"] == 1.0
    author.forget(vm)
    assert author.get(f"/api/v0/price/{vm}").status == 410
    author.forget(rootfs)


def test_only_instances_that_allow_it_are_replaced_and_only_once(author: Author) -> None:
    rootfs = author.store(b"rootfs")

    def send(status: int, **fields: Any) -> str:
        return author.send("INSTANCE", instance(rootfs, **fields), status=status)

    fixed, open_one = send(200), send(200, allow_amend=True)
    assert author.error(send(202, replaces=ABSENT))[0] == 300
    assert author.error(send(422, replaces=fixed))[0] == 302
    update = send(200, replaces=open_one, allow_amend=True)
    assert author.error(send(422, replaces=update))[0] == 303


def test_programs_are_priced_by_what_they_use(author: Author) -> None:
    code, runtime = author.store(b"code"), author.store(b"runtime")
    data = author.store(bytes(MIB))
    plain = author.send("PROGRAM", program(code, runtime))
    online = author.send(
        "PROGRAM", program(code, runtime) | {"environment": {"internet": True, "aleph_api": True}}
    )
    assert _price(author, plain)["required_tokens"] == 200.0
    assert _price(author, online)["required_tokens"] == 400.0
    volumes = [
        {"ref": data, "mount": "/data", "use_latest": True},
        {"ephemeral": True, "size_mib": 5, "mount": "/e"},
    ]
    large = author.send(
        "PROGRAM",
        program(code, runtime, volumes=volumes)
        | {"data": {"encoding": "zip", "mount": "/d", "ref": data, "use_latest": False}},
    )
    names = [part["name"] for part in _price(author, large)["detail"]]
    assert names == [
        "program",
        "EXECUTION_PROGRAM_VOLUME_CODE",
        "EXECUTION_PROGRAM_VOLUME_RUNTIME",
        "EXECUTION_PROGRAM_VOLUME_DATA",
        "#0:/data",
        "#1:/e",
        "EXECUTION_VOLUME_DISCOUNT",
    ]
    listening = program(code, runtime) | {"on": {"http": True, "message": [{"sender": "0x1"}]}}
    subscribed = author.send("PROGRAM", listening)
    (found,) = author.get("/api/v0/programs/on/message").json
    assert found["item_hash"] == subscribed
    old = author.send("PROGRAM", program(code, runtime, time=1_700_000_000))
    assert author.status(old) == "processed"


def test_streams_are_not_checked_but_have_an_end(author: Author, pauper: Author) -> None:
    rootfs = author.store(b"r")
    stream = {"type": "superfluid", "chain": "AVAX", "receiver": "0x1"}
    early = pauper.send("INSTANCE", instance(rootfs, payment=stream, time=1_770_000_000))
    assert float(_price(pauper, early)["cost"]) < 0.001
    late = pauper.send("INSTANCE", instance(rootfs, payment=stream), status=422)
    assert pauper.error(late) == (202, None)


def test_estimates_take_sizes_of_files_that_are_not_here(author: Author) -> None:
    code = {
        "encoding": "zip",
        "entrypoint": "x",
        "ref": ABSENT,
        "use_latest": True,
        "estimated_size_mib": 4096,
    }
    volume = {"ref": ABSENT, "mount": "/v", "use_latest": True, "estimated_size_mib": 10}
    unpriced = program(ABSENT, ABSENT, volumes=[volume]) | {"code": code}

    def estimate(kind: str, content: Any) -> Any:
        message = {"type": kind, "item_content": json.dumps(content)}
        return author.post("/api/v0/price/estimate", {"message": message})

    owned = {"address": author.address, "time": 1.0}
    found = estimate("PROGRAM", owned | unpriced).json
    sizes = {part["name"]: part["size_mib"] for part in found["detail"]}
    assert sizes["EXECUTION_PROGRAM_VOLUME_CODE"] == 4096.0
    assert sizes["#0:/v"] == 10.0
    assert found["required_tokens"] > 200.0
    store = owned | {"item_type": "storage", "item_hash": ABSENT}
    assert estimate("STORE", store).json["required_tokens"] == 0.0
    assert estimate("STORE", "no object").status == 422
    assert estimate("POST", {}).status == 500
    assert author.post("/api/v0/price/estimate", {}).status == 500
    bad = author.post("/api/v0/price/estimate/instance", [])
    assert (bad.status, "validation errors" in bad.text) == (422, True)
    assert author.post("/api/v0/price/recalculate", {}).status == 401
    assert author.post(f"/api/v0/price/{ABSENT}/recalculate", {}).status == 401


def test_the_price_of_a_pending_message_keeps_the_client_waiting_until_the_node_stops() -> None:
    with DevNode(retry_delay=3600.0) as node:
        author = Author(node.url)
        pending = author.sign("STORE", {"item_type": "storage", "item_hash": ABSENT})
        author.publish(pending, sync=False)
        path = f"/api/v0/price/{pending['item_hash']}"
        with author.connection() as connection:
            connection.timeout = 0.3
            connection.request("GET", path)
            with pytest.raises(TimeoutError):
                connection.getresponse()
        statuses: list[int] = []
        waiting = threading.Thread(target=lambda: statuses.append(author.get(path).status))
        waiting.start()
        time.sleep(0.2)
        assert not statuses
    waiting.join(10)
    assert statuses == [503]


def test_costs_are_summed_up_and_broken_down(author: Author) -> None:
    stores = sorted(
        author.store(name.encode(), payment={"type": "credit"}) for name in ("one", "two")
    )
    whole = author.get("/api/v0/costs", address=author.address).json
    assert (whole["summary"]["resource_count"], whole["resources"]) == (2, None)
    detailed = author.get(
        "/api/v0/costs", address=author.address, include_details=2, include_size="true"
    ).json
    assert [resource["item_hash"] for resource in detailed["resources"]] == stores
    assert detailed["resources"][0]["detail"][0]["size_mib"] == 3 / MIB
    one = author.get("/api/v0/costs", item_hash=stores[0], include_details=1).json
    assert one["resources"][0]["detail"] is None
    assert author.get("/api/v0/costs", pagination=5).status == 422


def test_balances_are_listed_by_page_and_cursor() -> None:
    with DevNode() as node:
        visitor = Visitor(node.url)
        for number in range(3):
            node.fund(f"0x{number}", aleph=10 * (number + 1), credits=5 * (number + 1))

        def cursored(path: str, name: str, **query: Any) -> list[str]:
            found: list[str] = []
            cursor: str | None = ""
            while cursor is not None:
                page = visitor.get(path, cursor=cursor, pagination=1, **query).json
                found += [entry["address"] for entry in page[name]]
                cursor = page["next_cursor"]
            return found

        addresses = ["0x0", "0x1", "0x2"]
        assert cursored("/api/v0/balances", "balances") == addresses
        assert cursored("/api/v0/balances", "balances", min_balance=15) == addresses[1:]
        assert cursored("/api/v0/balances", "balances", chains="SOL") == []
        assert cursored("/api/v0/credit_balances", "credit_balances", min_balance=10) == [
            "0x1",
            "0x2",
        ]
        page = visitor.get("/api/v0/balances", pagination=2, page=2).json
        assert ([entry["address"] for entry in page["balances"]], page["pagination_total"]) == (
            ["0x2"],
            3,
        )
        assert visitor.get("/api/v0/balances", cursor="bad").status == 422
        on_chain = visitor.get("/api/v0/addresses/0x1/balance", chain="ETH").json
        assert (on_chain["balance"], on_chain["details"]) == (20.0, {})


def _transfer(author: Author, *entries: dict[str, Any], status: int = 200) -> str:
    content = {"transfer": {"credits": list(entries)}}
    post = {"type": "aleph_credit_transfer", "content": content}
    return author.send("POST", post, channel="ALEPH_CREDIT", status=status)


def test_transferred_credits_expire_with_those_they_came_from(author: Author) -> None:
    middle, end = author.another(), author.another()
    soon = (int(time.time()) + 1000) * 1000
    late = soon + 1_000_000
    _transfer(author, {"address": middle.address, "amount": 60, "expiration": late})
    _transfer(author, {"address": middle.address, "amount": 30, "expiration": soon})
    _transfer(author, {"address": middle.address, "amount": 10})
    _transfer(middle, {"address": end.address, "amount": 95, "expiration": late})
    path = f"/api/v0/addresses/{end.address}"
    balance = author.get(f"{path}/balance", include_credit_details="true").json
    details = [
        (bool(entry["expiration_date"]), entry["amount"])
        for entry in balance["credit_balance_details"]
    ]
    assert details == [(True, 30), (True, 65)]
    assert author.get(f"{path}/credit_history", has_expiration="true").json["pagination_total"] == 3
    assert author.get(f"{path}/credit_history", has_expiration="false").status == 404
    left = author.get(f"/api/v0/addresses/{middle.address}/balance").json
    assert left["credit_balance"] == 5
    expired = _transfer(author, {"address": end.address, "amount": 1, "expiration": 1000})
    assert author.status(expired) == "processed"
    assert author.get(f"{path}/balance").json["credit_balance"] == 95


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [{"address": "", "amount": 1}],
        [{"address": "0x1", "amount": 0}],
        [{"address": "0x1", "amount": "5"}],
        [{"address": "0x1", "amount": True}],
        [{"address": "0x1", "amount": 1}, {"address": "0x1", "amount": 1}],
    ],
)
def test_bad_transfers_are_rejected(author: Author, entries: list[dict[str, Any]]) -> None:
    assert author.error(_transfer(author, *entries, status=422))[0] == 0


def test_the_credit_history_is_filtered_and_sorted(author: Author) -> None:
    receiver = author.another()
    for amount in (3, 1, 2):
        _transfer(author, {"address": receiver.address, "amount": amount})
    path = f"/api/v0/addresses/{receiver.address}/credit_history"

    def amounts(**query: Any) -> list[int]:
        answer = author.get(path, **query)
        if answer.status == 404:
            return []
        return [entry["amount"] for entry in answer.json["credit_history"]]

    assert amounts() == [2, 1, 3]
    assert amounts(sort_order=1) == [3, 1, 2]
    assert amounts(sort_by="amount") == [3, 2, 1]
    assert sorted(amounts(sort_by="tx_hash")) == [1, 2, 3]
    assert amounts(direction="outgoing") == []
    assert amounts(exclude_payment_method="credit_transfer") == []
    assert amounts(origin=author.address, provider="ALEPH") == [2, 1, 3]
    assert amounts(resource="x") == []
    assert amounts(endDate=5) == []
    assert amounts(startDate=9e9) == []
    cursor = author.get(path, cursor="", pagination=1).json["next_cursor"]
    assert amounts(cursor=cursor, pagination=2) == [1, 3]
    assert author.get(path, cursor=cursor, pagination=1, sort_by="amount").status == 422
    summary = author.get(f"{path}/summary").json
    assert (summary["entry_count"], summary["total_incoming"]) == (3, 6)
    granted = author.get(f"/api/v0/addresses/{author.address}/credit_history").json
    assert granted["credit_history"][0]["payment_method"] == "devnode"


def test_a_verifiable_program_is_priced_like_a_confidential_instance_and_locks_its_files(
    author: Author,
) -> None:
    workload = author.store(b"workload")
    bound = {"ref": workload, "hash_tree": workload, "roothash": ABSENT}
    measurement = {"platform": "sev_snp", "registers": {"launch": "a" * 96}}
    content = {
        "allow_amend": False,
        "environment": {"internet": True},
        "resources": {"vcpus": 1, "memory": 2048, "seconds": 30},
        "payment": {"type": "credit"},
        "runtime": {"ref": workload},
        "workload": bound,
        "volumes": [bound],
        "verification": {"backend": "sev_snp", "measurements": [measurement]},
    }
    vm = author.send("V-PROGRAM", content)
    (execution, _) = _price(author, vm)["detail"]
    assert (execution["name"], execution["cost_hold"]) == (
        "instance_confidential",
        "2000.000000000000000000",
    )
    assert author.error(author.forget(workload, status=422))[0] == 503
    message = author.sign("V-PROGRAM", content | {"payment": {"type": "hold"}})
    assert author.publish(message).text == "InvalidMessageFormat"


def test_a_store_of_something_absent_gets_a_price_once_it_is_there(author: Author) -> None:
    content = b"arrives later"
    store = author.sign("STORE", {"item_type": "storage", "item_hash": sha256(content).hexdigest()})
    author.publish(store, sync=False)
    author.upload(content)
    author.await_status(store["item_hash"], "processed")
    assert _price(author, store["item_hash"])["charged_address"] == author.address
