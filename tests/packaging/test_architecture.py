"""The laws of the house that a reader cannot check at a glance."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parent.parent.parent / "src"

EVENT_LOOPS = {"anyio", "asyncio", "sniffio", "trio"}
NETWORK = {
    "aiohttp",
    "dns",
    "httpcore",
    "httpx",
    "httpx_aiohttp",
    "httpx_ws",
    "requests",
    "websockets",
}
SYSTEM = {"concurrent", "queue", "select", "selectors", "socket", "ssl", "subprocess", "threading"}
FORBIDDEN = {
    "aleph_async": EVENT_LOOPS | NETWORK | SYSTEM | {"aleph_devnode", "aleph_sync", "time"},
    "aleph_core": EVENT_LOOPS
    | NETWORK
    | SYSTEM
    | {"aleph_async", "aleph_devnode", "aleph_sync", "os", "pathlib", "shutil", "tempfile"},
}
# These compute with names and never touch a disk.
PURE_PATHS = {"PurePath", "PurePosixPath", "PureWindowsPath"}
ALLOWED = {
    # The pairs are where the colours differ.
    "aleph_async/_runtime": EVENT_LOOPS | NETWORK | SYSTEM | {"time"},
    # Types a caller hands in.
    "aleph_async": {"ssl"},
    # A device answers one question at a time, whatever the colour of who asks.
    "aleph_core/accounts/ledger.py": {"threading"},
    # Key files are what the core reads and writes.
    "aleph_core/accounts": {"os", "pathlib", "tempfile"},
    # AMD's roots are read and kept like other keys.
    "aleph_core/sev/root_files.py": {"os", "pathlib"},
    # The keys of a launch session are kept like other keys.
    "aleph_core/sev/session_files.py": {"os", "pathlib"},
    # Variables are read when a client is made.
    "aleph_core/settings.py": {"os", "pathlib"},
}


def modules(package: str) -> Iterator[Path]:
    return (path for path in (SOURCES / package).rglob("*.py") if path.is_file())


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and name of every module imported at run time."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = {alias.name for alias in node.names}
            if not (node.module == "pathlib" and names <= PURE_PATHS):
                yield node.lineno, node.module or ""
        yield from imported(node)


def violations(package: str) -> Iterator[str]:
    for path in modules(package):
        name = path.relative_to(SOURCES).as_posix()
        allowed = {
            word
            for room, words in ALLOWED.items()
            if f"{name}/".startswith(f"{room}/")
            for word in words
        }
        for line, module in imported(ast.parse(path.read_text("utf-8"))):
            if module.partition(".")[0] in FORBIDDEN[package] - allowed:
                yield f"src/{name}:{line}: imports {module}"


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_no_module_imports_what_its_room_may_not(package: str) -> None:
    assert list(violations(package)) == []


def test_the_sources_to_judge_are_found() -> None:
    assert all(any(modules(package)) for package in FORBIDDEN)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import asyncio.locks", ["asyncio.locks"]),
        ("def f():\n    from httpx import Client", ["httpx"]),
        ("from . import time", []),
        ("from pathlib import PurePath", []),
        ("from pathlib import Path, PurePath", ["pathlib"]),
        ("if TYPE_CHECKING:\n    import httpx", []),
    ],
)
def test_lazy_imports_count_and_imports_for_types_do_not(source: str, names: list[str]) -> None:
    assert [name for _, name in imported(ast.parse(source))] == names


@pytest.mark.parametrize("package", ["aleph_async", "aleph_core", "aleph_devnode", "aleph_sync"])
def test_every_package_is_typed(package: str) -> None:
    assert (SOURCES / package / "py.typed").is_file()
