"""What both halves of the DNS pair do with dnspython: its answers as texts, its failures as ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aleph_core.errors import (
    ArgumentError,
    MissingDependencyError,
    TransportError,
    TransportTimeout,
)

if TYPE_CHECKING:
    from dns.resolver import Answer, BaseResolver

__all__ = ["failure", "prepare", "require", "texts"]


def require() -> None:
    """Raise ``MissingDependencyError`` unless the library of the extra ``dns`` is installed."""
    try:
        import dns.resolver  # noqa: F401 - only to see whether it is there
    except ImportError as error:
        raise MissingDependencyError("asking the DNS", extra="dns") from error


def prepare(resolver: BaseResolver, servers: Sequence[tuple[str, int]], timeout: float) -> None:
    """Have a resolver ask these name servers alone, one after the other."""
    from dns.nameserver import Do53Nameserver

    resolver.nameservers = [Do53Nameserver(host, port) for host, port in servers]
    resolver.timeout = timeout / 2
    resolver.lifetime = timeout


def texts(answer: Answer) -> tuple[str, ...]:
    """Return the values of the records; names come without the dot at their end."""
    found: list[str] = []
    for record in answer.rrset or ():
        strings = getattr(record, "strings", None)
        if strings is None:
            found.append(record.to_text().removesuffix("."))
        else:
            # A long text is cut into pieces that belong together.
            found.append(b"".join(strings).decode("utf-8", "replace"))
    return tuple(found)


def failure(error: Exception, name: str, servers: Sequence[tuple[str, int]]) -> Exception | None:
    """Return our error for one of the library, or None when it only says that there is no such name."""
    import dns.exception
    import dns.name
    import dns.resolver

    if isinstance(error, dns.resolver.NXDOMAIN):
        return None
    asked = ", ".join(host for host, _ in servers)
    if isinstance(error, dns.exception.Timeout):
        return TransportTimeout(f"the name servers {asked} did not tell about {name} in time")
    if isinstance(error, dns.name.LabelTooLong | dns.name.NameTooLong | dns.name.EmptyLabel):
        return ArgumentError("name", f"{name:.80} is no name in the DNS")
    if isinstance(error, dns.exception.DNSException | OSError):
        return TransportError(f"the name servers {asked} do not tell about {name}: {error}")
    return error
