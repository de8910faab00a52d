"""Signatures, encryption and keystores of every chain, exchanged with other people's software."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from aleph_core import accounts
from aleph_core.signatures import verify_message_signature
from tests.interop.our_signatures import account_of, make

pytestmark = pytest.mark.interop

PROGRAM = Path(__file__).with_name("make_signatures.py")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    python = os.environ.get("ALEPH_OTHER_SIGNERS_PYTHON")
    if not python:
        pytest.fail(
            "ALEPH_OTHER_SIGNERS_PYTHON must name a Python that has what make_signatures.py names; "
            "`nox -s interop` makes one and runs these tests",
            pytrace=False,
        )
    return subprocess.run(
        [python, "-W", "ignore", str(PROGRAM), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={k: v for k, v in os.environ.items() if not k.startswith(("ALEPH_", "COVERAGE"))},
    )


def test_what_we_make_holds_for_the_others(tmp_path: Path) -> None:
    file = tmp_path / "ours.json"
    made = make()
    file.write_text(json.dumps(made), encoding="utf-8")
    done = run("check", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("holds") == sum(len(entries) for entries in made.values())


def test_the_others_refuse_what_was_altered(tmp_path: Path) -> None:
    file = tmp_path / "altered.json"
    made = make()
    for entry in made["signatures"]:
        entry["message"]["item_hash"] = "00" * 32
    altered = {"signatures": made["signatures"], "encryptions": [], "keystores": []}
    file.write_text(json.dumps(altered), encoding="utf-8")
    done = run("check", str(file))
    assert done.returncode == 1
    assert done.stdout.count("FAILS") == len(made["signatures"])


def test_what_the_others_make_anew_holds_for_us(tmp_path: Path) -> None:
    done = run("make", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    theirs: dict[str, Any] = json.loads((tmp_path / "theirs.json").read_text(encoding="utf-8"))
    for entry in theirs["signatures"]:
        verify_message_signature(entry["message"])
        if entry["account"] is not None:
            assert account_of(entry).get_address() == entry["message"]["sender"]
    for entry in theirs["encryptions"]:
        account = getattr(accounts, entry["account"])(entry["private_key"])
        assert account.decrypt(bytes.fromhex(entry["encrypted"])).hex() == entry["text"]
    for entry in theirs["keystores"]:
        opened = accounts.ETHAccount.from_keystore(entry["keystore"], entry["password"])
        assert opened.export_private_key() == entry["private_key"]
