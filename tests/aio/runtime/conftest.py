from __future__ import annotations

import inspect
from collections.abc import AsyncIterator

import pytest

from aleph_async._runtime import Http

# Only one colour has a second transport.
TRANSPORTS = ["httpx", "aiohttp"] if inspect.iscoroutinefunction(Http.exchange) else ["httpx"]


@pytest.fixture(params=TRANSPORTS)
async def http(request: pytest.FixtureRequest) -> AsyncIterator[Http]:
    http = Http(timeout=5, prefer_aiohttp=request.param == "aiohttp")
    yield http
    await http.aclose()


@pytest.fixture(params=TRANSPORTS)
async def hasty(request: pytest.FixtureRequest) -> AsyncIterator[Http]:
    http = Http(timeout=0.3, prefer_aiohttp=request.param == "aiohttp")
    yield http
    await http.aclose()
