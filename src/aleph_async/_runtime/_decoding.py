"""Content encodings of answers, decoded in bounded pieces: a small body may unpack to a huge one."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Final

from aleph_core.errors import MalformedAnswerError, TransportError

PIECE: Final = 256 * 1024


class Decoder:
    """Decode one body; ``finish`` raises when it ends too early."""

    def __init__(self, headers: Mapping[str, str], *, status: int, node: str) -> None:
        self._status = status
        self._node = node
        self._fed = False
        self._zlib: zlib._Decompress | None = None
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding in ("gzip", "x-gzip"):
            self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16)
        elif encoding == "deflate":
            self._zlib = zlib.decompressobj()
        elif encoding not in ("", "identity"):
            raise MalformedAnswerError(
                f"{node} answered {status} in an encoding nobody asked for: {encoding[:40]!r}",
                status=status,
                node=node,
            )

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield the decoded bytes in pieces of at most 256 KiB."""
        if self._zlib is None:
            if data:
                yield data
            return
        while data and not self._zlib.eof:
            piece = self._inflate(data)
            data = self._zlib.unconsumed_tail
            if piece:
                yield piece
        # What is left inside the decompressor once all input is taken comes out without more input.
        while not self._zlib.eof:
            piece = self._inflate(b"")
            if not piece:
                return
            yield piece

    def _inflate(self, data: bytes) -> bytes:
        assert self._zlib is not None
        first, self._fed = not self._fed, True
        try:
            return self._zlib.decompress(data, PIECE)
        except zlib.error as error:
            if first and data and data[:2] != b"\x1f\x8b":
                # Some servers mean the bare algorithm when they say "deflate".
                self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)
                return self._inflate(data)
            raise MalformedAnswerError(
                f"{self._node} answered {self._status} with a damaged compressed body: {error}",
                status=self._status,
                node=self._node,
            ) from error

    def finish(self) -> None:
        """Raise ``TransportError`` if the compressed body is cut short."""
        if self._zlib is not None and self._fed and not self._zlib.eof:
            raise TransportError(f"{self._node} cut its compressed answer short", node=self._node)
