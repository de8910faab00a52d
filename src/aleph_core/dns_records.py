"""The DNS records that a custom domain needs, and whether it has them."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from .domains import check_domain, check_target
from .errors import ConfigurationError
from .item_hash import check_address, same_address
from .models.domain import DnsRecord, DnsRecordCheck, TargetType

__all__ = ["Question", "judge", "name_servers", "questions", "required_records"]

Question = tuple[str, str]
"""A name and the type of the records to ask for."""

_GATEWAYS: Final[Mapping[str, str]] = {
    TargetType.IPFS: "ipfs.public.aleph.sh",
    TargetType.PROGRAM: "program.public.aleph.sh",
    TargetType.INSTANCE: "instance.public.aleph.sh",
}
_STATIC: Final = "static.public.aleph.sh"
_ADDRESSES: Final = ("A", "AAAA")
_PORT: Final = 53


def required_records(
    domain: str, target: str, owner: str | None = None, *, root: bool | None = None
) -> tuple[DnsRecord, ...]:
    """Return the records that a domain needs to lead to what it shows, and to prove whose it is.

    At the ``root`` of a zone an ALIAS takes the place of the CNAME; by default names of two labels
    are taken for one, so say so for ``example.co.uk``.
    """
    domain = check_domain(domain)
    kind = check_target(target)
    root = domain.count(".") == 1 if root is None else root
    gateway = _GATEWAYS[kind]
    value = gateway if kind == TargetType.IPFS else f"{domain}.{gateway}"
    records = [DnsRecord("ALIAS" if root else "CNAME", domain, value, "address")]
    if kind == TargetType.IPFS:
        link = f"_dnslink.{domain}"
        records.append(DnsRecord("CNAME", link, f"{link}.{_STATIC}", "delegation"))
    if owner is not None:
        records.append(DnsRecord("TXT", f"_control.{domain}", check_address(owner), "ownership"))
    return tuple(records)


def questions(record: DnsRecord) -> tuple[Question, ...]:
    """Return what to ask to find out whether there is such a record."""
    if record.role != "address":
        return ((record.name, record.type),)
    # A CNAME that the provider flattens, and an ALIAS always, shows as the addresses of its target.
    return (
        (record.name, "CNAME"),
        *((name, kind) for name in (record.name, record.value) for kind in _ADDRESSES),
    )


def judge(record: DnsRecord, answers: Mapping[Question, tuple[str, ...]]) -> DnsRecordCheck:
    """Tell whether the answers to a record's questions are what it requires."""

    def answered(name: str, *kinds: str) -> tuple[str, ...]:
        return tuple(value for kind in kinds for value in answers.get((name, kind), ()))

    if record.role == "ownership":
        found = answered(record.name, "TXT")
        return DnsRecordCheck(record, found, any(same_address(v, record.value) for v in found))
    found = answered(record.name, "CNAME")
    if found or record.role != "address":
        ok = any(value.lower() == record.value.lower() for value in found)
        return DnsRecordCheck(record, found, ok)
    found = answered(record.name, *_ADDRESSES)
    ok = bool(set(found) & set(answered(record.value, *_ADDRESSES)))
    return DnsRecordCheck(record, found, ok)


def name_servers(text: str) -> tuple[tuple[str, int], ...]:
    """Read ``ALEPH_DNS_RESOLVERS``: IP addresses separated by commas, each with a port or without."""
    servers: list[tuple[str, int]] = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        host, port = item, ""
        if item.startswith("["):
            host, bracket, port = item[1:].partition("]")
            host += "" if bracket else "["
            port = port.removeprefix(":")
        elif item.count(":") == 1:
            host, _, port = item.partition(":")
        try:
            number = int(port) if port else _PORT
            if not 0 < number < 65536:
                raise ValueError(port)
            servers.append((str(ip_address(host)), number))
        except ValueError as error:
            raise ConfigurationError(
                f"ALEPH_DNS_RESOLVERS={text!r:.200}: {item!r:.80} is no IP address or address:port"
            ) from error
    if not servers:
        raise ConfigurationError("ALEPH_DNS_RESOLVERS names no IP address")
    return tuple(servers)
