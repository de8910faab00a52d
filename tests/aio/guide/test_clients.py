"""Making a client, as the guide shows it."""

from __future__ import annotations

import pytest
from aleph_message.models import MessageType

from aleph_async import (
    AlephHttpClient,
    AuthenticatedAlephHttpClient,
    ClosedClientError,
    ETHAccount,
    MessageFilter,
)
from aleph_devnode import DevNode

pytestmark = pytest.mark.anyio


async def test_a_client_without_arguments_reads_from_the_node_of_the_settings(
    node: DevNode,
) -> None:
    async def main() -> AlephHttpClient:
        async with AlephHttpClient() as client:
            await client.get_messages(page_size=1)
        return client

    client = await main()
    assert client.api_server == node.url
    with pytest.raises(ClosedClientError):
        await client.get_messages()


async def test_an_authenticated_client_takes_the_options_of_the_guide(
    node: DevNode, account: ETHAccount
) -> None:
    async with AuthenticatedAlephHttpClient(
        account=account,
        api_server=node.url,
        api_unix_socket=None,
        allow_unix_sockets=True,
        timeout=None,
        ssl_context=None,
    ) as client:
        message, status = await client.create_post("hello", post_type="testtype", sync=True)
    assert (message.sender, status) == (account.get_address(), "processed")


async def test_a_reading_client_takes_the_options_of_the_guide(node: DevNode) -> None:
    async with AlephHttpClient(
        api_server=node.url,
        api_unix_socket=None,
        allow_unix_sockets=True,
        timeout=None,
        ssl_context=None,
    ) as client:
        page = await client.get_messages(
            message_filter=MessageFilter(message_types=[MessageType.post]), page_size=1
        )
    assert page.per_page == 1
