"""A local Aleph node for tests, demos and offline work.

It keeps messages in SQLite and files in a folder, answers like a core channel node, and talks to nobody.
It is a test tool: it has no peers, trusts whoever can reach it to grant funds, and listens on loopback by default.
"""

from __future__ import annotations

try:
    from .server import DevNode
    from .settings import NodeSettings
except ModuleNotFoundError as error:
    if (error.name or "").startswith("aleph"):
        raise
    raise ModuleNotFoundError(
        f"the local node needs {error.name}: pip install 'aleph-sync[devnode]'", name=error.name
    ) from error

__all__ = ["DevNode", "NodeSettings"]
