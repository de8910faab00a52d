"""A local Aleph node for tests, demos and offline work.

It keeps messages in SQLite and files in a folder, answers like a core channel node, and talks to nobody.
It is a test tool: it has no peers, trusts whoever can reach it to grant funds, and listens on loopback by default.
"""

from __future__ import annotations

from .server import DevNode
from .settings import NodeSettings

__all__ = ["DevNode", "NodeSettings"]
