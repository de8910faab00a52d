"""The public names of instances."""

from __future__ import annotations

from aleph_core.calls import dns as calls
from aleph_core.errors import ArgumentError
from aleph_core.item_hash import check_item_hash
from aleph_core.models.dns import Dns
from aleph_core.nodes import compute_node_url, host_name, service_url

from .._pages import OnInvalid, report
from ._service import Service

__all__ = ["DnsNames"]


class DnsNames(Service):
    """The public names of instances. The service is the setting ``ALEPH_DNS_API``.

    Entries that cannot be read are left out, logged, and given to ``on_invalid``.
    """

    async def get_public_dns(self, *, on_invalid: OnInvalid | None = None) -> list[Dns]:
        """Return all names."""
        return await self._names(on_invalid=on_invalid)

    async def get_public_dns_by_host(
        self, crn_hostname: str, *, on_invalid: OnInvalid | None = None
    ) -> list[Dns]:
        """Return the names of the instances on a compute node, given by its name or URL.

        The node is asked which machines it has, since the service need not filter by node. Raises
        as ``client.crn.get_active_vms`` does.
        """
        url = compute_node_url(crn_hostname, "crn_hostname")
        found = await self._names(host=host_name(url), on_invalid=on_invalid)
        if not found:
            return []
        machines = await self._client.crn.get_active_vms(url)
        return calls.names_of_machines(found, machines)

    async def get_dns_for_instance(
        self,
        item_hash: str | None = None,
        *,
        vm_hash: str | None = None,
        on_invalid: OnInvalid | None = None,
    ) -> Dns | None:
        """Return the name of an instance, the first of several; None when it has none."""
        found = await self.get_all_dns_for_instance(
            item_hash, vm_hash=vm_hash, on_invalid=on_invalid
        )
        return found[0] if found else None

    async def get_all_dns_for_instance(
        self,
        item_hash: str | None = None,
        *,
        vm_hash: str | None = None,
        on_invalid: OnInvalid | None = None,
    ) -> list[Dns]:
        """Return all names of an instance."""
        if (item_hash is None) == (vm_hash is None):
            raise ArgumentError("item_hash", "name the instance, once")
        wanted = check_item_hash(vm_hash if item_hash is None else item_hash)
        found = await self._names(item_hash=wanted, on_invalid=on_invalid)
        return calls.names_of_machines(found, (wanted,))

    async def _names(
        self,
        *,
        host: str | None = None,
        item_hash: str | None = None,
        on_invalid: OnInvalid | None,
    ) -> list[Dns]:
        call = calls.names(host=host, item_hash=item_hash)
        page = await self._send(call, service_url(self._settings, "DNS_API"))
        report(page, on_invalid)
        return list(page)
