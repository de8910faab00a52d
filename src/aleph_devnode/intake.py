"""The way of a message into the node: accepted, tried, tried again, processed or rejected."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from sqlite3 import Connection
from typing import Any

import attrs

from . import processed
from .database import Database
from .envelopes import Envelope
from .processed import PENDING, REJECTED, Message
from .processing import Outcome, Processor, is_fetched
from .rejections import ErrorCode, Refused, Rejected, invalid_format
from .settings import NodeSettings
from .times import now

logger = logging.getLogger("aleph_devnode")

OnProcessed = Callable[[Message], None]


@attrs.define
class _Waiting:
    """Hold why a pending message waits and when it is tried again."""

    timer: asyncio.TimerHandle
    waits_for: str | None


class Intake:
    """Accept messages and see them through; one attempt at a time, in order of arrival."""

    def __init__(
        self,
        settings: NodeSettings,
        database: Database,
        processor: Processor,
        on_processed: OnProcessed,
    ) -> None:
        self._settings = settings
        self._database = database
        self._processor = processor
        self._on_processed = on_processed
        self._queue: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None
        self._waiting: dict[str, _Waiting] = {}
        self._watchers: dict[str, list[asyncio.Future[str]]] = {}
        self._stopping = False
        self._known: OrderedDict[tuple[str, str, str | None], None] = OrderedDict()

    async def start(self) -> None:
        """Take up the messages that were pending when the node stopped."""
        rows = await self._database.run(
            lambda connection: connection.execute(
                "SELECT item_hash FROM messages WHERE status = ? ORDER BY reception_time",
                (PENDING,),
            ).fetchall()
        )
        for row in rows:
            self._queue.put_nowait((row["item_hash"], True))
        self._worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Stop after the attempt under way; pending messages stay in the database, publishers are told so."""
        self._stopping = True
        for waiting in self._waiting.values():
            waiting.timer.cancel()
        self._waiting.clear()
        for futures in self._watchers.values():
            for future in futures:
                if not future.done():
                    future.set_result(PENDING)
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])

    async def publish(self, submitted: Mapping[str, Any], envelope: Envelope, *, sync: bool) -> str:
        """Accept a well-formed message; return its status as far as it is known when the wait ends."""
        if not sync or self._stopping:
            await self._accept(submitted, envelope)
            return PENDING
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._watchers.setdefault(envelope.item_hash, []).append(future)
        try:
            await self._accept(submitted, envelope)
            return await asyncio.wait_for(future, self._settings.sync_timeout)
        except TimeoutError:
            return PENDING
        finally:
            self._unwatch(envelope.item_hash, future)

    def _unwatch(self, item_hash: str, future: asyncio.Future[str]) -> None:
        futures = self._watchers.get(item_hash, [])
        if future in futures:
            futures.remove(future)
        if not futures:
            self._watchers.pop(item_hash, None)

    async def _accept(self, submitted: Mapping[str, Any], envelope: Envelope) -> None:
        if "signature" not in submitted:
            # The real node's listener loses such messages.
            return
        known = (envelope.sender, envelope.item_hash, envelope.signature)
        if known in self._known:
            return
        self._known[known] = None
        if len(self._known) > self._settings.known_messages:
            self._known.popitem(last=False)
        try:
            accepted = await self._database.run(
                lambda connection: accept(connection, submitted, envelope)
            )
        except BaseException:
            self._known.pop(known, None)
            raise
        if accepted:
            self._queue.put_nowait((envelope.item_hash, True))

    def arrived(self, key: str) -> None:
        """Try the messages again that wait for a message or a file of this hash."""
        for item_hash, waiting in self._waiting.items():
            if waiting.waits_for == key:
                self._queue.put_nowait((item_hash, False))

    async def _work(self) -> None:
        while True:
            item_hash, counted = await self._queue.get()
            try:
                outcome = await self._attempt(item_hash, counted=counted)
            except Exception:
                logger.exception("message %s was put off", item_hash)
                outcome = Outcome(item_hash, PENDING, announced=False, attempts=1)
            if outcome is not None:
                self._follow_up(outcome)

    async def _attempt(self, item_hash: str, *, counted: bool) -> Outcome | None:
        return await self._database.run(
            lambda connection: self._processor.attempt(connection, item_hash, counted=counted)
        )

    def _follow_up(self, outcome: Outcome) -> None:
        waiting = self._waiting.pop(outcome.item_hash, None)
        if waiting is not None:
            waiting.timer.cancel()
        if outcome.status == PENDING:
            timer = asyncio.get_running_loop().call_later(
                self._settings.retry_wait(outcome.attempts),
                self._queue.put_nowait,
                (outcome.item_hash, True),
            )
            self._waiting[outcome.item_hash] = _Waiting(timer, outcome.waits_for)
        if outcome.message is not None:
            self._on_processed(outcome.message)
            self.arrived(outcome.item_hash)
        if outcome.announced:
            for future in self._watchers.pop(outcome.item_hash, []):
                if not future.done():
                    future.set_result(outcome.status)


def accept(connection: Connection, submitted: Mapping[str, Any], envelope: Envelope) -> bool:
    """Record a new message as pending, or as rejected; False when there is nothing to process."""
    status = processed.status_of(connection, envelope.item_hash)
    if status is not None and status != REJECTED:
        return False
    refusal = _refusal(envelope)
    if refusal is not None:
        _record(connection, envelope, REJECTED, submitted=submitted, refusal=refusal)
        return False
    fetched = is_fetched(connection, envelope.item_type, envelope.type, envelope.content)
    _record(connection, envelope, PENDING, submitted=envelope.as_submitted(), fetched=fetched)
    return True


def _refusal(envelope: Envelope) -> Rejected | None:
    if not envelope.signature:
        return Rejected(ErrorCode.INVALID_SIGNATURE, ["Missing signature"])
    if envelope.item_content is not None and "\\u0000" in envelope.item_content:
        return invalid_format(
            f"Invalid message content for {envelope.item_hash}: Unsupported character in message: \\u0000"
        )
    if envelope.item_type == "inline" and envelope.content is None:
        return invalid_format(f"Invalid message content for {envelope.item_hash}: not an object")
    return None


def _record(
    connection: Connection,
    envelope: Envelope,
    status: str,
    *,
    submitted: Mapping[str, Any],
    fetched: bool = False,
    refusal: Refused | None = None,
) -> None:
    columns = {
        **attrs.asdict(envelope),
        "content": None
        if envelope.content is None
        else json.dumps(envelope.content, ensure_ascii=False),
        "status": status,
        "reception_time": now(),
        "fetched": fetched,
        "submitted": json.dumps(submitted, ensure_ascii=False),
        "error_code": None if refusal is None else int(refusal.code),
        "details": None if refusal is None else json.dumps(refusal.details, ensure_ascii=False),
    }
    connection.execute(
        f"INSERT OR REPLACE INTO messages ({','.join(columns)}) VALUES ({','.join('?' * len(columns))})",
        list(columns.values()),
    )
