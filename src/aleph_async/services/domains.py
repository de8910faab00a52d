"""Custom domains: the records they need, and what they lead to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from aleph_core import domains
from aleph_core.dns_records import Question, judge, name_servers, questions, required_records
from aleph_core.edits import Change
from aleph_core.errors import ResourceNotFoundError
from aleph_core.item_hash import check_item_hash
from aleph_core.models.message import Published

from .._runtime import DnsResolver, gather
from .._wall_clock import now
from ._service import AuthenticatedService, Service

if TYPE_CHECKING:
    from aleph_core.models.domain import DnsRecord, Domain, DomainCheck

__all__ = ["AuthenticatedDomains", "Domains"]


class Domains(Service):
    """Custom domains: the records they need, and what they lead to.

    Without an address one's own domains are meant. ``target`` is ``ipfs`` for a website,
    ``program`` or ``instance``.
    """

    async def list(self, address: str | None = None) -> dict[str, Domain]:
        """Return the domains of an owner by name."""
        owner = await self._address(address)
        return domains.read_all(await self._client.get_aggregate(owner, domains.KEY))

    async def get(self, domain: str, address: str | None = None) -> Domain:
        """Return one domain of an owner; raises ``ResourceNotFoundError``."""
        name = domains.check_domain(domain)
        found = (await self.list(address)).get(name)
        if found is None:
            raise ResourceNotFoundError(f"{name} is no domain of this owner", status=404)
        return found

    async def required_records(
        self, domain: str, target: str, address: str | None = None, *, root: bool | None = None
    ) -> tuple[DnsRecord, ...]:
        """Return the DNS records to make: the one that leads to the network, and proofs.

        At the ``root`` of a zone an ALIAS takes the place of the CNAME; by default names of two
        labels are taken for one, so say so for ``example.co.uk``.
        """
        return required_records(domain, target, await self._address(address), root=root)

    async def check(
        self, domain: str, target: str, address: str | None = None, *, root: bool | None = None
    ) -> DomainCheck:
        """Ask the DNS for the required records and tell which of them are there.

        The name servers are the setting ``ALEPH_DNS_RESOLVERS``; they may go on telling of an old
        record until its time to live is over. Needs the extra ``dns``. Raises ``TransportError`` when
        no name server tells.
        """
        from aleph_core.models.domain import DomainCheck

        records = await self.required_records(domain, target, address, root=root)
        asked: dict[Question, None] = {
            question: None for record in records for question in questions(record)
        }
        resolver = DnsResolver(name_servers(self._settings.DNS_RESOLVERS))
        found = await gather([partial(resolver.resolve, *question) for question in asked])
        answers = dict(zip(asked, found, strict=True))
        return DomainCheck(
            domains.check_domain(domain), tuple(judge(record, answers) for record in records)
        )


class AuthenticatedDomains(AuthenticatedService, Domains):
    """Custom domains, and changes of them that lose nothing written at the same time.

    Every change returns when the network has processed it, and None when there was nothing to
    change. ``address`` is the owner, oneself by default.
    """

    async def add(
        self,
        domain: str,
        item_hash: str,
        target: str,
        *,
        options: Mapping[str, Any] | None = None,
        address: str | None = None,
    ) -> Published | None:
        """Let a new domain show a website (by its volume), a program or an instance.

        ``options`` go into the entry: ``catch_all_path`` of a website, /404.html by default;
        ``confidential`` of an instance. Raises ``ArgumentError`` when the domain is there already.
        """
        name = domains.check_domain(domain)
        entry = domains.entry(target=target, item_hash=item_hash, updated_at=now(), options=options)
        return await self._edit(partial(domains.add, domain=name, entry=entry), name, address)

    async def attach(
        self,
        domain: str,
        item_hash: str,
        target: str | None = None,
        *,
        options: Mapping[str, Any] | None = None,
        address: str | None = None,
    ) -> Published | None:
        """Let a domain show something else; raises ``ResourceNotFoundError`` when there is none.

        ``target`` and ``options`` stay as they are unless they are given.
        """
        name = domains.check_domain(domain)
        change = partial(
            domains.attach,
            domain=name,
            item_hash=check_item_hash(item_hash),
            updated_at=now(),
            target=None if target is None else domains.check_target(target),
            options=None if options is None else domains.check_options(options),
        )
        return await self._edit(change, name, address)

    async def detach(self, domain: str, *, address: str | None = None) -> Published | None:
        """Let a domain show nothing, and keep it; raises ``ResourceNotFoundError`` if there is none."""
        name = domains.check_domain(domain)
        change = partial(domains.detach, domain=name, updated_at=now())
        return await self._edit(change, name, address)

    async def remove(self, domain: str, *, address: str | None = None) -> Published | None:
        """Give a domain up."""
        name = domains.check_domain(domain)
        return await self._edit(partial(domains.remove, domain=name), name, address)

    async def move(
        self, item_hash: str, to: str, *, address: str | None = None
    ) -> Published | None:
        """Let all domains that show the one show the other."""
        change = partial(
            domains.move,
            item_hash=check_item_hash(item_hash),
            to=check_item_hash(to, "to"),
            updated_at=now(),
        )
        return await self._publisher.edit_aggregate(domains.KEY, change, address=address)

    async def _edit(self, change: Change, name: str, address: str | None) -> Published | None:
        return await self._publisher.edit_aggregate(
            domains.KEY, change, entries=[name], address=address
        )
