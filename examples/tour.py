"""A tour of the Aleph Cloud network: the same steps, first blocking, then async, then machines.

Starts a local node, or uses the one that ALEPH_API_HOST names; machines need funds, which only the
local one grants. What it publishes it forgets again.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import aleph_async
import aleph_sync
from aleph_sync import AlephError, ETHAccount, ForgottenMessageError, Message

if TYPE_CHECKING:
    from aleph_devnode import DevNode

REPOSITORY = Path(__file__).resolve().parent.parent
CHANNEL = "ALEPH-SYNC-TOUR"
# Two of this repository's own files; the first is large enough to see it progress.
FILES = {
    "storage": REPOSITORY / "tests" / "conformance" / "corpus.jsonl",
    "ipfs": REPOSITORY / "README.md",
}


def blocking_tour(node: str | None, folder: Path, local: DevNode | None) -> int:
    """Take the tour with ``aleph_sync`` and return how many messages were published."""
    account = ETHAccount.generate()
    address = account.get_address()
    say("account", f"a new Ethereum key, {address}")
    if local is not None:
        local.fund(address)

    with (
        aleph_sync.AuthenticatedAlephHttpClient(account, node) as client,
        aleph_sync.AlephHttpClient(node, verify="signature") as reader,
    ):
        post = client.create_post({"text": "Helo"}, "note", channel=CHANNEL)
        client.wait_for_message(post.item_hash)
        say("post", f"published {post.item_hash}")

        amend = client.create_post({"text": "Hello"}, "amend", ref=post.item_hash, channel=CHANNEL)
        client.wait_for_message(amend.item_hash)
        [note] = reader.get_posts(addresses=address)
        say("amend", f"the post now reads {note.content}")

        ada = {"name": "Ada", "city": "London"}
        profile = client.create_aggregate("profile", ada, channel=CHANNEL)
        client.wait_for_message(profile.item_hash)
        update = client.create_aggregate("profile", {"city": "Turin"}, channel=CHANNEL)
        client.wait_for_message(update.item_hash)
        merged = reader.fetch_aggregate(address, "profile")
        say("aggregate", f"the profile now reads {merged}")

        forgets = []
        for engine, path in FILES.items():
            with progress_bar(f"{path.name} to {engine}") as on_progress:
                stored = client.create_store(
                    file_path=path, storage_engine=engine, channel=CHANNEL, on_progress=on_progress
                )
            client.wait_for_message(stored.item_hash)
            content = reader.get_stored_content(stored.item_hash)
            copy = reader.download_file_to_path(content.hash, folder / path.name)
            compare(copy, path)
            say("download", f"the bytes hash to {content.hash}")

            # A node keeps one small file for an account without tokens: make room for the next.
            forget = client.forget(stored.item_hash, "end of tour", channel=CHANNEL)
            client.wait_for_message(forget.item_hash)
            forgets.append(forget)

        live = None
        for message in reader.watch_messages(addresses=address, message_types="POST", history=1):
            if live is None:
                say("watch", f"latest   {describe(message)}")
                live = client.create_post("Here and now", "note", channel=CHANNEL)
            elif message.item_hash == live.item_hash:
                say("watch", f"just now {describe(message)}")
                break
        assert live is not None

        messages = list(reader.get_messages_iterator(addresses=address))
        say("list", f"{len(messages)} messages, their signatures verified")
        for message in messages:
            say("", describe(message))

        hashes = [result.item_hash for result in (post, amend, profile, update, live)]
        forget = client.forget(hashes, "end of tour", channel=CHANNEL)
        client.wait_for_message(forget.item_hash)
        forgets.append(forget)
        forgotten = [item_hash for result in forgets for item_hash in result.content["hashes"]]
        for item_hash in forgotten:
            try:
                reader.get_message(item_hash)
            except ForgottenMessageError:
                continue
            raise AlephError(f"message {item_hash} was forgotten and can still be read")
        say("forget", f"the contents of {len(forgotten)} messages are gone")
    return len(forgotten) + len(forgets)


async def async_tour(node: str | None, folder: Path, local: DevNode | None) -> int:
    """Take the tour with ``aleph_async`` and return how many messages were published."""
    account = ETHAccount.generate()
    address = account.get_address()
    say("account", f"a new Ethereum key, {address}")
    if local is not None:
        local.fund(address)

    async with (
        aleph_async.AuthenticatedAlephHttpClient(account, node) as client,
        aleph_async.AlephHttpClient(node, verify="signature") as reader,
    ):
        post = await client.create_post({"text": "Helo"}, "note", channel=CHANNEL)
        await client.wait_for_message(post.item_hash)
        say("post", f"published {post.item_hash}")

        amend = await client.create_post(
            {"text": "Hello"}, "amend", ref=post.item_hash, channel=CHANNEL
        )
        await client.wait_for_message(amend.item_hash)
        [note] = await reader.get_posts(addresses=address)
        say("amend", f"the post now reads {note.content}")

        ada = {"name": "Ada", "city": "London"}
        profile = await client.create_aggregate("profile", ada, channel=CHANNEL)
        await client.wait_for_message(profile.item_hash)
        update = await client.create_aggregate("profile", {"city": "Turin"}, channel=CHANNEL)
        await client.wait_for_message(update.item_hash)
        merged = await reader.fetch_aggregate(address, "profile")
        say("aggregate", f"the profile now reads {merged}")

        forgets = []
        for engine, path in FILES.items():
            with progress_bar(f"{path.name} to {engine}") as on_progress:
                stored = await client.create_store(
                    file_path=path, storage_engine=engine, channel=CHANNEL, on_progress=on_progress
                )
            await client.wait_for_message(stored.item_hash)
            content = await reader.get_stored_content(stored.item_hash)
            copy = await reader.download_file_to_path(content.hash, folder / path.name)
            compare(copy, path)
            say("download", f"the bytes hash to {content.hash}")

            # A node keeps one small file for an account without tokens: make room for the next.
            forget = await client.forget(stored.item_hash, "end of tour", channel=CHANNEL)
            await client.wait_for_message(forget.item_hash)
            forgets.append(forget)

        live = None
        async for message in reader.watch_messages(
            addresses=address, message_types="POST", history=1
        ):
            if live is None:
                say("watch", f"latest   {describe(message)}")
                live = await client.create_post("Here and now", "note", channel=CHANNEL)
            elif message.item_hash == live.item_hash:
                say("watch", f"just now {describe(message)}")
                break
        assert live is not None

        messages = [message async for message in reader.get_messages_iterator(addresses=address)]
        say("list", f"{len(messages)} messages, their signatures verified")
        for message in messages:
            say("", describe(message))

        hashes = [result.item_hash for result in (post, amend, profile, update, live)]
        forget = await client.forget(hashes, "end of tour", channel=CHANNEL)
        await client.wait_for_message(forget.item_hash)
        forgets.append(forget)
        forgotten = [item_hash for result in forgets for item_hash in result.content["hashes"]]
        for item_hash in forgotten:
            try:
                await reader.get_message(item_hash)
            except ForgottenMessageError:
                continue
            raise AlephError(f"message {item_hash} was forgotten and can still be read")
        say("forget", f"the contents of {len(forgotten)} messages are gone")
    return len(forgotten) + len(forgets)


def say(step: str, text: str) -> None:
    print(f"  {step:<10} {text}", flush=True)


def describe(message: Message) -> str:
    return f"{message.datetime:%H:%M:%S}  {message.type:<9}  {message.item_hash[:16]}..."


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """Draw how far an upload is; where that is no terminal, only how it ended."""
    line = ""

    def draw(done: int, total: int | None) -> None:
        nonlocal line
        share = done / total if total else 1.0
        line = f"  upload     [{'#' * round(share * 24):<24}] {share:4.0%}  {done:,} bytes, {title}"
        if sys.stdout.isatty():
            print(f"\r{line}", end="", flush=True)

    try:
        yield draw
    finally:
        print(f"\r{line}" if sys.stdout.isatty() else line, flush=True)


def compare(copy: Path, original: Path) -> None:
    if copy.read_bytes() != original.read_bytes():
        raise AlephError(f"what came back is not what {original} holds")


def take_tours(node: str | None, local: DevNode | None = None) -> None:
    begun = time.monotonic()
    with TemporaryDirectory() as folder:
        print("\nBlocking, with aleph_sync")
        published = blocking_tour(node, Path(folder), local)
        print("\nAsync, with aleph_async")
        published += asyncio.run(async_tour(node, Path(folder), local))
    if local is not None:
        from machines import rent

        print("\nMachines, with aleph_sync")
        published += rent(local)
    seconds = time.monotonic() - begun
    print(
        f"\nDone in {seconds:.1f} s: {published} messages published, {2 * len(FILES)} files stored, "
        "downloaded and verified; posts, files and machines are forgotten again."
    )


def main() -> int:
    try:
        if os.environ.get("ALEPH_API_HOST"):
            print("Using the node that ALEPH_API_HOST names")
            take_tours(None)
        else:
            from aleph_devnode import DevNode

            with DevNode() as local:
                print(f"Started a local node, {local.url}")
                take_tours(local.url, local)
    except ImportError as error:
        print(f"\n{error}; the tour needs: pip install 'aleph-sync[devnode]'", file=sys.stderr)
        return 1
    except (AlephError, OSError) as error:
        print(f"\nThe tour ended early: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe tour was interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
