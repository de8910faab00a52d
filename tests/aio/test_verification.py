"""What the levels of verification hold against a node whose database was altered."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aleph_async import (
    AlephError,
    AlephHttpClient,
    AuthenticatedAlephHttpClient,
    BadSignatureError,
    ContentMismatchError,
    ETHAccount,
    InvalidEntry,
    SOLAccount,
    UnverifiableChainError,
    VerificationError,
    Verify,
)
from aleph_devnode import DevNode

pytestmark = pytest.mark.anyio

NAMES = ["honest", "text", "copy", "signature", "file", "chain"]


class Altered:
    """A node and the hashes of what was altered on it, by what was altered."""

    def __init__(self, url: str, channel: str, hashes: dict[str, str]) -> None:
        self.url = url
        self.channel = channel
        self.hashes = hashes

    def client(self, verify: Verify | None = None) -> AlephHttpClient:
        return AlephHttpClient(self.url, verify=verify, retry=None)

    def names(self, entries: Any) -> list[str]:
        known = {item_hash: name for name, item_hash in self.hashes.items()}
        return [known[entry.item_hash] for entry in entries]


@pytest.fixture
async def altered(account: ETHAccount, channel: str, tmp_path: Path) -> AsyncIterator[Altered]:
    node = DevNode(data_dir=tmp_path)
    with node:
        async with AuthenticatedAlephHttpClient(account, node.url) as client:
            hashes = {
                name: (
                    await client.create_post(
                        {"is": name}, "t", channel=channel, inline=name != "file", sync=True
                    )
                ).item_hash
                for name in NAMES
            }
            other = await client.generate_signed_message("POST", {"type": "t", "content": 1})
    with sqlite3.connect(tmp_path / "node.sqlite") as database:
        database.execute(
            "UPDATE messages SET item_content = replace(item_content, 'text', 'lies')"
            " WHERE item_hash = ?",
            [hashes["text"]],
        )
        lies = json.dumps({"address": "0xlies", "time": 1, "type": "t", "content": "lies"})
        for statement, value in (
            ("UPDATE messages SET content = ? WHERE item_hash = ?", lies),
            ("UPDATE posts SET content = ? WHERE item_hash = ?", '"lies"'),
        ):
            database.execute(statement, [value, hashes["copy"]])
        database.execute(
            "UPDATE messages SET signature = ? WHERE item_hash = ?",
            [other.signature, hashes["signature"]],
        )
        # Nobody has a verifier for this one.
        database.execute(
            "UPDATE messages SET chain = 'AURORA' WHERE item_hash = ?", [hashes["chain"]]
        )
    database.close()
    file = tmp_path / "files" / hashes["file"]
    file.write_bytes(file.read_bytes().replace(b'"file"', b'"lies"'))
    with node:
        yield Altered(node.url, channel, hashes)


async def test_what_does_not_hold_is_an_error_at_the_level_that_looks_at_it(
    altered: Altered,
) -> None:
    expected: dict[str, list[type[AlephError] | None]] = {
        # What is altered, then at the levels "content", "signature".
        "honest": [None, None],
        "text": [ContentMismatchError, ContentMismatchError],
        "copy": [None, None],
        "signature": [None, BadSignatureError],
        "file": [ContentMismatchError, ContentMismatchError],
        "chain": [None, UnverifiableChainError],
    }
    for index, level in enumerate(("content", "signature")):
        async with altered.client(level) as client:  # type: ignore[arg-type]
            for name, errors in expected.items():
                error = errors[index]
                if error is None:
                    message = await client.get_message(altered.hashes[name])
                    # The node's parsed copy is never looked at.
                    assert message.content["content"] == {"is": name}
                else:
                    with pytest.raises(error) as caught:
                        await client.get_message(altered.hashes[name])
                    assert isinstance(caught.value, VerificationError)


async def test_the_default_level_is_content(altered: Altered) -> None:
    async with altered.client() as client:
        assert client.verify == "content"
        with pytest.raises(ContentMismatchError):
            await client.get_message(altered.hashes["text"])


async def test_nothing_is_held_against_the_node_when_verification_is_off(
    altered: Altered,
) -> None:
    async with altered.client("off") as client:
        message = await client.get_message(altered.hashes["copy"])
        assert message.content["content"] == {"is": "copy"}
        page = await client.get_messages(channels=altered.channel, sort_order=1)
        assert altered.names(page) == NAMES
        assert page.invalid == ()


async def test_a_list_leaves_out_what_does_not_hold_and_says_so(
    altered: Altered, caplog: pytest.LogCaptureFixture
) -> None:
    for level, kept in (
        ("content", ["honest", "copy", "signature", "chain"]),
        ("signature", ["honest", "copy"]),
    ):
        async with altered.client(level) as client:  # type: ignore[arg-type]
            caplog.clear()
            page = await client.get_messages(channels=altered.channel, sort_order=1)
            assert altered.names(page) == kept
            assert sorted(altered.names(page.invalid)) == sorted(set(NAMES) - set(kept))
            assert all(isinstance(entry.error, VerificationError) for entry in page.invalid)
            told = [record for record in caplog.records if record.name == "aleph"]
            assert len(told) == len(page.invalid)
            assert {record.levelname for record in told} == {"WARNING"}
            caplog.clear()
            await client.get_messages(channels=altered.channel, invalid_messages_log_level=10)
            told = [record for record in caplog.records if record.name == "aleph"]
            assert {record.levelname for record in told} <= {"DEBUG"}


async def test_a_list_raises_instead_when_asked_to(altered: Altered) -> None:
    async with altered.client() as client:
        with pytest.raises(ContentMismatchError):
            await client.get_messages(channels=altered.channel, ignore_invalid_messages=False)
        with pytest.raises(ContentMismatchError):
            async for _ in client.get_messages_iterator(
                channels=altered.channel, ignore_invalid_messages=False
            ):
                pass
        kept = await client.get_messages(
            hashes=[altered.hashes["honest"], altered.hashes["copy"]],
            ignore_invalid_messages=False,
        )
        assert len(kept) == 2


@pytest.mark.parametrize("page_size", [1, 2, 200])
async def test_an_iterator_leaves_out_what_does_not_hold_and_hands_it_over(
    altered: Altered, page_size: int
) -> None:
    invalid: list[InvalidEntry] = []
    async with altered.client() as client:
        found = [
            message
            async for message in client.get_messages_iterator(
                channels=altered.channel,
                sort_order=1,
                page_size=page_size,
                on_invalid=invalid.append,
            )
        ]
    assert altered.names(found) == ["honest", "copy", "signature", "chain"]
    assert sorted(altered.names(invalid)) == ["file", "text"]


async def test_posts_are_held_to_the_same_levels(altered: Altered) -> None:
    for level, kept in (
        ("content", ["honest", "copy", "signature", "chain"]),
        ("signature", ["honest", "copy"]),
    ):
        async with altered.client(level) as client:  # type: ignore[arg-type]
            page = await client.get_posts(channels=altered.channel, sort_order=1)
            assert altered.names(page) == kept
            assert [post.content["is"] for post in page] == kept
            assert sorted(altered.names(page.invalid)) == sorted(set(NAMES) - set(kept))
            with pytest.raises(VerificationError):
                await client.get_posts(channels=altered.channel, ignore_invalid_messages=False)
            invalid: list[InvalidEntry] = []
            iterated = [
                post
                async for post in client.get_posts_iterator(
                    channels=altered.channel, sort_order=1, page_size=2, on_invalid=invalid.append
                )
            ]
            assert altered.names(iterated) == kept
            assert sorted(altered.names(invalid)) == sorted(set(NAMES) - set(kept))


@pytest.mark.parametrize(
    ("level", "kept"),
    [("content", ["honest", "copy", "signature", "chain"]), ("signature", ["honest", "copy"])],
)
async def test_a_watch_leaves_out_what_does_not_hold(
    altered: Altered, level: Verify, kept: list[str]
) -> None:
    invalid: list[InvalidEntry] = []
    found = []
    async with altered.client(level) as client:
        async for message in client.watch_messages(
            channels=altered.channel, history=6, on_invalid=invalid.append
        ):
            found.append(message)
            if len(found) == len(kept):
                break
    assert altered.names(found) == kept
    assert sorted(altered.names(invalid)) == sorted(set(NAMES) - set(kept))


async def test_messages_of_every_account_hold_at_the_highest_level(
    node: DevNode, channel: str
) -> None:
    for account in (ETHAccount.generate(), ETHAccount.generate("BASE"), SOLAccount.generate()):
        async with AuthenticatedAlephHttpClient(account, node.url, verify="signature") as client:
            posted = await client.create_post(account.CHAIN, "t", channel=channel, sync=True)
            outside = await client.create_post("f", "t", channel=channel, inline=False, sync=True)
            amended = await client.create_post(
                "again", "amend", ref=posted.item_hash, channel=channel, sync=True
            )
            for result in (posted, outside, amended):
                assert (await client.get_message(result.item_hash)).chain == account.CHAIN
    async with AlephHttpClient(node.url, verify="signature") as client:
        page = await client.get_messages(channels=channel, ignore_invalid_messages=False)
        assert len(page) == 9
        posts = await client.get_posts(channels=channel, ignore_invalid_messages=False)
        assert len(posts) == 6
