"""Asking the DNS, one question after the other."""

from __future__ import annotations

from collections.abc import Sequence

from .. import _dns


class DnsResolver:
    """Ask these name servers, by IP address and port, each time anew: nothing is remembered.

    ``timeout`` is in seconds for one question to all of them. Needs the extra ``dns``.
    """

    def __init__(self, servers: Sequence[tuple[str, int]], timeout: float = 10.0) -> None:
        _dns.require()
        from dns.resolver import Resolver

        self._servers = tuple(servers)
        self._resolver = Resolver(configure=False)
        _dns.prepare(self._resolver, self._servers, timeout)

    def resolve(self, name: str, kind: str) -> tuple[str, ...]:
        """Return the values of the records of a kind, none where there are none.

        Raises ``TransportError`` and ``TransportTimeout`` when no name server tells.
        """
        try:
            answer = self._resolver.resolve(name, kind, raise_on_no_answer=False, search=False)
        # The library loads only now, so its errors have no names here; what is not its own is raised on.
        except Exception as error:
            failure = _dns.failure(error, name, self._servers)
            if failure is error:
                raise
            if failure is not None:
                raise failure from error
            return ()
        return _dns.texts(answer)
