"""Run a local node from the command line until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from .database import DatabaseUnusable
from .node import Node
from .server import Server, listen, url_of
from .settings import NodeSettings


def main(arguments: list[str] | None = None) -> int:
    """Print one JSON line with the URL when the node is ready, then serve."""
    parser = argparse.ArgumentParser(
        prog="aleph_devnode", description="A local Aleph node for tests and demos."
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=int, default=0, help="port to listen on (default: any free one)"
    )
    parser.add_argument(
        "--data-dir", type=Path, help="folder to keep everything in (default: forget at exit)"
    )
    parser.add_argument(
        "--max-retries", type=int, help="attempts before a waiting message is rejected"
    )
    parser.add_argument(
        "--retry-delay", type=float, help="seconds before the second attempt, doubled each time"
    )
    parser.add_argument(
        "--sync-timeout", type=float, help="seconds a publication with sync waits at most"
    )
    options = parser.parse_args(arguments)
    names = ("max_retries", "retry_delay", "sync_timeout")
    chosen = {name: value for name in names if (value := getattr(options, name)) is not None}
    with ExitStack() as stack:
        folder = options.data_dir
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aleph-devnode-")))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            listener = stack.enter_context(listen(options.host, options.port))
            node = Node(
                NodeSettings(**chosen),
                folder,
                durable=options.data_dir is not None,
                url=url_of(listener),
            )
        except (OSError, DatabaseUnusable) as error:
            sys.stderr.write(f"aleph_devnode: {error}\n")
            return 1
        server = Server(node)

        def stop(_signal: int, _frame: FrameType | None) -> None:
            server.should_exit = True

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        sys.stdout.write(json.dumps({"url": url_of(listener)}) + "\n")
        sys.stdout.flush()
        asyncio.run(server.run_on(listener))
    return 0


if __name__ == "__main__":
    sys.exit(main())
