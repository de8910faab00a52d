"""What other people's programs computed comes out here too, byte for byte."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from aleph_core import sev
from tests.core.sev.golden import (
    ABSENT,
    CHECKS,
    FOLDERS,
    OTHERS,
    OWN,
    Entry,
    cases,
    document,
    entries,
)

EVERY = [
    pytest.param(check, *case.values, id=f"{section}-{case.id}", marks=case.marks)
    for (name, section), check in CHECKS.items()
    for case in cases(name, section)
]


@pytest.mark.parametrize(("check", "entry"), EVERY)
def test_it_comes_out_as_in_other_programs(check: Any, entry: Entry) -> None:
    check(entry)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_file_of_the_vectors_is_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: Counter[str] = Counter()
    for path in folder.glob("*.json"):
        for section, found in document(folder, path.stem).items():
            if not isinstance(found, list):
                continue
            for entry in entries(folder, path.stem, section):
                CHECKS[path.stem, section]({**entry, "folder": folder})
                ran[path.name] += 1
                ran.update(f"files/{v}" for k, v in entry.items() if k.endswith("_file") and v)
    pins = {
        pin
        for source in sev.AMD_ROOTS.values()
        for pin in (source.ark_file, source.ask_file, source.ark_body)
    }
    for path in folder.glob("roots/*.cert"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in pins
        ran[f"roots/{path.name}"] += 1
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there - {"README.md", "roots/SHA256SUMS"} == set(ran)
    with capsys.disabled():
        print(f"\n{folder.name}: " + ", ".join(f"{name} {ran[name]}" for name in sorted(ran)))
    assert sum(ran[path.name] for path in folder.glob("*.json")) >= (68 if folder == OWN else 81)


@pytest.mark.skipif(OTHERS not in FOLDERS, reason=ABSENT)
def test_the_copies_are_what_they_are_copies_of() -> None:
    for path in OWN.glob("*.json"):
        for section, found in document(OWN, path.stem).items():
            if isinstance(found, list):
                theirs = document(OTHERS, path.stem)[section]
                assert all(entry in theirs for entry in found), (path.name, section)
    for path in (OWN / "files").iterdir():
        assert path.read_bytes() == (OTHERS / "files" / path.name).read_bytes()


@pytest.mark.skipif(OTHERS not in FOLDERS, reason=ABSENT)
def test_the_roots_at_hand_are_those_that_their_list_names() -> None:
    for line in (OTHERS / "roots" / "SHA256SUMS").read_text(encoding="ascii").splitlines():
        digest, name = line.split()
        assert hashlib.sha256((OTHERS / "roots" / name).read_bytes()).hexdigest() == digest
