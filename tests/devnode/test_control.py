"""Signed operations on machines, held against what a real compute node answers, mistakes included."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aleph_core.accounts import SOLAccount
from tests.devnode.author import Author, Json
from tests.devnode.machines import notify, started
from tests.devnode.vm_signing import Login, ethereum_login, solana_login, zulu
from tests.vm_contents import instance

ABSENT = "e" * 64
DOMAIN = "127.0.0.1"

Change = Callable[[Login], Any]


@pytest.fixture
def owner(author: Author) -> Author:
    return author


@pytest.fixture
def vm(owner: Author) -> str:
    """A machine of the owner that runs."""
    return started(owner, owner.store(b"rootfs"))


def login_of(author: Author, **changes: Any) -> Login:
    return ethereum_login(author.account.export_private_key(), DOMAIN, **changes)


def control(author: Author, vm: str, name: str, *, query: str = "", **changes: Any) -> Any:
    path = f"/control/machine/{vm}/{name}"
    return login_of(author, **changes).ask(author, "POST", path, query=query)


def execution(author: Author, vm: str) -> Json:
    return author.get("/v2/about/executions/list").json.get(vm)


def said(answer: Any) -> tuple[int, str]:
    return answer.status, answer.json["error"]


class TestLogin:
    def test_owners_log_in_with_either_chain(self, owner: Author, vm: str) -> None:
        assert control(owner, vm, "reboot").status == 200
        seed = os.urandom(32)
        delegate = SOLAccount(seed)
        entry = {"address": delegate.get_address(), "types": ["INSTANCE"]}
        owner.aggregate("security", {"authorizations": [entry]})
        path = f"/control/machine/{vm}/reboot"
        login = solana_login(seed, DOMAIN)
        assert login.ask(owner, "POST", path).text == f"Rebooted VM with ref {vm}"
        wrong = solana_login(seed, DOMAIN, solana_signs_bytes=True)
        assert said(wrong.ask(owner, "POST", path)) == (401, "Invalid signature")

    @pytest.mark.parametrize(
        "changes",
        [
            {"key": {"alg": ..., "domain": ...}},
            {"key": {"domain": "elsewhere.example"}},
            {"key": {"chain": ...}},
            {"key": {"expires": "2126-01-01T00:00:00+02:00"}},
            {"operation": {"time": "a number"}},
            {"key_header": {"sender": "anyone", "content": {}}},
        ],
        ids=str,
    )
    def test_what_does_not_matter_is_not_checked(
        self, owner: Author, vm: str, changes: Json
    ) -> None:
        if "operation" in changes:
            changes = {"operation": {"time": datetime.now(UTC).timestamp()}}
        assert control(owner, vm, "reboot", **changes).status == 200

    @pytest.mark.parametrize("name", ["X-SignedPubKey", "X-SignedOperation"])
    def test_both_headers_are_needed(self, owner: Author, vm: str, name: str) -> None:
        path = f"/control/machine/{vm}/stop"
        headers = login_of(owner).headers("POST", path)
        del headers[name]
        answer = owner.ask("POST", path, None, headers)
        assert said(answer) == (400, f"Missing {name} header")

    @pytest.mark.parametrize(
        ("name", "text", "problem"),
        [
            ("X-SignedPubKey", "no JSON", "Invalid X-SignedPubKey format"),
            ("X-SignedPubKey", "[]", "Invalid X-SignedPubKey data"),
            ("X-SignedOperation", "no JSON", "Invalid X-SignedOperation fields"),
            ("X-SignedOperation", "{}", "Invalid X-SignedOperation fields"),
        ],
    )
    def test_headers_of_another_form_are_refused(
        self, owner: Author, vm: str, name: str, text: str, problem: str
    ) -> None:
        path = f"/control/machine/{vm}/stop"
        headers = login_of(owner).headers("POST", path) | {name: text}
        assert said(owner.ask("POST", path, None, headers)) == (400, problem)

    @pytest.mark.parametrize(
        "changes",
        [
            {"key": {"address": ...}},
            {"key": {"pubkey": "text"}},
            {"key": {"expires": 1_900_000_000}},
            {"key": {"chain": "AVAX"}},
            {"key": {"chain": "BASE"}},
            {"key_header": {"payload": "0x7b7d"}},
            {"key_header": {"payload": "7b"}},
            {"key_header": {"signature": "no hex"}},
        ],
        ids=str,
    )
    def test_a_key_with_bad_fields_is_refused(self, owner: Author, vm: str, changes: Json) -> None:
        answer = control(owner, vm, "stop", **changes)
        assert said(answer) == (400, "Invalid X-SignedPubKey data")

    @pytest.mark.parametrize(
        "changes",
        [
            {"operation": {"method": "post"}},
            {"operation": {"method": "PATCH"}},
            {"operation": {"domain": ...}},
            {"operation": {"time": "no time"}},
            {"operation_header": {"payload": "xyz"}},
            {"operation_header": {"signature": "xyz"}},
        ],
        ids=str,
    )
    def test_an_operation_with_bad_fields_or_a_wrong_time_is_refused(
        self, owner: Author, vm: str, changes: Json
    ) -> None:
        answer = control(owner, vm, "stop", **changes)
        assert said(answer) == (400, "Invalid X-SignedOperation fields")

    @pytest.mark.parametrize("seconds", [-125, 125])
    def test_a_clock_may_be_off_by_two_minutes(self, owner: Author, vm: str, seconds: int) -> None:
        def told(distance: float) -> Json:
            return {"time": zulu(datetime.now(UTC) + timedelta(seconds=distance))}

        answer = control(owner, vm, "reboot", operation=told(seconds))
        assert said(answer) == (400, "Invalid X-SignedOperation fields")
        assert control(owner, vm, "reboot", operation=told(seconds * 0.92)).status == 200

    def test_an_expired_key_is_refused(self, owner: Author, vm: str) -> None:
        past = zulu(datetime.now(UTC) - timedelta(seconds=1))
        assert said(control(owner, vm, "stop", key={"expires": past})) == (401, "Token expired")

    @pytest.mark.parametrize(
        "changes",
        [
            {"key": {"expires": "2126-01-01T00:00:00"}},
            {"operation": {"time": "2026-01-01T00:00:00"}},
        ],
        ids=str,
    )
    def test_a_time_without_a_zone_is_an_accident(
        self, owner: Author, vm: str, changes: Json
    ) -> None:
        answer = control(owner, vm, "stop", **changes)
        assert answer.status == 500
        assert answer.json["error_type"] == "<class 'TypeError'>"

    def test_a_signature_of_another_wallet_is_refused(
        self, owner: Author, pauper: Author, vm: str
    ) -> None:
        answer = control(pauper, vm, "stop", key={"address": owner.address})
        assert said(answer) == (401, "Invalid signature")

    def test_a_wallet_s_signature_of_another_length_is_an_accident(
        self, owner: Author, vm: str
    ) -> None:
        answer = control(owner, vm, "stop", key_header={"signature": "0x" + "11" * 64})
        assert answer.status == 500
        assert answer.json["error"].startswith("Unexpected recoverable signature length")

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"operation": {"domain": "crn.example"}}, "Invalid domain: Signed: 'crn.example' != "),
            ({"operation": {"domain": f"{DOMAIN}:80"}}, "Invalid domain: Signed: "),
            ({"operation": {"path": "/control"}}, "Invalid path. Signed: '/control' != "),
            ({"operation": {"method": "GET"}}, "Invalid method. Signed: 'GET' != Request: 'POST'"),
        ],
        ids=str,
    )
    def test_a_signature_of_another_request_is_refused(
        self, owner: Author, vm: str, changes: Json, problem: str
    ) -> None:
        status, error = said(control(owner, vm, "stop", **changes))
        assert status == 401
        assert error.startswith(problem)

    def test_the_query_is_not_signed(self, owner: Author, vm: str) -> None:
        assert control(owner, vm, "reinstall", query="?erase_volumes=false").status == 200
        path = f"/control/machine/{vm}/reinstall"
        signed = {"path": f"{path}?erase_volumes=false"}
        answer = control(owner, vm, "reinstall", query="?erase_volumes=false", operation=signed)
        assert answer.status == 401

    @pytest.mark.parametrize(
        "changes", [{"der": True}, {"operation_header": {"signature": "11" * 64}}], ids=str
    )
    def test_a_wrong_signature_of_the_key_is_refused(
        self, owner: Author, vm: str, changes: Json
    ) -> None:
        answer = control(owner, vm, "stop", **changes)
        assert said(answer) == (401, "Signature could not verified")

    def test_an_empty_signature_of_the_key_is_an_accident(self, owner: Author, vm: str) -> None:
        answer = control(owner, vm, "stop", operation_header={"signature": ""})
        assert answer.status == 500
        assert answer.json["error"].startswith("invalid literal for int()")

    @pytest.mark.parametrize("change", [{"crv": ...}, {"use": "enc"}], ids=str)
    def test_a_key_for_something_else_is_an_accident(
        self, owner: Author, vm: str, change: Json
    ) -> None:
        login = login_of(owner)
        document = json.loads(bytes.fromhex(login.signed_key()["payload"]))
        jwk = {k: v for k, v in {**document["pubkey"], **change}.items() if v is not ...}
        path = f"/control/machine/{vm}/stop"
        login.key = {"pubkey": jwk}
        assert login.ask(owner, "POST", path).status == 500

    def test_checks_come_in_the_order_of_the_real_node(
        self, owner: Author, pauper: Author, vm: str
    ) -> None:
        past = {"expires": zulu(datetime.now(UTC) - timedelta(days=1))}
        stale = {"time": zulu(datetime.now(UTC) - timedelta(days=1))}
        elsewhere = {"domain": "d", "path": "/p", "method": "GET"}
        assert said(control(pauper, ABSENT, "stop", key=past, operation=stale))[0] == 401
        assert said(control(pauper, "nothash", "stop", operation=stale))[0] == 400
        for field, problem in (("domain", "domain"), ("path", "path"), ("method", "method")):
            answer = control(pauper, "nothash", "stop", operation=dict(elsewhere), der=True)
            assert problem in said(answer)[1]
            del elsewhere[field]
        assert (
            said(control(pauper, "nothash", "stop", der=True))[1] == "Signature could not verified"
        )
        assert said(control(pauper, "nothash", "stop")) == (400, "Invalid ref: 'nothash'")
        missing = control(pauper, ABSENT, "stop")
        assert said(missing) == (404, f"No virtual machine with ref {ABSENT}")
        refused = control(pauper, vm, "stop")
        assert (refused.status, refused.text) == (403, "Unauthorized sender")
        assert refused.headers["content-type"].startswith("text/plain")


class TestOwnership:
    @pytest.mark.parametrize("types", [..., [], ["INSTANCE"], ["POST", "INSTANCE"]], ids=str)
    def test_an_owner_lets_others_control_machines(
        self, owner: Author, pauper: Author, vm: str, types: Any
    ) -> None:
        entry = {"address": pauper.address.lower(), "types": types, "channels": ["elsewhere"]}
        if types is ...:
            del entry["types"]
        owner.aggregate("security", {"authorizations": [entry]})
        assert control(pauper, vm, "reboot").status == 200

    @pytest.mark.parametrize("types", [["instance"], ["POST"], ["PROGRAM"]], ids=str)
    def test_other_authorizations_do_not_count(
        self, owner: Author, pauper: Author, vm: str, types: Any
    ) -> None:
        entry = {"address": pauper.address, "types": types}
        owner.aggregate("security", {"authorizations": [entry]})
        assert control(pauper, vm, "reboot").status == 403

    def test_the_owner_of_the_content_counts_not_who_sent_it(
        self, owner: Author, pauper: Author
    ) -> None:
        entry = {"address": pauper.address, "types": ["INSTANCE"]}
        owner.aggregate("security", {"authorizations": [entry]})
        content = instance(owner.store(b"rootfs"), address=owner.address)
        vm = pauper.send("INSTANCE", content)
        assert notify(pauper, vm).status == 200
        owner.aggregate("security", {"authorizations": []})
        assert control(pauper, vm, "stop").status == 403
        assert control(owner, vm, "stop").status == 200


class TestMachines:
    def test_a_stopped_machine_is_forgotten_and_starts_again(self, owner: Author, vm: str) -> None:
        ports = execution(owner, vm)["networking"]["mapped_ports"]
        assert control(owner, vm, "stop").text == f"Stopped VM with ref {vm}"
        assert execution(owner, vm) is None
        assert control(owner, vm, "stop").status == 404
        assert notify(owner, vm).status == 200
        assert execution(owner, vm)["networking"]["mapped_ports"] == ports

    def test_an_erased_machine_is_forgotten(self, owner: Author, vm: str) -> None:
        assert control(owner, vm, "erase").text == f"Erased VM with ref {vm}"
        assert execution(owner, vm) is None
        assert control(owner, vm, "erase").status == 404

    def test_a_reinstalled_machine_runs(self, owner: Author, vm: str) -> None:
        before = execution(owner, vm)["status"]["started_at"]
        assert control(owner, vm, "reinstall").text == f"Reinstalled VM with ref {vm}"
        found = execution(owner, vm)
        assert found["running"]
        assert found["status"]["started_at"] > before

    def test_no_machine_ever_expires(self, owner: Author, vm: str) -> None:
        for query in ("", "?timeout=5"):
            answer = control(owner, vm, "expire", query=query)
            assert said(answer) == (400, "Invalid timeout duration")

    def test_other_methods_and_paths_are_unknown(self, owner: Author, vm: str) -> None:
        for method, path in (("POST", "rescue"), ("DELETE", "stop"), ("POST", "stop/")):
            answer = owner.ask(method, f"/control/machine/{vm}/{path}")
            assert said(answer) == (404, "404: Invalid message reference")
