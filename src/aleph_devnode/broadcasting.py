"""Handing newly processed messages to the websockets that want them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from .processed import Message, full
from .queries import ContentFormat, SocketQuery

BACKLOG = 10_000


@attrs.define(eq=False)
class Subscription:
    """Hold the frames that one websocket has not been sent yet."""

    query: SocketQuery
    frames: asyncio.Queue[dict[str, Any]] = attrs.field(factory=lambda: asyncio.Queue(BACKLOG))
    overrun: bool = False

    def offer(self, shown: dict[str, Any]) -> None:
        if self.overrun or not wanted(shown, self.query):
            return
        if self.query.format != ContentFormat.FULL:
            shown = {name: value for name, value in shown.items() if name != "content"}
        try:
            self.frames.put_nowait(shown)
        except asyncio.QueueFull:
            self.overrun = True


class Broadcaster:
    """Know the open websockets."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._subscriptions: set[Subscription] = set()

    @property
    def full(self) -> bool:
        return len(self._subscriptions) >= self._limit

    @contextmanager
    def subscribed(self, query: SocketQuery) -> Iterator[Subscription]:
        subscription = Subscription(query)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def publish(self, message: Message) -> None:
        if not self._subscriptions:
            return
        shown = full(message)
        for subscription in self._subscriptions:
            subscription.offer(shown)


def wanted(shown: dict[str, Any], query: SocketQuery) -> bool:
    """Apply the filters that the real node applies to live frames; ``msgTypes`` is not among them."""
    content = shown["content"]
    limits = (
        (shown["type"], [query.message_type] if query.message_type else None),
        (shown["sender"], query.addresses),
        (shown["item_hash"], query.hashes),
        (shown["chain"], query.chains),
        (shown["channel"], query.channels),
        (content.get("address"), query.owners),
        (content.get("ref"), query.refs),
        (content.get("type"), query.content_types),
        (content.get("item_hash"), query.content_hashes),
    )
    # On the real node `tags` lets nothing through, whatever the message.
    return not query.tags and all(not chosen or value in chosen for value, chosen in limits)
