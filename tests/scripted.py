"""A hostile server that answers by path: what a node would, except where a test says otherwise."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.hostile import HostileServer, Peer, Received, Step, answer

MESSAGES = "/api/v0/messages"
LIST = "/api/v0/messages.json"
HASHES = "/api/v0/messages/hashes"
POSTS = "/api/v0/posts.json"
STORAGE = "/api/v0/storage/add_file"
RAW = "/api/v0/storage/raw/"
LIMITS = "/api/v0/storage/limits.json"
WATCH = "/api/ws0/messages"

OWNER = "0x7cD41CE1a8a53E10f4e3669363cDf4824B216162"


def routes(table: Mapping[str, Step | Sequence[Step]]) -> Step:
    """Play the step of the request's path, or of ``METHOD path``; unknown ones are 404.

    A path that ends with ``/`` stands for all below it. Several steps play one after the other and
    the last one stays.
    """
    left = {path: [steps] if callable(steps) else list(steps) for path, steps in table.items()}
    lock = threading.Lock()

    def play(peer: Peer) -> None:
        path = urlsplit(peer.request.target).path
        names = (f"{peer.request.method} {path}", path, *_above(path))
        with lock:
            steps = next((left[name] for name in names if name in left), None)
            step = None if steps is None else steps.pop(0) if len(steps) > 1 else steps[0]
        (step or answer("404: Not Found", status=404, content_type="text/plain"))(peer)

    return play


def _above(path: str) -> list[str]:
    pieces = path.split("/")
    return ["/".join(pieces[:end]) + "/" for end in range(len(pieces) - 1, 1, -1)]


def node(table: Mapping[str, Step | Sequence[Step]]) -> HostileServer:
    return HostileServer(routes(table))


def paths(server: HostileServer, method: str | None = None) -> list[str]:
    """Return the paths that were asked for, in their order."""
    return [
        urlsplit(request.target).path
        for request in server.requests
        if method in (None, request.method)
    ]


def query(request: Received) -> dict[str, str]:
    return {
        name: values[0]
        for name, values in parse_qs(urlsplit(request.target).query, keep_blank_values=True).items()
    }


def message(number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return an unsigned post of the owner as nodes list it; other values, or ``...`` for none."""
    text = json.dumps({"address": OWNER, "time": number, "type": "t", "content": {"n": number}})
    fields: dict[str, Any] = {
        "chain": "ETH",
        "sender": OWNER,
        "type": "POST",
        "channel": "TEST",
        "time": 1_790_000_000 + number,
        "item_type": "inline",
        "item_content": text,
        "item_hash": sha256(text.encode()),
        "signature": "0x00",
        "content": json.loads(text),
        "confirmed": False,
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not ...}


def processed(found: Mapping[str, Any], status: str = "processed") -> dict[str, Any]:
    return {
        "status": status,
        "item_hash": found["item_hash"],
        "reception_time": "2026-11-23T07:54:03.256674Z",
        "message": found,
    }


def listed(*entries: Any, **fields: Any) -> dict[str, Any]:
    return {
        "messages": [*entries],
        "pagination_page": 1,
        "pagination_per_page": 200,
        "pagination_total": len(entries),
        "pagination_item": "messages",
        **fields,
    }


def published(message_status: str | None = "processed", **publication: Any) -> dict[str, Any]:
    return {
        "publication_status": {"status": "success", "failed": [], **publication},
        "message_status": message_status,
    }


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
