"""The tour ends well against a node, and clearly without one."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from aleph_devnode import DevNode
from aleph_sync import AlephHttpClient, MessageFilter

TOUR = Path(__file__).resolve().parent.parent / "examples" / "tour.py"


def take_tour(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.upper().startswith("ALEPH_")}
    return subprocess.run(
        [sys.executable, "-W", "error", str(TOUR)],
        cwd=folder,
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_starts_a_node_of_its_own_and_ends_with_a_summary(tmp_path: Path) -> None:
    tour = take_tour(tmp_path)
    assert (tour.returncode, tour.stderr) == (0, "")
    assert tour.stdout.startswith("Started a local node, http://127.0.0.1:")
    *_, summary = tour.stdout.splitlines()
    assert re.fullmatch(r"Done in .* s: 27 messages published, 4 files stored, .*", summary)
    for part in ("Blocking, with aleph_sync", "Async, with aleph_async", "Machines, with"):
        assert part in tour.stdout
    # Where the output is no terminal, a progress bar is one line.
    assert "\r" not in tour.stdout
    assert tour.stdout.count("[########################] 100%") == 4
    assert list(tmp_path.iterdir()) == []


def test_it_takes_the_node_that_is_named_and_leaves_it_without_contents(tmp_path: Path) -> None:
    with DevNode() as node:
        tour = take_tour(tmp_path, ALEPH_API_HOST=node.url, PYTHONIOENCODING="ascii")
        assert (tour.returncode, tour.stderr) == (0, "")
        assert tour.stdout.startswith("Using the node that ALEPH_API_HOST names")
        with AlephHttpClient(node.url) as client:
            left = {message.type for message in client.get_messages_iterator()}
            gone = client.get_messages(message_filter=MessageFilter(message_statuses="forgotten"))
        assert left == {"FORGET"}
        assert len(gone) == 14


def test_it_ends_with_one_clear_line_when_there_is_no_node(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{listener.getsockname()[1]}"
        tour = take_tour(tmp_path, ALEPH_API_HOST=nowhere)
    assert tour.returncode == 1
    [line] = tour.stderr.strip().splitlines()
    assert line.startswith("The tour ended early: TransportError: cannot connect to ")
