"""Files as they are read for an upload and written for a download; blocking, free of colour.

Each open file sits behind a lock because a cancelled task leaves its worker thread behind, which
must neither find a closed descriptor nor create a file after the clean-up.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import stat
import tempfile
import threading
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from aleph_core.errors import ArgumentError

CHUNK: Final = 256 * 1024
IN_MEMORY: Final = 1024 * 1024

Readable = str | os.PathLike[str] | BinaryIO | bytes | bytearray | memoryview


class Source:
    """Bytes to send: those of a path, of an open binary file from where it stands, or in memory.

    ``size`` is in bytes and fixed here; each reading begins at the start again and fails with an
    ``ArgumentError`` naming ``argument`` when the file is no longer what it was.
    """

    def __init__(self, source: Readable, *, argument: str = "file_path") -> None:
        self.argument = argument
        self.name: str | None = None
        self.path: Path | None = None
        self.file: BinaryIO | None = None
        self.data: bytes | None = None
        self.start = 0
        self.identity: tuple[int, ...] | None = None
        if isinstance(source, (bytes, bytearray, memoryview)):
            self.data = bytes(source)
            self.size = len(self.data)
        elif isinstance(source, (str, os.PathLike)):
            self.path = Path(source)
            self.name = self.path.name
            self.size = self._look_at(self.path)
        else:
            self.file = source
            self.size = self._measure(source)
            name = getattr(source, "name", None)
            self.name = Path(name).name if isinstance(name, str) else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name or 'unnamed'}, {self.size} bytes>"

    def begin(self) -> Reading:
        """Return a new reading from the start; nothing is opened before its first ``read``."""
        return Reading(self)

    def _look_at(self, path: Path) -> int:
        try:
            status = path.stat()
        except (OSError, ValueError) as error:
            raise ArgumentError(self.argument, f"cannot read {path}: {_reason(error)}") from error
        self._check_regular(status, path)
        self.identity = _identity(status)
        return status.st_size

    def _check_regular(self, status: os.stat_result, path: Path) -> None:
        if stat.S_ISDIR(status.st_mode):
            raise ArgumentError(self.argument, f"{path} is a directory, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise ArgumentError(self.argument, f"{path} is not a regular file")

    def _measure(self, file: BinaryIO) -> int:
        if isinstance(cast(object, file), io.TextIOBase) or not hasattr(file, "read"):
            raise ArgumentError(
                self.argument,
                f"must be a path, bytes or a file opened in binary mode, not {file!r}",
            )
        try:
            self.start = file.tell()
            end = file.seek(0, os.SEEK_END)
            file.seek(self.start)
        except (OSError, ValueError, AttributeError) as error:
            raise ArgumentError(
                self.argument, f"the open file must be seekable: {_reason(error)}"
            ) from error
        return max(end - self.start, 0)


class Reading:
    """One pass over a source; yields exactly its size or raises."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._closed = False
        self._done = 0
        self.in_memory = source.data is not None

    def read(self, size: int = CHUNK) -> bytes:
        """Return up to ``size`` bytes, none at the end; raise if the file has changed."""
        with self._lock:
            if self._closed:
                return b""
            source = self._source
            if source.data is not None:
                chunk = source.data[self._done : self._done + size]
                self._done += len(chunk)
                return chunk
            try:
                return self._read(source, size)
            except (OSError, ValueError) as error:
                if isinstance(error, ArgumentError):
                    raise
                raise ArgumentError(source.argument, f"cannot be read: {_reason(error)}") from error

    def _read(self, source: Source, size: int) -> bytes:
        if self._file is None:
            self._file = self._open(source)
        left = source.size - self._done
        if left == 0:
            if self._file.read(1) or self._is_changed(source):
                raise _changed(source)
            return b""
        chunk: Any = self._file.read(min(size, left))
        if not isinstance(chunk, bytes):
            raise ArgumentError(source.argument, "the open file does not yield bytes")
        if not chunk:
            raise _changed(source)
        self._done += len(chunk)
        return chunk

    def _open(self, source: Source) -> BinaryIO:
        if source.file is not None:
            source.file.seek(source.start)
            return source.file
        assert source.path is not None
        file = source.path.open("rb")
        if _identity(os.fstat(file.fileno())) != source.identity:
            file.close()
            raise _changed(source)
        return file

    def _is_changed(self, source: Source) -> bool:
        if source.identity is None or self._file is None:
            return False
        return _identity(os.fstat(self._file.fileno())) != source.identity

    def close(self) -> None:
        """End the pass; a file the caller opened stays open."""
        with self._lock:
            self._closed = True
            if self._file is not None and self._source.file is None:
                self._file.close()


class PartFile:
    """A file that appears under its name only when it is complete."""

    def __init__(self, path: str | os.PathLike[str], *, argument: str = "output_path") -> None:
        try:
            self.path = Path(os.path.realpath(path))
        except (TypeError, ValueError) as error:
            raise ArgumentError(argument, f"must be a path: {error}") from error
        if self.path.is_dir():
            raise ArgumentError(argument, f"{self.path} is a directory, not a file")
        if not self.path.parent.is_dir():
            raise ArgumentError(argument, f"there is no folder {self.path.parent}")
        self.argument = argument
        self.size = 0
        self._part: Path | None = None
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()
        self._ended = False

    def write(self, data: bytes) -> None:
        """Append the bytes to the temporary file, which is made by the first call."""
        with self._lock:
            if self._ended:
                return
            try:
                self._opened().write(data)
            except OSError as error:
                raise ArgumentError(
                    self.argument, f"cannot write {self.path}: {_reason(error)}"
                ) from error
            self.size += len(data)

    def restart(self) -> None:
        """Drop the bytes written so far."""
        with self._lock:
            if self._file is not None and not self._ended:
                self._file.seek(0)
                self._file.truncate()
            self.size = 0

    def commit(self) -> None:
        """Make the bytes durable and give the file its name, in place of an older one."""
        with self._lock:
            if self._ended:
                return
            try:
                file = self._opened()
                file.flush()
                os.fsync(file.fileno())
                file.close()
                assert self._part is not None
                os.replace(self._part, self.path)
            except OSError as error:
                self._remove()
                raise ArgumentError(
                    self.argument, f"cannot write {self.path}: {_reason(error)}"
                ) from error
            self._ended = True

    def discard(self) -> None:
        """Remove the temporary file; do nothing after ``commit``."""
        with self._lock:
            if not self._ended:
                self._remove()

    def _opened(self) -> BinaryIO:
        if self._file is None:
            # The name is bounded because file systems allow 255 bytes.
            part = self.path.parent / f".{self.path.name[:40]}.{secrets.token_hex(8)}.part"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            descriptor = os.open(part, flags, 0o666)
            self._part = part
            self._file = os.fdopen(descriptor, "wb")
        return self._file

    def _remove(self) -> None:
        self._ended = True
        try:
            if self._file is not None:
                self._file.close()
        except OSError as error:
            # A full disk makes closing fail as well; the file is about to go.
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                raise
        finally:
            if self._part is not None:
                self._part.unlink(missing_ok=True)


class Spooled:
    """Bytes kept aside until they are wanted: in memory while they are few, else in a nameless file."""

    def __init__(self) -> None:
        self.size = 0
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - see discard
        self._lock = threading.Lock()
        self._ended = False

    def write(self, data: bytes) -> None:
        """Append the bytes."""
        with self._lock:
            if not self._ended:
                self._file.write(data)
                self.size += len(data)

    def restart(self) -> None:
        """Drop the bytes written so far."""
        with self._lock:
            if not self._ended:
                self._file.seek(0)
                self._file.truncate()
                self.size = 0

    def read(self) -> bytes:
        """Return all bytes."""
        with self._lock:
            self._file.seek(0)
            return self._file.read()

    def copy_to(self, output: BinaryIO) -> None:
        """Write all bytes into the file, piece by piece."""
        with self._lock:
            self._file.seek(0)
            while chunk := self._file.read(CHUNK):
                output.write(chunk)

    def discard(self) -> None:
        """Forget the bytes; a second call does nothing."""
        with self._lock:
            self._ended = True
            self._file.close()


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _changed(source: Source) -> ArgumentError:
    return ArgumentError(
        source.argument,
        f"{source.name or 'the file'} changed while it was being sent; the request was cut",
    )


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
