"""A boot that is cancelled leaves no machine half begun; only the async colour can be cancelled."""

from __future__ import annotations

import asyncio

import pytest

from aleph_async import BootProgress, BootStep, ETHAccount, VmConfidentialClient, sev
from aleph_devnode.secure_processor import SecureProcessor
from tests.hostile_platform import FIRMWARE, Platform, not_running
from tests.scripted import paths

VM = "a" * 64
PROCESSOR = SecureProcessor()


@pytest.mark.parametrize(
    ("step", "stops"),
    [(BootStep.CERTIFICATES, False), (BootStep.INITIALIZE, True), (BootStep.MEASURE, True)],
)
def test_a_cancelled_boot_stops_what_it_began(step: BootStep, stops: bool) -> None:
    root = sev.TrustedRoot.from_certificates("test", ark=PROCESSOR.ark, ask=PROCESSOR.ask)
    platform = Platform(VM, PROCESSOR, steps={"measurement": not_running()})

    async def boot(url: str) -> None:
        def cancel(progress: BootProgress) -> None:
            if progress.step == step:
                task.cancel()

        async with VmConfidentialClient(ETHAccount(b"\1" * 32), url, roots=root) as vm_client:
            call = vm_client.boot(VM, "x", firmware=FIRMWARE, on_progress=cancel)
            task = asyncio.ensure_future(call)
            with pytest.raises(asyncio.CancelledError):
                await task

    with platform.server() as server:
        asyncio.run(boot(server.url))
        assert (f"/control/machine/{VM}/stop" in paths(server)) is stops
