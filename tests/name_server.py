"""A name server on a real UDP socket that knows what a test tells it.

with NameServer({("example.org", "A"): ["192.0.2.1"]}) as server:
    ...  # server.address; then server.questions
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = Mapping[tuple[str, str], Sequence[str]]


class NameServer:
    """Answer with the records of a zone; names without any record do not exist.

    A CNAME is followed within the zone. ``rcode`` is answered to everything instead, as SERVFAIL by a
    server that is out of order; a ``silent`` one answers nothing.
    """

    def __init__(
        self, zone: Zone, *, rcode: dns.rcode.Rcode = dns.rcode.NOERROR, silent: bool = False
    ) -> None:
        self.zone = {(name.lower(), kind): list(values) for (name, kind), values in zone.items()}
        self.questions: list[tuple[str, str]] = []
        self._rcode = rcode
        self._silent = silent
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> str:
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # An empty datagram, which no resolver sends, ends the thread.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, peer = self._socket.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            if not self._silent:
                self._socket.sendto(self._answer(query).to_wire(), peer)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.questions.append((name, kind))
        response.set_rcode(self._rcode)
        if self._rcode != dns.rcode.NOERROR:
            return response
        if not any(known == name for known, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        while True:
            for found in dict.fromkeys([kind, "CNAME"]):
                values = self.zone.get((name, found))
                if values:
                    texts = [v if found in ("A", "AAAA", "TXT") else f"{v}." for v in values]
                    response.answer.append(
                        dns.rrset.from_text(f"{name}.", 300, "IN", found, *texts)
                    )
                    break
            else:
                return response
            if found == kind:
                return response
            name = values[0].lower()
