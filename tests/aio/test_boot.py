"""Booting a confidential machine in one call, on the local node."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    AttestationError,
    AuthenticatedAlephHttpClient,
    BootAttestationError,
    Booted,
    BootError,
    BootProgress,
    BootStep,
    ConfidentialDisabled,
    ETHAccount,
    MessageNotFoundError,
    NotAuthorized,
    VmConfidentialClient,
    VmNotRunning,
    VmRunning,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode

from .confidential import confidential_client, publish_confidential
from .machines import publish_instance

pytestmark = pytest.mark.anyio

PASSPHRASES = ["correct horse battery staple", "pässwörd-é 🔑"]
SECRET = "a secret that must show nowhere"
OTHER = "11111111-2222-3333-4444-555566667777"


@pytest.fixture
async def vm_client(node: DevNode, account: ETHAccount) -> AsyncIterator[VmConfidentialClient]:
    client = confidential_client(node, account)
    yield client
    await client.aclose()


@pytest.fixture
async def vm_id(client: AuthenticatedAlephHttpClient) -> str:
    """A confidential instance of the account that is not started."""
    return await publish_confidential(client)


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, the home folder and that of temporary files, empty at the end as at the beginning."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


async def state(services: AlephHttpClient, vm_id: str) -> tuple[bool, bool] | None:
    """Tell whether a machine runs and whether it waits, None when the node does not know it."""
    found = await services.crn.get_vm(services.api_server, vm_id)
    return None if found is None else (found.running, found.awaiting_confidential_init)


RUNS, WAITS = (True, False), (False, True)


@pytest.mark.parametrize("passphrase", PASSPHRASES)
async def test_a_booted_machine_runs_and_has_the_exact_secret(
    node: DevNode,
    services: AlephHttpClient,
    vm_client: VmConfidentialClient,
    vm_id: str,
    passphrase: str,
    empty: Path,
) -> None:
    seen: list[BootProgress] = []
    booted = await vm_client.boot(vm_id, passphrase, on_progress=seen.append)
    assert isinstance(booted, Booted)
    assert node.revealed_secret(vm_id) == passphrase
    assert await state(services, vm_id) == RUNS
    assert [each.step for each in seen] == list(BootStep)
    assert (booted.vm_id, booted.node, booted.root) == (vm_id, node.url, "devnode")
    assert (booted.policy, booted.digest) == (1, sha256(node.firmware).hexdigest())
    assert booted.measurement.sev_info.policy == 1
    assert booted.status["status"] == "running"
    assert list(empty.iterdir()) == []


async def test_its_console_is_silent_until_it_has_its_secret(
    vm_client: VmConfidentialClient, vm_id: str
) -> None:
    await vm_client.start_instance(vm_id)
    assert [entry async for entry in vm_client.get_past_logs(vm_id)] == []
    await vm_client.boot(vm_id, "x")
    written = [entry.message async for entry in vm_client.get_past_logs(vm_id)]
    assert any(line.startswith("Linux") for line in written)


async def test_entries_are_given_by_name(
    node: DevNode, vm_client: VmConfidentialClient, vm_id: str
) -> None:
    await vm_client.boot(vm_id, {OTHER: b"\0\1"})
    found = {str(name): data for name, data in node.revealed_secrets(vm_id).items()}
    assert found == {OTHER: b"\0\1"}


async def test_the_firmware_can_be_given_in_any_form(
    node: DevNode,
    client: AuthenticatedAlephHttpClient,
    vm_client: VmConfidentialClient,
    tmp_path: Path,
) -> None:
    firmware = b"a firmware of one's own" * 100_000
    stored = await client.create_store(firmware, sync=True)
    vm_id = await publish_confidential(client, firmware=stored.item_hash)
    path = tmp_path / "OVMF.fd"
    path.write_bytes(firmware)
    digest = sha256(firmware)
    given: list[dict[str, Any]] = [
        {"firmware": firmware},
        {"firmware": path},
        {"firmware": str(path)},
        {"firmware_hash": digest.hexdigest()},
        {"firmware_hash": [b"x" * 32, digest.digest()]},
    ]
    for options in given:
        booted = await vm_client.boot(vm_id, "x", **options)
        assert booted.digest == digest.hexdigest()
        await vm_client.stop_instance(vm_id)


async def test_what_is_sent_is_what_it_takes(
    node: DevNode,
    account: ETHAccount,
    vm_id: str,
    requests: list[str],
    recording: HttpClient,
) -> None:
    async with confidential_client(node, account, http_client=recording) as vm_client:
        await vm_client.boot(vm_id, "x")
    control = f"/control/machine/{vm_id}/confidential"
    found = [name for name in requests if "measurement" not in name]
    assert found == [
        "POST /control/allocation/notify",
        "GET /v2/about/executions/list",
        "GET /about/certificates",
        f"POST {control}/initialize",
        f"POST {control}/inject_secret",
        "GET /v2/about/executions/list",
    ]
    assert f"GET {control}/measurement" in requests


async def test_the_secret_shows_nowhere(
    node: DevNode,
    vm_client: VmConfidentialClient,
    vm_id: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[BootProgress] = []
    booted = await vm_client.boot(vm_id, SECRET, on_progress=seen.append)
    with pytest.raises(BootError) as caught:
        await vm_client.boot(vm_id, SECRET)
    shown = (
        f"{booted!r} {caught.value!r} {caught.value.cause!r} {seen!r} {vm_client!r} {caplog.text}"
    )
    assert SECRET not in shown
    assert node.revealed_secret(vm_id) == SECRET


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"secret": ""}, "secret"),
        ({"secret": "a\0b"}, "secret"),
        ({"secret": "x" * 5000}, "secret"),
        ({"policy": 64}, "policy"),
        ({"policy": 0}, "policy"),
        ({"policy": "1"}, "policy"),
        ({"policy": 5}, "firmware_hash"),
        ({"firmware_hash": "abc"}, "firmware_hash"),
        ({"firmware_hash": []}, "firmware_hash"),
        ({"firmware": b"a", "firmware_hash": "ab" * 32}, "firmware_hash"),
        ({"firmware": b""}, "firmware"),
        ({"firmware": "no such file"}, "firmware"),
        ({"timeout": -1}, "timeout"),
        ({"vm_id": "nothash"}, "vm_id"),
    ],
    ids=str,
)
async def test_what_can_be_known_to_be_wrong_is_told_before_anything_is_sent(
    account: ETHAccount,
    requests: list[str],
    recording: HttpClient,
    arguments: dict[str, Any],
    argument: str,
) -> None:
    seen: list[BootProgress] = []
    url = "http://127.0.0.1:9"
    async with VmConfidentialClient(account, url, http_client=recording) as vm_client:
        with pytest.raises(ArgumentError) as caught:
            await vm_client.boot(
                **{"vm_id": "e" * 64, "secret": "x", "on_progress": seen.append, **arguments}
            )
    assert caught.value.argument == argument
    assert (requests, seen) == ([], [])


async def test_a_machine_that_runs_goes_on_running(
    node: DevNode, services: AlephHttpClient, vm_client: VmConfidentialClient, vm_id: str
) -> None:
    await vm_client.boot(vm_id, "first")
    with pytest.raises(BootError, match="stop it first") as caught:
        await vm_client.boot(vm_id, "second")
    assert (caught.value.step, caught.value.stopped) == (BootStep.NOTIFY, None)
    assert isinstance(caught.value.cause, VmRunning)
    assert await state(services, vm_id) == RUNS
    assert node.revealed_secret(vm_id) == "first"
    await vm_client.stop_instance(vm_id)
    await vm_client.boot(vm_id, "second")
    assert node.revealed_secret(vm_id) == "second"


async def test_a_machine_that_is_not_confidential_is_told(
    client: AuthenticatedAlephHttpClient, vm_client: VmConfidentialClient
) -> None:
    vm_id = await publish_instance(client)
    with pytest.raises(BootError, match="not confidential"):
        await vm_client.boot(vm_id, "x")


async def test_another_firmware_gets_no_secret_and_is_stopped(
    node: DevNode,
    services: AlephHttpClient,
    client: AuthenticatedAlephHttpClient,
    vm_client: VmConfidentialClient,
) -> None:
    stored = await client.create_store(b"a firmware with a back door", sync=True)
    vm_id = await publish_confidential(client, firmware=stored.item_hash)
    with pytest.raises(BootAttestationError, match="was stopped") as caught:
        await vm_client.boot(vm_id, "x")
    error = caught.value
    assert isinstance(error, AttestationError)
    assert (error.step, error.check, error.stopped) == (BootStep.VALIDATE, "measurement", True)
    assert (error.item_hash, error.node) == (vm_id, node.url)
    assert node.revealed_secret(vm_id) is None
    assert await state(services, vm_id) is None


async def test_stale_certificates_are_found_at_the_start(account: ETHAccount) -> None:
    with DevNode() as node:
        node.fund(account.get_address())
        async with (
            AuthenticatedAlephHttpClient(account, node.url) as client,
            AlephHttpClient(node.url) as reader,
            confidential_client(node, account) as vm_client,
        ):
            vm_id = await publish_confidential(client)
            await vm_client.verify_certificates((await vm_client.get_certificates()).path or "")
            node.processor.rotate()
            with pytest.raises(BootError, match="no longer has") as caught:
                await vm_client.boot(vm_id, "x", timeout=0.3)
            assert caught.value.step == BootStep.MEASURE
            assert isinstance(caught.value.cause, VmNotRunning)
            assert await state(reader, vm_id) == WAITS


async def test_a_policy_that_the_node_does_not_start_with_is_found(
    services: AlephHttpClient, vm_client: VmConfidentialClient, vm_id: str
) -> None:
    with pytest.raises(BootError, match="another policy") as caught:
        await vm_client.boot(vm_id, "x", policy=3, timeout=0.3)
    assert caught.value.step == BootStep.MEASURE
    await vm_client.boot(vm_id, "x")
    assert await state(services, vm_id) == RUNS


async def test_somebody_elses_machine_is_left_alone(
    node: DevNode, services: AlephHttpClient, vm_id: str
) -> None:
    async with confidential_client(node, ETHAccount.generate()) as other:
        with pytest.raises(BootError) as caught:
            await other.boot(vm_id, "x")
    assert (caught.value.step, caught.value.stopped) == (BootStep.INITIALIZE, None)
    assert isinstance(caught.value.cause, NotAuthorized)
    assert await state(services, vm_id) == WAITS


async def test_a_machine_that_nobody_published(vm_client: VmConfidentialClient) -> None:
    with pytest.raises(BootError) as caught:
        await vm_client.boot("e" * 64, "x", timeout=0)
    assert caught.value.step == BootStep.NOTIFY
    assert isinstance(caught.value.cause, MessageNotFoundError)


async def test_a_node_without_confidential_computing(account: ETHAccount) -> None:
    with DevNode(confidential=False) as node:
        node.fund(account.get_address())
        async with (
            AuthenticatedAlephHttpClient(account, node.url) as client,
            VmConfidentialClient(account, node.url, retry=None) as vm_client,
        ):
            vm_id = await publish_confidential(client)
            with pytest.raises(BootError) as caught:
                await vm_client.boot(vm_id, "x")
    assert caught.value.step == BootStep.CERTIFICATES
    assert isinstance(caught.value.cause, ConfidentialDisabled)


async def test_whoever_watches_may_end_it(
    node: DevNode, services: AlephHttpClient, vm_client: VmConfidentialClient, vm_id: str
) -> None:
    class Enough(Exception):
        pass

    for last, left in (
        (BootStep.SESSION, WAITS),
        (BootStep.MEASURE, None),
        (BootStep.INJECT, None),
        (BootStep.RUN, RUNS),
    ):

        def watch(progress: BootProgress, last: BootStep = last) -> None:
            if progress.step == last:
                raise Enough

        with pytest.raises(Enough):
            await vm_client.boot(vm_id, "x", on_progress=watch)
        assert await state(services, vm_id) == left
        assert node.revealed_secret(vm_id) == ("x" if left == RUNS else None)
