"""Build hook: render the blocking twin into the tree and ship it with the wheel."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TwinBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Render `aleph_sync` before a wheel, editable or not, collects its files."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the twin and declare it as an artifact, which git ignores."""
        if self.target_name != "wheel":
            return
        sys.path.insert(0, self.root)
        try:
            from codegen.generate import write
        finally:
            sys.path.remove(self.root)
        build_data["artifacts"] += [f"/{path}" for path in write(Path(self.root))]
