"""Whatever a node or its platform pretends, no secret is given to it, and no machine is left half begun."""

from __future__ import annotations

import json
import socket
from hashlib import sha256
from typing import Any

import attrs
import pytest

from aleph_async import (
    AttestationError,
    BootAttestationError,
    BootError,
    BootStep,
    CertificateError,
    ETHAccount,
    MalformedAnswerError,
    RetryPolicy,
    SecretRefused,
    TransportError,
    VmConfidentialClient,
    VmNotRunning,
    VmRunning,
    VmStartError,
    sev,
)
from aleph_devnode.secure_processor import PlatformKeys, SecureProcessor
from tests.hostile import HostileServer, answer, hang_up, html_error
from tests.hostile_platform import FIRMWARE, Platform, not_running, text
from tests.scripted import paths

pytestmark = pytest.mark.anyio

VM = "a" * 64
SECRET = "the passphrase of the disk"
CONTROL = f"/control/machine/{VM}"
INITIALIZE, INJECT, STOP = (
    f"{CONTROL}/{name}"
    for name in ("confidential/initialize", "confidential/inject_secret", "stop")
)
QUICK = RetryPolicy(attempts=2, initial_delay=0.01)
PROCESSOR = SecureProcessor()


def root(processor: SecureProcessor = PROCESSOR) -> sev.TrustedRoot:
    return sev.TrustedRoot.from_certificates("test", ark=processor.ark, ask=processor.ask)


def platform(**lies: Any) -> Platform:
    return Platform(VM, **{"processor": PROCESSOR, **lies})


async def boot(key: ETHAccount, server: HostileServer, **options: Any) -> BootError:
    """Boot in vain; return the error, after a look at what was sent."""
    async with VmConfidentialClient(key, server.url, retry=QUICK, roots=root()) as vm_client:
        arguments = {"firmware": FIRMWARE, "timeout": 0.2, **options}
        with pytest.raises(BootError) as caught:
            await vm_client.boot(VM, SECRET, **arguments)
    assert not any(SECRET.encode() in request.body for request in server.requests)
    assert SECRET not in repr(caught.value)
    return caught.value


async def test_an_honest_node_boots(key: ETHAccount) -> None:
    with platform().server() as server:
        async with VmConfidentialClient(key, server.url, roots=root()) as vm_client:
            booted = await vm_client.boot(VM, SECRET, firmware=FIRMWARE)
            assert booted.root == "test"
    assert INJECT in paths(server)
    assert STOP not in paths(server)


class TestCertificates:
    """The chain does not hold: nothing is sent to the machine, which goes on waiting."""

    async def refused(self, key: ETHAccount, **lies: Any) -> BootAttestationError:
        with platform(**lies).server() as server:
            error = await boot(key, server)
        assert isinstance(error, BootAttestationError)
        assert isinstance(error, AttestationError)
        assert isinstance(error.cause, CertificateError)
        assert (error.step, error.stopped) == (BootStep.VERIFY, None)
        assert INITIALIZE not in paths(server)
        assert STOP not in paths(server)
        return error

    async def test_a_chain_to_another_root(self, key: ETHAccount) -> None:
        stranger = SecureProcessor(rsa_bits=4096)
        for full, check in ((False, "cek-signed-by-ask"), (True, "root")):
            error = await self.refused(key, certificates=stranger.certificates(full=full))
            assert error.check == check

    @pytest.mark.parametrize(
        ("at", "check"),
        [
            (20, "pdh-signed-by-pek"),
            (1052, "pdh-signed-by-pek"),
            (2084 + 20, "pek-signed-by-oca"),
            (2084 + 1572, "pek-signed-by-cek"),
            (4168 + 1052, "oca-signed-by-oca"),
            (6252 + 1052, "cek-signed-by-ask"),
        ],
    )
    async def test_a_chain_that_was_tampered_with(
        self, key: ETHAccount, at: int, check: str
    ) -> None:
        damaged = bytearray(PROCESSOR.certificates())
        damaged[at] ^= 1
        error = await self.refused(key, certificates=bytes(damaged))
        assert error.check in (check, "key")

    async def test_a_key_that_the_chip_did_not_sign(self, key: ETHAccount) -> None:
        own = PROCESSOR.certificates()
        keys = attrs.evolve(PlatformKeys.generate(), ark=PROCESSOR.keys.ark)
        other = SecureProcessor(attrs.evolve(keys, ask=PROCESSOR.keys.ask)).certificates()
        # The owner of a machine can make everything but what the chip signs.
        error = await self.refused(key, certificates=other[:6252] + own[6252:])
        assert error.check == "pek-signed-by-cek"

    async def test_a_pdh_alone(self, key: ETHAccount) -> None:
        error = await self.refused(key, certificates=PROCESSOR.certificates()[:2084])
        assert error.check == "incomplete"

    @pytest.mark.parametrize("body", [b"", b"{}", b"<html>", bytes(8336), b"x" * 100_000])
    async def test_something_else(self, key: ETHAccount, body: bytes) -> None:
        with platform(certificates=body).server() as server:
            error = await boot(key, server)
        assert error.step == BootStep.CERTIFICATES
        assert isinstance(error.cause, MalformedAnswerError)
        assert INITIALIZE not in paths(server)


class TestMeasurement:
    """What was started is not what was wanted: it gets no secret and is stopped."""

    async def refused(self, key: ETHAccount, **lies: Any) -> BootError:
        with platform(**lies).server() as server:
            error = await boot(key, server)
        assert isinstance(error, BootAttestationError)
        assert error.stopped is True
        assert INJECT not in paths(server)
        assert paths(server)[-1] == STOP
        return error

    async def test_another_firmware(self, key: ETHAccount) -> None:
        error = await self.refused(key, firmware=FIRMWARE + b"\0")
        assert (error.step, error.cause.check) == (BootStep.VALIDATE, "measurement")  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("info", "check"),
        [
            ({"policy": 0}, "policy"),
            ({"policy": 3}, "policy"),
            ({"build_id": 23}, "measurement"),
            ({"api_minor": 54}, "measurement"),
        ],
        ids=str,
    )
    async def test_a_platform_that_is_not_what_it_says(
        self, key: ETHAccount, info: dict[str, int], check: str
    ) -> None:
        error = await self.refused(key, info=info)
        assert error.step == BootStep.VALIDATE
        assert getattr(error.cause, "check", None) == check

    async def test_a_measurement_of_an_earlier_launch(self, key: ETHAccount) -> None:
        earlier = platform()
        with earlier.server() as server:
            async with VmConfidentialClient(key, server.url, roots=root()) as vm_client:
                await vm_client.boot(VM, SECRET, firmware=FIRMWARE)
        assert earlier.guest is not None
        error = await self.refused(key, measure=earlier.guest.measure())
        assert error.step == BootStep.VALIDATE

    async def test_a_measurement_with_the_keys_of_somebody_else(self, key: ETHAccount) -> None:
        chain = sev.PlatformCertificates.from_bytes(PROCESSOR.certificates())
        session = sev.LaunchSession.create(chain)
        guest = PROCESSOR.launch(policy=1, godh=session.godh, session=session.session)
        guest.update(FIRMWARE)
        error = await self.refused(key, measure=guest.measure())
        assert error.step == BootStep.VALIDATE

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"sev_info": {}, "launch_measure": ""},
            {
                "sev_info": {"api_major": 1, "api_minor": 55, "build_id": 24, "policy": 1},
                "launch_measure": "AAAA",
            },
            {
                "sev_info": {"api_major": 1, "api_minor": 55, "build_id": 24, "policy": 1},
                "launch_measure": "A" * 64,
            },
        ],
        ids=str,
    )
    async def test_something_else(self, key: ETHAccount, body: Any) -> None:
        error = await self.refused(key, steps={"measurement": answer(body)})
        assert error.step in (BootStep.MEASURE, BootStep.VALIDATE)

    async def test_certificates_of_another_genuine_platform(self, key: ETHAccount) -> None:
        elsewhere = SecureProcessor()
        with platform(certificates=elsewhere.certificates()).server() as server:
            error = await boot(key, server)
        # It holds, but the node's own processor cannot open the session.
        assert error.step == BootStep.MEASURE
        assert isinstance(error.cause, VmNotRunning)
        assert INJECT not in paths(server)
        assert STOP in paths(server)


class TestAccidents:
    @pytest.mark.parametrize(
        ("steps", "step", "cause", "stopped"),
        [
            (
                {"notify": answer({"success": False, "failing": [VM], "errors": {VM: "no disk"}})},
                BootStep.NOTIFY,
                VmStartError,
                None,
            ),
            ({"list": html_error(500)}, BootStep.NOTIFY, Exception, None),
            (
                {"list": answer({VM: {"running": True}})},
                BootStep.NOTIFY,
                VmRunning,
                None,
            ),
            (
                {"initialize": answer({"code": "vm_running", "description": "d"}, status=400)},
                BootStep.INITIALIZE,
                VmRunning,
                None,
            ),
            ({"initialize": hang_up()}, BootStep.INITIALIZE, TransportError, True),
            ({"initialize": html_error(502)}, BootStep.INITIALIZE, Exception, True),
            ({"measurement": not_running()}, BootStep.MEASURE, VmNotRunning, True),
            ({"measurement": hang_up()}, BootStep.MEASURE, TransportError, True),
            (
                {"inject": answer({"error": "SEV: wrong state", "error_type": "x"}, status=500)},
                BootStep.INJECT,
                SecretRefused,
                True,
            ),
            ({"inject": hang_up()}, BootStep.INJECT, TransportError, True),
            (
                {"inject": answer({"status": {"status": "paused", "running": False}})},
                BootStep.INJECT,
                VmNotRunning,
                True,
            ),
            ({"inject": answer([])}, BootStep.INJECT, MalformedAnswerError, True),
            (
                {"list": answer({VM: {"running": False, "awaiting_confidential_init": True}})},
                BootStep.RUN,
                VmNotRunning,
                None,
            ),
        ],
    )
    async def test_each_is_told_with_its_step(
        self, key: ETHAccount, steps: dict[str, Any], step: BootStep, cause: Any, stopped: Any
    ) -> None:
        with platform(steps=steps).server() as server:
            error = await boot(key, server)
        assert (error.step, error.stopped) == (step, stopped)
        assert isinstance(error.cause, cause)
        assert f"failed at {step}" in str(error)
        assert (STOP in paths(server)) is (stopped is True)

    async def test_a_machine_that_cannot_be_stopped_is_told(self, key: ETHAccount) -> None:
        for stop, reason in (
            (hang_up(), True),
            (text("Unauthorized sender", 403), False),
        ):
            steps = {"measurement": not_running(), "stop": stop}
            with platform(steps=steps).server() as server:
                error = await boot(key, server)
            assert error.stopped is False
            assert "do it before you boot it again" in str(error)
            assert bool(getattr(error.cause, "__notes__", [])) is reason

    async def test_an_unreachable_node(self, key: ETHAccount) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        async with VmConfidentialClient(key, url, retry=QUICK, roots=root()) as vm_client:
            with pytest.raises(BootError) as caught:
                await vm_client.boot(VM, SECRET, firmware=FIRMWARE)
        assert caught.value.step == BootStep.NOTIFY
        assert isinstance(caught.value.cause, TransportError)

    async def test_an_older_node_has_another_list_of_machines(self, key: ETHAccount) -> None:
        # It lists what runs, and of a machine that waits it says nothing.
        missing = answer({"error": "404: Not Found"}, status=404)
        with platform(steps={"list": missing}).server() as server:
            error = await boot(key, server)
        assert error.step == BootStep.NOTIFY
        assert paths(server)[-1] == "/about/executions/list"


async def test_what_a_session_tells_the_node_is_no_key(key: ETHAccount) -> None:
    """Neither TEK nor TIK leave this machine in the clear: what was sent opens with the platform's key alone."""
    honest = platform()
    with honest.server() as server:
        async with VmConfidentialClient(key, server.url, roots=root()) as vm_client:
            await vm_client.boot(VM, SECRET, firmware=FIRMWARE)
    assert honest.guest is not None
    sent = b"".join(request.body for request in server.requests)
    injected = json.loads(server.requests[-2].body)
    assert injected.keys() == {"packet_header", "secret"}
    keys = [value for value in vars(honest.guest).values() if isinstance(value, bytes)]
    secrets = [value for value in keys if len(value) == 16 and value != honest.guest.measure()[32:]]
    assert len(secrets) == 2
    for secret in secrets:
        assert secret not in sent
        assert secret.hex().encode() not in sent
    assert sha256(SECRET.encode()).digest() not in sent
