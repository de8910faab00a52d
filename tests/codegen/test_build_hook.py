from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from codegen import generate, rules
from codegen.hatch_build import TwinBuildHook

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The async package of this tree, without its twin."""
    for path in (ROOT / "src/aleph_async").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return tmp_path


def build(root: Path, target: str) -> dict[str, Any]:
    build_data: dict[str, Any] = {"artifacts": ["/existing"]}
    hook: Any = TwinBuildHook
    hook(str(root), {}, None, None, str(root / "dist"), target).initialize("standard", build_data)
    return build_data


def test_a_wheel_ships_every_rendered_file(tree: Path) -> None:
    path = list(sys.path)

    artifacts = build(tree, "wheel")["artifacts"]

    assert artifacts == ["/existing", *(f"/{name}" for name in sorted(generate.render(ROOT)))]
    assert all((tree / name.lstrip("/")).is_file() for name in artifacts[1:])
    assert sys.path == path


def test_an_sdist_ships_the_sources_alone(tree: Path) -> None:
    assert build(tree, "sdist") == {"artifacts": ["/existing"]}
    assert not (tree / "src/aleph_sync").exists()


def test_a_source_that_cannot_be_rendered_stops_the_build(tree: Path) -> None:
    (tree / "src/aleph_async/extra.py").write_text("import asyncio\n")

    with pytest.raises(generate.GenerationError, match="'asyncio' has no blocking half"):
        build(tree, "wheel")


def test_the_pairs_are_left_out_of_the_twin() -> None:
    assert "_runtime/_aio" in rules.ASYNC_ONLY
