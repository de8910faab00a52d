"""The only place that knows a colour: HTTP, websockets, files, tasks and time."""

from __future__ import annotations

from httpx import Limits, Timeout

from ._aio import (
    DnsResolver,
    Fetch,
    FileSink,
    FileSource,
    Http,
    HttpClient,
    Job,
    Later,
    Lock,
    Spool,
    StreamedAnswer,
    WebSocket,
    clock,
    gather,
    home,
    run_blocking,
    sleep,
    start,
)
from ._registry import Registry
from ._request import Progress, Request, origin

__all__ = [
    "DnsResolver",
    "Fetch",
    "FileSink",
    "FileSource",
    "Http",
    "HttpClient",
    "Job",
    "Later",
    "Limits",
    "Lock",
    "Progress",
    "Registry",
    "Request",
    "Spool",
    "StreamedAnswer",
    "Timeout",
    "WebSocket",
    "clock",
    "gather",
    "home",
    "origin",
    "run_blocking",
    "sleep",
    "start",
]
