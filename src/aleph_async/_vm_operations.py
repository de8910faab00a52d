"""Operations on machines at their compute node, each signed anew at every attempt."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from aleph_core.call import Call, JsonBody
from aleph_core.calls import machines as calls
from aleph_core.errors import AlephError
from aleph_core.json_text import json_text
from aleph_core.machine_errors import KeyExpired
from aleph_core.models.vm_result import VmResult
from aleph_core.nodes import compute_node_url, host_name
from aleph_core.retry import RetryPolicy
from aleph_core.settings import Settings
from aleph_core.waiting import check_timeout

from ._connection import USER_AGENT, Connection
from ._runtime import (
    FileSource,
    HttpClient,
    Progress,
    Request,
    StreamedAnswer,
    Timeout,
    clock,
    sleep,
)
from ._vm_login import VmLogin
from ._wall_clock import now

if TYPE_CHECKING:
    from aleph_core.accounts import Account

    from ._remote import RemoteAccount

__all__ = ["VmExchange", "VmOperations"]


class VmOperations(Connection):
    def __init__(
        self,
        account: Account | RemoteAccount,
        node_url: str,
        timeout: float | Timeout | None = None,
        ssl_context: ssl.SSLContext | None = None,
        *,
        domain: str | None = None,
        raise_on_error: bool = False,
        retry: RetryPolicy | None = RetryPolicy(),  # noqa: B008 - frozen
        http_client: HttpClient | None = None,
        settings: Settings | None = None,
    ) -> None:
        url = compute_node_url(node_url, "node_url")
        super().__init__(
            url,
            timeout=timeout,
            ssl_context=ssl_context,
            retry=retry,
            http_client=http_client,
            settings=settings,
        )
        self.account = account
        self.raise_on_error = raise_on_error
        self._domain = calls.check_domain(domain) if domain else host_name(url)
        self._login = VmLogin(account, self._domain)

    @property
    def node_url(self) -> str:
        """The address of the compute node."""
        return self.api_server

    @property
    def node_domain(self) -> str:
        """The name for which requests are signed."""
        return self._domain

    async def start_instance(
        self, vm_id: str, *, timeout: float = 60.0, raise_on_error: bool | None = None
    ) -> VmResult:
        """Start a machine: the same as ``notify_allocation``."""
        return await self.notify_allocation(vm_id, timeout=timeout, raise_on_error=raise_on_error)

    async def notify_allocation(
        self, vm_id: str, *, timeout: float = 60.0, raise_on_error: bool | None = None
    ) -> VmResult:
        """Tell the node to fetch the message of an instance and to start it; harmless when it runs.

        The answer comes when the machine is up, which may take minutes. A node that does not know the
        message yet, as is usual right after publishing, is asked again for ``timeout`` seconds. A
        confidential machine then waits for its owner.
        """
        check_timeout(timeout)
        call = calls.notify(vm_id, clock=now)
        waiting = calls.StartWaiting(timeout)
        begun = clock()
        while True:
            result = await self._send(call)
            pause = waiting.pause(result, elapsed=clock() - begun)
            if pause is None or self._policy is None:
                return self._judged(result, raise_on_error)
            await sleep(pause)

    async def stop_instance(self, vm_id: str, *, raise_on_error: bool | None = None) -> VmResult:
        """Stop a machine; its volumes stay, and ``start_instance`` starts it again.

        A node forgets what it stopped, so 404 for a machine that is not there counts as success.
        """
        call = calls.stop(vm_id, clock=now, address=self._address)
        return await self._perform(call, raise_on_error)

    async def reboot_instance(self, vm_id: str, *, raise_on_error: bool | None = None) -> VmResult:
        """Reboot a machine.

        For one that does not run, the node answers 200 and starts nothing: the result then is not ``ok``,
        and its error ``VmNotRunning``. A confidential machine comes back waiting for its secret.
        """
        call = calls.reboot(vm_id, clock=now, address=self._address)
        return await self._perform(call, raise_on_error)

    async def erase_instance(self, vm_id: str, *, raise_on_error: bool | None = None) -> VmResult:
        """Stop a machine and delete its data volumes.

        One that was stopped before is not known to the node any more, so its volumes remain: the error
        is ``VmNotFound``. Start it again to erase it.
        """
        return await self.perform_operation(vm_id, "erase", raise_on_error=raise_on_error)

    async def reinstall_instance(
        self, vm_id: str, erase_volumes: bool = True, *, raise_on_error: bool | None = None
    ) -> VmResult:
        """Give a machine a fresh root disk, and fresh data volumes unless told otherwise, and start it."""
        return await self.perform_operation(
            vm_id,
            "reinstall",
            params={"erase_volumes": str(calls.check_flag(erase_volumes, "erase_volumes")).lower()},
            raise_on_error=raise_on_error,
        )

    async def expire_instance(self, vm_id: str, *, raise_on_error: bool | None = None) -> VmResult:
        """Ask for something that every version of the node's software refuses: 400, ``UnsupportedByNode``.

        Deprecated; use ``stop_instance`` or ``erase_instance``.
        """
        return await self.perform_operation(vm_id, "expire", raise_on_error=raise_on_error)

    async def update_instance_config(
        self, vm_id: str, *, raise_on_error: bool | None = None
    ) -> VmResult:
        """Let the node read the ports to forward to a machine anew; anyone may.

        Publish first, and wait until the message is processed. A node that cannot read the ports drops
        all of them and still answers well: look at its list of executions afterwards.
        """
        return self._judged(await self._send(calls.update(vm_id)), raise_on_error)

    async def reserve_resources(
        self, instance_content: Any, *, raise_on_error: bool | None = None
    ) -> VmResult:
        """Ask whether the node can host an instance, and hold the GPUs it wants for a minute.

        ``instance_content`` is the whole content of the message that is to be published. ``data`` of the
        result tells until when: ``expires``. Errors are ``NoCapacity`` and ``ApiError``.
        """
        call = calls.reserve(instance_content, clock=now)
        return await self._perform(call, raise_on_error)

    async def perform_operation(
        self,
        vm_id: str,
        operation: str,
        method: str = "POST",
        params: Mapping[str, str] | None = None,
        json_data: Any = None,
        *,
        raise_on_error: bool | None = None,
    ) -> VmResult:
        """Send any signed operation on a machine, such as ``stop`` or ``backup/<id>``, once.

        ``params`` go into the query, which is not signed, and ``json_data`` into the body.
        """
        call = calls.control(
            vm_id,
            calls.check_operation(operation),
            clock=now,
            address=self._address,
            method=calls.check_method(method),
            params=calls.check_params(params),
            body=None
            if json_data is None
            else JsonBody(json_text(json_data, "json_data").encode()),
            idempotent=method.upper() == "GET",
        )
        return await self._perform(call, raise_on_error)

    def operate(self, vm_id: str, operation: str, method: str = "POST") -> VmExchange:
        """Send any signed operation, and hand out the answer with its body unread, in a ``with`` block.

        It is sent once, and the answer is of any status. Its body is read by ``chunks()`` or by
        ``read(limit)``, which takes the most bytes there may be.
        """
        call = calls.control(
            vm_id, calls.check_operation(operation), clock=now, method=calls.check_method(method)
        )
        return VmExchange(self, call)

    async def manage_instance(
        self, vm_id: str, operations: Iterable[str], *, raise_on_error: bool | None = None
    ) -> VmResult:
        """Perform operations one after the other, until one is refused; return that one's result, or the last.

        Nothing is sent when one of the names is unknown. An error carries a note of what was done before.
        """
        names = calls.check_operations(operations)
        done: list[str] = []
        result = VmResult(status=200, text=calls.ALL_DONE, data=calls.ALL_DONE)
        for name in names:
            try:
                found = await self._named(vm_id, name)
            except AlephError as error:
                error.add_note(calls.done_before(name, done))
                raise
            if not found.ok:
                result = found
                break
            done.append(name)
        return self._judged(result, raise_on_error)

    async def _named(self, vm_id: str, operation: str) -> VmResult:
        if operation == "stop":
            return await self.stop_instance(vm_id, raise_on_error=False)
        if operation == "reboot":
            return await self.reboot_instance(vm_id, raise_on_error=False)
        return await self.perform_operation(vm_id, operation, raise_on_error=False)

    @property
    def _address(self) -> str:
        return self.account.get_address()

    async def _request(self, call: Call[Any]) -> Request:
        """Return a signed request, for an answer that is streamed."""
        self._check_open()
        return Request(
            method=call.method,
            url=self.api_server + call.path,
            headers={
                "user-agent": USER_AGENT,
                "accept": "application/json, */*;q=0.5",
                **await self._login.headers(call.method, calls.signed_path(call)),
            },
            minimum_timeout=call.minimum_timeout,
        )

    async def _perform(
        self,
        call: Call[VmResult],
        raise_on_error: bool | None,
        *,
        file: FileSource | None = None,
        on_progress: Progress | None = None,
    ) -> VmResult:
        """Send a signed call and return what it gave, or raise its error if that is wanted."""
        headers = partial(self._login.headers, call.method, calls.signed_path(call))
        result = await self._send(call, file=file, on_progress=on_progress, headers=headers)
        return self._judged(result, raise_on_error)

    def _judged(self, result: VmResult, raise_on_error: bool | None) -> VmResult:
        if isinstance(result.error, KeyExpired):
            self._login.forget()
        if self.raise_on_error if raise_on_error is None else raise_on_error:
            result.raise_for_status()
        return result


class VmExchange:
    """An operation that is sent when its ``with`` block begins."""

    def __init__(self, client: VmOperations, call: Call[VmResult]) -> None:
        self._client = client
        self._call = call
        self._exchange: Any = None

    async def __aenter__(self) -> StreamedAnswer:
        request = await self._client._request(self._call)  # noqa: SLF001 - a part of the client
        self._exchange = self._client._http.stream(request)  # noqa: SLF001 - as above
        answer: StreamedAnswer = await self._exchange.__aenter__()
        return answer

    async def __aexit__(self, *exception: Any) -> None:
        await self._exchange.__aexit__(*exception)
