"""Prices of what is published, of what could be, and of everything together."""

from __future__ import annotations

import io
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aleph_message.models import InstanceContent, MessageType

from aleph_async import (
    AlephHttpClient,
    ApiError,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    ForgottenMessageError,
    InvalidItemHashError,
    InvalidMessageError,
    MessageNotFoundError,
    PendingMessageError,
    RejectedMessage,
    TransportTimeout,
    UnpaidMessageError,
)
from aleph_async._runtime import HttpClient, clock
from aleph_devnode import DevNode
from tests.hostile import HostileServer, answer, never, processing
from tests.scripted import MESSAGES, node, paths
from tests.vm_contents import instance, program, verifiable_program

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hold_plan")]

MIB = 1024 * 1024
PRICE = "/api/v0/price/"


def absent() -> str:
    return os.urandom(32).hex()


@pytest.fixture
async def stored(client: AuthenticatedAlephHttpClient) -> str:
    return (await client.create_store(os.urandom(MIB), sync=True)).item_hash


async def test_the_price_of_a_file(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient, stored: str
) -> None:
    price = await reader.get_program_price(item_hash=stored)
    assert price.payment_type == "hold"
    assert price.cost == price.required_tokens == Decimal("0.333333333")
    assert price.charged_address == client.account.get_address()
    (part,) = price.detail
    assert (part.type, part.cost_hold, part.size_mib) == ("STORAGE", price.cost, None)
    sized = await reader.get_price(stored, include_size=True)
    assert sized.detail[0].size_mib == 1
    assert sized["detail"][0]["cost_credit"] == part.cost_credit


async def test_the_price_of_a_machine(client: AuthenticatedAlephHttpClient, stored: str) -> None:
    machine = await client.submit(instance(stored), "INSTANCE", sync=True)
    price = await client.get_price(machine.item_hash)
    assert (price.payment_type, price.cost) == ("credit", Decimal("3.958333333333333333"))
    names = [part.name for part in price.detail]
    assert names == ["instance", "EXECUTION_INSTANCE_VOLUME_ROOTFS", "EXECUTION_VOLUME_DISCOUNT"]
    assert sum(part.cost_hold or 0 for part in price.detail) == 1000


async def test_a_pending_message_is_an_error_at_once(
    client: AuthenticatedAlephHttpClient, recording: HttpClient, requests: list[str]
) -> None:
    waiting = await client.create_store(file_hash=absent())
    async with AlephHttpClient(client.api_server, http_client=recording) as reader:
        begun = clock()
        with pytest.raises(PendingMessageError) as caught:
            await reader.get_program_price(waiting.item_hash)
        assert clock() - begun < 5
    assert caught.value.item_hash == waiting.item_hash
    assert caught.value.message_status == "pending"
    # The node would not answer this question before it is processed.
    assert requests == [f"GET {MESSAGES}/{waiting.item_hash}/status"]


async def test_a_message_that_turns_out_to_be_pending_is_waited_for_once() -> None:
    item_hash = absent()
    statuses = [answer({"status": status}) for status in ("processed", "pending")]
    table = {f"{MESSAGES}/{item_hash}/status": statuses, PRICE: processing()}
    with node(table) as server:
        async with AlephHttpClient(server.url, timeout=0.3) as reader:
            with pytest.raises(PendingMessageError) as caught:
                await reader.get_price(item_hash)
        assert paths(server).count(PRICE + item_hash) == 1
    assert isinstance(caught.value.__context__, TransportTimeout)


async def test_a_price_that_does_not_come_is_a_timeout() -> None:
    item_hash = absent()
    table = {f"{MESSAGES}/{item_hash}/status": answer({"status": "processed"}), PRICE: never()}
    with node(table) as server:
        async with AlephHttpClient(server.url, timeout=0.3) as reader:
            with pytest.raises(TransportTimeout):
                await reader.get_price(item_hash)
        assert paths(server).count(PRICE + item_hash) == 1


async def test_what_has_no_price_is_told_by_its_status(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient, stored: str
) -> None:
    with pytest.raises(MessageNotFoundError):
        await reader.get_program_price(absent())
    with pytest.raises(InvalidItemHashError):
        await reader.get_program_price("xyz")
    rejected = await client.submit(
        instance(stored, payment={"type": "hold"}), "INSTANCE", sync=True, raise_on_rejected=False
    )
    with pytest.raises(RejectedMessage) as refused:
        await reader.get_program_price(rejected.item_hash)
    assert refused.value.error_code == 202
    machine = await client.submit(instance(stored), "INSTANCE", sync=True)
    await client.forget(machine.item_hash, sync=True)
    with pytest.raises(ForgottenMessageError) as gone:
        await reader.get_program_price(machine.item_hash)
    assert (gone.value.status, gone.value.message_status) == (410, "forgotten")
    post = await client.create_post("free", "t", sync=True)
    with pytest.raises(ArgumentError, match="has no price"):
        await reader.get_program_price(post.item_hash)


async def test_a_forgotten_file_is_still_priced(
    client: AuthenticatedAlephHttpClient, stored: str
) -> None:
    await client.forget(stored, sync=True)
    assert (await client.get_price(stored)).cost == Decimal("0.333333333")


@pytest.mark.parametrize("form", ["object", "model", "message", "published"])
async def test_an_estimate_is_the_price_that_is_paid_later(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient, stored: str, form: str
) -> None:
    content = instance(stored, address=client.account.get_address(), time=1_790_000_000.0)
    published = await client.submit(content, "INSTANCE", sync=True)
    given: Any = {
        "object": content,
        "model": InstanceContent.model_validate(content),
        "message": published.message,
        "published": published,
    }[form]
    estimate = await reader.get_estimated_price(content=given)
    price = await reader.get_price(published.item_hash, include_size=True)
    assert estimate == price
    assert estimate.required_tokens == Decimal("3.958333333333333333")
    assert estimate.charged_address == client.account.get_address()


async def test_every_type_with_a_price_is_told_by_its_fields(
    reader: AlephHttpClient, stored: str
) -> None:
    on_demand = await reader.get_estimated_price(program(stored, stored))
    assert (on_demand.payment_type, on_demand.cost) == ("hold", 200)
    persistent = program(stored, stored, on={"http": True, "persistent": True})
    assert (await reader.get_estimated_price(persistent)).cost == 1000
    verifiable = await reader.get_estimated_price(verifiable_program(stored))
    assert verifiable.detail[0].name == "instance_confidential"
    file = {"item_type": "storage", "item_hash": absent(), "estimated_size_mib": 100}
    assert (await reader.get_estimated_price(file)).cost == Decimal("33.3333333")
    assert (await reader.get_estimated_price(file, MessageType.store)).payment_type == "hold"


async def test_files_that_are_not_there_yet_count_by_their_estimated_sizes(
    reader: AlephHttpClient,
) -> None:
    content = program(absent(), absent())
    content["code"]["estimated_size_mib"] = 3000
    content["runtime"]["estimated_size_mib"] = 100
    price = await reader.get_estimated_price(content)
    sizes = {part.type: part.size_mib for part in price.detail}
    assert sizes["EXECUTION_PROGRAM_VOLUME_CODE"] == 3000
    assert sizes["EXECUTION_PROGRAM_VOLUME_RUNTIME"] == 100
    assert price.cost > 200


async def test_content_that_has_no_price_or_no_sense(
    reader: AlephHttpClient, recording: HttpClient, requests: list[str]
) -> None:
    async with AlephHttpClient(reader.api_server, http_client=recording) as noted:
        for content in ({"type": "t", "content": {}}, "text"):
            with pytest.raises(ArgumentError) as caught:
                await noted.get_estimated_price(content)
            assert caught.value.argument == "content"
        with pytest.raises(ArgumentError) as caught:
            await noted.get_estimated_price({}, "POST")
        assert caught.value.argument == "message_type"
    assert requests == []
    with pytest.raises(InvalidMessageError, match="for no INSTANCE") as refused:
        await reader.get_estimated_price({"rootfs": {}})
    assert refused.value.status == 422


async def test_a_file_is_priced_by_its_size_without_being_sent(
    recording: HttpClient, requests: list[str], reader: AlephHttpClient, tmp_path: Path
) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(3 * MIB))
    async with AlephHttpClient(reader.api_server, http_client=recording) as noted:
        by_mib = await noted.get_store_estimated_price(3)
        assert by_mib.cost == Decimal("0.999999999")
        assert by_mib.detail[0].size_mib == 3
        for given in (
            {"storage_size_mib": Decimal(3)},
            {"size": 3 * MIB},
            {"file_content": bytes(3 * MIB)},
            {"file_content": "x" * (3 * MIB)},
            {"file_content": io.BytesIO(bytes(3 * MIB))},
            {"file_path": path},
            {"file_path": str(path)},
        ):
            options: dict[str, Any] = given
            assert await noted.get_store_estimated_price(**options) == by_mib
    assert set(requests) == {"POST /api/v0/price/estimate"}
    on_credit = await reader.get_store_estimated_price(100, payment="credit")
    assert (on_credit.payment_type, on_credit.cost) == ("credit", Decimal("0.004990969175173918"))
    byte = await reader.get_store_estimated_price(size=1)
    assert byte.detail[0].size_mib == Decimal(1) / MIB
    assert (await reader.get_store_estimated_price(0)).cost == 0


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({}, "storage_size_mib"),
        ({"storage_size_mib": 1, "size": 1}, "size"),
        ({"storage_size_mib": -1}, "storage_size_mib"),
        ({"size": 1.5}, "size"),
        ({"file_path": "/"}, "file_path"),
        ({"file_content": io.StringIO("x")}, "file_content"),
        ({"size": 1, "payment": "superfluid"}, "payment"),
    ],
)
async def test_files_that_cannot_be_priced(
    reader: AlephHttpClient, arguments: dict[str, Any], argument: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        await reader.get_store_estimated_price(**arguments)
    assert caught.value.argument == argument


async def test_what_everything_costs(client: AuthenticatedAlephHttpClient, stored: str) -> None:
    address = client.account.get_address()
    second = await client.create_store(os.urandom(2 * MIB), sync=True)
    sums = await client.get_costs(address, payment_type="hold")
    assert sums.summary.resource_count == 2
    assert sums.summary.total_cost_hold == Decimal("0.999999999")
    assert sums.resources.items == ()
    listed = await client.get_costs(
        address, payment_type="hold", include_details=2, include_size=True
    )
    costs = {resource.item_hash: resource for resource in listed.resources}
    assert set(costs) == {stored, second.item_hash}
    assert costs[stored].cost_hold == Decimal("0.333333333")
    assert costs[stored].detail[0].size_mib == 1
    assert listed["filters"]["address"] == address
    one = await client.get_costs(item_hash=stored, payment_type="hold", include_details=1)
    assert [resource.item_hash for resource in one.resources] == [stored]
    on_credit = await client.get_costs(address)
    assert (on_credit.summary.resource_count, on_credit.summary.total_cost_credit) == (0, 0)


async def test_costs_are_walked_through() -> None:
    with DevNode() as fresh:
        account = ETHAccount.generate()
        fresh.fund(account.get_address())
        async with AuthenticatedAlephHttpClient(account, fresh.url) as client:
            stored = [
                (await client.create_store(os.urandom(10), sync=True)).item_hash for _ in range(12)
            ]
            found = [
                resource.item_hash
                async for resource in client.get_costs_iterator(payment_type="hold", page_size=10)
            ]
            assert sorted(found) == sorted(stored)
            second = await client.get_costs(
                payment_type="hold", include_details=1, page_size=10, page=2
            )
            assert len(second.resources) == 2
            assert second.resources.total == 12


async def test_costs_that_nodes_would_refuse_are_not_asked_for(reader: AlephHttpClient) -> None:
    for options, argument in (
        ({"include_details": 2}, "include_details"),
        ({"payment_type": "cash"}, "payment_type"),
        ({"page_size": 5}, "page_size"),
    ):
        given: dict[str, Any] = options
        with pytest.raises(ArgumentError) as caught:
            await reader.get_costs(**given)
        assert caught.value.argument == argument


@pytest.mark.parametrize("payment", ["hold", "credit"])
async def test_an_upload_that_cannot_be_paid_tells_the_amounts(payment: str) -> None:
    with DevNode(max_unsigned_file=1000) as strict:
        account = ETHAccount.generate()
        strict.fund(account.get_address(), aleph="0.2", credits=50)
        async with AuthenticatedAlephHttpClient(account, strict.url) as client:
            await client.create_store(b"small", sync=True)
            with pytest.raises(UnpaidMessageError) as caught:
                await client.create_store(os.urandom(2000), payment=payment, sync=True)
            error = caught.value
            assert error.status == 402
            costs = await client.get_costs(account.get_address(), payment_type=payment)
            whole = await client.get_store_estimated_price(1, payment=payment)
    running = costs.summary.total_cost_hold if payment == "hold" else Decimal(0)
    assert running is not None
    seconds = 1 if payment == "hold" else 86400
    assert error.required == (running + whole.cost) * seconds
    assert error.available == (Decimal("0.2") if payment == "hold" else 50)
    assert error.token == ("ALEPH" if payment == "hold" else "credits")
    assert f"{error.required:f} {error.token} required" in str(error)


async def test_an_upload_that_cannot_be_paid_is_told_even_when_nobody_tells_the_amounts() -> None:
    with HostileServer(answer("402: Payment Required", status=402)) as server:
        account = ETHAccount.generate()
        async with AuthenticatedAlephHttpClient(account, server.url) as client:
            with pytest.raises(UnpaidMessageError) as caught:
                await client.create_store(b"x", payment="credit")
    assert (caught.value.required, caught.value.available) == (None, None)
    assert account.get_address() in str(caught.value)


async def test_a_node_that_does_not_know_a_type_is_an_error() -> None:
    with HostileServer(answer("500 Internal Server Error", status=500)) as server:
        async with AlephHttpClient(server.url) as reader:
            with pytest.raises(ApiError, match="price of a V-PROGRAM") as caught:
                await reader.get_estimated_price(verifiable_program(absent()))
    assert caught.value.status == 500
