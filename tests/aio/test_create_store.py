"""Files: where they come from, what the message says of them, how they travel, who pays."""

from __future__ import annotations

import hashlib
import io
import os
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aleph_message.models import Chain, Payment, PaymentType

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    FileTooLarge,
    InsufficientFundsError,
    RejectedMessage,
    StorageLimits,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hold_plan")]

MIB = 1024 * 1024


@pytest.fixture
async def noted(
    node: DevNode, account: ETHAccount, recording: HttpClient
) -> AsyncIterator[AuthenticatedAlephHttpClient]:
    """A client whose requests are noted."""
    async with AuthenticatedAlephHttpClient(account, node.url, http_client=recording) as client:
        yield client


@pytest.fixture(
    params=["bytes", "text", "path", "path as text", "open file", "buffer", "opened path"]
)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The same file in every form that is taken."""
    content = b"the same in every form"
    path = tmp_path / "form.txt"
    path.write_bytes(content)
    with path.open("rb") as file:
        forms: dict[str, dict[str, Any]] = {
            "bytes": {"file_content": content},
            "text": {"file_content": content.decode()},
            "path": {"file_path": path},
            "path as text": {"file_path": str(path)},
            "open file": {"file_content": file},
            "buffer": {"file_content": io.BytesIO(content)},
            "opened path": {"file_path": file},
        }
        yield forms[request.param]


@pytest.mark.parametrize("engine", ["storage", "ipfs"])
async def test_a_file_is_stored_in_one_request_whatever_form_it_has(
    noted: AuthenticatedAlephHttpClient,
    requests: list[str],
    source: dict[str, Any],
    engine: str,
) -> None:
    result = await noted.create_store(**source, storage_engine=engine, sync=True)
    assert requests == [f"POST /api/v0/{engine}/add_file"]
    assert result.status == "processed"
    content = b"the same in every form"
    expected = {
        "storage": hashlib.sha256(content).hexdigest(),
        # What `ipfs add` says of these bytes.
        "ipfs": "QmTZu7dsjB97bVS2Z4tkTrgZGd1KWLUQuPn76KLjRs6JTe",
    }[engine]
    assert result.content["item_hash"] == expected
    assert result.content["item_type"] == engine
    assert await noted.download_file(expected) == content


async def test_everything_that_is_said_about_a_file_is_in_the_message(
    client: AuthenticatedAlephHttpClient, channel: str
) -> None:
    result = await client.create_store(
        b"\x89PNG\r\n\x1a\n" + bytes(32),
        address=client.account.get_address(),
        storage_engine="storage",
        ref="logo",
        channel=channel,
        guess_mime_type=True,
        extra_fields={"file_name": "logo.png", "width": 16},
        metadata={"title": "A logo", "nested": {"n": [1, None]}},
        tags=["image", "logo"],
        payment="hold",
        sync=True,
    )
    message = await client.get_message(result.item_hash)
    content = dict(message.content)
    assert message.channel == channel
    assert content.pop("address") == client.account.get_address()
    assert content.pop("time") == pytest.approx(message.time, abs=1)
    assert content == {
        "item_type": "storage",
        "item_hash": hashlib.sha256(b"\x89PNG\r\n\x1a\n" + bytes(32)).hexdigest(),
        "ref": "logo",
        "tags": ["image", "logo"],
        "metadata": {"title": "A logo", "nested": {"n": [1, None]}},
        "payment": {"type": "hold"},
        "mime_type": "image/png",
        "file_name": "logo.png",
        "width": 16,
    }
    assert [m.item_hash for m in await client.get_messages(channels=channel, tags="logo")] == [
        result.item_hash
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", b"plain words", "text/plain"),
        ("a.html", b"<p>no signature", "text/html"),
        ("a.json", b"{}", "application/json"),
        ("a.bin", bytes(range(256)), "application/octet-stream"),
        ("a.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", "image/jpeg"),
        ("a.zip", b"PK\x03\x04" + bytes(26), "application/zip"),
        ("noname", b"%PDF-1.7\n", "application/pdf"),
    ],
)
async def test_the_type_of_a_file_is_guessed_from_its_first_bytes_and_its_name(
    client: AuthenticatedAlephHttpClient, tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    (tmp_path / name).write_bytes(content)
    result = await client.create_store(file_path=tmp_path / name, guess_mime_type=True)
    assert result.content["mime_type"] == expected
    plain = await client.create_store(file_path=tmp_path / name)
    assert "mime_type" not in plain.content
    named = await client.create_store(
        file_path=tmp_path / name, guess_mime_type=True, extra_fields={"mime_type": "x/own"}
    )
    assert named.content["mime_type"] == "x/own"


async def test_a_file_that_the_network_has_is_claimed_without_sending_it(
    noted: AuthenticatedAlephHttpClient, requests: list[str]
) -> None:
    for engine in ("storage", "ipfs"):
        stored = await noted.create_store(b"already there", storage_engine=engine, sync=True)
        requests.clear()
        claimed = await noted.create_store(
            file_hash=stored.content["item_hash"], metadata={"again": True}, sync=True
        )
        assert requests == ["POST /api/v0/messages"]
        assert claimed.status == "processed"
        assert claimed.content["item_type"] == engine
        assert claimed.item_hash != stored.item_hash


async def test_a_file_nobody_has_leaves_its_message_waiting(
    client: AuthenticatedAlephHttpClient,
) -> None:
    claimed = await client.create_store(file_hash=os.urandom(32).hex())
    assert claimed.status == "pending"
    assert await client.get_message_status(claimed.item_hash) == "pending"


async def test_a_free_name_leads_to_the_latest_file_and_a_hash_makes_a_revision(
    client: AuthenticatedAlephHttpClient, node: DevNode, recording: HttpClient
) -> None:
    owner = client.account.get_address()

    async def named(ref: str) -> str:
        answer = await recording.get(f"{node.url}/api/v0/storage/by-ref/{ref}")
        return str(answer.json()["file_hash"])

    first = await client.create_store(b"first", ref="paper", sync=True)
    assert await named(f"{owner}/paper") == first.content["item_hash"]
    second = await client.create_store(b"second", ref="paper", sync=True)
    assert await named(f"{owner}/paper") == second.content["item_hash"]

    original = await client.create_store(b"original", sync=True)
    revision = await client.create_store(b"revised", ref=original.item_hash, sync=True)
    assert revision.status == "processed"
    assert await named(original.item_hash) == revision.content["item_hash"]
    for named_itself in (first, revision):
        with pytest.raises(RejectedMessage, match="has a ref itself") as caught:
            await client.create_store(b"again", ref=named_itself.item_hash, sync=True)
        assert caught.value.error_code == 201


@pytest.mark.parametrize(
    ("payment", "expected"),
    [
        (None, None),
        ("hold", {"type": "hold"}),
        ("credit", {"type": "credit"}),
        ({"type": "credit", "chain": "ETH"}, {"type": "credit", "chain": "ETH"}),
        (PaymentType.credit, {"type": "credit"}),
        (Payment(type=PaymentType.hold, chain=Chain.ETH), {"type": "hold", "chain": "ETH"}),
    ],
    ids=["default", "hold", "credit", "mapping", "enum", "model"],
)
async def test_the_payment_is_taken_in_every_form(
    client: AuthenticatedAlephHttpClient, payment: Any, expected: dict[str, str] | None
) -> None:
    result = await client.create_store(os.urandom(20), payment=payment, sync=True)
    assert result.status == "processed"
    assert result.content.get("payment") == expected
    message = await client.get_message(result.item_hash)
    assert message.content.get("payment") == expected


async def test_a_store_is_pending_without_sync_and_sent_once_all_the_same(
    noted: AuthenticatedAlephHttpClient, requests: list[str]
) -> None:
    result = await noted.create_store(b"no hurry")
    assert requests == ["POST /api/v0/storage/add_file"]
    assert result.status == "pending"
    assert await noted.wait_for_message(result.item_hash) == "processed"


async def test_a_large_file_is_streamed_with_progress_after_asking_for_the_limits(
    noted: AuthenticatedAlephHttpClient, requests: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "large.bin"
    content = os.urandom(3 * MIB + 17)
    path.write_bytes(content)
    progress: list[tuple[int, int | None]] = []

    result = await noted.create_store(
        file_path=path, sync=True, on_progress=lambda done, total: progress.append((done, total))
    )

    assert requests == ["GET /api/v0/storage/limits.json", "POST /api/v0/storage/add_file"]
    assert result.status == "processed"
    assert result.content["item_hash"] == hashlib.sha256(content).hexdigest()
    counts = [done for done, _ in progress]
    assert len(counts) > 5
    assert counts == sorted(counts)
    assert progress[-1] == (len(content), len(content))
    assert {total for _, total in progress} == {len(content)}


@pytest.mark.parametrize("engine", ["storage", "ipfs"])
async def test_a_file_above_the_nodes_limit_is_not_sent(
    account: ETHAccount, recording: HttpClient, requests: list[str], engine: str
) -> None:
    with DevNode(max_storage_file=2 * MIB, max_ipfs_file=2 * MIB) as small:
        small.fund(account.get_address())
        client = AuthenticatedAlephHttpClient(account, small.url, http_client=recording)
        assert await client.get_storage_limits() == StorageLimits(storage=2 * MIB, ipfs=2 * MIB)
        requests.clear()
        with pytest.raises(FileTooLarge) as caught:
            await client.create_store(bytes(2 * MIB + 1), storage_engine=engine)
        assert (caught.value.size, caught.value.limit) == (2 * MIB + 1, 2 * MIB)
        assert requests == ["GET /api/v0/storage/limits.json"]
        stored = await client.create_store(bytes(2 * MIB), storage_engine=engine, sync=True)
        assert stored.status == "processed"
        await client.aclose()


@pytest.mark.parametrize("engine", ["storage", "ipfs"])
async def test_who_owns_nothing_is_given_the_free_way(
    node: DevNode, recording: HttpClient, requests: list[str], engine: str
) -> None:
    async with AuthenticatedAlephHttpClient(
        ETHAccount.generate(), node.url, http_client=recording
    ) as pauper:
        result = await pauper.create_store(os.urandom(100), storage_engine=engine, sync=True)
        assert result.status == "processed"
        assert requests == [
            f"POST /api/v0/{engine}/add_file",
            "GET /api/v0/storage/limits.json",
            f"POST /api/v0/{engine}/add_file",
            "POST /api/v0/messages",
        ]
        assert len(await pauper.download_file(result.content["item_hash"])) == 100


async def test_funds_that_do_not_suffice_are_told_in_numbers(
    pauper: AuthenticatedAlephHttpClient,
) -> None:
    await pauper.create_store(os.urandom(100_000), sync=True)
    # The free file counts from now on.
    with pytest.raises(InsufficientFundsError, match="token balance") as caught:
        await pauper.create_store(os.urandom(100_000), sync=True)
    error = caught.value
    assert error.error_code == 5
    assert error.token == "ALEPH"
    assert error.required is not None
    assert 0 < error.required < 1
    assert error.available == 0
    assert await pauper.get_message_status(error.item_hash) == "rejected"


async def test_the_free_way_is_not_open_to_credits(
    pauper: AuthenticatedAlephHttpClient, client: AuthenticatedAlephHttpClient
) -> None:
    with pytest.raises(InsufficientFundsError) as caught:
        await pauper.create_store(b"on credit", payment="credit", sync=True)
    assert caught.value.status == 402
    assert caught.value.error_code is None
    refused = caught.value

    stored = await client.create_store(b"somebody's file", sync=True)
    with pytest.raises(InsufficientFundsError, match="credits") as caught:
        await pauper.create_store(
            file_hash=stored.content["item_hash"], payment="credit", sync=True
        )
    assert caught.value.error_code == 6
    assert caught.value.token == "credits"
    assert caught.value.required is not None
    assert caught.value.required > 0
    assert caught.value.available == 0
    # Both are billed for 25 MiB, whichever way the node refuses.
    assert refused.required == caught.value.required
    assert type(refused) is type(caught.value)


async def test_the_free_way_is_not_tried_above_its_limit(
    recording: HttpClient, requests: list[str]
) -> None:
    with DevNode(max_unsigned_file=1000) as strict:
        async with AuthenticatedAlephHttpClient(
            ETHAccount.generate(), strict.url, http_client=recording
        ) as pauper:
            with pytest.raises(InsufficientFundsError) as caught:
                await pauper.create_store(bytes(1001), sync=True)
    assert caught.value.status == 402
    address = pauper.account.get_address()
    assert requests[:2] == ["POST /api/v0/storage/add_file", "GET /api/v0/storage/limits.json"]
    # The node does not say how much is wanted.
    assert sorted(requests[2:]) == [
        f"GET /api/v0/addresses/{address}/balance",
        "GET /api/v0/costs",
        "POST /api/v0/price/estimate",
    ]
    assert (caught.value.required, caught.value.available) == (Decimal("0.333333333"), 0)


async def test_the_engine_of_the_settings_is_used_unless_one_is_named(
    node: DevNode, account: ETHAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEPH_DEFAULT_STORAGE_ENGINE", "ipfs")
    async with AuthenticatedAlephHttpClient(account, node.url) as client:
        result = await client.create_store(b"by default")
        assert result.content["item_type"] == "ipfs"
        result = await client.create_store(b"by name", storage_engine="storage")
        assert result.content["item_type"] == "storage"


async def test_stored_content_tells_where_the_file_lies_and_its_name(
    client: AuthenticatedAlephHttpClient, reader: AlephHttpClient, recording: HttpClient
) -> None:
    stored = await client.create_store(
        b"named", extra_fields={"file_name": "name.txt"}, storage_engine="ipfs", sync=True
    )
    content = await reader.get_stored_content(stored.item_hash)
    assert (content.item_hash, content.engine) == (stored.item_hash, "ipfs")
    assert content["filename"] == "name.txt"
    assert (await recording.get(content.url)).content == b"named"
    post = await client.create_post("no file", "t", sync=True)
    with pytest.raises(ArgumentError, match="stores no file"):
        await reader.get_stored_content(post.item_hash)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"extra_fields": {"filename": "a.txt"}}, "a.txt"),
        ({"metadata": {"name": "b.txt"}}, "b.txt"),
        ({"metadata": {"filename": "c.txt"}, "extra_fields": {"file_name": "d.txt"}}, "d.txt"),
        ({"metadata": {"name": 5}}, None),
        ({}, None),
    ],
    ids=str,
)
async def test_the_name_of_a_stored_file_is_found_where_people_put_it(
    client: AuthenticatedAlephHttpClient, fields: dict[str, Any], name: str | None
) -> None:
    stored = await client.create_store(os.urandom(10), sync=True, **fields)
    assert (await client.get_stored_content(stored.item_hash)).filename == name


async def test_an_open_file_is_read_from_where_it_stands(
    client: AuthenticatedAlephHttpClient,
) -> None:
    file = io.BytesIO(b"already read, and the rest")
    file.seek(len(b"already read, and "))
    stored = await client.create_store(file, sync=True)
    assert await client.download_file(stored.content["item_hash"]) == b"the rest"
    assert not file.closed


@pytest.mark.parametrize(
    "name", ['qu"ote.txt', "line\r\nbreak.txt", "日本.txt", "a%0D%0A.txt", "-"]
)
async def test_a_file_may_have_any_name(
    client: AuthenticatedAlephHttpClient, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(name.encode())
    for engine in ("storage", "ipfs"):
        stored = await client.create_store(file_path=path, storage_engine=engine, sync=True)
        assert await client.download_file(stored.content["item_hash"]) == name.encode()


async def test_a_large_file_takes_little_memory_on_its_way_there_and_back(
    client: AuthenticatedAlephHttpClient, tmp_path: Path
) -> None:
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        for _ in range(24):
            file.write(os.urandom(MIB))
    tracemalloc.start()
    try:
        stored = await client.create_store(file_path=path, sync=True)
        copy = await client.download_file_to_path(stored.content["item_hash"], tmp_path / "copy")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The node is measured with it, for it runs in this process.
    assert peak < 8 * MIB
    assert copy.stat().st_size == 24 * MIB


async def test_an_empty_file_is_a_file(client: AuthenticatedAlephHttpClient) -> None:
    stored = await client.create_store(b"", sync=True)
    assert stored.status == "processed"
    assert await client.download_file(stored.content["item_hash"]) == b""


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({}, "file_content"),
        ({"file_content": b"x", "file_hash": "ab" * 32}, "file_hash"),
        ({"file_path": "/"}, "file_path"),
        ({"file_path": "/no/such/file"}, "file_path"),
        ({"file_content": io.StringIO("text")}, "file_content"),
        ({"file_content": 5}, "file_content"),
        ({"file_hash": "../x"}, "file_hash"),
        ({"file_hash": ""}, "file_hash"),
        ({"file_hash": "ab" * 32, "storage_engine": "ipfs"}, "storage_engine"),
        ({"file_content": b"x", "storage_engine": "disk"}, "storage_engine"),
        ({"file_content": b"x", "payment": "superfluid"}, "payment"),
        ({"file_content": b"x", "payment": 5}, "payment"),
        ({"file_content": b"x", "ref": ""}, "ref"),
        ({"file_content": b"x", "tags": "letters"}, "tags"),
        ({"file_content": b"x", "extra_fields": {"item_hash": "y"}}, "extra_fields"),
        ({"file_content": b"x", "extra_fields": {"big": "x" * 200_001}}, "extra_fields"),
        ({"file_content": b"x", "address": "a b"}, "address"),
    ],
)
async def test_what_can_be_known_to_be_wrong_is_named_and_not_sent(
    noted: AuthenticatedAlephHttpClient,
    requests: list[str],
    arguments: dict[str, Any],
    argument: str,
) -> None:
    with pytest.raises(ArgumentError) as caught:
        await noted.create_store(**arguments)
    assert caught.value.argument == argument
    assert requests == []
