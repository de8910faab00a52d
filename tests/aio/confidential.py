"""Confidential machines of an account, and clients that trust the local node's processor."""

from __future__ import annotations

from typing import Any

from aleph_async import AuthenticatedAlephHttpClient, ETHAccount, VmConfidentialClient
from aleph_devnode import DevNode

from .machines import publish_instance

TRUSTED: dict[str, Any] = {"policy": 1, "firmware": "f" * 64}


def environment(**trusted: Any) -> dict[str, Any]:
    return {
        "internet": True,
        "aleph_api": True,
        "hypervisor": "qemu",
        "trusted_execution": {**TRUSTED, **trusted},
    }


async def publish_confidential(client: AuthenticatedAlephHttpClient, **trusted: Any) -> str:
    """Publish a confidential instance, processed when this returns; return its item hash."""
    return await publish_instance(client, environment=environment(**trusted))


def confidential_client(node: DevNode, account: ETHAccount, **options: Any) -> VmConfidentialClient:
    return VmConfidentialClient(
        account,
        node.url,
        **{"roots": node.trusted_root, "settings": node.client_settings(), **options},
    )
