"""What users install: the wheel, the sdist, the editable tree, and a clone of the repository."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parent.parent.parent
IGNORED = shutil.ignore_patterns(
    ".git", ".nox", ".venv", ".*_cache", ".hypothesis", "__pycache__", "aleph_sync", "blocking"
)
PROBE = """
import sys
import aleph_sync
loaded = {"asyncio", "eth_account", "pydantic"} & set(sys.modules)
assert not loaded, loaded
import aleph_async, aleph_core
with aleph_sync.AlephHttpClient():
    pass
print(aleph_sync.__file__, aleph_sync.ETHAccount.generate().get_address())
"""


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository made of the files of this tree that git would track, twins left out."""
    folder = tmp_path_factory.mktemp("clone") / "aleph-sync"
    shutil.copytree(ROOT, folder, ignore=IGNORED)
    run("git", "init", "-q", "-b", "main", cwd=folder)
    run("git", "add", "-A", cwd=folder)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    run("git", *identity, "commit", "-q", "--no-gpg-sign", "-m", "snapshot", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def built(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist, the wheel built from the tree, and the wheel built from that sdist."""
    out = tmp_path_factory.mktemp("built")
    epoch = {"SOURCE_DATE_EPOCH": "1700000000"}
    build = (sys.executable, "-m", "build", "--no-isolation")
    run(*build, "--sdist", "--outdir", out / "sdist", clone, cwd=out, env=epoch)
    run(*build, "--wheel", "--outdir", out / "tree", clone, cwd=out, env=epoch)
    (sdist,) = (out / "sdist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        # Python 3.11 has filters from 3.11.4 on; this archive is our own.
        filtered: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(out / "unpacked", **filtered)
    (unpacked,) = (out / "unpacked").iterdir()
    run(*build, "--wheel", "--outdir", out / "from_sdist", unpacked, cwd=out, env=epoch)
    (tree_wheel,) = (out / "tree").glob("*.whl")
    (sdist_wheel,) = (out / "from_sdist").glob("*.whl")
    return {"sdist": sdist, "tree": tree_wheel, "from_sdist": sdist_wheel}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_wheel_from_the_sdist_equals_the_wheel_from_the_tree(built: dict[str, Path]) -> None:
    assert sha256(built["from_sdist"]) == sha256(built["tree"])


def test_the_wheel_holds_every_package_and_nothing_else(built: dict[str, Path]) -> None:
    with zipfile.ZipFile(built["tree"]) as wheel:
        names = wheel.namelist()

    packages = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"aleph_async", "aleph_core", "aleph_devnode", "aleph_sync"}
    for package in packages:
        assert {f"{package}/__init__.py", f"{package}/py.typed"} <= set(names)
    assert not [name for name in names if "_aio" in name and name.startswith("aleph_sync/")]
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_the_sdist_ships_what_the_build_and_the_tests_need(built: dict[str, Path]) -> None:
    with tarfile.open(built["sdist"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"codegen/rules.py", "codegen/generate.py", "tests/conftest.py", "README.md"} <= names
    assert not [name for name in names if name.startswith(("src/aleph_sync", "tests/blocking"))]


def install(folder: Path, *target: str | Path, cwd: Path) -> Path:
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(python, "-m", "pip", "install", "-q", *target, cwd=cwd)
    return python


def probe(python: Path, tmp_path: Path) -> Path:
    """Import from an empty folder, with nothing but what was installed; return where from."""
    empty = tmp_path / "empty"
    empty.mkdir()
    output = run(python, "-I", "-W", "error", "-c", PROBE, cwd=empty)
    return Path(output.split()[0])


@pytest.fixture(scope="module")
def plain(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds the wheel, with no extras."""
    folder = tmp_path_factory.mktemp("plain")
    return install(folder / "venv", built["tree"], cwd=folder)


def test_the_wheel_imports_without_extras(plain: Path, tmp_path: Path) -> None:
    assert probe(plain, tmp_path).is_relative_to(plain.parent.parent)
    run(plain, "-m", "pip", "check", cwd=tmp_path)


def test_the_wheel_brings_nothing_of_web3(plain: Path, tmp_path: Path) -> None:
    listed = run(plain, "-m", "pip", "list", "--format=freeze", cwd=tmp_path).lower()
    names = {line.partition("==")[0].replace("_", "-") for line in listed.split()}
    assert "aleph-sync" in names
    assert not names & {"aiohttp", "cytoolz", "eth-abi", "eth-account", "requests", "web3"}


@pytest.mark.parametrize(
    "arguments",
    [["."], ["-e", "."], ["git+{url}"]],
    ids=["tree", "editable", "git"],
)
def test_the_source_installs(clone: Path, tmp_path: Path, arguments: Sequence[str]) -> None:
    target = [argument.format(url=clone.as_uri()) for argument in arguments]

    python = install(tmp_path / "venv", *target, cwd=clone)

    origin = probe(python, tmp_path)
    assert origin.is_relative_to(clone if "-e" in arguments else tmp_path / "venv")
