"""Prices of what is deployed and of what could be, as the guide reads them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from aleph_async import (
    AlephHttpClient,
    AuthenticatedAlephHttpClient,
    ETHAccount,
    make_instance_content,
)

pytestmark = pytest.mark.anyio


async def test_prices_of_an_instance_and_of_a_program(private_key: str) -> None:
    async with AuthenticatedAlephHttpClient(ETHAccount(private_key)) as publisher:
        stored = await publisher.create_store(b"code, runtime and image in one", wait=True)
        program = await publisher.create_program(
            program_ref=stored.item_hash,
            entrypoint="main:app",
            runtime=stored.item_hash,
            wait=True,
        )

    async with AlephHttpClient() as client:
        executable_content = make_instance_content(
            rootfs=stored.item_hash,  # Hash of your rootfs file
            rootfs_size=10240,  # Size in MB
            # Optional parameters:
            vcpus=1,
            memory=2048,
            timeout_seconds=30.0,
            internet=True,
            aleph_api=True,
            environment_variables={"ENV_VAR": "value"},
        )

        # Get price estimate for a program/instance
        price_response = await client.get_estimated_price(content=executable_content)
        assert price_response.payment_type == "credit"
        assert price_response.required_tokens == Decimal("3.958333333333333333")

        # Get price for an existing program
        price_response = await client.get_program_price(item_hash=program.item_hash)
        # Programs with the internet cost twice as much.
        assert price_response.detail[0].cost_hold == 400
        assert price_response.cost == price_response.required_tokens
