from __future__ import annotations

import os
import sys
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from codegen.generate import PACKAGE, TESTS, GenerationError, write  # noqa: E402

collect_ignore: list[str] = []
generation_problem = ""
try:
    for twin in (PACKAGE, TESTS):
        if (ROOT / twin.source).is_dir():
            write(ROOT, twin)
except GenerationError as error:
    # The twin on disk is stale: what would run it is left out, and the run fails.
    generation_problem = str(error)
    collect_ignore += ["blocking", "packaging", "parity"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if generation_problem:
        terminalreporter.section("the tests of the blocking twin were left out", red=True)
        terminalreporter.line(generation_problem, red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if generation_problem:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
