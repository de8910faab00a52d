"""Watching messages as a node processes them, across lost connections, without gaps or repeats."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import attrs

from aleph_core.calls import messages as calls
from aleph_core.errors import (
    AlephError,
    ApiError,
    ArgumentError,
    MalformedAnswerError,
    MessageNotFoundError,
    TransportError,
    TransportTimeout,
    WatchInterrupted,
)
from aleph_core.filters import MessageFilter, SortOrder, check_count
from aleph_core.json_text import parse_json
from aleph_core.models.message import Message
from aleph_core.models.page import InvalidEntry
from aleph_core.nodes import websocket_url
from aleph_core.paging import LARGEST_PAGE, Position
from aleph_core.retry import REPEATED_STATUSES, Fail, RetryPlan, Wait
from aleph_core.verification import read_message
from aleph_core.waiting import check_timeout
from aleph_core.watching import Sightings

from ._messages import Messages
from ._pages import OnInvalid, report
from ._runtime import clock, gather, sleep

__all__ = ["Watching"]

_log = logging.getLogger("aleph")

_PATH = "/api/ws0/messages"
_LARGEST_FRAME = 16 * 1024 * 1024
_HASHES_A_REQUEST = 80
# More than the whole network publishes in the time of one look; a list without an end must stop.
_MOST_HASHES = 500_000
# A node subscribes a new connection a moment after it accepts it; what it processes in between is
# found by a second look this much later, in seconds.
_SETTLED_AFTER = 5.0


class Watching(Messages):
    async def watch_messages(
        self,
        message_filter: MessageFilter | None = None,
        *,
        history: int = 0,
        reconnect_timeout: float = 300.0,
        on_invalid: OnInvalid | None = None,
        **filters: Any,
    ) -> AsyncIterator[Message]:
        """Yield each message that the filter asks for once, as the node processes it, without end.

        Begins with the ``history`` last messages, at most 200. A lost connection is made again, with
        the next node if there are several, and what was processed meanwhile is fetched. Raises
        ``WatchInterrupted`` with the last message seen when that fails for ``reconnect_timeout``
        seconds, or at once for a client without ``retry``. What does not hold at the client's level of
        verification is left out, logged and given to ``on_invalid``.
        """
        chosen = MessageFilter.from_arguments(message_filter, filters)
        if chosen.skeletons is not None:
            raise ArgumentError("message_statuses", "only processed messages can be watched")
        check_count(history, "history", 0, LARGEST_PAGE)
        check_timeout(reconnect_timeout, "reconnect_timeout")
        self._check_open()
        sightings = Sightings()
        await self._look(sightings)
        last: Message | None = None
        # Read also when none is wanted: a node tells about a bad filter here, not on the websocket.
        for message in await self._history(chosen, history, on_invalid):
            sightings.deliver(message.item_hash)
            last = message
            yield message
        plan: RetryPlan | None = None
        broken_at = 0.0
        node = self._first
        while True:
            try:
                url = websocket_url(self.nodes[node], _PATH, chosen.live_params())
                async with self._http.websocket(
                    url, maximum_message_bytes=_LARGEST_FRAME
                ) as socket:
                    for message in await self._catch_up(sightings, chosen, on_invalid):
                        last = message
                        yield message
                    settled_at: float | None = clock() + _SETTLED_AFTER
                    while True:
                        if settled_at is not None and clock() >= settled_at:
                            # Only now is it a connection: one that is full accepts and then closes.
                            settled_at = plan = None
                            for message in await self._catch_up(sightings, chosen, on_invalid):
                                last = message
                                yield message
                        patience = None if settled_at is None else max(settled_at - clock(), 0.01)
                        try:
                            text = await socket.receive(patience)
                        except TransportTimeout:
                            if patience is None:
                                raise
                            continue
                        found = await self._read_frame(text, chosen, sightings, on_invalid)
                        if found is not None:
                            sightings.deliver(found.item_hash)
                            last, plan = found, None
                            yield found
            except TransportError as error:
                failure = error
            except ApiError as error:
                if error.status not in REPEATED_STATUSES:
                    raise
                failure = TransportError(error.message, node=error.node)
            if plan is None:
                plan = self._reconnecting(reconnect_timeout, node)
                broken_at = clock()
            step = plan.after(failure, elapsed=clock() - broken_at)
            if isinstance(step, Wait):
                _log.info("watching goes on after %s", failure)
                node = step.node
                await sleep(step.seconds)
                continue
            raise _interrupted(failure, last, self.nodes[node]) from (
                step.error if isinstance(step, Fail) else failure
            )

    def _reconnecting(self, patience: float, node: int) -> RetryPlan:
        policy = self._policy
        if policy is not None:
            policy = attrs.evolve(policy, attempts=1_000_000, deadline=patience)
        return RetryPlan(policy, nodes=len(self.nodes), first_node=node)

    async def _look(self, sightings: Sightings) -> None:
        """Remember what the node has processed already."""
        newest = await self._send(calls.newest_hash())
        if newest:
            anchor = await self._received_at(newest[0])
            sightings.looked((), anchor)
            sightings.looked(await self._received(sightings), anchor)

    async def _catch_up(
        self, sightings: Sightings, chosen: MessageFilter, on_invalid: OnInvalid | None
    ) -> list[Message]:
        """Return what was processed since the last look and not delivered, in the order of reception."""
        listed = await self._received(sightings)
        missed = sightings.missed(listed)
        if chosen.hashes:
            missed = [item_hash for item_hash in missed if item_hash in chosen.hashes]
        pages = await gather(
            [
                partial(
                    self._message_page,
                    chosen.evolve(hashes=missed[begin : begin + _HASHES_A_REQUEST]),
                    _HASHES_A_REQUEST,
                    position=Position(page=1),
                )
                for begin in range(0, len(missed), _HASHES_A_REQUEST)
            ]
        )
        for page in pages:
            for entry in page.invalid:
                _report(entry, on_invalid)
        found = {message.item_hash: message for page in pages for message in page}
        sightings.looked(listed, await self._received_at(listed[-1]) if listed else None)
        messages = [found[item_hash] for item_hash in missed if item_hash in found]
        for message in messages:
            sightings.deliver(message.item_hash)
        return messages

    async def _received(self, sightings: Sightings) -> list[str]:
        """List the hashes of what the node received since the last look, with some overlap."""
        listed: dict[str, None] = {}
        number = 1
        while True:
            page = await self._send(calls.message_hashes(sightings.since, page=number, page_size=0))
            report(page)
            known = len(listed)
            listed.update(dict.fromkeys(page.items))
            received = len(page) + len(page.invalid)
            if not page.per_page or received < page.per_page or len(listed) == known:
                return list(listed)
            if len(listed) > _MOST_HASHES:
                raise MalformedAnswerError(
                    f"{self._node} lists more than {_MOST_HASHES} messages received since the last look",
                    node=self._node,
                )
            number += 1

    async def _received_at(self, item_hash: str) -> float | None:
        try:
            found = await self._send(calls.message_status(item_hash))
        except MessageNotFoundError:
            return None
        return found.reception_time.timestamp() if found.reception_time else None

    async def _history(
        self, chosen: MessageFilter, count: int, on_invalid: OnInvalid | None
    ) -> list[Message]:
        newest = chosen.evolve(sort_order=SortOrder.DESCENDING)
        page = await self._message_page(newest, max(count, 1), position=Position(page=1))
        if count == 0:
            return []
        for entry in page.invalid:
            _report(entry, on_invalid)
        return list(reversed(page.items))

    async def _read_frame(
        self,
        text: str,
        chosen: MessageFilter,
        sightings: Sightings,
        on_invalid: OnInvalid | None,
    ) -> Message | None:
        """Return the message of a frame if it is new, holds and was asked for."""
        raw: Any = None
        try:
            try:
                raw = parse_json(text)
            except ValueError as error:
                raise MalformedAnswerError(f"a frame that is no JSON: {text[:200]!r}") from error
            message = read_message(raw, verify=self.verify)
            if not sightings.is_new(message.item_hash):
                return None
            message = await self._complete(message)
        except TransportError:
            # Not seen yet: the look after the next connection finds the message again.
            raise
        except AlephError as error:
            _report(InvalidEntry(error=error, raw=raw), on_invalid)
            return None
        return message if chosen.matches(message) else None


def _report(entry: InvalidEntry, on_invalid: OnInvalid | None) -> None:
    _log.warning("left out of the messages watched: %s", entry.error)
    if on_invalid is not None:
        on_invalid(entry)


def _interrupted(failure: TransportError, last: Message | None, node: str) -> WatchInterrupted:
    seen = "nothing was seen" if last is None else f"the last message seen is {last.item_hash}"
    return WatchInterrupted(
        f"watching ended: {failure.message}; {seen}",
        last_seen=last,
        node=node,
        attempts=failure.attempts,
        causes=failure.causes,
    )
