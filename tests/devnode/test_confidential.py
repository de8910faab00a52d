"""Starting confidential machines with plain requests, held against what a real compute node answers."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from aleph_core import sev
from aleph_core.errors import AttestationError
from aleph_devnode import DevNode
from tests.devnode.author import BOUNDARY, Answer, Author, Json, eventually
from tests.devnode.machines import CONFIDENTIAL, started
from tests.devnode.vm_signing import ethereum_login
from tests.vm_contents import instance

ABSENT = "e" * 64
DOMAIN = "127.0.0.1"


@pytest.fixture(scope="module")
def node() -> Iterator[DevNode]:
    """A node on which QEMU can be asked at once."""
    with DevNode(qemu_seconds=0) as node:
        yield node


@pytest.fixture
def owner(author: Author) -> Author:
    return author


@pytest.fixture
def vm(owner: Author) -> str:
    """A machine that waits for its owner."""
    return started(owner, owner.store(b"rootfs"), **CONFIDENTIAL)


def platform(visitor: Author) -> sev.PlatformCertificates:
    answer = visitor.get("/about/certificates")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/octet-stream")
    return sev.PlatformCertificates.from_bytes(answer.body)


def form(**parts: str) -> tuple[bytes, dict[str, str]]:
    """Return a form whose parts all have a file name, unless their name begins with ``text_``."""
    body = ""
    for name, content in parts.items():
        file_name = "" if name.startswith("text_") else '; filename="any"'
        head = f'Content-Disposition: form-data; name="{name.removeprefix("text_")}"{file_name}'
        body += f"--{BOUNDARY}\r\n{head}\r\n\r\n{content}\r\n"
    return (
        f"{body}--{BOUNDARY}--\r\n".encode(),
        {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    )


def ask(author: Author, vm: str, name: str, body: Any = None, **headers: str) -> Answer:
    login = ethereum_login(author.account.export_private_key(), DOMAIN)
    method = "GET" if name == "measurement" else "POST"
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/control/machine/{vm}/confidential/{name}"
    return login.ask(author, method, path, body=body, headers=fields)


def initialize(author: Author, vm: str, session: sev.LaunchSession) -> Answer:
    body, headers = form(session=session.session_base64, godh=session.godh_base64)
    return ask(author, vm, "initialize", body, content_type=headers["Content-Type"])


def inject(author: Author, vm: str, packet: sev.SecretPacket) -> Answer:
    body = f'{{"packet_header": "{packet.header_base64}", "secret": "{packet.payload_base64}"}}'
    return ask(author, vm, "inject_secret", body)


def prepared(owner: Author, vm: str, policy: int = 1) -> sev.LaunchSession:
    """Start a machine with a new session."""
    session = sev.LaunchSession.create(platform(owner), policy)
    answer = initialize(owner, vm, session)
    assert (answer.status, answer.text) == (200, f"Started VM with ref {vm}")
    assert answer.headers["content-type"].startswith("text/plain")
    return session


def sealed(owner: Author, vm: str, session: sev.LaunchSession, secret: str) -> sev.SecretPacket:
    measure = b64decode(ask(owner, vm, "measurement").json["launch_measure"])[:32]
    return sev.seal_secret(secret, tek=session.tek, tik=session.tik, measure=measure)


def state(author: Author, vm: str) -> tuple[bool, bool]:
    found = author.get("/v2/about/executions/list").json[vm]
    return found["running"], found["awaiting_confidential_init"]


def refusal(answer: Answer) -> tuple[int, Json]:
    assert answer.headers["content-type"] == "application/json"
    return answer.status, answer.json


NOT_RUNNING = (403, {"error": "Operation not running"})


class TestCertificates:
    def test_they_lead_to_the_root_of_the_processor(self, node: DevNode, owner: Author) -> None:
        assert platform(owner).verify([node.trusted_root]).product == "devnode"

    def test_a_node_without_confidential_computing_has_none(self) -> None:
        with DevNode(confidential=False) as node:
            answer = Author(node.url).get("/about/certificates")
        text = "Confidential computing setting not enabled on that server"
        assert refusal(answer) == (503, {"error": text})

    def test_they_stay_as_they_were_when_the_platform_makes_new_keys(self) -> None:
        with DevNode(qemu_seconds=0) as node:
            owner = Author(node.url)
            node.fund(owner.address)
            vm = started(owner, owner.store(b"rootfs"), **CONFIDENTIAL)
            first = platform(owner)
            node.processor.rotate()
            assert platform(owner) == first
            prepared(owner, vm)
            assert state(owner, vm) == (False, True)
            assert refusal(ask(owner, vm, "measurement")) == NOT_RUNNING


class TestLaunch:
    def test_a_machine_gets_its_secret(self, node: DevNode, owner: Author, vm: str) -> None:
        assert state(owner, vm) == (False, True)
        session = prepared(owner, vm)
        assert state(owner, vm) == (True, False)
        assert node.revealed_secret(vm) is None
        found = ask(owner, vm, "measurement").json
        assert found["sev_info"] == {
            "enabled": True,
            "api_major": 1,
            "api_minor": 55,
            "build_id": 24,
            "policy": 1,
            "state": "launch-secret",
            "handle": 1,
        }
        digest = sha256(node.firmware).hexdigest()
        assert sev.check_measurement(found, tik=session.tik, digest=digest, policy=1)
        answer = inject(owner, vm, sealed(owner, vm, session, "pässwörd-é"))
        running = {"status": "running", "running": True, "singlestep": False}
        assert (answer.status, answer.json) == (200, {"status": running})
        assert node.revealed_secret(vm) == "pässwörd-é"
        assert state(owner, vm) == (True, False)

    def test_the_firmware_of_the_message_is_measured_where_it_is_there(
        self, node: DevNode, owner: Author
    ) -> None:
        trusted = {"policy": 1, "firmware": owner.store(b"a firmware")}
        environment = CONFIDENTIAL["environment"] | {"trusted_execution": trusted}
        vm = started(owner, owner.store(b"rootfs"), environment=environment)
        session = prepared(owner, vm)
        found = ask(owner, vm, "measurement").json
        expected = sev.launch_digest(b"a firmware")
        assert sev.check_measurement(found, tik=session.tik, digest=expected, policy=1)
        with pytest.raises(AttestationError):
            sev.check_measurement(
                found, tik=session.tik, digest=sha256(node.firmware).digest(), policy=1
            )

    def test_every_machine_is_started_with_policy_1(self, owner: Author, vm: str) -> None:
        prepared(owner, vm, policy=3)
        assert state(owner, vm) == (False, True)
        assert refusal(ask(owner, vm, "measurement")) == NOT_RUNNING
        prepared(owner, vm, policy=1)
        assert state(owner, vm) == (True, False)

    def test_files_of_another_kind_end_the_machine_at_once(self, owner: Author, vm: str) -> None:
        for content in ("no base64: ä", b64encode(b"short").decode(), ""):
            body, headers = form(session=content, godh=content)
            answer = ask(owner, vm, "initialize", body, content_type=headers["Content-Type"])
            assert answer.status == 200
            assert state(owner, vm) == (False, True)

    def test_a_reboot_halts_the_machine_until_its_secret_comes(
        self, node: DevNode, owner: Author, vm: str
    ) -> None:
        session = prepared(owner, vm)
        assert inject(owner, vm, sealed(owner, vm, session, "first")).status == 200
        before = ask(owner, vm, "measurement")
        assert before.status == 500
        login = ethereum_login(owner.account.export_private_key(), DOMAIN)
        assert login.ask(owner, "POST", f"/control/machine/{vm}/reboot").status == 200
        assert state(owner, vm) == (True, False)
        assert node.revealed_secret(vm) is None
        assert inject(owner, vm, sealed(owner, vm, session, "second")).status == 200
        assert node.revealed_secret(vm) == "second"

    def test_a_reboot_on_new_keys_of_the_platform_ends_the_machine(self) -> None:
        with DevNode(qemu_seconds=0) as node:
            owner = Author(node.url)
            node.fund(owner.address)
            vm = started(owner, owner.store(b"rootfs"), **CONFIDENTIAL)
            prepared(owner, vm)
            node.processor.rotate()
            login = ethereum_login(owner.account.export_private_key(), DOMAIN)
            assert login.ask(owner, "POST", f"/control/machine/{vm}/reboot").status == 200
            assert state(owner, vm) == (False, True)

    def test_a_stopped_machine_needs_a_new_session(self, owner: Author, vm: str) -> None:
        prepared(owner, vm)
        login = ethereum_login(owner.account.export_private_key(), DOMAIN)
        login.ask(owner, "POST", f"/control/machine/{vm}/stop")
        assert ask(owner, vm, "measurement").status == 404
        assert owner.post("/control/allocation/notify", {"instance": vm}).status == 200
        assert refusal(ask(owner, vm, "measurement")) == NOT_RUNNING
        prepared(owner, vm)
        assert ask(owner, vm, "measurement").status == 200


class TestRefusals:
    def test_initialize(self, owner: Author, pauper: Author, vm: str) -> None:
        session = sev.LaunchSession.create(platform(owner))
        assert refusal(initialize(owner, ABSENT, session))[0] == 404
        refused = initialize(pauper, vm, session)
        assert (refused.status, refused.text) == (403, "Unauthorized sender")
        missing = {"code": "field_missing", "description": "Session field is missing"}
        for body in (None, b"{}"):
            assert refusal(ask(owner, vm, "initialize", body)) == (400, missing)
        body, headers = form(godh=session.godh_base64)
        answer = ask(owner, vm, "initialize", body, content_type=headers["Content-Type"])
        assert refusal(answer) == (400, missing)
        body, headers = form(session=session.session_base64)
        answer = ask(owner, vm, "initialize", body, content_type=headers["Content-Type"])
        assert refusal(answer) == (
            400,
            {
                "code": "field_missing",
                "description": "godh field is missing. Please provide a GODH file",
            },
        )
        prepared(owner, vm)
        description = "Operation not allowed, instance already running"
        again = refusal(initialize(owner, vm, session))
        assert again == (400, {"code": "vm_running", "description": description})

    def test_parts_without_a_file_name_are_an_accident(self, owner: Author, vm: str) -> None:
        session = sev.LaunchSession.create(platform(owner))
        body, headers = form(text_session=session.session_base64, text_godh=session.godh_base64)
        urlencoded = "application/x-www-form-urlencoded"
        for data, content_type in ((body, headers["Content-Type"]), (b"session=a", urlencoded)):
            answer = ask(owner, vm, "initialize", data, content_type=content_type)
            assert answer.status == 500
            assert answer.json["error"] == "'str' object has no attribute 'file'"
            assert answer.json["error_type"] == "<class 'AttributeError'>"

    def test_initialize_of_an_ordinary_machine_that_runs(self, owner: Author) -> None:
        session = sev.LaunchSession.create(platform(owner))
        vm = started(owner, owner.store(b"rootfs"))
        assert initialize(owner, vm, session).json["code"] == "vm_running"

    def test_initialize_of_an_ordinary_machine_that_does_not_run(self) -> None:
        with DevNode(boot_seconds=60) as node:
            owner = Author(node.url)
            node.fund(owner.address)
            session = sev.LaunchSession.create(platform(owner))
            content = instance(owner.store(b"rootfs"), payment=None, time=1_770_000_000)
            vm = owner.send("INSTANCE", content)
            description = "Instance is not a confidential instance"
            assert refusal(initialize(owner, vm, session)) == (
                400,
                {"code": "not_confidential", "description": description},
            )

    def test_measurement(self, owner: Author, pauper: Author, vm: str) -> None:
        assert refusal(ask(owner, vm, "measurement")) == NOT_RUNNING
        refused = ask(pauper, vm, "measurement")
        assert (refused.status, refused.text) == (403, "Unauthorized sender")
        assert ask(owner, ABSENT, "measurement").status == 404
        ordinary = started(owner, owner.store(b"rootfs"))
        answer = ask(owner, ordinary, "measurement")
        assert answer.status == 500

    def test_qemu_cannot_be_asked_at_once(self) -> None:
        with DevNode(qemu_seconds=0.4) as node:
            owner = Author(node.url)
            node.fund(owner.address)
            vm = started(owner, owner.store(b"rootfs"), **CONFIDENTIAL)
            session = sev.LaunchSession.create(platform(owner))
            begun = time.monotonic()
            assert initialize(owner, vm, session).status == 200
            early = ask(owner, vm, "measurement")
            if time.monotonic() - begun < 0.4:
                assert early.status == 500
                assert early.text == "500 Internal Server Error\n\nServer got itself in trouble"
                assert early.headers["content-type"].startswith("text/plain")
            eventually(lambda: ask(owner, vm, "measurement").status == 200)

    def test_inject_secret(self, owner: Author, pauper: Author, vm: str) -> None:
        early = inject(owner, vm, sev.SecretPacket(bytes(52), bytes(16)))
        assert early.status == 500
        assert early.headers["content-type"].startswith("text/plain")
        session = prepared(owner, vm)
        packet = sealed(owner, vm, session, "a secret")
        assert inject(owner, ABSENT, packet).status == 404
        refused = inject(pauper, vm, packet)
        assert (refused.status, refused.text) == (403, "Unauthorized sender")
        no_json = ask(owner, vm, "inject_secret", "{")
        assert refusal(no_json) == (400, {"error": "Body is not valid JSON"})
        # The body is looked at before the machine and its owner.
        for author, ref in ((pauper, vm), (owner, ABSENT), (owner, "nothash")):
            invalid = ask(author, ref, "inject_secret", '{"secret": 1}')
            assert invalid.status == 400
            assert '"loc":["packet_header"]' in invalid.json
        altered = sev.SecretPacket(packet.header, bytes(len(packet.payload)))
        answer = inject(owner, vm, altered)
        assert answer.status == 500
        assert answer.json["error"].startswith("SEV: ")
        assert ask(owner, vm, "inject_secret", '{"packet_header": "*", "secret": ""}').status == 500
        assert inject(owner, vm, packet).status == 200
        again = inject(owner, vm, packet)
        assert again.status == 500
        assert again.json["error_type"] == "<class 'aleph_devnode.launches.QemuError'>"


def test_several_secrets_are_revealed_by_their_names(node: DevNode, owner: Author, vm: str) -> None:
    session = prepared(owner, vm)
    measure = b64decode(ask(owner, vm, "measurement").json["launch_measure"])[:32]
    other = "11111111-2222-3333-4444-555566667777"
    packet = sev.seal_secret(
        {other: b"\x00\x01"}, tek=session.tek, tik=session.tik, measure=measure
    )
    assert inject(owner, vm, packet).status == 200
    assert {str(name): data for name, data in node.revealed_secrets(vm).items()} == {
        other: b"\x00\x01"
    }
    assert node.revealed_secrets(ABSENT) == {}
    assert node.revealed_secret(ABSENT) is None
