"""Logs of machines: live ones across lost connections, without repeats, and past ones."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import attrs

from aleph_core.call import Answer
from aleph_core.calls import machine_logs as calls
from aleph_core.calls.machine_answers import Operation
from aleph_core.calls.machines import check_vm_hash
from aleph_core.errors import ApiError, TransportError, TransportTimeout
from aleph_core.log_replay import LogReplay
from aleph_core.machine_errors import KeyExpired
from aleph_core.models.log_entry import LogEntry
from aleph_core.nodes import websocket_url
from aleph_core.retry import REPEATED_STATUSES, Fail, RetryPlan, Return, Wait
from aleph_core.waiting import check_timeout

from ._files import refusal_body
from ._runtime import WebSocket, clock, sleep
from ._vm_operations import VmOperations
from ._wall_clock import now

__all__ = ["VmLogs"]

_log = logging.getLogger("aleph")

_LARGEST_FRAME = 16 * 1024 * 1024
_NORMAL_CLOSURE = 1000
_LOGIN_PATIENCE = 60.0
# After so many seconds without a line, all that is replayed has come.
_REPLAYED_AFTER = 5.0


class VmLogs(VmOperations):
    async def get_logs(
        self, vm_id: str, *, reconnect_timeout: float = 300.0
    ) -> AsyncIterator[LogEntry]:
        """Yield what a machine writes to its console, from the beginning on, each line once.

        A lost connection is made again, and the log goes on behind the last line; that fails with
        ``TransportError`` after ``reconnect_timeout`` seconds, or at once for a client without ``retry``.
        A machine that is still starting is waited for as long. The log of one that runs has no end,
        even if it stops meanwhile; that of one which ran once ends after the last line. Raises
        ``VmNotFound``, ``NotAuthorized``, ``LoginRefused`` and what is below it.
        """
        check_timeout(reconnect_timeout, "reconnect_timeout")
        operation = self._log_operation(vm_id)
        url = websocket_url(self.api_server, calls.live_path(operation.vm_hash), ())
        self._check_open()
        replay = LogReplay()
        said = ""
        plan: RetryPlan | None = None
        broken_at = 0.0
        while True:
            replay.begin()
            try:
                async with self._http.websocket(
                    url, maximum_message_bytes=_LARGEST_FRAME
                ) as socket:
                    await self._log_in(socket, operation)
                    settled = False
                    while not replay.is_lost:
                        patience = None if settled and replay.is_live else _REPLAYED_AFTER
                        try:
                            entry = calls.read_frame(await socket.receive(patience))
                        except TransportTimeout:
                            # Only now is it a connection: some servers accept and then hang up.
                            settled, plan = True, None
                            replay.rest()
                            continue
                        if entry.type == "system":
                            repeated, said = entry.message == said, entry.message
                            if not repeated:
                                yield entry
                        elif replay.is_new(entry):
                            said, plan = "", None
                            yield entry
                _log.warning("lines of %s may repeat: the node dropped old ones", operation)
                continue
            except TransportError as error:
                waits = said.startswith(calls.STARTING) and self._policy is not None
                if error.close_code == _NORMAL_CLOSURE and said and not waits:
                    return
                failure = error
            except ApiError as error:
                if error.status not in REPEATED_STATUSES:
                    await self._explain(error, operation)
                    raise
                failure = TransportError(error.message, node=error.node)
            failure.node = self._node
            if plan is None:
                plan = self._reconnecting(reconnect_timeout)
                broken_at = clock()
            step = plan.after(failure, elapsed=clock() - broken_at)
            if not isinstance(step, Wait):
                raise step.error if isinstance(step, Fail) else failure
            _log.info("the log of %s goes on after %s", operation, failure)
            await sleep(step.seconds)

    async def get_past_logs(self, vm_id: str) -> AsyncIterator[LogEntry]:
        """Yield all that a machine wrote so far, with times; also of one that ran here once.

        Raises ``VmNotFound``, ``NotAuthorized``, ``LoginRefused``, and ``MalformedAnswerError`` when
        the node breaks off before the end.
        """
        operation = self._log_operation(vm_id)
        call = calls.past_logs(operation)
        plan = RetryPlan(self._policy)
        begun = clock()
        log = calls.PastLog(self._node)
        while True:
            outcome: Answer | TransportError
            try:
                async with self._http.stream(await self._request(call)) as answer:
                    if answer.status == 200:
                        async for chunk in answer.chunks():
                            for entry in log.feed(chunk):
                                yield entry
                        log.finish()
                        return
                    body = await refusal_body(answer)
                    outcome = Answer(answer.status, answer.headers, body, node=answer.node)
            except TransportError as error:
                if log.has_begun:
                    raise
                outcome = error
            step = plan.after(outcome, elapsed=clock() - begun)
            if isinstance(step, Return):
                try:
                    call.parse(step.answer)
                except KeyExpired:
                    self._login.forget()
                    raise
            if isinstance(step, Fail):
                raise step.error
            assert isinstance(step, Wait)
            log = calls.PastLog(self._node)
            await sleep(step.seconds)

    def _log_operation(self, vm_id: str) -> Operation:
        return Operation(
            doing="the logs", vm_hash=check_vm_hash(vm_id), address=self._address, clock=now
        )

    async def _log_in(self, socket: WebSocket, operation: Operation) -> None:
        await socket.send(await self._login.first_frame(calls.live_path(operation.vm_hash)))
        reply = await socket.receive(_LOGIN_PATIENCE)
        try:
            calls.check_login(reply, operation, node=self._node)
        except KeyExpired:
            self._login.forget()
            raise

    async def _explain(self, error: ApiError, operation: Operation) -> None:
        """Raise the reason why the node gave no websocket, if it tells one."""
        if error.status in (403, 404):
            await self._send(calls.why_refused(operation))

    def _reconnecting(self, patience: float) -> RetryPlan:
        policy = self._policy
        if policy is not None:
            policy = attrs.evolve(policy, attempts=1_000_000, deadline=patience)
        return RetryPlan(policy)
