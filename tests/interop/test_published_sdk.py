"""The published SDK and this library, through one node: what either writes, the other reads."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aleph_cid
import pytest

import aleph_sync
from aleph_devnode import DevNode
from aleph_sync import ETHAccount, ForgottenMessageError, MessageStatus
from tests.interop.driving import Ours, PublishedSdk, SdkError, hashes, wire_form

pytestmark = pytest.mark.interop

SHOUT = {"text": "Grüße, 世界 \N{ROCKET}", "numbers": [1, 2.5, -3e20], "nothing": None}


@pytest.fixture
def channel() -> str:
    return f"INTEROP-{secrets.token_hex(8)}"


@contextmanager
def watching(sdk: PublishedSdk, **arguments: Any) -> Iterator[None]:
    sdk("watch_messages", **arguments)
    try:
        yield
    finally:
        sdk("stop_watching")


class TestThePublishedSdkWrites:
    def test_a_post_that_we_read_and_verify(
        self, sdk: PublishedSdk, ours: Ours, channel: str
    ) -> None:
        message, status = sdk(
            "create_post", post_content=SHOUT, post_type="shout", channel=channel, sync=True
        )
        assert status == "processed"
        found, found_status = ours("get_message", message["item_hash"], with_status=True)
        assert found_status is MessageStatus.PROCESSED
        assert found.sender == sdk.addresses["ETH"]
        assert found.content.content == SHOUT
        assert found["signature"] == message["signature"]
        assert hashes(ours("get_messages", channels=channel)) == [message["item_hash"]]

    def test_a_post_under_a_solana_key_that_we_read_and_verify(
        self, sdk: PublishedSdk, ours: Ours
    ) -> None:
        message, _ = sdk(
            "create_post", chain="SOL", post_content=SHOUT, post_type="shout", sync=True
        )
        found = ours("get_message", message["item_hash"])
        assert (found.chain, found.sender) == ("SOL", sdk.addresses["SOL"])
        assert found.content.content == SHOUT

    @pytest.mark.parametrize("engine", ["storage", "ipfs"])
    def test_a_post_beside_the_message_that_we_fetch_and_verify(
        self, sdk: PublishedSdk, ours: Ours, engine: str
    ) -> None:
        message, status = sdk(
            "create_post",
            post_content={"text": "long " * 20_000},
            post_type="long",
            inline=False,
            storage_engine=engine,
            sync=True,
        )
        assert (message["item_type"], status) == (engine, "processed")
        found = ours("get_message", message["item_hash"])
        assert found.item_content is None
        assert found.content.content == {"text": "long " * 20_000}

    def test_an_amend_that_our_posts_show(
        self, sdk: PublishedSdk, ours: Ours, channel: str
    ) -> None:
        post = ours("create_post", {"v": 1}, "note", channel=channel, sync=True)
        amend, _ = sdk(
            "create_post",
            post_content={"v": 2},
            post_type="amend",
            ref=post.item_hash,
            channel=channel,
            sync=True,
        )
        [found] = ours("get_posts", channels=channel)
        assert (found.original_item_hash, found.item_hash) == (
            post.item_hash,
            amend["item_hash"],
        )
        assert found.content == {"v": 2}

    def test_an_aggregate_that_we_fetch_and_update(
        self, sdk: PublishedSdk, ours: Ours, channel: str
    ) -> None:
        owner = sdk.addresses["ETH"]
        sdk("create_aggregate", key=channel, content={"a": 1, "b": {"c": 2}}, sync=True)
        assert ours("fetch_aggregate", owner, channel) == {"a": 1, "b": {"c": 2}}
        ours("create_aggregate", channel, {"b": 3}, sync=True)
        assert sdk("fetch_aggregate", address=owner, key=channel) == {"a": 1, "b": 3}
        assert ours("fetch_aggregates", owner, [channel]) == {channel: {"a": 1, "b": 3}}

    @pytest.mark.parametrize("engine", ["storage", "ipfs"])
    def test_a_file_that_we_download_and_verify(
        self, sdk: PublishedSdk, ours: Ours, engine: str, channel: str
    ) -> None:
        data = os.urandom(700_000)
        # Not with `sync`: the SDK publishes a stored message twice and the node lets the second wait.
        message, _ = sdk(
            "create_store",
            file_content=base64.b64encode(data).decode(),
            storage_engine=engine,
            extra_fields={"metadata": {"name": "random.bin"}},
            channel=channel,
        )
        assert ours("wait_for_message", message["item_hash"]) is MessageStatus.PROCESSED
        content = ours("get_stored_content", message["item_hash"])
        assert (content.hash, content.filename) == (message["content"]["item_hash"], "random.bin")
        assert ours("download_file", content.hash) == data

    def test_a_forget_that_we_see(self, sdk: PublishedSdk, ours: Ours) -> None:
        post = ours("create_post", "regretted", "note", sync=True)
        forget, status = sdk("forget", hashes=[post.item_hash], reason="regret", sync=True)
        assert status == "processed"
        with pytest.raises(ForgottenMessageError) as caught:
            ours("get_message", post.item_hash)
        assert caught.value.forgotten_by == (forget["item_hash"],)
        assert ours("get_message", forget["item_hash"]).content["hashes"] == [post.item_hash]

    def test_what_the_node_rejects_for_a_reason_that_we_read(
        self, sdk: PublishedSdk, ours: Ours
    ) -> None:
        stranger = ETHAccount.generate().get_address()
        message, _ = sdk("create_post", post_content="not mine", post_type="note", address=stranger)
        status = ours("wait_for_message", message["item_hash"], raise_on_rejected=False)
        assert status is MessageStatus.REJECTED
        assert ours("get_message_error", message["item_hash"]).error_code == 2
        assert sdk("get_message_error", item_hash=message["item_hash"])["error_code"] == 2

    def test_messages_that_we_watch(self, sdk: PublishedSdk, ours: Ours, channel: str) -> None:
        def publish() -> dict[str, Any]:
            message, _ = sdk(
                "create_aggregate", key=channel, content={"n": 1}, channel=channel, sync=True
            )
            return dict(message)

        published = [publish()]

        def publish_another(message: Any) -> None:
            # The first comes from the history, so the second is published while we watch.
            if len(published) < 3:
                published.append(publish())

        watched = ours.collect(
            "watch_messages", count=3, on_item=publish_another, channels=channel, history=1
        )
        assert hashes(watched) == hashes(published)


class TestWeWrite:
    def test_a_post_that_the_published_sdk_reads(
        self, sdk: PublishedSdk, ours: Ours, channel: str
    ) -> None:
        post = ours("create_post", SHOUT, "shout", channel=channel, sync=True)
        assert post.status is MessageStatus.PROCESSED
        found, status = sdk("get_message", item_hash=post.item_hash, with_status=True)
        assert status == "processed"
        assert found["content"]["content"] == SHOUT
        sdk("verify", message=wire_form(post.message))
        assert sdk("get_message_status", item_hash=post.item_hash) == "processed"

    def test_a_post_under_a_solana_key_that_the_published_sdk_reads(
        self, sdk: PublishedSdk, ours_on_solana: Ours, channel: str
    ) -> None:
        post = ours_on_solana("create_post", SHOUT, "shout", channel=channel, sync=True)
        listed = sdk("get_messages", message_filter={"channels": [channel], "chains": ["SOL"]})
        assert hashes(listed["messages"]) == [post.item_hash]
        sdk("verify", message=wire_form(post.message))

    @pytest.mark.parametrize("engine", ["storage", "ipfs"])
    def test_a_post_beside_the_message_that_the_published_sdk_reads(
        self, sdk: PublishedSdk, ours: Ours, engine: str
    ) -> None:
        post = ours(
            "create_post",
            {"text": "long " * 20_000},
            "long",
            inline=False,
            storage_engine=engine,
            sync=True,
        )
        found = sdk("get_message", item_hash=post.item_hash)
        assert found["item_type"] == engine
        assert found["content"]["content"] == {"text": "long " * 20_000}

    def test_an_amend_that_the_published_sdk_shows(
        self, sdk: PublishedSdk, ours: Ours, channel: str
    ) -> None:
        post, _ = sdk(
            "create_post", post_content={"v": 1}, post_type="note", channel=channel, sync=True
        )
        amend = ours(
            "create_post", {"v": 2}, "amend", ref=post["item_hash"], channel=channel, sync=True
        )
        [found] = sdk("get_posts", post_filter={"channels": [channel]})["posts"]
        assert (found["original_item_hash"], found["item_hash"]) == (
            post["item_hash"],
            amend.item_hash,
        )
        assert found["content"] == {"v": 2}
        assert sdk("get_posts_iterator", post_filter={"channels": [channel]}) == [found]

    def test_an_aggregate_that_the_published_sdk_fetches(
        self, sdk: PublishedSdk, ours: Ours, channel: str
    ) -> None:
        owner = sdk.addresses["ETH"]
        ours("create_aggregate", channel, {"a": 1}, sync=True)
        assert sdk("fetch_aggregate", address=owner, key=channel) == {"a": 1}
        assert sdk("fetch_aggregates", address=owner, keys=[channel]) == {channel: {"a": 1}}
        assert sdk("get_aggregate", address=owner, key=channel + "-missing") is None

    @pytest.mark.parametrize("engine", ["storage", "ipfs"])
    def test_a_file_that_the_published_sdk_downloads(
        self, sdk: PublishedSdk, ours: Ours, engine: str
    ) -> None:
        data = os.urandom(700_000)
        stored = ours("create_store", data, storage_engine=engine, sync=True)
        assert stored.status is MessageStatus.PROCESSED
        file_hash = stored.content["item_hash"]
        if engine == "ipfs":
            assert file_hash == aleph_cid.compute_cid(data)
        assert base64.b64decode(sdk("download_file", file_hash=file_hash)) == data
        assert sdk("get_message", item_hash=stored.item_hash)["content"]["item_type"] == engine

    def test_a_forget_that_the_published_sdk_sees(self, sdk: PublishedSdk, ours: Ours) -> None:
        post, _ = sdk("create_post", post_content="regretted", post_type="note", sync=True)
        ours("forget", post["item_hash"], "regret", sync=True)
        with pytest.raises(SdkError) as caught:
            sdk("get_message", item_hash=post["item_hash"])
        assert caught.value.kind == "ForgottenMessageError"

    def test_messages_that_the_published_sdk_watches(
        self, sdk: PublishedSdk, ours: Ours, channel: str
    ) -> None:
        past = ours("create_post", 1, "note", channel=channel, sync=True)
        with watching(sdk, message_filter={"channels": [channel]}):
            # History first: when it is here the SDK listens, and what follows is live.
            assert sdk.watched.get(timeout=60)["item_hash"] == past.item_hash
            live = ours("create_post", SHOUT, "note", channel=channel, sync=True)
            found = sdk.watched.get(timeout=60)
        assert found["item_hash"] == live.item_hash
        assert found["content"]["content"] == SHOUT
        assert sdk.watched.empty()


class TestLists:
    def test_both_walk_every_page_in_the_same_order(
        self, sdk: PublishedSdk, ours: Ours, node: DevNode, channel: str
    ) -> None:
        with aleph_sync.AuthenticatedAlephHttpClient(ETHAccount.generate(), node.url) as author:
            published = [author.create_post({"n": n}, "count", channel=channel) for n in range(205)]
            for post in published:
                author.wait_for_message(post.item_hash)
        expected = hashes(published)[::-1]
        walked = sdk("get_messages_iterator", message_filter={"channels": [channel]})
        assert hashes(walked) == expected
        assert hashes(ours.collect("get_messages_iterator", channels=channel)) == expected
        posts = sdk("get_posts_iterator", post_filter={"channels": [channel]})
        assert hashes(posts) == expected
        assert hashes(ours.collect("get_posts_iterator", channels=channel)) == expected

    def test_both_filter_alike(self, sdk: PublishedSdk, ours: Ours, channel: str) -> None:
        tagged = ours("create_post", {"tags": ["red"]}, "note", channel=channel, sync=True)
        plain, _ = sdk("create_post", post_content={}, post_type="memo", channel=channel, sync=True)
        setting = ours("create_aggregate", channel, {"n": 1}, channel=channel, sync=True)
        everything = [tagged.item_hash, plain["item_hash"], setting.item_hash]
        middle = ours("get_message", plain["item_hash"]).time
        for restriction, expected in (
            ({}, everything[::-1]),
            ({"sort_order": "1"}, everything),
            ({"message_types": ["POST"]}, everything[1::-1]),
            ({"content_types": ["memo"]}, [plain["item_hash"]]),
            ({"tags": ["red"]}, [tagged.item_hash]),
            ({"hashes": everything[:1]}, everything[:1]),
            ({"addresses": [sdk.addresses["SOL"]]}, []),
            ({"start_date": middle, "sort_order": "1"}, everything[1:]),
            ({"end_date": middle}, everything[:1]),
        ):
            asked = {"channels": [channel], **restriction}
            listed = sdk("get_messages", message_filter=asked)
            assert hashes(listed["messages"]) == expected, restriction
            assert hashes(ours("get_messages", **asked)) == expected, restriction
