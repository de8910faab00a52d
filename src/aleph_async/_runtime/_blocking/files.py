"""Files that are streamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO

from .._files import CHUNK, PartFile, Reading, Source, Spooled


class FileSource(Source):
    """Bytes to send, read in chunks, as often as needed."""

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Yield the whole content once, from the start; raise if it is no longer what it was."""
        reading = self.begin()
        try:
            while chunk := next_chunk(reading, size):
                yield chunk
        finally:
            reading.close()


def next_chunk(reading: Reading, size: int = CHUNK) -> bytes:
    """Return up to ``size`` bytes, none at the end."""
    return reading.read(size)


class FileSink:
    """A file being downloaded: it gets its name by ``commit``, and nothing is left without it."""

    def __init__(self, path: str | os.PathLike[str], *, argument: str = "output_path") -> None:
        self._part = PartFile(path, argument=argument)

    @property
    def size(self) -> int:
        return self._part.size

    def write(self, data: bytes) -> None:
        """Append the bytes."""
        self._part.write(data)

    def restart(self) -> None:
        """Drop the bytes written so far."""
        self._part.restart()

    def commit(self) -> None:
        """Make the bytes durable and give the file its name, in place of an older one."""
        self._part.commit()

    def discard(self) -> None:
        """Remove what was written, unless it was committed."""
        self._part.discard()

    def __enter__(self) -> FileSink:
        return self

    def __exit__(
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

    def write(self, data: bytes) -> None:
        """Append the bytes."""
        self._spooled.write(data)

    def restart(self) -> None:
        """Drop the bytes written so far."""
        self._spooled.restart()

    def read(self) -> bytes:
        """Return all bytes."""
        return self._spooled.read()

    def copy_to(self, output: BinaryIO) -> None:
        """Write all bytes into the file, piece by piece."""
        self._spooled.copy_to(output)

    def discard(self) -> None:
        """Forget the bytes."""
        self._spooled.discard()

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()
