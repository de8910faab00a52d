"""The blocking runtime: the sibling of the other one, name by name."""

from __future__ import annotations

from .dns import DnsResolver
from .files import FileSink, FileSource, Spool
from .http import Http, HttpClient, StreamedAnswer
from .tasks import Fetch, Job, Later, Lock, clock, gather, home, run_blocking, sleep, start
from .websocket import WebSocket

__all__ = [
    "DnsResolver",
    "Fetch",
    "FileSink",
    "FileSource",
    "Http",
    "HttpClient",
    "Job",
    "Later",
    "Lock",
    "Spool",
    "StreamedAnswer",
    "WebSocket",
    "clock",
    "gather",
    "home",
    "run_blocking",
    "sleep",
    "start",
]
