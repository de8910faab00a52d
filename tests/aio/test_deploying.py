"""Programs, instances and verifiable programs: published, paid, waited for, and given new code."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aleph_message.models import Chain, Payment, PaymentType
from aleph_message.models.execution.base import Encoding
from aleph_message.models.execution.environment import (
    HostRequirements,
    HypervisorType,
    NodeRequirements,
)

from aleph_async import (
    AlephError,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    InsufficientFundsError,
    MessageNotFoundError,
    MessageStatus,
    PendingMessageError,
    ProcessingTimeout,
    Published,
    RejectedMessage,
    make_instance_content,
    make_program_content,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024
MAIN = b"app = 'an ASGI application'\n"


@pytest.fixture
async def image(client: AuthenticatedAlephHttpClient) -> str:
    """A file that stands for a runtime or the image of a root file system."""
    return (await client.create_store(b"an image", payment="credit", wait=True)).item_hash


@pytest.fixture
async def stored_code(client: AuthenticatedAlephHttpClient) -> str:
    return (await client.create_store(b"some code", payment="credit", wait=True)).item_hash


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The code of a program."""
    folder = tmp_path / "program"
    (folder / "package").mkdir(parents=True)
    (folder / "main.py").write_bytes(MAIN)
    (folder / "package" / "__init__.py").write_bytes(b"")
    return folder


@pytest.fixture
async def noted(
    node: DevNode, account: ETHAccount, recording: HttpClient
) -> AsyncIterator[AuthenticatedAlephHttpClient]:
    """A client whose requests are noted."""
    async with AuthenticatedAlephHttpClient(account, node.url, http_client=recording) as client:
        yield client


async def files_of(client: AuthenticatedAlephHttpClient, store: str) -> dict[str, bytes]:
    """Return the files in the zip of a STORE."""
    content = await client.get_stored_content(store)
    with zipfile.ZipFile(io.BytesIO(await client.download_file(content.hash))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def verifiable(ref: str) -> dict[str, Any]:
    bound = {"ref": ref, "hash_tree": ref, "roothash": "b" * 64}
    measurement = {"platform": "sev_snp", "registers": {"launch": "a" * 96}}
    return {"runtime": ref, "workload": bound, "measurements": [measurement], "volumes": [bound]}


async def test_everything_is_processed_with_the_payment_that_is_meant_by_default(
    client: AuthenticatedAlephHttpClient, image: str, stored_code: str, channel: str
) -> None:
    deploy: dict[str, Any] = {
        "PROGRAM": partial(client.create_program, stored_code, "main:app", image),
        "INSTANCE": partial(client.create_instance, image),
        "V-PROGRAM": partial(client.create_verifiable_program, **verifiable(image)),
    }
    for kind, create in deploy.items():
        result = await create(channel=channel, metadata={"name": kind}, wait=True)
        message, status = result
        assert status is MessageStatus.PROCESSED
        assert (message.type, message.channel) == (kind, channel)
        assert message.content.address == client.account.get_address()
        found = await client.get_message(result.item_hash, kind)
        assert found.content == message.content
        assert found.content.metadata == {"name": kind}
        # Other software refuses contents that its models would write otherwise.
        assert found.to_aleph_message().item_hash == result.item_hash
        synced = await create(sync=True)
        assert synced.status is MessageStatus.PROCESSED
        assert (await create()).status is MessageStatus.PENDING


async def test_persistent_programs_and_instances_are_paid_by_credit(
    client: AuthenticatedAlephHttpClient, image: str, stored_code: str
) -> None:
    program = partial(client.create_program, stored_code, "main:app", image)
    for result in (
        await program(persistent=True, wait=True),
        await client.create_instance(image, wait=True),
        await program(payment="credit", wait=True),
        await client.create_instance(image, payment={"type": "credit", "chain": "ETH"}, wait=True),
        await client.create_instance(
            image, payment=Payment(chain=Chain.ETH, type=PaymentType.credit), wait=True
        ),
    ):
        assert result.status is MessageStatus.PROCESSED
        assert result.content.payment.type == "credit"


async def test_a_payment_that_nodes_refuse_is_named_before_anything_is_sent(
    noted: AuthenticatedAlephHttpClient, requests: list[str], folder: Path
) -> None:
    ref = "ab" * 32
    hold = Payment(chain=Chain.ETH, type=PaymentType.hold, receiver=None)
    stream = {"type": "superfluid", "chain": "AVAX", "receiver": noted.account.get_address()}
    calls = [
        partial(noted.create_instance, ref),
        partial(noted.create_program, ref, "main:app", persistent=True),
        partial(noted.create_program, entrypoint="main:app", code=folder, persistent=True),
        partial(noted.create_verifiable_program, **verifiable(ref)),
    ]
    for create in calls:
        for payment in (hold, stream, "hold", "superfluid"):
            with pytest.raises(ArgumentError, match="pay by credit") as caught:
                await create(payment=payment)
            assert caught.value.argument == "payment"
    with pytest.raises(ArgumentError, match="pay by"):
        await noted.create_store(b"x", payment="superfluid")
    assert requests == []


async def test_what_cannot_be_is_named_before_anything_is_sent(
    noted: AuthenticatedAlephHttpClient, requests: list[str], folder: Path, tmp_path: Path
) -> None:
    ref = "ab" * 32
    (folder / "out").symlink_to(tmp_path)
    cases: list[tuple[Any, str]] = [
        (partial(noted.create_program, "PROGRAM_REF", "main:app"), "program_ref"),
        (partial(noted.create_program, entrypoint="main:app"), "program_ref"),
        (partial(noted.create_program, ref, "main:app", code=folder), "code"),
        (partial(noted.create_program, ref), "entrypoint"),
        (partial(noted.create_program, code=folder), "entrypoint"),
        (partial(noted.create_program, entrypoint="main:app", code=folder), "code"),
        (partial(noted.create_program, entrypoint="main:app", code="/nowhere/at/all"), "code"),
        (partial(noted.create_program, entrypoint="m:a", code=folder, encoding="rar"), "encoding"),
        (partial(noted.create_program, ref, "m:a", wait=-1), "wait"),
        (partial(noted.create_instance, "ROOTFS_HASH"), "rootfs"),
        (partial(noted.create_instance, ref, ssh_keys=["-----BEGIN PRIVATE KEY"]), "ssh_keys[0]"),
        (partial(noted.create_instance, ref, wait="long"), "wait"),
        (partial(noted.create_instance, ref, channel=""), "channel"),
        (partial(noted.create_verifiable_program, **verifiable("x")), "runtime"),
        (partial(noted.update_program, "x", folder), "program"),
        (partial(noted.update_program, 5, folder), "program"),
        (partial(noted.update_program, ref, folder, wait=-1), "wait"),
    ]
    for create, argument in cases:
        with pytest.raises(ArgumentError) as caught:
            await create()
        assert caught.value.argument == argument
    assert requests == []


async def test_a_confidential_instance_with_everything_is_processed(
    client: AuthenticatedAlephHttpClient, image: str
) -> None:
    result = await client.create_instance(
        image,
        30_000,
        hypervisor=HypervisorType.qemu,
        trusted_execution={"firmware": image},
        requirements=HostRequirements(
            node=NodeRequirements(node_hash="cd" * 32, terms_and_conditions=image)  # type: ignore[arg-type]
        ),
        volumes=[{"ref": image, "mount": "/a"}, {"size_mib": 10, "mount": "/b", "name": "b"}],
        ssh_keys=["ssh-ed25519 AAAAC3 ada"],
        environment_variables={"A": "1"},
        updatable=True,
        wait=True,
    )
    assert result.status is MessageStatus.PROCESSED
    assert result.content.environment.trusted_execution == {"firmware": image, "policy": 1}
    replaced = await client.create_instance(image, replaces=result.item_hash, wait=True)
    assert replaced.content.replaces == result.item_hash


async def test_what_needs_a_file_that_nobody_has_is_waited_for_in_vain(
    client: AuthenticatedAlephHttpClient, image: str
) -> None:
    with pytest.raises(ProcessingTimeout) as caught:
        await client.create_program(os.urandom(32).hex(), "main:app", image, wait=0.2)
    assert caught.value.status == "pending"


async def test_a_reason_that_only_the_network_knows_is_told(
    client: AuthenticatedAlephHttpClient, pauper: AuthenticatedAlephHttpClient
) -> None:
    large = await client.create_store(bytes(2 * MIB), payment="credit", wait=True)
    with pytest.raises(RejectedMessage) as caught:
        await client.create_instance(large.item_hash, 1, wait=True)
    assert caught.value.error_code == 304
    with pytest.raises(InsufficientFundsError) as poor:
        await pauper.create_instance(large.item_hash, wait=True)
    assert (poor.value.error_code, poor.value.currency) == (6, "credits")


async def test_an_owner_may_be_named(
    node: DevNode, client: AuthenticatedAlephHttpClient, image: str, stored_code: str
) -> None:
    delegate = ETHAccount.generate()
    await client.create_aggregate(
        "security",
        {"authorizations": [{"address": delegate.get_address(), "types": ["INSTANCE"]}]},
        wait=True,
    )
    owner = client.account.get_address()
    async with AuthenticatedAlephHttpClient(delegate, node.url) as other:
        instance = await other.create_instance(image, address=owner, wait=True)
        assert (instance.message.sender, instance.message.address) == (
            delegate.get_address(), owner,
        )  # fmt: skip
        with pytest.raises(RejectedMessage) as caught:
            await other.create_program(stored_code, "main:app", image, address=owner, wait=True)
        assert caught.value.error_code == 2


@pytest.mark.parametrize("form", ["folder", "text", "file", "zip"])
async def test_code_is_packed_stored_and_deployed_in_one_call(
    client: AuthenticatedAlephHttpClient, image: str, folder: Path, tmp_path: Path, form: str
) -> None:
    expected = {"main.py": MAIN, "package/__init__.py": b""}
    code: Any = {"folder": folder, "text": str(folder), "file": folder / "main.py"}.get(form)
    if form == "file":
        del expected["package/__init__.py"]
    if form == "zip":
        code = tmp_path / "code.zip"
        with zipfile.ZipFile(code, "w") as archive:
            for name, content in reversed(expected.items()):
                archive.writestr(name, content)
    result = await client.create_program(code=code, entrypoint="main:app", runtime=image, wait=True)
    assert result.status is MessageStatus.PROCESSED
    assert result.content.code.encoding == "zip"
    assert await files_of(client, result.content.code.ref) == expected
    store = await client.get_message(result.content.code.ref, "STORE")
    assert store.content.get("payment", {"type": "hold"}) == result.content.payment


async def test_the_same_code_is_the_same_file(
    client: AuthenticatedAlephHttpClient, image: str, folder: Path
) -> None:
    hashes = set()
    for time in (1, 2_000_000_000):
        os.utime(folder / "main.py", (time, time))
        program = await client.create_program(code=folder, entrypoint="m:a", runtime=image)
        hashes.add((await client.get_message(program.content.code.ref)).content.item_hash)
    assert len(hashes) == 1


async def test_the_code_of_a_program_that_is_paid_by_credit_is_paid_by_credit(
    client: AuthenticatedAlephHttpClient, image: str, folder: Path, channel: str
) -> None:
    program = await client.create_program(
        code=folder / "main.py",
        entrypoint="main.py",
        runtime=image,
        persistent=True,
        encoding=Encoding.plain,
        storage_engine="ipfs",
        channel=channel,
        wait=True,
    )
    assert program.content.code.encoding == "plain"
    store = await client.get_message(program.content.code.ref)
    assert store.content.payment == {"type": "credit"}
    assert (store.content.item_type, store.channel) == ("ipfs", channel)
    assert await client.download_file(store.content.item_hash) == MAIN


async def test_progress_is_told_while_code_is_stored(
    client: AuthenticatedAlephHttpClient, image: str, folder: Path
) -> None:
    (folder / "noise.bin").write_bytes(os.urandom(2 * MIB))
    progress: list[tuple[int, int | None]] = []
    await client.create_program(
        code=folder,
        entrypoint="main:app",
        runtime=image,
        on_progress=lambda done, total: progress.append((done, total)),
    )
    assert progress[-1][0] == progress[-1][1]
    assert progress[-1][0] > 2 * MIB


async def test_code_that_was_stored_in_vain_is_named(
    node: DevNode, recording: HttpClient, folder: Path, image: str
) -> None:
    account = ETHAccount.generate()
    node.fund(account.get_address(), credits=300)
    async with AuthenticatedAlephHttpClient(account, node.url) as client:
        with pytest.raises(InsufficientFundsError) as caught:
            await client.create_program(
                code=folder, entrypoint="main:app", runtime=image, persistent=True, wait=True
            )
        (note,) = caught.value.__notes__
        (store,) = await client.get_messages(addresses=account.get_address())
        assert store.type == "STORE"
        assert store.item_hash in note


async def program_of(
    client: AuthenticatedAlephHttpClient, image: str, folder: Path, **options: Any
) -> Published:
    options = {"entrypoint": "main:app", "runtime": image, "wait": True, **options}
    return await client.create_program(code=folder, **options)


async def test_a_program_gets_new_code(
    client: AuthenticatedAlephHttpClient,
    image: str,
    folder: Path,
    node: DevNode,
    recording: HttpClient,
    channel: str,
) -> None:
    program = await program_of(client, image, folder, persistent=True)
    first = program.content.code.ref
    targets = [program, program.message, program.item_hash, first]
    for number, target in enumerate(targets):
        code = f"app = {number}".encode()
        (folder / "main.py").write_bytes(code)
        update = await client.update_program(target, folder, channel=channel, wait=True)
        assert update.status is MessageStatus.PROCESSED
        assert update.message.channel == channel
        assert update.content.ref == first
        assert update.content.payment == {"type": "credit"}
        assert (await files_of(client, update.item_hash))["main.py"] == code
        # What a compute node asks for when it starts the program.
        latest = await recording.get(f"{node.url}/api/v0/storage/by-ref/{first}")
        assert latest.json()["file_hash"] == update.content.item_hash
    # A revision leads to the first STORE, too.
    (folder / "main.py").write_bytes(b"app = 'last'")
    last = await client.update_program(update.item_hash, folder, sync=True)
    assert (last.status, last.content.ref) == (MessageStatus.PROCESSED, first)
    assert (await client.update_program(program, folder)).status is MessageStatus.PENDING


async def test_new_code_is_published_for_the_owner_of_the_old(
    node: DevNode, client: AuthenticatedAlephHttpClient, image: str, folder: Path
) -> None:
    program = await program_of(client, image, folder)
    delegate = ETHAccount.generate()
    owner = client.account.get_address()
    async with AuthenticatedAlephHttpClient(delegate, node.url) as other:
        with pytest.raises(RejectedMessage) as caught:
            await other.update_program(program, folder, wait=True)
        assert caught.value.error_code == 2
        await client.create_aggregate(
            "security", {"authorizations": [{"address": delegate.get_address()}]}, wait=True
        )
        update = await other.update_program(program, folder, payment="credit", wait=True)
        assert (update.message.address, update.message.sender) == (owner, delegate.get_address())
        assert update.content.payment == {"type": "credit"}


async def test_what_takes_no_new_code_says_why(
    client: AuthenticatedAlephHttpClient, image: str, folder: Path, stored_code: str
) -> None:
    program = await program_of(client, image, folder)
    content = make_program_content(
        stored_code, "main:app", image, address=client.account.get_address()
    )
    content["code"]["use_latest"] = False
    fixed = await client.submit(content, "PROGRAM", wait=True)
    named = await client.create_store(b"code", ref="name", wait=True)
    pending = await client.create_program(os.urandom(32).hex(), "main:app", image)
    instance = await client.create_instance(image, wait=True)
    cases: list[tuple[Any, dict[str, Any], type[AlephError], str]] = [
        (program, {"encoding": "squashfs"}, ArgumentError, "runs 'zip' code"),
        (fixed, {}, ArgumentError, "stays with the code it has"),
        (named, {}, ArgumentError, "goes by the name 'name'"),
        (instance, {}, ArgumentError, "of type INSTANCE"),
        (pending, {}, PendingMessageError, "wait_for_message"),
        (os.urandom(32).hex(), {}, MessageNotFoundError, "does not know"),
    ]
    for target, options, kind, said in cases:
        with pytest.raises(kind, match=said):
            await client.update_program(target, folder, **options)
    with pytest.raises(ArgumentError, match="No such file"):
        await client.update_program(program, folder / "nowhere")


async def test_the_settings_of_the_client_are_those_of_its_machines(
    node: DevNode, account: ETHAccount, image: str, stored_code: str
) -> None:
    async with AuthenticatedAlephHttpClient(account, node.url) as client:
        settings = client.settings.evolve(
            DEFAULT_RUNTIME_ID=image, DEFAULT_VM_MEMORY=128, DEFAULT_INSTANCE_MEMORY=1024
        )
    async with AuthenticatedAlephHttpClient(account, node.url, settings=settings) as client:
        program = await client.create_program(stored_code, "main:app", wait=True)
        assert (program.content.runtime.ref, program.content.resources.memory) == (image, 128)
        instance = await client.create_instance(image, wait=True)
        assert instance.content.resources.memory == 1024


async def test_a_content_made_without_an_account_is_published_for_one_all_the_same(
    client: AuthenticatedAlephHttpClient, image: str
) -> None:
    content = make_instance_content(image, address=client.account.get_address())
    result = await client.submit(content, "INSTANCE", wait=True)
    assert result.content == content
