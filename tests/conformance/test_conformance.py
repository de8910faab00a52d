from __future__ import annotations

from collections.abc import Iterator

import pytest

from aleph_devnode import DevNode
from tests.conformance import corpus
from tests.conformance.corpus import Exchange
from tests.conformance.playing import Player

EXCHANGES = corpus.exchanges()
GAPS = corpus.gaps()


@pytest.fixture(scope="module")
def problems() -> Iterator[dict[str, list[str]]]:
    """Play the whole corpus on an empty node: later answers depend on earlier ones."""
    with DevNode(max_retries=5, retry_delay=0.25, sync_timeout=5.0) as node:
        for owner in corpus.funds():
            node.fund(owner["address"], aleph=owner["aleph"], credits=owner["credits"])
        player = Player(node.url)
        yield {exchange.id: player.play(exchange) for exchange in EXCHANGES}


@pytest.mark.parametrize("exchange", EXCHANGES, ids=[exchange.id for exchange in EXCHANGES])
def test_the_local_node_answers_like_the_real_one(
    exchange: Exchange, problems: dict[str, list[str]]
) -> None:
    found = problems[exchange.id]
    if exchange.id in GAPS:
        assert found, f"{exchange.id} is answered now: take it out of expected_gaps.txt"
    else:
        assert not found, exchange.why


def test_every_gap_is_an_exchange() -> None:
    assert GAPS.keys() <= {exchange.id for exchange in EXCHANGES}
