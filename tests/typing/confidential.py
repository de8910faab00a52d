"""Calls on confidential machines as people write them, for the type checkers alone; never executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type
from uuid import UUID

import aleph_async
import aleph_sync
from aleph_sync import (
    Booted,
    BootError,
    BootProgress,
    BootStep,
    CertificatesResult,
    ETHAccount,
    InitializationRefused,
    VmResult,
    sev,
)


def watch(progress: BootProgress) -> None:
    assert_type(progress.step, BootStep)
    print(f"{progress.number} of {progress.total}: {progress}")


def steps(account: ETHAccount, vm: str, root: sev.TrustedRoot) -> None:
    with aleph_sync.VmConfidentialClient(account, "https://crn.example", roots=root) as client:
        assert_type(client.start_instance(vm), VmResult)
        result = client.get_certificates()
        assert_type(result, CertificatesResult)
        assert_type(result.path, Path | None)
        status, path = result
        assert_type(client.verify_certificates(path), sev.TrustedRoot)
        folder = client.create_session("vm", path, 1, roots=[root, "file", Path("file")])
        assert_type(folder, Path)
        print(status, client.initialize(vm, folder / "vm_session.b64", b"").upper())
        measurement = client.measurement(vm, timeout=5)
        assert_type(measurement, sev.SEVMeasurement)
        assert_type(measurement.sev_info, sev.SEVInfo)
        assert_type(client.validate_measure(measurement, "tik", "hash"), bool)
        client.validate_measure({"sev_info": {}}, Path("tik"), [b"one", "other"], policy=1)
        packet = client.build_secret("tek", "tik", measurement, {UUID(int=1): b"x", "guid": b"y"})
        assert_type(packet, tuple[str, str])
        assert_type(client.inject_secret(vm, *packet), dict[str, Any])


def booting(account: ETHAccount, vm: str) -> None:
    client = aleph_sync.VMConfidentialClient(
        account=account, sevctl_path=Path("/usr/bin/sevctl"), node_url="https://crn.example"
    )
    try:
        booted = client.boot(vm, "passphrase", firmware=Path("OVMF.fd"), on_progress=watch)
        assert_type(booted, Booted)
        assert_type(booted.measurement, sev.SEVMeasurement)
        client.boot(
            vm, {"guid": b"x"}, firmware_hash=["hash"], policy=5, roots=sev.AMD_ROOTS.values()
        )
    except BootError as error:
        assert_type(error.step, BootStep)
        assert_type(error.stopped, bool | None)
        if isinstance(error.cause, InitializationRefused):
            print(error.cause.code)


async def concurrent(account: aleph_async.Account, vm: str) -> None:
    async with aleph_async.VmConfidentialClient(account, "https://crn.example") as client:
        _, path = await client.get_certificates(Path("platform.cert"))
        assert_type(await client.create_session("vm", path), Path)
        assert_type(await client.measurement(vm), sev.SEVMeasurement)
        assert_type(await client.boot(vm, "passphrase", on_progress=print), Booted)
