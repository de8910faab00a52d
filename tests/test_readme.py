"""What the README shows runs, and what it lists is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest

import aleph_sync
from aleph_core.settings import Settings
from aleph_devnode import DevNode
from aleph_sync import _wall_clock
from tests.evm_endpoint import endpoint

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
DOCUMENTS = [README, *(path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md")))]
EXAMPLES = [
    code
    for document in DOCUMENTS
    for code in re.findall(r"^```python\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
]


def document(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def first_cells(table: str) -> list[str]:
    return [row.split("|")[1].strip() for row in table.splitlines() if row.startswith("| `")]


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DevNode]:
    with DevNode() as running, endpoint() as chain:
        monkeypatch.setenv("ALEPH_API_HOST", running.url)
        monkeypatch.setenv("ALEPH_CHAINS_AVAX_RPC", chain.url)
        monkeypatch.chdir(tmp_path)
        yield running


def test_the_first_two_code_blocks_are_the_two_commands() -> None:
    commands = BLOCKS[:2]
    assert [language for language, _ in commands] == ["bash", "bash"]
    tour, tests = (code.removesuffix("\n") for _, code in commands)
    for command in (tour, tests):
        assert "\n" not in command
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert tour.endswith("&& .venv/bin/python examples/tour.py")
    assert tests.endswith("&& .venv/bin/pytest")
    assert (ROOT / "examples" / "tour.py").is_file()


@pytest.mark.parametrize("code", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_runs(
    code: str,
    node: DevNode,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "DevNode" not in code:
        # From 2027 on, nodes store nothing for accounts that own nothing.
        told = _wall_clock.now
        behind = max(told() - datetime(2026, 12, 1, tzinfo=UTC), timedelta())
        monkeypatch.setattr(_wall_clock, "now", lambda: told() - behind)
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.strip()


def test_both_colours_have_an_example() -> None:
    for package in ("aleph_sync", "aleph_async"):
        assert any(f"from {package} import Auth" in code for code in EXAMPLES)


def test_the_errors_listed_exist_and_none_is_left_out() -> None:
    names = re.findall(r"`([A-Z]\w+)`", document("errors"))
    listed = {name for name in names if name not in ("ValueError", "RetryPolicy")}
    family = {
        name
        for name in aleph_sync.__all__
        if isinstance(getattr(aleph_sync, name), type)
        and issubclass(getattr(aleph_sync, name), aleph_sync.AlephError)
    }
    assert listed == family - {"AlephClientError"}
    shown = README.split("\n## Errors\n")[1].split("\n## ")[0]
    assert set(re.findall(r"`([A-Z]\w+)`", shown)) <= listed


def test_the_settings_listed_are_those_that_are_read() -> None:
    listed = first_cells(document("settings"))
    # Some fields hold a family of variables.
    assert listed == [
        f"`ALEPH_{field.metadata.get('variable', field.name)}`" for field in attrs.fields(Settings)
    ]
    for row in [*document("settings").splitlines(), *README.splitlines()]:
        for name, default in re.findall(r"^\| `ALEPH_(\w+)` \| `([^`]+)`", row):
            value = getattr(Settings.from_environment({"HOME": "/home/ada"}), name)
            spelled = str(value).lower() if isinstance(value, bool) else str(value)
            assert spelled.endswith(default), name


def test_links_to_files_lead_somewhere() -> None:
    targets = [
        t for t in re.findall(r"\]\(([^)]+)\)", README) if "://" not in t and not t.startswith("#")
    ]
    assert targets
    for target in targets:
        assert (ROOT / target).is_file(), target


def test_the_names_that_take_the_place_of_the_published_sdks_are_there() -> None:
    guide = (ROOT / "docs" / "from-aleph-sdk-python.md").read_text("utf-8")
    rows = [row.split("|") for row in guide.splitlines() if row.startswith("| `aleph.sdk")]
    names = [name for row in rows for name in re.findall(r"`(\w+)`", row[2])]
    assert names
    assert set(names) <= set(aleph_sync.__all__)
