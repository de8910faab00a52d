"""Calls that start confidential machines: what is sent, and what becomes of the nodes' answers."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart.multipart import FormParser, parse_options_header

from aleph_core import sev
from aleph_core.call import Call, JsonBody, RawBody
from aleph_core.calls import confidential as calls
from aleph_core.confidential_errors import (
    ConfidentialDisabled,
    InitializationRefused,
    NotConfidential,
    SecretRefused,
    VmRunning,
)
from aleph_core.errors import (
    AlephError,
    ApiError,
    ArgumentError,
    CertificateError,
    MalformedAnswerError,
    RateLimited,
    UnsupportedByNode,
)
from aleph_core.machine_errors import NotAuthorized, VmNotFound, VmNotRunning
from aleph_core.models.vm_result import VmResult
from aleph_devnode.secure_processor import SecureProcessor
from tests.core.recorded import NODE, answer

VM = "a" * 64
OWNER = "0x7cD41CE1a8a53E10f4e3669363cDf4824B216162"
PROCESSOR = SecureProcessor()
RUNNING = {"status": {"status": "running", "running": True}}
TROUBLE = "500 Internal Server Error\n\nServer got itself in trouble"


def clock() -> datetime:
    return datetime(2026, 9, 21, tzinfo=UTC)


GIVEN: dict[str, Any] = {"clock": clock, "address": OWNER}


def initialize() -> Call[VmResult]:
    return calls.initialize(VM, session="c2Vzc2lvbg==", godh="Z29kaA==", **GIVEN)


def measurement() -> Call[VmResult]:
    return calls.measurement(VM, **GIVEN)


def inject() -> Call[VmResult]:
    return calls.inject_secret(VM, packet_header="aGVhZA==", secret="c2VjcmV0", **GIVEN)


EVERY = [initialize, measurement, inject]


def read(call: Call[VmResult], body: Any, status: int, content_type: str | None = None) -> VmResult:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = content_type or ("text/plain" if isinstance(body, str) else "application/json")
    return call.parse(answer(data, status=status, content_type=kind))


def refusal(call: Call[VmResult], body: Any, status: int) -> ApiError:
    result = read(call, body, status)
    assert (result.status, result.ok) == (status, False)
    assert result.error is not None
    assert (result.error.status, result.error.node) == (status, NODE)
    return result.error


class TestCertificates:
    def test_they_are_read_unverified(self) -> None:
        call = calls.certificates()
        assert (call.method, call.path, call.idempotent) == ("GET", "/about/certificates", True)
        for full in (False, True):
            data = PROCESSOR.certificates(full=full)
            chain = call.parse(answer(data, content_type="application/octet-stream"))
            assert chain.to_bytes() == data

    @pytest.mark.parametrize("body", [b"", b"{}", b"<html>", bytes(8336), bytes(2084)])
    def test_something_else_is_no_answer(self, body: bytes) -> None:
        with pytest.raises(MalformedAnswerError, match="answered 200") as caught:
            calls.certificates().parse(answer(body))
        assert isinstance(caught.value.__cause__, CertificateError)

    def test_a_node_without_confidential_computing_says_so(self) -> None:
        body = b'{"error": "Confidential computing setting not enabled on that server"}'
        with pytest.raises(ConfidentialDisabled, match="not enabled on that server") as caught:
            calls.certificates().parse(answer(body, status=503))
        assert caught.value.status == 503

    @pytest.mark.parametrize(
        ("status", "kind"), [(404, UnsupportedByNode), (500, ApiError), (429, RateLimited)]
    )
    def test_other_refusals(self, status: int, kind: type[ApiError]) -> None:
        with pytest.raises(kind):
            calls.certificates().parse(answer(b'{"error": "no"}', status=status))

    @given(st.binary(max_size=9000))
    def test_no_bytes_are_an_accident(self, body: bytes) -> None:
        with pytest.raises(MalformedAnswerError):
            calls.certificates().parse(answer(body))


class TestInitialize:
    def test_both_parts_are_files(self) -> None:
        call = initialize()
        path = f"/control/machine/{VM}/confidential/initialize"
        assert (call.method, call.path, call.idempotent) == ("POST", path, False)
        body = call.body
        assert isinstance(body, RawBody)
        kind, options = parse_options_header(body.content_type)
        assert kind == b"multipart/form-data"
        files: dict[bytes, tuple[bytes, bytes]] = {}

        def on_file(file: Any) -> None:
            buffer: BytesIO = file.file_object
            buffer.seek(0)
            files[file.field_name] = file.file_name, buffer.read()

        parser = FormParser("multipart/form-data", None, on_file, boundary=options[b"boundary"])
        parser.write(body.data)
        parser.finalize()
        assert files == {
            b"session": (b"vm_session.b64", b"c2Vzc2lvbg=="),
            b"godh": (b"vm_godh.b64", b"Z29kaA=="),
        }

    def test_a_started_machine(self) -> None:
        result = read(initialize(), f"Started VM with ref {VM}", 200)
        assert (result.ok, result.text) == (True, f"Started VM with ref {VM}")

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            ("vm_running", VmRunning),
            ("not_confidential", NotConfidential),
            ("field_missing", InitializationRefused),
            ("something_new", InitializationRefused),
        ],
    )
    def test_refusals_carry_the_words_of_the_node(
        self, code: str, kind: type[InitializationRefused]
    ) -> None:
        error = refusal(initialize(), {"code": code, "description": "Not today"}, 400)
        assert type(error) is kind
        assert (error.code, error.reason, error.item_hash) == (code, "Not today", VM)
        assert "Not today" in str(error)

    def test_an_accident_of_the_node(self) -> None:
        body = {"error": "'str' object has no attribute 'file'", "error_type": "<class 'A'>"}
        assert "no attribute 'file'" in str(refusal(initialize(), body, 500))


class TestMeasurement:
    def test_a_measurement_is_left_as_it_is(self) -> None:
        call = measurement()
        path = f"/control/machine/{VM}/confidential/measurement"
        assert (call.method, call.path, call.idempotent) == ("GET", path, True)
        body = {"sev_info": {"policy": 1}, "launch_measure": b64encode(bytes(48)).decode()}
        assert read(call, body, 200).data == body

    @pytest.mark.parametrize(
        ("body", "status"), [({"error": "Operation not running"}, 403), (TROUBLE, 500)]
    )
    def test_a_machine_that_starts_is_told_apart(self, body: Any, status: int) -> None:
        error = refusal(measurement(), body, status)
        assert isinstance(error, VmNotRunning)
        assert error.item_hash == VM

    def test_somebody_elses_machine_is_told_apart(self) -> None:
        error = refusal(measurement(), "Unauthorized sender", 403)
        assert isinstance(error, NotAuthorized)
        assert error.address == OWNER

    def test_what_qemu_says_is_kept(self) -> None:
        error = refusal(measurement(), {"error": "SEV is not enabled", "error_type": "x"}, 500)
        assert not isinstance(error, VmNotRunning)
        assert "SEV is not enabled" in str(error)


class TestWaiting:
    STARTING = (
        ({"error": "Operation not running"}, 403),
        (TROUBLE, 500),
        ({"error": "QEMU is busy", "error_type": "x"}, 500),
    )
    FINAL = (
        ({"sev_info": {}}, 200),
        ("Unauthorized sender", 403),
        ({"error": f"No virtual machine with ref {VM}"}, 404),
        ({"error": "Token expired"}, 401),
        ({"error": "Invalid X-SignedOperation fields"}, 400),
    )

    @pytest.mark.parametrize(("body", "status"), STARTING)
    def test_a_machine_that_starts_is_asked_again_more_and_more_seldom(
        self, body: Any, status: int
    ) -> None:
        waiting = calls.MeasurementWaiting(60.0)
        result = read(measurement(), body, status)
        pauses = [waiting.pause(result, elapsed=0.0) for _ in range(20)]
        found = [pause for pause in pauses if pause is not None]
        assert len(found) == 20
        assert found == sorted(found)
        assert (found[0], found[-1]) == (0.1, 3.0)
        assert waiting.pause(result, elapsed=59.5) == 0.5

    @pytest.mark.parametrize(("body", "status"), STARTING)
    def test_it_ends_with_an_error_that_says_what_may_be_wrong(
        self, body: Any, status: int
    ) -> None:
        result = read(measurement(), body, status)
        assert calls.MeasurementWaiting(7.5).pause(result, elapsed=7.5) is None
        with pytest.raises(ApiError, match=r"after 7\.5 s.*another policy"):
            result.raise_for_status()

    @pytest.mark.parametrize(("body", "status"), FINAL)
    def test_nothing_else_is_waited_for(self, body: Any, status: int) -> None:
        result = read(measurement(), body, status)
        before = str(result.error)
        assert calls.MeasurementWaiting(60.0).pause(result, elapsed=0.0) is None
        assert str(result.error) == before


class TestInjectSecret:
    def test_both_parts_are_sent_in_base64(self) -> None:
        call = inject()
        path = f"/control/machine/{VM}/confidential/inject_secret"
        assert (call.method, call.path, call.idempotent) == ("POST", path, False)
        assert isinstance(call.body, JsonBody)
        sent = {"packet_header": "aGVhZA==", "secret": "c2VjcmV0"}
        assert json.loads(call.body.text) == sent
        assert read(call, RUNNING, 200).data == RUNNING

    def test_what_qemu_refuses(self) -> None:
        body = {"error": "SEV: guest is not in launch-secret state", "error_type": "x"}
        error = refusal(inject(), body, 500)
        assert isinstance(error, SecretRefused)
        assert (error.reason, error.item_hash) == (body["error"], VM)

    def test_a_machine_without_a_session(self) -> None:
        error = refusal(inject(), TROUBLE, 500)
        assert isinstance(error, VmNotRunning)
        assert "initialized first" in str(error)

    def test_a_body_that_the_node_finds_invalid(self) -> None:
        problems = '[{"type":"missing","loc":["secret"],"msg":"Field required"}]'
        error = refusal(inject(), json.loads(json.dumps(problems)), 400)
        assert "Field required" in str(error)


@pytest.mark.parametrize("make", EVERY)
def test_a_machine_that_is_not_there(make: Any) -> None:
    error = refusal(make(), {"error": f"No virtual machine with ref {VM}"}, 404)
    assert isinstance(error, VmNotFound)


@pytest.mark.parametrize("make", EVERY)
def test_a_page_is_no_success(make: Any) -> None:
    result = read(make(), "<html>Welcome</html>", 200, "text/html")
    assert isinstance(result.error, MalformedAnswerError)


@pytest.mark.parametrize("make", EVERY)
@given(status=st.sampled_from([200, 202, 302, 400, 401, 403, 404, 418, 500, 502]), body=st.binary())
def test_any_answer_is_a_result_or_a_typed_error(make: Any, status: int, body: bytes) -> None:
    try:
        result = make().parse(answer(body, status=status))
    except AlephError:
        return
    assert result.status == status
    assert result.ok == (result.error is None)
    assert result.ok is False or status in (200, 202)


@pytest.mark.parametrize(
    "make",
    [
        lambda vm: calls.initialize(vm, session="", godh="", clock=clock),
        lambda vm: calls.measurement(vm, clock=clock),
        lambda vm: calls.inject_secret(vm, packet_header="", secret="", clock=clock),
    ],
)
def test_what_is_no_hash_is_refused(make: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        make("nothash")
    assert caught.value.argument == "vm_id"


class TestAuthorityFiles:
    @pytest.mark.parametrize(
        ("url", "node", "path"),
        [
            (
                "https://kdsintf.amd.com/vcek/v1/Genoa/cert_chain",
                "https://kdsintf.amd.com",
                "/vcek/v1/Genoa/cert_chain",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "/"),
        ],
    )
    def test_an_address_is_asked_by_its_host(self, url: str, node: str, path: str) -> None:
        found, call = calls.authority_file(url)
        assert (found, call.method, call.path) == (node, "GET", path)
        assert call.parse(answer(b"any bytes")) == b"any bytes"

    @pytest.mark.parametrize("status", [204, 301, 403, 404, 500, 503])
    def test_anything_but_success_is_refused(self, status: int) -> None:
        _, call = calls.authority_file(sev.AMD_ROOTS["genoa"].urls[0])
        with pytest.raises(ApiError):
            call.parse(answer(b"", status=status))

    def test_more_than_a_file_of_roots_is_refused(self) -> None:
        _, call = calls.authority_file(sev.AMD_ROOTS["genoa"].urls[0])
        with pytest.raises(MalformedAnswerError, match="far more"):
            call.parse(answer(bytes(65_537)))
