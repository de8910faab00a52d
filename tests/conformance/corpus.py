"""The recorded exchanges and the list of known gaps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs

FOLDER = Path(__file__).parent


@attrs.frozen
class Exchange:
    """Hold one recorded exchange; see the README beside for its keys."""

    recorded: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.recorded["id"])

    @property
    def why(self) -> str:
        return str(self.recorded["why"])

    def waits(self, when: str) -> list[dict[str, Any]]:
        return [wait for wait in self.recorded.get("wait", ()) if wait.get("when", "after") == when]


def _lines() -> list[dict[str, Any]]:
    text = (FOLDER / "corpus.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def funds() -> list[dict[str, Any]]:
    """Return what must be owned before the first exchange: address, aleph, credits."""
    found: list[dict[str, Any]] = _lines()[0]["setup"]["funds"]
    return found


def exchanges() -> list[Exchange]:
    return [Exchange(line) for line in _lines()[1:]]


def gaps() -> dict[str, str]:
    """Return the reason of each known gap; raises ValueError for a line without one or said twice."""
    found: dict[str, str] = {}
    for line in (FOLDER / "expected_gaps.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        name, _, reason = line.partition(" ")
        if not reason.strip() or name in found:
            raise ValueError(f"expected_gaps.txt: {line!r} needs a reason and a name of its own")
        found[name] = reason.strip()
    return found
