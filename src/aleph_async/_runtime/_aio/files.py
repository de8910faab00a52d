"""Files that are streamed without holding up the event loop."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from types import TracebackType
from typing import BinaryIO

from .._files import CHUNK, PartFile, Reading, Source, Spooled
from .tasks import run_blocking


class FileSource(Source):
    """Bytes to send, read in chunks, as often as needed."""

    async def chunks(self, size: int = CHUNK) -> AsyncIterator[bytes]:
        """Yield the whole content once, from the start; raise if it is no longer what it was."""
        reading = self.begin()
        try:
            while chunk := await next_chunk(reading, size):
                yield chunk
        finally:
            reading.close()


async def next_chunk(reading: Reading, size: int = CHUNK) -> bytes:
    """Return up to ``size`` bytes, none at the end."""
    if reading.in_memory:
        return reading.read(size)
    return await run_blocking(reading.read, size)


class FileSink:
    """A file being downloaded: it gets its name by ``commit``, and nothing is left without it."""

    def __init__(self, path: str | os.PathLike[str], *, argument: str = "output_path") -> None:
        self._part = PartFile(path, argument=argument)

    @property
    def size(self) -> int:
        return self._part.size

    async def write(self, data: bytes) -> None:
        """Append the bytes."""
        await run_blocking(self._part.write, data)

    async def restart(self) -> None:
        """Drop the bytes written so far."""
        await run_blocking(self._part.restart)

    async def commit(self) -> None:
        """Make the bytes durable and give the file its name, in place of an older one."""
        await run_blocking(self._part.commit)

    def discard(self) -> None:
        """Remove what was written, unless it was committed."""
        self._part.discard()

    async def __aenter__(self) -> FileSink:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()


class Spool:
    """A download that waits to be wanted: checked first, then read or copied."""

    def __init__(self) -> None:
        self._spooled = Spooled()

    @property
    def size(self) -> int:
        return self._spooled.size

    async def write(self, data: bytes) -> None:
        """Append the bytes."""
        await run_blocking(self._spooled.write, data)

    async def restart(self) -> None:
        """Drop the bytes written so far."""
        await run_blocking(self._spooled.restart)

    async def read(self) -> bytes:
        """Return all bytes."""
        return await run_blocking(self._spooled.read)

    async def copy_to(self, output: BinaryIO) -> None:
        """Write all bytes into the file, piece by piece."""
        await run_blocking(self._spooled.copy_to, output)

    def discard(self) -> None:
        """Forget the bytes."""
        self._spooled.discard()

    async def __aenter__(self) -> Spool:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()
