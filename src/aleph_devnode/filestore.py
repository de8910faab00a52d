"""Files on disk, named by their hash; a file is there whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from aleph_cid import CidHasher

CHUNK = 256 * 1024


class Incoming:
    """Receive one file in pieces, counting and hashing it on the way to a temporary file."""

    def __init__(self, folder: Path) -> None:
        descriptor, name = tempfile.mkstemp(dir=folder)
        self._file: BinaryIO = os.fdopen(descriptor, "wb")
        self.path = Path(name)
        self.size = 0
        self._sha256 = sha256()
        self._cid = CidHasher.for_ipfs()

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._sha256.update(data)
        self._cid.update(data)
        self.size += len(data)

    def finish(self) -> tuple[str, str]:
        """Put the bytes on disk for good and return the SHA-256 and the CIDv0 of the file."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._sha256.hexdigest(), self._cid.finalize()

    def discard(self) -> None:
        """Remove what was received; harmless after the file was kept."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class FileStore:
    """Keep files under a folder and read them back in pieces."""

    def __init__(self, folder: Path) -> None:
        self._files = folder / "files"
        self._incoming = folder / "incoming"
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._files.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(parents=True)

    def receive(self) -> Incoming:
        return Incoming(self._incoming)

    def keep(self, incoming: Incoming, name: str) -> None:
        """Move a finished file to its name; it survives a crash once this returns."""
        os.replace(incoming.path, self._files / name)
        if os.name == "posix":
            folder = os.open(self._files, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def read(self, name: str) -> bytes:
        return (self._files / name).read_bytes()

    def chunks(self, name: str) -> Generator[bytes, None, None]:
        """Yield the file in pieces of 256 KiB."""
        with (self._files / name).open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
