"""Everything a contributor or CI runs, one session each: `nox -l` lists them."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "venv"
nox.options.error_on_external_run = True
nox.options.sessions = ["codegen", "lint", "types", "tests", "install"]

PROJECT = nox.project.load_toml("pyproject.toml")
SUPPORTED = nox.project.python_versions(PROJECT)
PUBLISHED_SDK = "aleph-sdk-python==2.4.0"
EVM_NODE = "1.7.1"
CONTRACTS = "@superfluid-finance/ethereum-contracts@1.15.2"
SIGNERS = "tests/interop/make_signatures.py"
# Python 3.11 has filters from 3.11.4 on.
EXTRACTION: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
ENVIRONMENT = {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def interpreter(version: str) -> str | None:
    """Find a CPython of this minor version: this one, one on the path, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    candidates = [
        sys.executable,
        shutil.which(f"python{version}"),
        *sorted(str(path) for path in pyenv.glob(f"{version}.*/bin/python")),
    ]
    code = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"
    for candidate in filter(None, candidates):
        found = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
        if found.stdout.split() == ["cpython", version]:
            return candidate
    return None


INTERPRETERS = {version: path for version in SUPPORTED if (path := interpreter(version))}
MAIN = f"{sys.version_info.major}.{sys.version_info.minor}"
# A pyenv shim of an inactive version is found on the path but does not run.
os.environ["PATH"] = os.pathsep.join(
    [*(str(Path(path).parent) for path in INTERPRETERS.values()), os.environ["PATH"]]
)


def group(session: nox.Session, name: str, *targets: str) -> None:
    """Install a dependency group, and whatever else is named, in one resolution."""
    session.install("-q", "--upgrade", "pip", env=ENVIRONMENT)
    session.install("-q", "--group", name, *targets, env=ENVIRONMENT)


def environment(session: nox.Session, name: str, *packages: str) -> str:
    """Install packages into an environment beside the session's and return its Python."""
    folder = Path(session.create_tmp()).resolve() / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        session.run("python", "-m", "venv", str(folder))
    session.run(str(python), "-m", "pip", "install", "-q", *packages, external=True)
    return str(python)


@nox.session
def codegen(session: nox.Session) -> None:
    """Render the blocking twins."""
    group(session, "codegen")
    session.run("python", "-m", "codegen.generate", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting; `nox -s lint -- --fix` repairs what it can."""
    group(session, "lint")
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")
    session.run("ruff", "format", *([] if fix else ["--check"]), ".")


@nox.session
def types(session: nox.Session) -> None:
    """Type-check the packages, the twin as users see it, and the public types."""
    group(session, "types", "-e", ".[all]")
    session.run("mypy")
    session.run("pyright")


@nox.session(python=list(INTERPRETERS))
def tests(session: nox.Session) -> None:
    """Run the test suite; on the Python that runs nox, coverage must hold."""
    group(session, "test", "-e", ".[all]")
    measured = session.python == MAIN and not session.posargs
    options = ["--cov", "--cov-report=term:skip-covered", "--cov-fail-under=95"] if measured else []
    session.run("pytest", *options, *session.posargs)


@nox.session
def install(session: nox.Session) -> None:
    """Build and install the project every way users do."""
    group(session, "test")
    session.run("pytest", "-m", "packaging", *(session.posargs or ["tests/packaging"]))


@nox.session
def resolve(session: nox.Session) -> None:
    """Resolve no extras and all of them, newest and oldest, for every supported Python."""
    session.install("-q", "uv", env=ENVIRONMENT)
    for version in SUPPORTED:
        for extras in ([], ["--extra", "all"]):
            for resolution in ("highest", "lowest-direct"):
                session.log(f"Python {version}, {' '.join(extras) or 'no extras'}, {resolution}")
                session.run(
                    "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate",
                    "--python-version", version, "--resolution", resolution, *extras,
                    "--output-file", str(Path(session.create_tmp(), "resolved.txt")),
                    "pyproject.toml",
                )  # fmt: skip


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the tests against the oldest release of everything that is declared."""
    session.install("-q", "uv", env=ENVIRONMENT)
    session.run(
        "uv", "pip", "install", "--quiet", "--resolution", "lowest-direct",
        "--group", "test", "-e", ".[all]",
    )  # fmt: skip
    session.run("pytest", *session.posargs)


@nox.session
def interop(session: nox.Session) -> None:
    """Drive other people's software: the published SDK, signers of all chains, libvirt's validator."""
    sdk = environment(session, "published-sdk", PUBLISHED_SDK)
    signers = environment(session, "other-signers", *nox.project.load_toml(SIGNERS)["dependencies"])
    group(session, "test", "-e", ".[all]")
    session.run(
        "pytest", "-m", "interop", *(session.posargs or ["tests/interop"]),
        env={"ALEPH_PUBLISHED_SDK_PYTHON": sdk, "ALEPH_OTHER_SIGNERS_PYTHON": signers},
    )  # fmt: skip


@nox.session
def payg(session: nox.Session) -> None:
    """Pay on Superfluid's own contracts, on a local EVM node; both come from npm."""
    npm = shutil.which("npm")
    if npm is None:
        session.skip("npm is missing, which fetches the EVM node and Superfluid's contracts")
    system = {"Windows": "win32"}.get(platform.system(), platform.system().lower())
    machine = "arm64" if platform.machine().lower() in ("aarch64", "arm64") else "amd64"
    node = f"@foundry-rs/anvil-{system}-{machine}"
    folder = Path(session.create_tmp()).resolve() / f"{EVM_NODE}-{CONTRACTS.rpartition('@')[2]}"
    program = folder / "node_modules" / node / "bin" / f"anvil{'.exe' if os.name == 'nt' else ''}"
    if not (folder / "package").is_dir():
        folder.mkdir(exist_ok=True)
        options = ["--prefix", str(folder), "--no-save", "--no-fund", "--no-audit"]
        try:
            session.run(npm, "install", *options, f"{node}@{EVM_NODE}", external=True)
            packed = session.run(
                npm, "pack", "--silent", "--pack-destination", str(folder), CONTRACTS,
                silent=True, external=True,
            )  # fmt: skip
        except CommandFailed as error:
            session.skip(f"npm cannot fetch the EVM node and Superfluid's contracts: {error}")
        with tarfile.open(folder / str(packed).split()[-1]) as archive:
            wanted = ("package/build/hardhat/contracts/", "package/dev-scripts/artifacts/")
            members = [each for each in archive if each.name.startswith(wanted)]
            archive.extractall(folder, members, **EXTRACTION)
    group(session, "test", "-e", ".[all]")
    session.run(
        "pytest", "-m", "payg", *(session.posargs or ["tests"]),
        env={"PAYG_EVM_NODE": str(program), "PAYG_CONTRACTS": str(folder / "package")},
    )  # fmt: skip


@nox.session
def demo(session: nox.Session) -> None:
    """Run the tour against a local node."""
    group(session, "codegen", "-e", ".[devnode]")
    session.run("python", "examples/tour.py", *session.posargs)


@nox.session
def imports(session: nox.Session) -> None:
    """Compare import times with the published SDK."""
    group(session, "codegen", ".")
    session.run("python", "benchmarks/import_time.py", *session.posargs)


@nox.session
def signing(session: nox.Session) -> None:
    """Compare the time that signing takes with eth_account's."""
    group(session, "codegen", ".", "eth-account")
    session.run("python", "benchmarks/signing.py", *session.posargs)


@nox.session
def size(session: nox.Session) -> None:
    """Compare the megabytes that are installed with those of the published SDK."""
    session.run("python", "benchmarks/size.py", *session.posargs)


@nox.session
def sev(session: nox.Session) -> None:
    """Time what the owner of a confidential guest computes for one launch."""
    group(session, "codegen", ".[devnode]")
    session.run("python", "benchmarks/sev.py", *session.posargs)
