"""The steps of a boot, what a failure leaves to be undone, and what is said of it."""

from __future__ import annotations

import pickle
import traceback
from typing import Any

import pytest

from aleph_core.booting import (
    BootAttestationError,
    BootError,
    BootProgress,
    BootStep,
    BootSteps,
    RunWaiting,
    boot_error,
    check_secret,
    expected_digests,
    firmware_digests,
    must_stop,
    require_waiting,
    running_status,
)
from aleph_core.confidential_errors import VmRunning
from aleph_core.errors import (
    AlephError,
    ApiError,
    ArgumentError,
    AttestationError,
    MalformedAnswerError,
    SigningError,
    TransportError,
)
from aleph_core.machine_errors import VmNotRunning
from aleph_core.models.executions import CrnExecutions, CrnExecutionV1, CrnExecutionV2

VM, NODE = "a" * 64, "http://node.test"
DIGEST = bytes(range(32))
SESSION_SENT = list(BootStep)[list(BootStep).index(BootStep.MEASURE) : -1]


def at(step: BootStep) -> BootSteps:
    steps = BootSteps(VM)
    steps.begin(step)
    return steps


def test_the_steps_are_told_in_their_order() -> None:
    seen: list[BootProgress] = []
    steps = BootSteps(VM, seen.append)
    for step in BootStep:
        steps.begin(step)
    assert [each.step for each in seen] == [
        "notify",
        "certificates",
        "verify",
        "session",
        "initialize",
        "measure",
        "validate",
        "seal",
        "inject",
        "run",
    ]
    assert [each.number for each in seen] == list(range(1, 11))
    assert {each.total for each in seen} == {10}
    assert {each.vm_id for each in seen} == {VM}
    assert str(seen[6]) == "7/10 validate"


class TestDigests:
    def test_a_firmware_is_known_by_its_hash_or_itself(self) -> None:
        def found(measured: str | None, given: Any, policy: int = 1) -> tuple[bytes, ...]:
            return expected_digests(measured, given, policy=policy, default="ab" * 32)

        assert found(None, None) == (b"\xab" * 32,)
        assert found(DIGEST.hex(), None) == (DIGEST,)
        for given in (DIGEST, DIGEST.hex(), DIGEST.hex().upper(), [DIGEST], (DIGEST.hex(),)):
            assert found(None, given) == (DIGEST,)
        assert found(None, [DIGEST, b"x" * 32], policy=5) == (DIGEST, b"x" * 32)
        with pytest.raises(ArgumentError, match="not both"):
            found(DIGEST.hex(), DIGEST)

    def test_a_policy_with_sev_es_needs_the_digests_of_its_cpus(self) -> None:
        for measured in (None, DIGEST.hex()):
            with pytest.raises(ArgumentError, match="launch_digest") as caught:
                expected_digests(measured, None, policy=5, default="ab" * 32)
            assert caught.value.argument == "firmware_hash"

    @pytest.mark.parametrize(
        "value", ["", "abc", "ab" * 31, "zz" * 32, b"", bytes(31), [], [1], 5, None, ["ab"], {}]
    )
    def test_what_is_no_digest_is_refused(self, value: Any) -> None:
        with pytest.raises(ArgumentError) as caught:
            firmware_digests(value)
        assert caught.value.argument == "firmware_hash"


@pytest.mark.parametrize("secret", ["", "a\0b", "x" * 4000, {}, {"no guid": b"x"}, 5, "\ud800"])
def test_a_secret_that_cannot_be_sealed_is_known_before_anything_is_sent(secret: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        check_secret(secret)
    assert caught.value.argument == "secret"
    assert "x" * 100 not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("secret", ["x", "pässwörd-é 🔑", {"0" * 32: b"\0"}])
def test_any_other_secret_can_be_sealed(secret: Any) -> None:
    check_secret(secret)


class TestUndoing:
    ERRORS: tuple[BaseException, ...] = (
        ApiError("", status=500),
        TransportError(""),
        AttestationError("", check="measurement"),
        KeyboardInterrupt(),
    )

    @pytest.mark.parametrize("step", [*list(BootStep)[:4], BootStep.RUN])
    def test_without_a_session_or_with_a_secret_nothing_is_stopped(self, step: BootStep) -> None:
        assert not any(must_stop(step, error) for error in self.ERRORS)

    @pytest.mark.parametrize("step", SESSION_SENT)
    def test_a_machine_whose_keys_are_lost_is_stopped(self, step: BootStep) -> None:
        assert all(must_stop(step, error) for error in self.ERRORS)

    @pytest.mark.parametrize(
        ("error", "stops"),
        [
            (VmRunning("", status=400), False),
            (ApiError("", status=403), False),
            (ApiError("", status=429), False),
            (SigningError(""), False),
            (TransportError("", sent=False), False),
            (TransportError("", sent=True), True),
            (ApiError("", status=500), True),
            (ApiError("", status=502), True),
            (MalformedAnswerError("", status=200), True),
            (KeyboardInterrupt(), True),
        ],
    )
    def test_a_session_counts_as_taken_unless_it_surely_was_not(
        self, error: BaseException, stops: bool
    ) -> None:
        assert must_stop(BootStep.INITIALIZE, error) is stops


class TestErrors:
    def test_the_step_and_the_cause_are_told(self) -> None:
        cause = TransportError("the line is cut")
        error = boot_error(cause, at(BootStep.MEASURE), node=NODE, stopped=True)
        assert type(error) is BootError
        assert (error.step, error.item_hash, error.node) == ("measure", VM, NODE)
        assert (error.cause, error.stopped) == (cause, True)
        assert "failed at measure (6 of 10): the line is cut; the machine was stopped" in str(error)

    def test_what_was_not_proved_is_an_attestation_error(self) -> None:
        cause = AttestationError("wrong firmware", check="measurement")
        error = boot_error(cause, at(BootStep.VALIDATE), node=NODE, stopped=None)
        assert isinstance(error, BootAttestationError)
        assert isinstance(error, AttestationError)
        assert isinstance(error, BootError)
        assert (error.check, error.step) == ("measurement", BootStep.VALIDATE)
        assert str(error).endswith("wrong firmware")

    def test_a_machine_that_could_not_be_stopped_is_told(self) -> None:
        error = boot_error(AlephError("odd"), at(BootStep.SEAL), node=NODE, stopped=False)
        assert str(error).endswith("could not be stopped: do it before you boot it again")

    def test_they_cross_processes(self) -> None:
        cause = AttestationError("wrong", check="policy")
        error = boot_error(cause, at(BootStep.VALIDATE), node=NODE, stopped=True)
        found = pickle.loads(pickle.dumps(error))
        assert type(found) is BootAttestationError
        assert (str(found), found.step, found.check) == (str(error), BootStep.VALIDATE, "policy")


class TestRunning:
    def test_a_machine_that_runs_is_not_booted(self) -> None:
        for entry in (CrnExecutionV2(running=True), CrnExecutionV1()):
            with pytest.raises(VmRunning, match="stop it first") as caught:
                require_waiting(CrnExecutions({VM: entry}, NODE), VM)
            assert (caught.value.item_hash, caught.value.node) == (VM, NODE)

    def test_one_that_waits_or_is_not_listed_is(self) -> None:
        waiting = (
            {VM: CrnExecutionV2(awaiting_confidential_init=True)},
            {VM: CrnExecutionV1(awaiting_confidential_init=True)},
            {"b" * 64: CrnExecutionV2(running=True)},
            {},
        )
        for entries in waiting:
            require_waiting(CrnExecutions(entries, NODE), VM)  # type: ignore[arg-type]

    @pytest.mark.parametrize("status", [{}, None, "running", {"running": "yes"}, {"running": 1}])
    def test_a_hypervisor_must_say_that_the_machine_runs(self, status: Any) -> None:
        with pytest.raises(VmNotRunning):
            running_status({"status": status}, VM, NODE)
        with pytest.raises(VmNotRunning):
            running_status({}, VM, NODE)

    def test_what_it_says_beside_that_is_kept(self) -> None:
        status = {"status": "running", "running": True, "odd": [1]}
        assert running_status({"status": status}, VM, NODE) == status

    def test_the_wait_for_it_ends(self) -> None:
        waiting = RunWaiting(VM, NODE, 10.0)
        pauses = [waiting.pause(elapsed=1.0) for _ in range(20)]
        assert pauses == sorted(pauses)
        assert (pauses[0], pauses[-1]) == (0.1, 3.0)
        assert waiting.pause(elapsed=9.5) == 0.5
        with pytest.raises(VmNotRunning, match="10 s after") as caught:
            waiting.pause(elapsed=10.0)
        assert caught.value.item_hash == VM
