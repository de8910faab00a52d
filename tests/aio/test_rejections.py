"""Every rejection code of the network, provoked on a node, and the error that tells it.

Two codes no node gives to a message that a client can send, so their answers are scripted. 100, an
amend without ``ref``: the schema of contents refuses it before, as malformed or with code 0. 504, a
copy of a forgotten message: it comes from other nodes while the message is being forgotten.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest

from aleph_async import (
    AmendError,
    AuthenticatedAlephHttpClient,
    ContentUnavailableError,
    ETHAccount,
    FileInUseError,
    ForgetError,
    InsufficientCreditsError,
    InsufficientFundsError,
    InvalidFormatError,
    InvalidMessageError,
    PaymentMethodError,
    PermissionDeniedError,
    ProcessingError,
    Published,
    RejectedMessage,
    SignatureRefusedError,
    StoreRefError,
    UnpaidMessageError,
    VmUpdateError,
    VolumeNotFoundError,
    VolumeTooSmallError,
)
from aleph_devnode import DevNode
from tests.hostile import answer
from tests.scripted import MESSAGES, node, published
from tests.vm_contents import instance, program

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


def absent() -> str:
    return os.urandom(32).hex()


@pytest.fixture(scope="module")
def hasty_node() -> Iterator[DevNode]:
    """A node that soon gives up on what waits for something."""
    with DevNode(max_retries=2, retry_delay=0.02) as running:
        yield running


@pytest.fixture
async def hasty(hasty_node: DevNode) -> AsyncIterator[AuthenticatedAlephHttpClient]:
    account = ETHAccount.generate()
    hasty_node.fund(account.get_address())
    async with AuthenticatedAlephHttpClient(account, hasty_node.url) as client:
        yield client


@pytest.fixture
async def rootfs(client: AuthenticatedAlephHttpClient) -> str:
    stored = await client.create_store(os.urandom(16) + bytes(2 * MIB), sync=True)
    return stored.item_hash


async def refusal(client: AuthenticatedAlephHttpClient, waiting: Published) -> RejectedMessage:
    """Wait until the node gives up on the message, and return the error."""
    with pytest.raises(RejectedMessage) as caught:
        await client.wait_for_message(waiting.item_hash, timeout=20)
    assert caught.value.item_hash == waiting.item_hash
    return caught.value


async def test_minus_1_a_node_that_fails_itself(hasty: AuthenticatedAlephHttpClient) -> None:
    waiting = await hasty.submit({"key": {"name": "no text"}, "content": {}}, "AGGREGATE")
    error = await refusal(hasty, waiting)
    assert type(error) is ProcessingError
    assert error.error_code == -1


async def test_0_a_transfer_to_oneself(client: AuthenticatedAlephHttpClient) -> None:
    address = client.account.get_address()
    transfer = {"transfer": {"credits": [{"address": address, "amount": 5}]}}
    with pytest.raises(InvalidFormatError) as caught:
        await client.create_post(
            transfer, "aleph_credit_transfer", channel="ALEPH_CREDIT", sync=True
        )
    assert type(caught.value) is InvalidFormatError
    assert caught.value.error_code == 0
    (problem,) = caught.value.problems
    assert problem.startswith("Self-transfer")
    assert address in problem


async def test_0_content_that_its_schema_refuses(client: AuthenticatedAlephHttpClient) -> None:
    content = {"type": "t", "content": 1, "unknown": 5}
    # Nodes look at stored content only when they process the message.
    waiting = await client.submit(content, "POST", allow_inlining=False)
    error = await refusal(client, waiting)
    assert isinstance(error, InvalidFormatError)
    assert any(problem.startswith("unknown: ") for problem in error.problems)


async def test_1_a_signature_of_somebody_else(client: AuthenticatedAlephHttpClient) -> None:
    message = await client.generate_signed_message("POST", {"type": "t", "content": 1})
    other = ETHAccount.generate().sign_raw(b"something else")
    with pytest.raises(SignatureRefusedError) as caught:
        await client.publish(message.evolve(signature="0x" + other.hex()), sync=True)
    assert type(caught.value) is SignatureRefusedError
    assert (caught.value.error_code, caught.value.item_hash) == (1, message.item_hash)


async def test_2_publishing_for_others(client: AuthenticatedAlephHttpClient) -> None:
    owner = ETHAccount.generate().get_address()
    with pytest.raises(PermissionDeniedError) as caught:
        await client.create_post("x", "t", address=owner, sync=True)
    error = caught.value
    assert (error.error_code, error.sender, error.owner, error.target) == (
        2,
        client.account.get_address(),
        owner,
        None,
    )


async def test_2_changing_what_is_others(
    client: AuthenticatedAlephHttpClient, pauper: AuthenticatedAlephHttpClient
) -> None:
    owner = client.account.get_address()
    post = await client.create_post("mine", "t", sync=True)
    with pytest.raises(PermissionDeniedError) as caught:
        await pauper.forget(post.item_hash, sync=True)
    assert caught.value.sender == pauper.account.get_address()
    assert (caught.value.owner, caught.value.target) == (owner, post.item_hash)
    with pytest.raises(PermissionDeniedError) as caught:
        await pauper.create_post("x", "amend", ref=post.item_hash, sync=True)
    assert (caught.value.owner, caught.value.target) == (owner, post.item_hash)


async def test_3_content_that_nobody_stored(hasty: AuthenticatedAlephHttpClient) -> None:
    message = await hasty.generate_signed_message("POST", {"type": "t", "content": 1})
    lost = message.evolve(item_type="storage", item_content=None, item_hash=absent())
    signed = hasty.account.sign_message(
        {"chain": lost.chain, "sender": lost.sender, "type": lost.type, "item_hash": lost.item_hash}
    )
    error = await refusal(hasty, await hasty.publish(lost.evolve(signature=signed["signature"])))
    assert isinstance(error, ContentUnavailableError)
    assert (error.error_code, error.file_hash) == (3, lost.item_hash)


async def test_4_a_file_that_nobody_stored(hasty: AuthenticatedAlephHttpClient) -> None:
    file_hash = absent()
    error = await refusal(hasty, await hasty.create_store(file_hash=file_hash))
    assert isinstance(error, ContentUnavailableError)
    assert (error.error_code, error.file_hash) == (4, file_hash)


@pytest.mark.usefixtures("hold_plan")
async def test_5_too_few_tokens(
    node: DevNode, client: AuthenticatedAlephHttpClient, pauper: AuthenticatedAlephHttpClient
) -> None:
    stored = await client.create_store(os.urandom(10), sync=True)
    node.fund(pauper.account.get_address(), aleph="1.5", credits=0)
    content = program(stored.item_hash, stored.item_hash)
    with pytest.raises(InsufficientFundsError) as caught:
        await pauper.submit(content, "PROGRAM", sync=True)
    error = caught.value
    assert type(error) is UnpaidMessageError
    assert (error.error_code, error.token) == (5, "ALEPH")
    assert (error.required, error.available) == (Decimal(200), Decimal("1.5"))
    assert error.item_hash in str(error)


async def test_6_too_few_credits(
    node: DevNode,
    client: AuthenticatedAlephHttpClient,
    pauper: AuthenticatedAlephHttpClient,
    rootfs: str,
) -> None:
    node.fund(pauper.account.get_address(), aleph=0, credits=1000)
    with pytest.raises(InsufficientCreditsError) as caught:
        await pauper.submit(instance(rootfs), "INSTANCE", sync=True)
    error = caught.value
    assert (error.error_code, error.token, error.min_runtime_days) == (6, "credits", 1)
    # 14 250 credits an hour, to 18 decimals a second.
    assert error.required == Decimal("341999.999999999999971200")
    assert error.available == 1000


@pytest.mark.parametrize(
    ("code", "kind", "body"),
    [
        (100, AmendError, {"error_code": 100, "details": None}),
        (504, ForgetError, {"error_code": 504, "details": None}),
        (999, RejectedMessage, {"error_code": 999, "details": {"errors": ["of a newer node"]}}),
    ],
)
async def test_codes_that_only_other_nodes_give(
    code: int, kind: type[RejectedMessage], body: dict[str, Any]
) -> None:
    told = {"status": "rejected", "message": None, **body}
    table = {
        f"POST {MESSAGES}": answer(published("rejected"), status=422),
        f"{MESSAGES}/": answer(told),
    }
    with node(table) as server:
        async with AuthenticatedAlephHttpClient(ETHAccount.generate(), server.url) as client:
            with pytest.raises(RejectedMessage) as caught:
                await client.create_post("x", "t", sync=True)
    assert type(caught.value) is kind
    assert caught.value.error_code == code


async def test_100_is_refused_before(client: AuthenticatedAlephHttpClient) -> None:
    content = {"type": "amend", "content": 1}
    with pytest.raises(InvalidMessageError):
        await client.submit(content, "POST", sync=True)
    error = await refusal(client, await client.submit(content, "POST", allow_inlining=False))
    assert isinstance(error, InvalidFormatError)


async def test_101_an_amend_of_nothing(hasty: AuthenticatedAlephHttpClient) -> None:
    ref = absent()
    error = await refusal(hasty, await hasty.create_post("x", "amend", ref=ref))
    assert isinstance(error, AmendError)
    assert (error.error_code, error.ref) == (101, ref)


async def test_102_an_amend_of_an_amend(client: AuthenticatedAlephHttpClient) -> None:
    post = await client.create_post("x", "t", sync=True)
    amend = await client.create_post("y", "amend", ref=post.item_hash, sync=True)
    with pytest.raises(AmendError) as caught:
        await client.create_post("z", "amend", ref=amend.item_hash, sync=True)
    assert (caught.value.error_code, caught.value.ref) == (102, amend.item_hash)


async def test_200_a_revision_of_nothing(hasty: AuthenticatedAlephHttpClient) -> None:
    ref = absent()
    error = await refusal(hasty, await hasty.create_store(os.urandom(10), ref=ref))
    assert isinstance(error, StoreRefError)
    assert (error.error_code, error.ref) == (200, ref)


async def test_201_a_revision_of_a_revision(client: AuthenticatedAlephHttpClient) -> None:
    first = await client.create_store(os.urandom(10), sync=True)
    second = await client.create_store(os.urandom(10), ref=first.item_hash, sync=True)
    with pytest.raises(StoreRefError) as caught:
        await client.create_store(os.urandom(10), ref=second.item_hash, sync=True)
    assert (caught.value.error_code, caught.value.ref) == (201, second.item_hash)


@pytest.mark.parametrize("payment", ["hold", "superfluid", None])
async def test_202_a_payment_of_former_times(
    client: AuthenticatedAlephHttpClient, rootfs: str, payment: str | None
) -> None:
    stream = {"type": "superfluid", "chain": "AVAX", "receiver": client.account.get_address()}
    paid = {"hold": {"type": "hold"}, "superfluid": stream, None: None}[payment]
    content = instance(rootfs, payment=paid)
    if paid is None:
        del content["payment"]
    with pytest.raises(PaymentMethodError, match="pay with credits") as caught:
        await client.submit(content, "INSTANCE", sync=True)
    assert (caught.value.error_code, caught.value.payment_type) == (202, payment or "hold")


async def test_300_replacing_nothing(hasty: AuthenticatedAlephHttpClient) -> None:
    stored = await hasty.create_store(os.urandom(10), sync=True)
    ref = absent()
    waiting = await hasty.submit(instance(stored.item_hash, replaces=ref), "INSTANCE")
    error = await refusal(hasty, waiting)
    assert isinstance(error, VmUpdateError)
    assert (error.error_code, error.ref) == (300, ref)


async def test_301_volumes_that_nobody_stored(hasty: AuthenticatedAlephHttpClient) -> None:
    code, runtime = absent(), absent()
    error = await refusal(hasty, await hasty.submit(program(code, runtime), "PROGRAM"))
    assert isinstance(error, VolumeNotFoundError)
    assert error.error_code == 301
    # Their order is not stable.
    assert sorted(error.refs) == sorted([code, runtime])


async def test_302_replacing_what_may_not_change(
    client: AuthenticatedAlephHttpClient, rootfs: str
) -> None:
    fixed = await client.submit(instance(rootfs), "INSTANCE", sync=True)
    with pytest.raises(VmUpdateError) as caught:
        await client.submit(instance(rootfs, replaces=fixed.item_hash), "INSTANCE", sync=True)
    assert (caught.value.error_code, caught.value.ref) == (302, fixed.item_hash)


async def test_303_replacing_a_replacement(
    client: AuthenticatedAlephHttpClient, rootfs: str
) -> None:
    first = await client.submit(instance(rootfs, allow_amend=True), "INSTANCE", sync=True)
    content = instance(rootfs, allow_amend=True, replaces=first.item_hash)
    second = await client.submit(content, "INSTANCE", sync=True)
    with pytest.raises(VmUpdateError) as caught:
        await client.submit(instance(rootfs, replaces=second.item_hash), "INSTANCE", sync=True)
    assert (caught.value.error_code, caught.value.ref) == (303, second.item_hash)


async def test_304_a_volume_smaller_than_what_it_begins_with(
    client: AuthenticatedAlephHttpClient, rootfs: str
) -> None:
    volume = {
        "persistence": "host",
        "size_mib": 1,
        "mount": "/v",
        "name": "data",
        "parent": {"ref": rootfs, "use_latest": False},
    }
    with pytest.raises(VolumeTooSmallError) as caught:
        await client.submit(instance(rootfs, volumes=[volume]), "INSTANCE", sync=True)
    error = caught.value
    parent = await client.get_stored_content(rootfs)
    assert (error.error_code, error.volume_name) == (304, "data")
    assert (error.volume_size, error.parent_size) == (MIB, 2 * MIB + 16)
    assert (error.parent_ref, error.parent_file) == (rootfs, parent.hash)


async def test_500_forgetting_nothing(client: AuthenticatedAlephHttpClient) -> None:
    with pytest.raises(ForgetError) as caught:
        await client.submit({"hashes": []}, "FORGET", sync=True)
    assert (caught.value.error_code, caught.value.targets) == (500, ())


async def test_501_forgetting_what_is_not_there(hasty: AuthenticatedAlephHttpClient) -> None:
    target = absent()
    error = await refusal(hasty, await hasty.forget(target))
    assert isinstance(error, ForgetError)
    assert (error.error_code, error.targets) == (501, (target,))


async def test_501_forgetting_twice(hasty: AuthenticatedAlephHttpClient) -> None:
    post = await hasty.create_post("x", "t", sync=True)
    await hasty.forget(post.item_hash, sync=True)
    error = await refusal(hasty, await hasty.forget(post.item_hash, "once more"))
    assert isinstance(error, ForgetError)
    assert (error.error_code, error.targets) == (501, (post.item_hash,))


async def test_502_forgetting_a_forget(client: AuthenticatedAlephHttpClient) -> None:
    post = await client.create_post("x", "t", sync=True)
    forget = await client.forget(post.item_hash, sync=True)
    with pytest.raises(ForgetError) as caught:
        await client.forget(forget.item_hash, sync=True)
    assert (caught.value.error_code, caught.value.targets) == (502, (forget.item_hash,))


async def test_503_forgetting_a_file_in_use(
    client: AuthenticatedAlephHttpClient, rootfs: str
) -> None:
    machine = await client.submit(instance(rootfs), "INSTANCE", sync=True)
    with pytest.raises(FileInUseError) as caught:
        await client.forget(rootfs, sync=True)
    error = caught.value
    assert isinstance(error, ForgetError)
    assert (error.error_code, error.targets) == (503, (rootfs,))
    assert (error.store_hash, error.vm_hash) == (rootfs, machine.item_hash)


async def test_reading_a_rejected_message_tells_the_same(
    client: AuthenticatedAlephHttpClient,
) -> None:
    post = await client.create_post("x", "t", sync=True)
    amend = await client.create_post("y", "amend", ref=post.item_hash, sync=True)
    published_anyway = await client.submit(
        {"type": "amend", "ref": amend.item_hash, "content": "z"},
        "POST",
        sync=True,
        raise_on_rejected=False,
    )
    assert published_anyway.status == "rejected"
    with pytest.raises(AmendError) as caught:
        await client.get_message(published_anyway.item_hash)
    assert (caught.value.error_code, caught.value.ref) == (102, amend.item_hash)
