from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from importlib import import_module

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
    "aleph_core.executable_fields",
    "aleph_core.executables",
    "aleph_core.models.accounts",
    "aleph_core.models.prices",
    "aleph_async._runtime._packing",
    "aleph_sync._runtime._packing",
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


@pytest.mark.parametrize(
    "package", ["aleph_async", "aleph_core.accounts", "aleph_core.sev", "aleph_sync"]
)
def test_a_package_has_the_names_that_type_checkers_see_in_it(package: str) -> None:
    found = import_module(package)
    tree = ast.parse(inspect.getsource(found))
    (seen,) = (node for node in tree.body if isinstance(node, ast.If))
    eager = {alias.name for node in tree.body for alias in names_of(node)}
    late = {
        alias.name: import_module("." * node.level + (node.module or ""), package)
        for node in seen.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert set(found.__all__) - eager == set(late)
    for name, module in late.items():
        assert getattr(found, name) is getattr(module, name)


def names_of(node: ast.stmt) -> list[ast.alias]:
    return node.names if isinstance(node, ast.ImportFrom) else []
