"""A local node that listens on a unix socket."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aleph_devnode import NodeSettings
from aleph_devnode.node import Node
from aleph_devnode.server import Server


@contextmanager
def unix_node(folder: Path) -> Iterator[str]:
    """Run a node and yield the path of its socket."""
    path = folder / "node.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(16)
    server = Server(Node(NodeSettings(), folder, durable=False))
    thread = threading.Thread(target=asyncio.run, args=(server.run_on(listener),), daemon=True)
    thread.start()
    try:
        yield str(path)
    finally:
        server.should_exit = True
        thread.join(10)
    assert not thread.is_alive()
