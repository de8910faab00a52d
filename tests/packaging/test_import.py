from __future__ import annotations

import json
import subprocess
import sys

import pytest

LOADED = "import json, sys; import {package}; print(json.dumps(sorted(sys.modules)))"

HEAVY = {
    "aleph_cid",
    "aleph_devnode",
    "aleph_message",
    "aiohttp",
    "coincurve",
    "cryptography",
    "dns",
    "eth_abi",
    "eth_account",
    "eth_keys",
    "eth_utils",
    "httpx_aiohttp",
    "ledgereth",
    "nacl",
    "puremagic",
    "pydantic",
    "scalecodec",
    "starlette",
    "substrateinterface",
    "web3",
}
# Records and calls that few programs need.
SELDOM = {
    "aleph_core.calls.accounts",
    "aleph_core.calls.prices",
    "aleph_core.credits",
    "aleph_core.models.accounts",
    "aleph_core.models.prices",
}
EVENT_LOOP = {"anyio", "asyncio", "httpx_ws", "trio", "websockets", "wsproto"}


def loaded_by(package: str) -> set[str]:
    command = [sys.executable, "-W", "error", "-c", LOADED.format(package=package)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("package", "unwanted"),
    [
        ("aleph_core", HEAVY | EVENT_LOOP | {"aleph_async", "aleph_sync", "httpx"}),
        ("aleph_core.sev", HEAVY | EVENT_LOOP | {"aleph_async", "aleph_sync", "attrs", "httpx"}),
        ("aleph_sync", HEAVY | EVENT_LOOP | SELDOM | {"aleph_async"}),
        ("aleph_async", HEAVY | SELDOM | {"aleph_sync"}),
    ],
)
def test_importing_loads_nothing_heavy(package: str, unwanted: set[str]) -> None:
    modules = loaded_by(package)

    assert package in modules
    assert modules & unwanted == set()
