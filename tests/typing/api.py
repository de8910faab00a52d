"""Calls as people write them, for the type checkers alone; never executed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, assert_type

import httpx
from aleph_message.models import Chain, ItemHash, ItemType, MessageType, Payment, PaymentType
from aleph_message.models.execution.base import Encoding
from aleph_message.models.execution.environment import (
    HostRequirements,
    HypervisorType,
    NodeRequirements,
    TrustedExecutionEnvironment,
)
from aleph_message.models.execution.volume import ImmutableVolume
from aleph_message.status import MessageStatus as TheirStatus

import aleph_async
import aleph_sync
from aleph_sync import (
    AccountFile,
    AddressStats,
    AlephClientError,
    AmendError,
    Balance,
    ChainBalance,
    Content,
    CreditEntry,
    CreditFilter,
    ETHAccount,
    FileInUseError,
    ForgetError,
    ForgottenMessageError,
    InsufficientCreditsError,
    InsufficientFundsError,
    InvalidEntry,
    LogEntry,
    Message,
    MessageFilter,
    MessageRejection,
    MessageStatus,
    Page,
    Post,
    PostFilter,
    Price,
    PriceDetail,
    Published,
    RateLimited,
    RejectedMessage,
    ResourceCost,
    RetryPolicy,
    Settings,
    SOLAccount,
    SortBy,
    SortOrder,
    StorageLimits,
    StoredContent,
    StoreRefError,
    UnpaidMessageError,
    VmUpdateError,
    VolumeTooSmallError,
    WatchInterrupted,
    make_instance_content,
    make_program_content,
    make_verifiable_program_content,
    verify_message,
)


def filters() -> None:
    MessageFilter(
        message_types=[MessageType.post, MessageType.store],
        message_statuses=TheirStatus.PROCESSED,
        chains=Chain.ETH,
        channels="TEST",
        tags=("a", "b"),
        addresses={"0x0"},
        hashes=(str(number) for number in range(3)),
        start_date=datetime.now(UTC),
        end_date=1.5,
        start_block=1,
        sort_by=SortBy.TIME,
        sort_order=SortOrder.DESCENDING,
    )
    MessageFilter(message_types="POST", sort_by="time", sort_order=-1, start_date=1)
    MessageFilter(message_types=MessageType.post, message_statuses=[MessageStatus.REMOVING])
    PostFilter(types=["a"], chains=[Chain.SOL], end_date=datetime.now(UTC), sort_order="1")
    assert_type(MessageFilter().evolve(tags="a"), MessageFilter)


def on_progress(done: int, total: int | None) -> None:
    print(done, total)


def reading(hashes: list[str]) -> Iterator[str]:
    with aleph_sync.AlephHttpClient() as client:
        assert_type(client.get_message(hashes[0]), Message)
        assert_type(client.get_message(hashes[0], MessageType.post), Message)
        assert_type(client.get_message(hashes[0], message_type="POST", with_status=False), Message)
        message, status = client.get_message(hashes[0], with_status=True)
        assert_type(message, Message)
        assert_type(status, MessageStatus)
        assert_type(message.content, Content)
        assert_type(message.content["content"], Any)
        assert_type(message["item_hash"], Any)
        assert_type(message.datetime, datetime)
        assert_type(client.get_message_error(hashes[0]), MessageRejection | None)
        assert_type(client.wait_for_message(hashes[0], timeout=5), MessageStatus)
        assert_type(client.get_stored_content(hashes[0]), StoredContent)
        assert_type(client.get_storage_limits(), StorageLimits)
        page = client.get_messages(page_size=5, message_filter=MessageFilter(tags="a"))
        assert_type(page, Page[Message])
        assert_type(page[0], Message)
        assert_type(page.next_cursor, str | None)
        for entry in page.invalid:
            assert_type(entry, InvalidEntry)
        yield from (found.item_hash for found in page)
        client.get_messages(tags=["a"], limit=3, post_types="t")
        for post in client.get_posts_iterator(PostFilter(types="t"), on_invalid=print):
            assert_type(post, Post)
            assert_type(post.content, Any)
        for found in client.watch_messages(history=3, on_invalid=lambda _entry: None):
            assert_type(found, Message)
            break
        assert_type(client.fetch_aggregate("0x0", "k"), Any)
        assert_type(client.get_aggregates("0x0", keys="k"), dict[str, dict[str, Any]] | None)
        for aggregate in client.list_aggregates(sort_order=SortOrder.ASCENDING):
            yield aggregate.key
        assert_type(client.download_file(hashes[0], max_size=5, on_progress=on_progress), bytes)
        assert_type(client.download_file_to_path(hashes[0], "file"), Path)
        client.download_file_to_buffer(hashes[0], BytesIO())
        with Path("file").open("wb") as file:
            client.download_file_to_buffer(hashes[0], file)
        verify_message(message)
        print(message.to_aleph_message().item_hash)


def money(address: str, item_hash: str, file: Path) -> None:
    with aleph_sync.AlephHttpClient() as client:
        price = client.get_estimated_price(content={"rootfs": {}})
        assert_type(price, Price)
        assert_type(price.cost, Decimal)
        assert_type(price.detail[0], PriceDetail)
        assert_type(price.detail[0].cost_credit, Decimal | None)
        assert_type(price["payment_type"], Any)
        client.get_estimated_price({"item_hash": item_hash}, MessageType.store)
        assert_type(client.get_program_price(item_hash=item_hash, include_size=True), Price)
        assert_type(client.get_price(item_hash), Price)
        client.get_store_estimated_price(100)
        client.get_store_estimated_price(Decimal("0.5"), payment=PaymentType.credit)
        client.get_store_estimated_price(file_path=file)
        assert_type(client.get_store_estimated_price(file_content=b"x").required_tokens, Decimal)
        costs = client.get_costs(address, payment_type=PaymentType.hold, include_details=2)
        assert_type(costs.summary.total_cost_hold, Decimal | None)
        assert_type(costs.resources, Page[ResourceCost])
        for resource in client.get_costs_iterator():
            assert_type(resource, ResourceCost)
        assert_type(client.get_balances(address, Chain.ETH, include_credit_details=True), Balance)
        assert_type(client.get_balance(address).balance, Decimal)
        assert_type(client.get_chain_balances(10, chains=["ETH"], min_balance=5)[0], ChainBalance)
        assert_type(client.get_credit_balances().total, int | None)
        history = client.get_credit_history(
            address, 10, 1, CreditFilter(direction="incoming"), start_date=datetime.now(UTC)
        )
        assert_type(history, Page[CreditEntry])
        assert_type(history[0].message_timestamp, datetime | None)
        for entry in client.get_credit_history_iterator(address, sort_by="amount"):
            assert_type(entry.amount, Decimal)
        assert_type(client.get_credit_history_summary(address, token="A").total_amount, Decimal)
        assert_type(client.get_consumed_credits(item_hash), Decimal)
        files = client.get_account_files(address, sort_order=1)
        assert_type(files.total_size, int | None)
        assert_type(files[0], AccountFile)
        assert_type(client.get_address_stats(addresses=[address])[0], AddressStats)
        client.get_address_stats(address_contains="0x", sort_by="total", sort_order=-1)
        assert_type(client.get_post_types(address), list[str])
        assert_type(client.get_channels(), list[str])


def publishing(account: ETHAccount | SOLAccount, file: Path) -> None:
    client = aleph_sync.AuthenticatedAlephHttpClient(
        account,
        ["https://one.example", "https://two.example"],
        timeout=httpx.Timeout(5.0, read=60.0),
        retry=RetryPolicy(attempts=2),
        verify="content",
        settings=Settings(DEFAULT_CHANNEL="TEST"),
        http_client=httpx.Client(),
    )
    message, status = client.create_post({"a": 1}, "t", sync=True)
    assert_type(status, MessageStatus)
    assert_type(message, Message)
    result = client.create_post(post_content="text", post_type="t", tags=["a"], ref=None)
    assert_type(result, Published)
    assert_type(result.status, MessageStatus)
    assert_type(result.message, Message)
    assert_type(result.item_hash, str)
    print(result["item_hash"], result[0])
    client.create_aggregate("key", {"a": 1}, channel="TEST")
    client.create_aggregate(key="key", content={"a": 1})
    client.create_store(b"bytes", storage_engine="ipfs", on_progress=on_progress)
    client.create_store(file_path=file, payment=Payment(chain=Chain.ETH, type=PaymentType.hold))
    with file.open("rb") as opened:
        client.create_store(opened, guess_mime_type=True, extra_fields={"a": 1})
    client.create_store(file_hash="hash", ref="name", metadata={"name": "a"}, tags=("a",))
    client.create_store(b"x", storage_engine=ItemType.storage.value)
    client.forget([result.item_hash], reason="test")
    client.forget_message(result.item_hash)
    signed = client.generate_signed_message(MessageType.post, {"type": "t"})
    assert_type(client.publish(signed, sync=True), Published)
    assert_type(client.submit({"type": "t"}, message_type="POST"), Published)
    client.close()


def deploying(client: aleph_sync.AuthenticatedAlephHttpClient, folder: Path) -> None:
    hold = Payment(chain=Chain.ETH, type=PaymentType.hold, receiver=None)
    store, _ = client.create_store(file_path=folder / "code.zip", wait=True)
    program, status = client.create_program(
        program_ref=store.item_hash,
        entrypoint="main:app",
        runtime=Settings().DEFAULT_RUNTIME_ID,
        memory=256,
        timeout_seconds=10,
        internet=True,
        aleph_api=True,
        updatable=True,
        persistent=True,
        metadata={"name": "hello"},
        encoding=Encoding.zip,
        payment=hold,
        volumes=[ImmutableVolume(ref=ItemHash("hash")), {"ephemeral": True, "size_mib": 5}],
    )
    print(program.item_hash, status)
    deployed = client.create_program(code=folder, entrypoint="main:app", wait=30)
    assert_type(deployed, Published)
    assert_type(client.update_program(deployed, folder, wait=True), Published)
    assert_type(client.update_program(deployed.item_hash, "folder"), Published)
    machine = client.create_instance(
        rootfs="hash",
        rootfs_size=20480,
        hypervisor=HypervisorType.qemu,
        payment=hold,
        ssh_keys=["ssh-rsa A"],
        requirements=HostRequirements(node=NodeRequirements(node_hash=ItemHash("hash"))),
        trusted_execution=TrustedExecutionEnvironment(policy=1),
        environment_variables={"A": "1"},
    )
    assert_type(machine, Published)
    client.create_instance("hash", trusted_execution=True, payment={"type": "credit"})
    client.create_verifiable_program("hash", {"ref": "hash"}, [{"platform": "sev_snp"}], wait=5.0)
    assert_type(client.wait_until_processed(machine.item_hash, timeout=5), MessageStatus)
    assert_type(make_instance_content(rootfs="hash", rootfs_size=10240, vcpus=1), Content)
    assert_type(make_program_content("hash", "main:app", payment="hold", time=1.5), Content)
    assert_type(make_verifiable_program_content("hash", {}, []), Content)


async def reading_async(hashes: list[str]) -> AsyncIterator[str]:
    async with aleph_async.AlephHttpClient(http_client=httpx.AsyncClient()) as client:
        assert_type(await client.get_message(hashes[0]), Message)
        message, status = await client.get_message(hashes[0], with_status=True)
        assert_type(message, Message)
        assert_type(status, MessageStatus)
        page = await client.get_messages(message_filter=MessageFilter(tags=["a"]))
        for found in page:
            assert_type(found, Message)
        async for post in client.get_posts_iterator(types="t"):
            assert_type(post, Post)
            yield post.item_hash
        async for watched in client.watch_messages(MessageFilter(channels="TEST")):
            assert_type(watched, Message)
            break
        async for aggregate in client.list_aggregates_iterator(keys=["k"]):
            yield aggregate.address
        assert_type(await client.get_program_price(hashes[0]), aleph_async.Price)
        async for file in client.get_account_files_iterator(hashes[0]):
            assert_type(file, AccountFile)
        assert_type(await client.download_file_ipfs(hashes[0]), bytes)
        assert_type(await client.download_file_to_path(hashes[0], Path("file")), Path)


async def publishing_async(account: aleph_async.Account) -> None:
    async with aleph_async.AuthenticatedAlephHttpClient(account, api_server="http://a") as client:
        message, status = await client.create_post("text", "t")
        assert_type((await client.create_store(b"x")).message, Message)
        assert_type(await client.forget("hash", wait=True), Published)
        assert_type(await client.create_program(code=Path("f"), entrypoint="m:a"), Published)
        assert_type(await client.create_instance("hash", sync=True), Published)
        assert_type(await client.create_aggregate("key", {"a": {"b": None}}), Published)
        print(message.item_hash, status)


def errors(client: aleph_async.AlephHttpClient) -> None:
    try:
        print(client.api_server)
    except InsufficientCreditsError as error:
        assert_type(error.required, Decimal | None)
        assert_type(error.min_runtime_days, int | None)
    except UnpaidMessageError as error:
        print(error.item_hash, error.status)
    except InsufficientFundsError as error:
        assert_type(error.available, Decimal | None)
        print(error.token, error.currency)
    except VolumeTooSmallError as error:
        assert_type(error.parent_size, int | None)
    except FileInUseError as error:
        assert_type(error.vm_hash, str | None)
    except ForgetError as error:
        assert_type(error.targets, tuple[str, ...])
    except (AmendError, StoreRefError, VmUpdateError) as error:
        assert_type(error.ref, str | None)
    except RejectedMessage as error:
        print(error.error_code, error.details)
    except ForgottenMessageError as error:
        print(error.forgotten_by)
    except RateLimited as error:
        assert_type(error.retry_after, float | None)
    except WatchInterrupted as error:
        print(error.last_seen, error.attempts)
    except AlephClientError as error:
        print(error.message)


def payments(account: aleph_sync.EVMAccount, device: aleph_sync.LedgerETHAccount) -> None:
    loaded = aleph_sync.load_account(account_type=aleph_sync.ETHAccount)
    assert_type(loaded.get_super_token_balance(), Decimal)
    assert_type(device.get_eth_balance(), Decimal)
    account.switch_chain(Chain.AVAX, rpc=["http://127.0.0.1:8545"], super_token="0x")
    rate = aleph_sync.flow_rate("0.1", per="hour")
    assert_type(account.can_start_flow(rate, block=False), bool)
    assert_type(account.can_transact({"to": "0x", "value": 1}), bool)
    assert_type(device.create_flow("0x", rate, timeout=5), aleph_sync.Receipt)
    assert_type(account.open_payg("0x", rate, "0x", "0.1"), aleph_sync.Receipt)
    increase = aleph_sync.FlowUpdate.INCREASE
    assert_type(account.manage_flow("0x", 1, increase), aleph_sync.Receipt | None)
    flow = account.get_flow("0x")
    assert_type(flow, aleph_sync.Flow)
    assert_type(flow.seconds_left, int | None)
    assert_type(account.payment_network, aleph_sync.EvmNetwork)
    account.close()
    try:
        account.delete_flow("0x")
    except aleph_sync.InsufficientGasError as error:
        assert_type(error.required, Decimal | None)
    except aleph_sync.TransactionError as error:
        assert_type(error.transaction_hash, str | None)


async def payments_async(account: aleph_async.EVMAccount) -> None:
    assert_type(await account.create_flow("0x", Decimal("0.1")), aleph_async.Receipt)
    assert_type(await account.get_flow("0x"), aleph_async.Flow)
    await account.aclose()


def services(client: aleph_sync.AlephHttpClient, address: str, vm: str) -> Iterator[object]:
    assert_type(client.scheduler.get_plan(), aleph_sync.SchedulerPlan)
    nodes: aleph_sync.SchedulerNodes = client.scheduler.get_scheduler_node()
    assert_type(nodes.get_url("node"), str | None)
    assert_type(client.scheduler.get_allocation(vm), aleph_sync.AllocationItem)
    assert_type(client.scheduler.get_vms(owner=address), Page[aleph_sync.SchedulerVm])
    for scheduled in client.scheduler.get_vms_iterator(vm_hash="6d", on_invalid=print):
        assert_type(scheduled.allocated_node, str | None)
    crns = client.crn.get_crns_list(only_active=False)
    assert_type(crns, aleph_sync.CrnList)
    assert_type(crns[0], aleph_sync.CRN)
    assert_type(crns.find_crn(address=address), aleph_sync.CRN | None)
    for crn in crns:
        yield crn.address
    resources = aleph_sync.VmResources(vcpus=1, memory=2048, disk_mib=20480)
    client.crn.filter_crn("latest", True, gpu=["10de:2331"], vm_resources=resources)
    client.crn.filter_crn(gpu="H100", vm_resources={"vcpus": 2}, only_active=False)
    assert_type(client.crn.fetch_gpu_on_network(), aleph_sync.NetworkGPUS)
    found = client.crn.get_vm(crn_address=address, item_hash=vm)
    assert_type(found, aleph_sync.CrnExecutionV1 | aleph_sync.CrnExecutionV2 | None)
    if found is not None:
        assert_type(found.running, bool)
    assert_type(client.crn.update_instance_config(address, vm), dict[str, Any])
    assert_type(client.crn.get_system_usage(address), aleph_sync.SystemUsage)
    if client.crn.check_host(address):
        yield client.crn.get_config(address).domain_name
    messages = client.utils.get_instances(address)
    assert_type(messages, list[Message])
    places = client.instance.get_instances_allocations(messages)
    for place in places.values():
        assert_type(place.crn_url, str)
    for entry in client.instance.get_instance_executions_info(places).values():
        if isinstance(entry, aleph_sync.ExecutionFailed):
            yield entry.error
        elif entry is not None:
            yield entry.networking
    assert_type(client.dns.get_public_dns(), list[aleph_sync.Dns])
    assert_type(client.dns.get_dns_for_instance(item_hash=vm), aleph_sync.Dns | None)


def aggregates(client: aleph_sync.AlephHttpClient, address: str, vm: str) -> Iterator[object]:
    assert_type(client.port_forwarder.get_ports(address), dict[str, aleph_sync.Ports])
    assert_type(client.port_forwarder.get_ports(vm, address), aleph_sync.Ports)
    assert_type(client.port_forwarder.get_ports(vm, address=address), aleph_sync.Ports)
    assert_type(client.port_forwarder.get_ports(item_hash=vm, address=address), aleph_sync.Ports)
    port = client.port_forwarder.get_port(address, vm)
    assert_type(port, aleph_sync.Ports | None)
    for number, flags in (port or aleph_sync.Ports()).ports.items():
        assert_type(number, int)
        assert_type(flags, aleph_sync.PortFlags | None)
    for mapping in client.port_forwarder.apply_ports(vm, crn_address=address).values():
        assert_type(mapping.host, int | None)
    granted = client.authorizations.granted(address, types=[MessageType.post], chains=Chain.ETH)
    assert_type(granted, Page[aleph_sync.Grant])
    for grant in client.authorizations.received_iterator(address, channels=("a", "b")):
        yield grant.authorizations
    for entry in client.get_authorizations(address):
        if isinstance(entry, aleph_sync.Authorization):
            assert_type(entry.types, tuple[str, ...])
    prices = client.pricing.get_pricing_aggregate()
    instance = prices[aleph_sync.PricingEntity.INSTANCE]
    tier = instance.get_closest_tier(vcpus=2, memory_mib=4096, disk_mib=5)
    if tier is not None:
        assert_type(instance.get_services_specs(tier), aleph_sync.TierComputedSpec)
        assert_type(instance.get_tier_price(tier).credit, Decimal | None)
    default = client.runtimes.get_default_runtime(aleph_sync.RuntimeType.PROGRAM)
    assert_type(default, aleph_sync.RuntimeEntry | None)
    assert_type(client.vm_images.get_vm_image("rootfs"), aleph_sync.VmImage)
    settings = client.network_settings.get_settings_aggregate()
    assert_type(settings.last_crn_version, str | None)
    assert_type(client.voucher.get_vouchers(address), list[aleph_sync.Voucher])
    check = client.domains.check("a.example", aleph_sync.TargetType.IPFS, address)
    assert_type(check.missing, tuple[aleph_sync.DnsRecord, ...])
    assert_type(client.domains.list(address), dict[str, aleph_sync.Domain])
    assert_type(client.websites.get("name", address), aleph_sync.Website)
    assert_type(client.ssh_keys.list(address), list[aleph_sync.SshKey])


def editing(client: aleph_sync.AuthenticatedAlephHttpClient, vm: str) -> None:
    flags = aleph_sync.PortFlags(tcp=True, udp=False)
    ports = aleph_sync.Ports(ports={80: flags, 22: None})
    message, status = client.port_forwarder.create_port(vm, ports)
    assert_type(client.port_forwarder.update_ports(item_hash=vm, ports={80: None}), Published)
    assert_type(client.port_forwarder.delete_ports(vm, apply=True), Published)
    assert_type(client.port_forwarder.get_ports(), dict[str, aleph_sync.Ports])
    assert_type(client.port_forwarder.get_ports(item_hash=vm), aleph_sync.Ports)
    friend = aleph_sync.Authorization("0x0", types=["POST"])
    assert_type(client.authorizations.add(friend), Published | None)
    client.authorizations.update("0x0", [friend])
    client.authorizations.revoke(friend)
    client.update_all_authorizations([friend])
    client.domains.add("a.example", vm, "ipfs", options={"catch_all_path": "/"})
    client.websites.create("name", vm, tags=["a"], payment=Payment(type=PaymentType.credit))
    assert_type(client.ssh_keys.add("ssh-ed25519 AAAA", wait=True), Published)
    print(message, status)


async def services_async(client: aleph_async.AlephHttpClient, vm: str) -> None:
    assert_type(await client.scheduler.get_plan(), aleph_async.SchedulerPlan)
    assert_type(await client.crn.get_last_crn_version(), str)
    async for scheduled in client.scheduler.get_vms_iterator():
        assert_type(scheduled, aleph_async.SchedulerVm)
    assert_type(await client.dns.get_dns_for_instance(vm_hash=vm), aleph_async.Dns | None)


def machines(account: ETHAccount | SOLAccount, vm: str) -> Iterator[str]:
    with aleph_sync.VmClient(account=account, node_url="crn.example.org", timeout=5) as vm_client:
        status, response = vm_client.start_instance(vm)
        result = vm_client.stop_instance(vm, raise_on_error=True)
        assert_type(result, aleph_sync.VmResult)
        assert_type(result.status, int)
        assert_type(result.text, str)
        assert_type(result.error, aleph_sync.ApiError | None)
        assert_type(result.raise_for_status(), aleph_sync.VmResult)
        print(status, response, result.ok, result.data)
        for entry in vm_client.get_logs(vm, reconnect_timeout=5):
            assert_type(entry, LogEntry)
            yield entry.message
        for entry in vm_client.get_past_logs(vm):
            assert_type(entry.time, datetime | None)
        assert_type(vm_client.wait_for_backup(vm, timeout=5), aleph_sync.VmBackup)
        assert_type(vm_client.download_backup(vm, Path("b"), on_progress=on_progress), Path)
        vm_client.restore_from_file(vm, BytesIO(b""), on_progress=on_progress)
        vm_client.manage_instance(vm, ["stop", "erase"])
        vm_client.perform_operation(vm, "reinstall", params={"erase_volumes": "false"})
        with vm_client.operate(vm, "logs", "GET") as answer:
            assert_type(answer.status, int)
    try:
        vm_client.reboot_instance(vm)
    except aleph_sync.ClockSkew as error:
        assert_type(error.skew, float | None)
    except aleph_sync.WrongDomain as error:
        assert_type(error.expected, str | None)


async def machines_async(account: aleph_async.RemoteAccount, vm: str) -> None:
    async with aleph_async.VMClient(account, "https://crn.example.org", retry=None) as vm_client:
        assert_type(await vm_client.reserve_resources({}), aleph_sync.VmResult)
        async for entry in vm_client.get_logs(vm):
            assert_type(entry, LogEntry)
        async with vm_client.operate(vm, "logs", "GET") as answer:
            async for chunk in answer.chunks():
                assert_type(chunk, bytes)
