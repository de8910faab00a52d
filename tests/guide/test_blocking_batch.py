"""The batch of the guide in blocking code, where threads take the place of tasks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from aleph_devnode import DevNode
from aleph_sync import AuthenticatedAlephHttpClient, ETHAccount


def test_a_batch_is_stored_by_threads_that_share_a_client() -> None:
    messages: list[dict[str, Any]] = [
        {"content": f"Message {n}", "tags": ["batch", "test"]} for n in range(20)
    ]
    with DevNode() as node:
        account = ETHAccount.generate()
        node.fund(account.get_address())
        with (
            AuthenticatedAlephHttpClient(account, node.url) as client,
            ThreadPoolExecutor(max_workers=8) as pool,
        ):
            tasks = [
                pool.submit(partial(client.create_store, msg["content"], tags=msg["tags"]))
                for msg in messages
            ]
            results = [task.result() for task in tasks]

            assert len({result["item_hash"] for result in results}) == len(messages)
            for result in results:
                assert client.wait_for_message(result["item_hash"]) == "processed"
            files = pool.map(
                lambda result: client.download_file(result.content["item_hash"]), results
            )
            assert [file.decode() for file in files] == [msg["content"] for msg in messages]
