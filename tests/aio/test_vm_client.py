"""Controlling machines at the local node's compute node."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aleph_message.models import InstanceContent

from aleph_async import (
    AlephHttpClient,
    ApiError,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ClosedClientError,
    ETHAccount,
    LoginRefused,
    MalformedAnswerError,
    MessageNotFoundError,
    NoCapacity,
    NotAuthorized,
    RetryPolicy,
    SOLAccount,
    SVMAccount,
    TransportError,
    UnsupportedByNode,
    VMClient,
    VmClient,
    VmNotFound,
    VmStartError,
    WrongDomain,
)
from aleph_async._runtime import HttpClient
from aleph_core.accounts import CosmosAccount, TezosAccount
from aleph_devnode import DevNode
from tests.hostile import HostileServer, answer
from tests.vm_contents import instance

from .machines import publish_instance

pytestmark = pytest.mark.anyio

ABSENT = "e" * 64


@pytest.fixture
async def vm_client(node: DevNode, account: ETHAccount) -> AsyncIterator[VmClient]:
    client = VmClient(account, node.url)
    yield client
    await client.aclose()


async def running(reader: AlephHttpClient, vm_id: str) -> bool | None:
    """Tell whether the machine runs, None when the node does not know it."""
    found = await reader.crn.get_vm(reader.api_server, vm_id)
    return None if found is None else found.running


async def test_a_machine_is_started_rebooted_stopped_and_started_again(
    client: AuthenticatedAlephHttpClient, vm_client: VmClient, reader: AlephHttpClient
) -> None:
    vm_id = await publish_instance(client)
    status, response = await vm_client.start_instance(vm_id)
    assert status == 200
    assert json.loads(response)["success"] is True
    assert await running(reader, vm_id) is True
    again = await vm_client.notify_allocation(vm_id)
    assert again.data == {"success": True, "successful": True, "failing": [], "errors": {}}
    status, response = await vm_client.reboot_instance(vm_id)
    assert (status, response) == (200, f"Rebooted VM with ref {vm_id}")
    status, response = await vm_client.stop_instance(vm_id)
    assert (status, response) == (200, f"Stopped VM with ref {vm_id}")
    assert await running(reader, vm_id) is None
    assert (await vm_client.start_instance(vm_id)).ok
    assert await running(reader, vm_id) is True


async def test_a_machine_is_reinstalled_and_erased(
    vm_client: VmClient, vm_id: str, reader: AlephHttpClient
) -> None:
    for erase_volumes in (True, False):
        result = await vm_client.reinstall_instance(vm_id, erase_volumes)
        assert (result.status, result.text) == (200, f"Reinstalled VM with ref {vm_id}")
    assert await running(reader, vm_id) is True
    assert (await vm_client.erase_instance(vm_id)).text == f"Erased VM with ref {vm_id}"
    assert await running(reader, vm_id) is None
    gone = await vm_client.erase_instance(vm_id)
    assert not gone.ok
    assert isinstance(gone.error, VmNotFound)


async def test_what_is_not_there_is_stopped(vm_client: VmClient, vm_id: str) -> None:
    await vm_client.stop_instance(vm_id)
    again = await vm_client.stop_instance(vm_id, raise_on_error=True)
    assert (again.status, again.ok, again.error) == (404, True, None)
    assert again.raise_for_status() is again


@pytest.mark.parametrize("kind", [ETHAccount, SOLAccount, SVMAccount])
async def test_owners_on_every_chain_that_compute_nodes_know_log_in(
    node: DevNode, kind: type[ETHAccount]
) -> None:
    account = kind.generate()
    node.fund(account.get_address())
    async with (
        AuthenticatedAlephHttpClient(account, node.url) as client,
        VmClient(account, node.url, raise_on_error=True) as vm_client,
    ):
        vm_id = await publish_instance(client)
        assert (await vm_client.start_instance(vm_id)).ok
        assert (await vm_client.reboot_instance(vm_id)).ok


@pytest.mark.parametrize("kind", [CosmosAccount, TezosAccount])
async def test_accounts_of_other_chains_are_refused_before_anything_is_sent(kind: Any) -> None:
    with pytest.raises(ArgumentError, match="Ethereum and Solana") as caught:
        VmClient(kind.generate(), "https://crn.example.org")
    assert caught.value.argument == "account"


async def test_a_machine_of_somebody_else_is_not_controlled(
    node: DevNode, vm_id: str, reader: AlephHttpClient
) -> None:
    stranger = ETHAccount.generate()
    async with VmClient(stranger, node.url) as other:
        for result in (
            await other.stop_instance(vm_id),
            await other.reboot_instance(vm_id),
            await other.erase_instance(vm_id),
            await other.reinstall_instance(vm_id),
        ):
            assert (result.status, result.text) == (403, "Unauthorized sender")
            with pytest.raises(NotAuthorized, match="neither owns") as caught:
                result.raise_for_status()
            assert caught.value.item_hash == vm_id
            assert caught.value.address == stranger.get_address()
        with pytest.raises(NotAuthorized):
            await other.stop_instance(vm_id, raise_on_error=True)
    assert await running(reader, vm_id) is True


async def test_a_delegate_of_the_owner_controls_the_machine(
    node: DevNode, client: AuthenticatedAlephHttpClient, vm_id: str
) -> None:
    delegate = SOLAccount.generate()
    entry = {"address": delegate.get_address(), "types": ["INSTANCE"]}
    await client.create_aggregate("security", {"authorizations": [entry]}, sync=True)
    async with VmClient(delegate, node.url, raise_on_error=True) as other:
        assert (await other.reboot_instance(vm_id)).ok


async def test_an_unknown_machine_is_told(vm_client: VmClient) -> None:
    result = await vm_client.reboot_instance(ABSENT)
    assert (result.status, result.ok) == (404, False)
    assert result.data == {"error": f"No virtual machine with ref {ABSENT}"}
    with pytest.raises(VmNotFound) as caught:
        result.raise_for_status()
    assert caught.value.item_hash == ABSENT
    assert caught.value.status == 404


async def test_what_is_no_item_hash_is_refused_before_anything_is_sent(
    account: ETHAccount, requests: list[str], recording: HttpClient
) -> None:
    async with VmClient(account, "http://127.0.0.1:9", http_client=recording) as vm_client:
        for call in (vm_client.start_instance, vm_client.stop_instance, vm_client.erase_instance):
            with pytest.raises(ArgumentError) as caught:
                await call("nothash")
            assert caught.value.argument == "vm_id"
    assert requests == []


async def test_no_machine_expires(vm_client: VmClient, vm_id: str) -> None:
    status, response = await vm_client.expire_instance(vm_id)
    assert status == 400
    assert json.loads(response) == {"error": "Invalid timeout duration"}
    with pytest.raises(UnsupportedByNode, match="stop or erase"):
        await vm_client.expire_instance(vm_id, raise_on_error=True)


async def test_the_name_of_the_node_counts(node: DevNode, account: ETHAccount, vm_id: str) -> None:
    async with VmClient(account, node.url, domain="CRN.Example.org") as vm_client:
        assert vm_client.node_domain == "crn.example.org"
        result = await vm_client.reboot_instance(vm_id)
        assert result.status == 401
        with pytest.raises(WrongDomain, match=r"127\.0\.0\.1") as caught:
            result.raise_for_status()
    assert isinstance(caught.value, LoginRefused)
    assert (caught.value.signed, caught.value.expected) == ("crn.example.org", "127.0.0.1")


async def test_a_core_node_is_told_from_a_compute_node(account: ETHAccount) -> None:
    # A node of another kind answers any unknown path in this way.
    refused = answer("404: Not Found", status=404, content_type="text/plain")
    with HostileServer(refused) as server:
        async with VmClient(account, server.url) as vm_client:
            result = await vm_client.stop_instance(ABSENT)
            assert (result.status, result.ok) == (404, False)
            with pytest.raises(UnsupportedByNode, match="URL of a compute node"):
                result.raise_for_status()


async def test_an_unreachable_node_is_never_a_success(account: ETHAccount) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    policy = RetryPolicy(attempts=2, initial_delay=0.01)
    async with VmClient(account, url, retry=policy) as vm_client:
        for call in (
            vm_client.start_instance,
            vm_client.stop_instance,
            vm_client.reboot_instance,
            vm_client.erase_instance,
        ):
            with pytest.raises(TransportError) as caught:
                await call(ABSENT)
            assert caught.value.attempts == 2
        with pytest.raises(TransportError) as caught:
            await vm_client.manage_instance(ABSENT, ["stop", "erase"])
        assert caught.value.__notes__ == ["during stop; done before: nothing"]


async def test_operations_in_a_row_end_at_the_first_refusal(
    vm_client: VmClient, vm_id: str
) -> None:
    status, response = await vm_client.manage_instance(vm_id, ["reboot", "reinstall", "stop"])
    assert (status, response) == (200, "All operations completed successfully")
    result = await vm_client.manage_instance(vm_id, ["reboot", "stop"])
    assert (result.status, result.ok) == (404, False)
    with pytest.raises(VmNotFound):
        await vm_client.manage_instance(vm_id, ["reboot"], raise_on_error=True)
    with pytest.raises(ArgumentError, match="none of"):
        await vm_client.manage_instance(vm_id, ["stop", "jump"])


async def test_any_operation_can_be_performed(vm_client: VmClient, vm_id: str) -> None:
    result = await vm_client.perform_operation(vm_id, "reboot")
    assert (result.status, result.text) == (200, f"Rebooted VM with ref {vm_id}")
    query = {"erase_volumes": "false"}
    assert (await vm_client.perform_operation(vm_id, "reinstall", params=query)).ok
    missing = await vm_client.perform_operation(vm_id, "rescue", json_data={"a": 1})
    assert isinstance(missing.error, UnsupportedByNode)
    for operation, method in (("../stop", "POST"), ("stop?a=b", "POST"), ("stop", "PATCH")):
        with pytest.raises(ArgumentError):
            await vm_client.perform_operation(vm_id, operation, method)


async def test_a_given_http_client_is_used_and_left_open(
    node: DevNode,
    account: ETHAccount,
    vm_id: str,
    requests: list[str],
    recording: HttpClient,
) -> None:
    async with VMClient(account=account, node_url=node.url, http_client=recording) as vm_client:
        assert (await vm_client.reboot_instance(vm_id)).ok
    assert requests == [f"POST /control/machine/{vm_id}/reboot"]
    assert not recording.is_closed
    with pytest.raises(ClosedClientError):
        await vm_client.reboot_instance(vm_id)


async def test_a_start_waits_for_a_message_that_was_published_just_now(hasty: Any) -> None:
    unknown = answer(
        {"error": f"Aleph message not found: {ABSENT}", "error_type": "FileNotFoundError"},
        status=500,
    )
    up = answer({"success": True, "successful": True, "failing": [], "errors": {}})
    with HostileServer([unknown, unknown, up]) as server:
        result = await hasty(server.url).start_instance(ABSENT)
        assert (result.status, result.ok) == (200, True)
        assert [request.json() for request in server.requests] == [{"instance": ABSENT}] * 3
    with HostileServer(unknown) as server:
        result = await hasty(server.url).start_instance(ABSENT, timeout=0)
        assert (result.status, len(server.requests)) == (500, 1)
        with pytest.raises(MessageNotFoundError) as caught:
            await hasty(server.url, retry=None).start_instance(ABSENT, raise_on_error=True)
        assert caught.value.item_hash == ABSENT
        with pytest.raises(ArgumentError):
            await hasty(server.url).start_instance(ABSENT, timeout=-1)


async def test_a_start_of_nothing_is_told_by_the_node(vm_client: VmClient) -> None:
    result = await vm_client.notify_allocation(ABSENT, timeout=0)
    assert isinstance(result.error, MessageNotFoundError)


async def test_calls_that_the_node_delays_get_the_time_they_need(hasty: Any) -> None:
    def slow(peer: Any) -> None:
        peer.read_body()
        peer.wait(0.6)
        up(peer)

    up = answer({"success": True, "failing": []}, read_body=False)
    with HostileServer(slow) as server:
        client = hasty(server.url, timeout=0.2)
        assert (await client.start_instance(ABSENT)).ok
        assert (await client.reinstall_instance(ABSENT)).ok


async def test_why_a_machine_does_not_start_is_told(hasty: Any) -> None:
    failed = {"success": False, "failing": [ABSENT], "errors": {ABSENT: "VmSetupError('tap')"}}
    full = {"error": "This CRN cannot host the requested instance at this time."}
    for body, kind in ((failed, VmStartError), (full, NoCapacity)):
        with HostileServer(answer(body, status=503)) as server:
            result = await hasty(server.url).start_instance(ABSENT)
            assert (result.status, result.ok, type(result.error)) == (503, False, kind)
            # The node has tried for minutes; it is not asked to try again.
            assert len(server.requests) == 1


async def test_resources_are_reserved_by_any_wallet(node: DevNode) -> None:
    account = SOLAccount.generate()
    content = {"address": account.get_address(), "time": 1.0, **instance(ABSENT)}
    async with VmClient(account, node.url) as vm_client:
        status, response = await vm_client.reserve_resources(content)
        assert status == 200
        assert json.loads(response)["status"] == "reserved"
        parsed = InstanceContent.model_validate(content)
        assert (await vm_client.reserve_resources(parsed)).data["expires"]
        invalid = await vm_client.reserve_resources({"address": account.get_address()})
        assert invalid.status == 400
        with pytest.raises(ApiError, match="Field required"):
            invalid.raise_for_status()
        large = {**content, "resources": {"vcpus": 1, "memory": 10**6, "seconds": 1}}
        with pytest.raises(NoCapacity):
            await vm_client.reserve_resources(large, raise_on_error=True)
        with pytest.raises(ArgumentError):
            await vm_client.reserve_resources("content")


async def test_ports_are_read_anew(
    node: DevNode, client: AuthenticatedAlephHttpClient, vm_client: VmClient, vm_id: str
) -> None:
    ports = {"ports": {"80": {"tcp": True, "udp": False}}}
    await client.create_aggregate("port-forwarding", {vm_id: ports}, sync=True)
    result = await vm_client.update_instance_config(vm_id)
    assert (result.status, result.data) == (200, {})
    assert set(node.machine(vm_id)["mapped_ports"]) == {"22", "80"}
    with pytest.raises(VmNotFound):
        await vm_client.update_instance_config(ABSENT, raise_on_error=True)


async def test_an_operation_can_be_taken_apart(vm_client: VmClient, vm_id: str) -> None:
    async with vm_client.operate(vm_id, "logs", method="get") as response:
        assert response.status == 200
        assert response.headers["content-type"] == "application/json"
        assert len(json.loads(await response.read(1_000_000))) == 3
    async with vm_client.operate(ABSENT, "reboot") as response:
        assert response.status == 404
    with pytest.raises(ArgumentError):
        vm_client.operate(vm_id, "../logs")


async def test_a_page_that_says_yes_is_no_success(hasty: Any) -> None:
    with HostileServer(answer("<html>welcome</html>", content_type="text/html")) as server:
        for call in (hasty(server.url).stop_instance, hasty(server.url).start_instance):
            result = await call(ABSENT)
            assert (result.status, result.ok) == (200, False)
            with pytest.raises(MalformedAnswerError):
                result.raise_for_status()


@pytest.mark.parametrize("url", ["", "ftp://crn", "http://", "https://crn?x=1", None])
async def test_what_is_no_address_of_a_node_is_refused(account: ETHAccount, url: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        VmClient(account, url)
    assert caught.value.argument == "node_url"


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("erase_volumes", lambda vm: vm.reinstall_instance(ABSENT, "false")),
        ("erase_volumes", lambda vm: vm.reinstall_instance(ABSENT, None)),
        ("include_volumes", lambda vm: vm.create_backup(ABSENT, "no")),
        ("skip_fsfreeze", lambda vm: vm.create_backup(ABSENT, skip_fsfreeze=1)),
        ("params", lambda vm: vm.perform_operation(ABSENT, "stop", params=[("a", "b")])),
        ("params", lambda vm: vm.perform_operation(ABSENT, "stop", params={"a": None})),
        ("params", lambda vm: vm.perform_operation(ABSENT, "stop", params={"a": True})),
        ("backup", lambda vm: vm.download_backup(ABSENT, "backup.tar", {"backup_id": "a"})),
    ],
)
async def test_a_careless_argument_is_refused_before_anything_is_sent(
    account: ETHAccount,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    argument: str,
    call: Any,
) -> None:
    monkeypatch.chdir(tmp_path)
    with HostileServer(answer({})) as server:
        async with VmClient(account, server.url) as vm_client:
            with pytest.raises(ArgumentError) as caught:
                await call(vm_client)
        assert caught.value.argument == argument
        assert server.requests == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("domain", [5, b"node", "a b", "https://node", "node/path"])
async def test_a_domain_that_names_no_host_is_refused(account: ETHAccount, domain: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        VmClient(account, "https://crn.example.org", domain=domain)
    assert caught.value.argument == "domain"
