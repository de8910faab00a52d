"""Drives the published aleph-sdk-python; run by that SDK's own Python, never imported by the tests.

Takes the address of a node and a private key for each chain as JSON in its only argument. Reads one
JSON command a line and answers each with one JSON line; messages that are watched come as further lines.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterable, Callable
from enum import Enum
from operator import attrgetter
from pathlib import Path
from typing import Any

from aleph.sdk.chains import ethereum, solana
from aleph.sdk.chains.common import get_verification_buffer
from aleph.sdk.client import AuthenticatedAlephHttpClient
from aleph.sdk.client.vm_client import VmClient
from aleph.sdk.client.vm_confidential_client import VmConfidentialClient
from aleph.sdk.conf import settings
from aleph.sdk.query.filters import MessageFilter, PostFilter
from aleph.sdk.types import Authorization, Ports, SEVMeasurement, StorageEnum
from aleph_message import parse_message
from aleph_message.models import MessageType
from pydantic import BaseModel

ACCOUNTS: dict[str, Callable[[bytes], Any]] = {
    "ETH": ethereum.ETHAccount,
    "SOL": solana.SOLAccount,
}


def from_json(name: str, value: Any) -> Any:
    """Return an argument in the type that the SDK wants it in."""
    if name == "message_filter":
        types = value.get("message_types")
        if types is not None:
            value = {**value, "message_types": [MessageType(each) for each in types]}
        return MessageFilter(**value)
    if name == "post_filter":
        return PostFilter(**value)
    if name == "storage_engine":
        return StorageEnum(value)
    if name == "message_type":
        return MessageType(value)
    if name == "ports":
        return Ports(**value)
    if name == "authorization":
        return Authorization(**value)
    if name == "file_content":
        return base64.b64decode(value)
    if name in ("session", "godh", "tik_path", "tek_path"):
        return Path(value)
    if name == "sev_data":
        return SEVMeasurement.model_validate(value)
    return value


def to_json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"no JSON form for {type(value).__name__}")


def write(answer: dict[str, Any]) -> None:
    print(json.dumps(answer, default=to_json), flush=True)


def verify(message: dict[str, Any]) -> None:
    """Raise unless the SDK takes the message for its sender's."""
    parse_message(message)  # compares the text with the item hash
    signature, module = message["signature"], ethereum
    if message["chain"] == "SOL":
        signature, module = json.loads(signature)["signature"], solana
    module.verify_signature(signature, message["sender"], get_verification_buffer(message))


class Driver:
    def __init__(self, node: str, clients: dict[str, AuthenticatedAlephHttpClient]) -> None:
        self.node = node
        self.clients = clients
        self.watching: asyncio.Task[None] | None = None

    async def run(self, method: str, chain: str, arguments: dict[str, Any]) -> Any:
        client = self.clients[chain]
        if method == "verify":
            return verify(arguments["message"])
        if method == "sign":
            return await client.account.sign_message(arguments["message"])
        arguments = {name: from_json(name, value) for name, value in arguments.items()}
        if method.startswith("vm."):
            return await self.control(client, method.removeprefix("vm."), arguments)
        if method == "watch_messages":
            self.watching = asyncio.create_task(self.watch(client, arguments))
            return None
        if method == "stop_watching" and self.watching is not None:
            self.watching.cancel()
            await asyncio.gather(self.watching, return_exceptions=True)
            return None
        if method.startswith("confidential."):
            return await self.start_confidential(client, method.partition(".")[2], arguments)
        result = attrgetter(method)(client)(**arguments)
        if isinstance(result, AsyncIterable):
            return [item async for item in result]
        return await result

    async def control(
        self, client: AuthenticatedAlephHttpClient, method: str, arguments: dict[str, Any]
    ) -> Any:
        """Call the SDK's client of the compute node; of logs only the first ``count`` are read."""
        count = arguments.pop("count", None)
        async with VmClient(client.account, self.node) as vm_client:
            result = getattr(vm_client, method)(**arguments)
            if not isinstance(result, AsyncIterable):
                return await result
            found: list[Any] = []
            async for item in result:
                found.append(item)
                if len(found) == count:
                    break
            await result.aclose()
            return found

    async def start_confidential(
        self, client: AuthenticatedAlephHttpClient, method: str, arguments: dict[str, Any]
    ) -> Any:
        nowhere = Path("/nonexistent/sevctl")
        node = str(client.api_server)
        async with VmConfidentialClient(client.account, nowhere, node) as vm_client:
            return await getattr(vm_client, method)(**arguments)

    async def watch(self, client: AuthenticatedAlephHttpClient, arguments: dict[str, Any]) -> None:
        async for message in client.watch_messages(**arguments):
            write({"watched": message})

    async def answer(self, number: int, **command: Any) -> None:
        try:
            write({"number": number, "result": await self.run(**command)})
        except Exception as error:  # noqa: BLE001 - the tests judge it
            write({"number": number, "error": type(error).__name__, "text": str(error)})


def find_services_here() -> None:
    """Take the hosts of services from the environment; the SDK reads only some of them from there."""
    for name in ("SCHEDULER_URL", "CRN_LIST_URL", "CRN_VERSION_URL", "DNS_API"):
        setattr(type(settings), name, os.environ[f"ALEPH_{name}"])


async def main(node: str, keys: dict[str, str]) -> None:
    find_services_here()
    clients = {
        # Without `timeout`: the SDK cannot encode JSON when it is given.
        chain: AuthenticatedAlephHttpClient(ACCOUNTS[chain](bytes.fromhex(key)), api_server=node)
        for chain, key in keys.items()
    }
    for client in clients.values():
        await client.__aenter__()
    try:
        driver = Driver(node, clients)
        write({"ready": {chain: c.account.get_address() for chain, c in clients.items()}})
        while line := await asyncio.to_thread(sys.stdin.readline):
            await driver.answer(**json.loads(line))
    finally:
        for client in clients.values():
            await client.__aexit__(None, None, None)


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.argv[1])))
