"""Compute resource nodes: which there are, what they can do, what runs on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from aleph_core.call import Call
from aleph_core.calls import crn as calls
from aleph_core.errors import UnsupportedByNode
from aleph_core.item_hash import check_item_hash
from aleph_core.models.compute_nodes import CRN, CrnList, NetworkGPUS, VmResources
from aleph_core.models.executions import CrnExecutions, CrnExecutionV1, CrnExecutionV2
from aleph_core.models.usage import Capability, CrnConfig, NodeCheck, SystemUsage
from aleph_core.nodes import compute_node_url, service_url

from .._pages import report
from ._service import Service

__all__ = ["Crn"]

T = TypeVar("T")


class Crn(Service):
    """Compute resource nodes: which there are, what they can do, what runs on them.

    ``crn_address`` is the URL of a node; a bare name is reached by https. A node without the
    operation raises ``UnsupportedByNode``.
    """

    async def get_last_crn_version(self) -> str:
        """Return the newest release of the nodes' software, from the setting ``ALEPH_CRN_VERSION_URL``.

        Raises ``RateLimited`` when it was asked for too often.
        """
        return await self._send(
            calls.last_version(), service_url(self._settings, "CRN_VERSION_URL")
        )

    async def get_crns_list(self, only_active: bool = True) -> CrnList:
        """Return the nodes of the network, or those alone that are active.

        Entries that cannot be read are left out, logged, and kept in ``invalid``.
        """
        url = service_url(self._settings, "CRN_LIST_URL")
        found = await self._send(calls.crns(only_active=only_active), url)
        report(found)
        return found

    async def find_crn(self, address_or_hash: str) -> CRN | None:
        """Return the node of this URL or hash, active or not; None if the network does not list it."""
        nodes = await self.get_crns_list(only_active=False)
        return nodes.find_crn(address_or_hash)

    async def filter_crn(
        self,
        crn_version: str | None = None,
        ipv6: bool = False,
        stream_address: bool = False,
        confidential: bool = False,
        gpu: bool | str | Iterable[str] = False,
        vm_resources: VmResources | Mapping[str, int] | None = None,
        *,
        only_active: bool = True,
    ) -> list[CRN]:
        """Return the nodes that have all that is asked for.

        ``crn_version`` is the least version, or ``"latest"``. ``stream_address`` asks for an address
        that payment streams can go to. ``gpu`` is True for any that is free, or names device ids or
        models that have to be free at once. ``vm_resources`` are free processors, and free memory and
        disk in MiB. Nodes that do not tell what they have are left out.
        """
        if crn_version == "latest":
            crn_version = await self.get_last_crn_version()
        nodes = await self.get_crns_list(only_active)
        return nodes.filter_crn(crn_version, ipv6, stream_address, confidential, gpu, vm_resources)

    async def fetch_gpu_on_network(self, only_active: bool = True) -> NetworkGPUS:
        """Return the GPUs of the network, counted by model, and which of them are free."""
        nodes = await self.get_crns_list(only_active)
        return nodes.find_gpu_on_network()

    async def get_active_vms(self, crn_address: str) -> CrnExecutions:
        """Return the machines of a node by their hashes: ``CrnExecutionV2``, or V1 on an older node.

        What the node describes in a form that cannot be read is left out, logged, and kept in
        ``invalid``. The newer list holds machines that do not run, too.
        """
        try:
            found = await self._ask(calls.executions(2), crn_address)
        except UnsupportedByNode:
            found = await self._ask(calls.executions(1), crn_address)
        report(found)
        return found

    async def get_vm(
        self, crn_address: str, item_hash: str
    ) -> CrnExecutionV1 | CrnExecutionV2 | None:
        """Return a machine as its node sees it, None when the node does not have it.

        Raises ``MalformedAnswerError`` when the node has it, but describes it in a form that cannot
        be read.
        """
        item_hash = check_item_hash(item_hash)
        machines = await self.get_active_vms(crn_address)
        return machines.get(item_hash)

    async def update_instance_config(self, crn_address: str, item_hash: str) -> dict[str, Any]:
        """Have the node read the configuration of a machine anew, after its ports were changed.

        Publish first, and wait until the message is processed. A node that cannot read the ports
        drops all of them and still answers well: look at ``mapped_ports`` of ``get_vm`` afterwards.
        Raises ``VmNotFound`` when the machine is not there.
        """
        return await self._ask(calls.update_instance(item_hash), crn_address)

    async def get_system_usage(self, crn_address: str) -> SystemUsage:
        """Return what the host of a node has and what of it is free."""
        return await self._ask(calls.system_usage(), crn_address)

    async def get_capability(self, crn_address: str) -> Capability:
        """Return what the host of a node is made of."""
        return await self._ask(calls.capability(), crn_address)

    async def get_config(self, crn_address: str) -> CrnConfig:
        """Return how a node is set up: its domain name, hash, version, and what it supports."""
        return await self._ask(calls.config(), crn_address)

    async def check_fastapi(self, crn_address: str, *, legacy: bool = False) -> NodeCheck:
        """Return whether programs run on a node: by a test program that it starts."""
        return await self._ask(calls.check("fastapi/legacy" if legacy else "fastapi"), crn_address)

    async def check_host(self, crn_address: str) -> NodeCheck:
        """Return whether the network of a node's host works, by ``ipv4`` and ``ipv6``."""
        return await self._ask(calls.check("host"), crn_address)

    async def check_ipv6(self, crn_address: str) -> NodeCheck:
        """Return whether IPv6 works on a node's host and in its machines."""
        return await self._ask(calls.check("ipv6"), crn_address)

    async def check_version(self, crn_address: str, reference: str) -> bool:
        """Return whether a node runs at least this version of its software."""
        return await self._ask(calls.check_version(reference), crn_address)

    async def _ask(self, call: Call[T], crn_address: str) -> T:
        return await self._send(call, compute_node_url(crn_address))
