"""Machines to control: instances of an account, started on a local node."""

from __future__ import annotations

import os
from typing import Any

from aleph_async import AuthenticatedAlephHttpClient
from tests.vm_contents import instance


async def publish_instance(client: AuthenticatedAlephHttpClient, **fields: Any) -> str:
    """Publish an instance, processed when this returns; return its item hash."""
    stored = await client.create_store(os.urandom(16), sync=True)
    content = {
        "address": client.account.get_address(),
        "time": 1_790_000_000,
        **instance(stored.item_hash),
        **fields,
    }
    published = await client.submit(content, "INSTANCE", sync=True)
    assert published.status == "processed"
    return published.item_hash
