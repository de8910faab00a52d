from __future__ import annotations

from collections.abc import Iterator

import pytest

from aleph_devnode import DevNode
from tests.devnode.author import Author


@pytest.fixture(scope="module")
def node() -> Iterator[DevNode]:
    """A node that gives up on waiting messages within half a second."""
    with DevNode(max_retries=3, retry_delay=0.15, sync_timeout=20.0) as node:
        yield node


@pytest.fixture
def author(node: DevNode) -> Author:
    """Someone new, with tokens and credits."""
    author = Author(node.url)
    node.fund(author.address)
    return author


@pytest.fixture
def pauper(node: DevNode) -> Author:
    """Someone new who owns nothing."""
    return Author(node.url)
