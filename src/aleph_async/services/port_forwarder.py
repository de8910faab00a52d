"""The ports of machines that compute nodes forward from the internet."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, overload

from aleph_core import port_forwarding
from aleph_core.edits import Change
from aleph_core.errors import ArgumentError, ResourceNotFoundError
from aleph_core.filters import MessageFilter
from aleph_core.item_hash import check_item_hash
from aleph_core.models.message import MessageStatus, Published
from aleph_core.waiting import PATIENCE, check_timeout

from .._runtime import clock, sleep
from ._service import AuthenticatedService, Service

if TYPE_CHECKING:
    from aleph_core.models.executions import PortMapping
    from aleph_core.models.ports import PortFlags, Ports

__all__ = ["AuthenticatedPortForwarder", "PortForwarder"]


class PortForwarder(Service):
    """The ports of machines that compute nodes forward, by the ``port-forwarding`` aggregates.

    Without an address one's own machines are meant. An address and the hash of a machine may be given
    in either order, or by keyword.
    """

    @overload
    async def get_ports(self) -> dict[str, Ports]: ...
    @overload
    async def get_ports(self, address: str, /) -> dict[str, Ports]: ...
    @overload
    async def get_ports(self, *, address: str) -> dict[str, Ports]: ...
    @overload
    async def get_ports(self, item_hash: str, address: str, /) -> Ports: ...
    @overload
    async def get_ports(self, item_hash: str, /, *, address: str) -> Ports: ...
    @overload
    async def get_ports(
        self, *arguments: str, item_hash: str, address: str | None = None
    ) -> Ports: ...
    async def get_ports(
        self, *arguments: str, item_hash: str | None = None, address: str | None = None
    ) -> dict[str, Ports] | Ports:
        """Return the ports of all machines of an address by their hashes, or those of one machine.

        A machine whose owner set none has an empty ``Ports``. Port 22/tcp is forwarded also where it
        is not listed.
        """
        machine, owner = port_forwarding.ports_asked_for(arguments, item_hash, address)
        found = await self.get_address_ports(owner)
        return found if machine is None else found.get(machine, port_forwarding.NONE)

    async def get_address_ports(self, address: str | None = None) -> dict[str, Ports]:
        """Return the ports of all machines of an address by their hashes."""
        owner = await self._address(address)
        return port_forwarding.read_all(
            await self._client.get_aggregate(owner, port_forwarding.KEY)
        )

    async def get_port(
        self, *arguments: str, item_hash: str | None = None, address: str | None = None
    ) -> Ports | None:
        """Return the ports of one machine: ``get_port(address, item_hash)``, or its hash alone.

        None when its owner set none.
        """
        machine, owner = port_forwarding.ports_asked_for(arguments, item_hash, address)
        if machine is None:
            raise ArgumentError("item_hash", "is missing: the hash of the machine")
        return (await self.get_address_ports(owner)).get(machine)

    async def apply_ports(
        self,
        item_hash: str,
        *,
        crn_address: str | None = None,
        address: str | None = None,
        timeout: float = PATIENCE,
    ) -> dict[int, PortMapping]:
        """Have the compute node forward what is published, and return the mappings by port.

        ``crn_address`` is the URL of the node; otherwise it is looked for where the network says that
        the machine is. A node may read from another core node, which lags behind, and may drop every
        port without a word: so it is asked again until what it forwards is right. Raises
        ``PortForwardingError`` after ``timeout`` seconds, ``VmNotFound`` when the machine is not
        there.
        """
        machine = check_item_hash(item_hash)
        check_timeout(timeout)
        node = crn_address or await self._compute_node(machine, address)
        ports = await self.get_port(item_hash=machine, address=address)
        waiting = port_forwarding.ApplyWaiting(machine, node, timeout)
        begun = clock()
        while True:
            await self._client.crn.update_instance_config(node, machine)
            vm = await self._client.crn.get_vm(node, machine)
            mapped = port_forwarding.mappings(vm, item_hash=machine, node=node)
            differing = port_forwarding.unmapped(ports, mapped)
            if not differing:
                return mapped
            await sleep(waiting.pause(differing, elapsed=clock() - begun))

    async def _compute_node(self, machine: str, address: str | None) -> str:
        message = await self._client.get_message(machine)
        port_forwarding.check_owner(message, await self._address(address))
        nodes = await self._client.crn.get_crns_list(only_active=False)
        place = await self._client.instance.get_instance_allocation_info(message, nodes)
        if not place.crn_url:
            raise ResourceNotFoundError(
                f"nobody tells on which compute node machine {machine} runs; "
                "name the node with crn_address",
                status=404,
            )
        return place.crn_url


class AuthenticatedPortForwarder(AuthenticatedService, PortForwarder):
    """The ports of machines, and changes of them that lose nothing written at the same time.

    ``address`` is the owner of the machine, oneself by default. Every change returns when the network
    has processed it. When there was nothing to change, nothing is published, and the result is the
    message that made the ports what they are; for a machine that never had any, null is published.

    Compute nodes read the ports when a machine starts and when they are told to: with ``apply`` they
    are told, as ``apply_ports`` does, once the change is processed.
    """

    async def create_ports(
        self,
        item_hash: str,
        ports: Ports | Mapping[int, PortFlags | None],
        *,
        address: str | None = None,
        channel: str | None = None,
        apply: bool = False,
        crn_address: str | None = None,
    ) -> Published:
        """Forward these ports of a machine, beside those that are forwarded already.

        A port that is None is not forwarded any more. Port 22/tcp is forwarded also where it is not
        listed; flags without any protocol close it. Raises ``ArgumentError`` before anything is sent
        for ports that would make compute nodes drop all of them.
        """
        checked = port_forwarding.check_ports(ports)
        machine = check_item_hash(item_hash)
        change = partial(port_forwarding.merge, item_hash=machine, ports=checked)
        return await self._edit(change, machine, address, channel, apply, crn_address)

    update_ports = create_ports
    create_port = create_ports
    update_port = create_ports

    async def delete_ports(
        self,
        item_hash: str,
        *,
        address: str | None = None,
        channel: str | None = None,
        apply: bool = False,
        crn_address: str | None = None,
    ) -> Published:
        """Forward no port of a machine any more but 22/tcp."""
        machine = check_item_hash(item_hash)
        change = partial(port_forwarding.remove, item_hash=machine)
        return await self._edit(change, machine, address, channel, apply, crn_address)

    async def _edit(
        self,
        change: Change,
        machine: str,
        address: str | None,
        channel: str | None,
        apply: bool,
        crn_address: str | None,
    ) -> Published:
        if crn_address is not None and not apply:
            raise ArgumentError("crn_address", "is of use only with apply=True")
        # Found out first, so that nothing is published that cannot be applied.
        node = crn_address or (await self._compute_node(machine, address) if apply else None)
        published = await self._publisher.edit_aggregate(
            port_forwarding.KEY, change, entries=[machine], address=address, channel=channel
        )
        published = published or await self._standing(machine, address, channel)
        if node is not None:
            await self.apply_ports(machine, crn_address=node, address=address)
        return published

    async def _standing(self, machine: str, address: str | None, channel: str | None) -> Published:
        """Return the message that wrote the present entry of a machine; without one write null."""
        owner = await self._address(address)
        wanted = MessageFilter(owners=[owner], message_types=["AGGREGATE"])
        async for message in self._client.get_messages_iterator(wanted):
            entries = message.content.get("content")
            if message.content.get("key") != port_forwarding.KEY:
                continue
            if isinstance(entries, Mapping) and machine in entries:
                return Published(message, MessageStatus.PROCESSED)
        return await self._publisher.create_aggregate(
            port_forwarding.KEY, {machine: None}, address=address, channel=channel, wait=True
        )
