from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codegen import generate
from codegen.generate import PACKAGE, TESTS, Twin

ROOT = Path(__file__).resolve().parent.parent.parent

ROOM = Twin("room", "twin", {"aclose": "close"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    room = tmp_path / "room"
    (room / "inner").mkdir(parents=True)
    (room / "__init__.py").write_text("")
    (room / "inner/reader.py").write_text("reader.aclose()\n")
    return tmp_path


def test_write_creates_every_file_and_returns_their_paths(root: Path) -> None:
    assert generate.write(root, ROOM) == ["twin/__init__.py", "twin/inner/reader.py"]

    assert (root / "twin/inner/reader.py").read_text() == (
        "# Generated from room/inner/reader.py by codegen/generate.py: edit that file instead.\n"
        "reader.close()\n"
    )
    assert generate.check(root, ROOM) == []


def test_write_leaves_an_unchanged_file_alone(root: Path) -> None:
    generate.write(root, ROOM)
    kept, changed = root / "twin/__init__.py", root / "twin/inner/reader.py"
    os.utime(kept, (1, 1))
    os.utime(changed, (1, 1))
    (root / "room/inner/reader.py").write_text("reader.aclose(1)\n")

    generate.write(root, ROOM)

    assert kept.stat().st_mtime == 1
    assert changed.stat().st_mtime > 1


def test_write_removes_what_has_no_source_any_more(root: Path) -> None:
    generate.write(root, ROOM)
    (root / "room/inner/added.py").write_text("")
    generate.write(root, ROOM)
    (root / "room/inner/added.py").unlink()

    assert generate.check(root, ROOM) == ["twin/inner/added.py"]
    generate.write(root, ROOM)

    assert not (root / "twin/inner/added.py").exists()
    assert (root / "twin/inner/reader.py").exists()


def test_check_names_missing_stale_and_left_over_files(root: Path) -> None:
    generate.write(root, ROOM)
    (root / "twin/__init__.py").unlink()
    (root / "twin/inner/reader.py").write_text("edited by hand\n")
    (root / "twin/extra.py").write_text("")

    assert generate.check(root, ROOM) == [
        "twin/__init__.py",
        "twin/extra.py",
        "twin/inner/reader.py",
    ]


def test_byte_code_is_no_source(root: Path) -> None:
    (root / "room/__pycache__").mkdir()
    (root / "room/__pycache__/x.pyc").write_bytes(b"")

    assert "twin/__pycache__/x.pyc" not in generate.render(root, ROOM)


def test_a_failed_write_leaves_nothing_behind(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("disk is gone")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="disk is gone"):
        generate.write(root, ROOM)

    assert [path for path in (root / "twin").rglob("*") if path.is_file()] == []


def test_a_checkout_below_a_folder_of_the_same_name_is_rendered_in_place(tmp_path: Path) -> None:
    root = tmp_path / "room" / "twin"
    (root / "room").mkdir(parents=True)
    (root / "room/reader.py").write_text("reader.aclose()\n")

    assert generate.write(root, ROOM) == ["twin/reader.py"]
    assert (root / "twin/reader.py").is_file()


@pytest.mark.parametrize("twin", [PACKAGE, TESTS], ids=lambda twin: twin.target)
def test_the_twins_of_this_tree_are_current(twin: Twin) -> None:
    assert generate.check(ROOT, twin) == []


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "codegen.generate", *arguments]
    # Only the generator of this tree is measured, not a copy of it.
    env = {
        name: value
        for name, value in os.environ.items()
        if cwd == ROOT or not name.startswith("COVERAGE_")
    }
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_the_command_writes_both_twins() -> None:
    done = run()

    assert done.returncode == 0, done.stderr
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        "src/aleph_sync",
        "tests/blocking",
    ]


def test_the_check_command_passes_on_a_current_tree() -> None:
    done = run("--check")

    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_an_unknown_option_is_refused() -> None:
    done = run("--help-me")

    assert done.returncode == 2
    assert "usage:" in done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A tree with the real generator and one source file of its own."""
    (tmp_path / "codegen").mkdir()
    for path in (ROOT / "codegen").glob("*.py"):
        (tmp_path / "codegen" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "codegen/rules.py").write_text(
        'TOKENS = {"aclose": "close"}\nTEST_TOKENS = {}\nASYNC_ONLY = TEST_ASYNC_ONLY = ()\n'
    )
    (tmp_path / "src/aleph_async").mkdir(parents=True)
    (tmp_path / "src/aleph_async/client.py").write_text("x.aclose()\n")
    return tmp_path


def test_the_check_command_names_a_stale_file(copy: Path) -> None:
    done = run("--check", cwd=copy)

    assert done.returncode == 1
    assert "src/aleph_sync/client.py is stale: run python -m codegen.generate" in done.stdout


def test_the_command_reports_what_cannot_be_rendered(copy: Path) -> None:
    (copy / "src/aleph_async/client.py").write_text("import asyncio\nx.aclose()\n")

    done = run(cwd=copy)

    assert done.returncode == 1
    assert "src/aleph_async/client.py:1: 'asyncio' has no blocking half" in done.stderr
    assert not (copy / "src/aleph_sync").exists()
