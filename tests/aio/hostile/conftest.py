from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aleph_async import AlephHttpClient, AuthenticatedAlephHttpClient, ETHAccount, RetryPolicy

QUICK = RetryPolicy(attempts=3, initial_delay=0.01, maximum_delay=0.02)


@pytest.fixture
def key() -> ETHAccount:
    return ETHAccount(b"\x01" * 32)


@pytest.fixture
def reading() -> Callable[..., AlephHttpClient]:
    """Make a hasty client of the nodes given."""

    def make(*nodes: Any, **options: Any) -> AlephHttpClient:
        urls = [server.url for server in nodes]
        return AlephHttpClient(urls, **{"timeout": 2, "retry": QUICK, **options})

    return make


@pytest.fixture
def publishing(key: ETHAccount) -> Callable[..., AuthenticatedAlephHttpClient]:
    """Make a hasty client with an account."""

    def make(*nodes: Any, **options: Any) -> AuthenticatedAlephHttpClient:
        urls = [server.url for server in nodes]
        return AuthenticatedAlephHttpClient(key, urls, **{"timeout": 2, "retry": QUICK, **options})

    return make
