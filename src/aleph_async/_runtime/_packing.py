"""Code packed into one file that says nothing of when, where and by whom; blocking, free of colour."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import zipfile
import zlib
from pathlib import Path
from typing import IO, BinaryIO, cast

from aleph_core.errors import ArgumentError
from aleph_core.excerpts import shown
from aleph_core.packing import (
    ARGUMENT,
    FOLDER_MODE,
    PLAIN,
    SQUASHFS,
    ZIP,
    check_archive_size,
    check_encoding,
    check_no_secrets,
    is_squashfs,
    is_zip,
    squashfs_command,
)

from ._files import CHUNK
from ._members import Member, check_regular, member_of_file, members_of_folder, members_of_zip


class Packing:
    """Code on its way into one file: a folder, one source file, a zip archive or a squashfs image.

    ``build`` makes ``file``, a path or an open file, and ``encoding``. Nothing is written next to the
    code, and nothing of what was written is left after ``discard``, which also ends a ``build`` that
    goes on in another thread.
    """

    def __init__(self, code: str | os.PathLike[str], encoding: object = None) -> None:
        try:
            path = os.fspath(code)
        except TypeError:
            path = ""
        if not isinstance(path, str) or not path or "\x00" in path:
            raise ArgumentError(ARGUMENT, f"expected a path, not {shown(code)}")
        check_encoding(encoding)
        self._code = Path(path)
        self._asked = encoding
        self.file: BinaryIO | Path = self._code
        self.encoding = ZIP
        self._lock = threading.Lock()
        self._ended = False
        self._process: subprocess.Popen[bytes] | None = None

    def build(self) -> None:
        """Pack the code; raises ``ArgumentError`` for what cannot be packed or would not run."""
        try:
            self._build()
        except OSError as error:
            where = f"{error.filename} " if error.filename else ""
            raise ArgumentError(
                ARGUMENT, f"{where}cannot be packed: {error.strerror or error}"
            ) from error
        except (
            zipfile.BadZipFile,
            zlib.error,
            NotImplementedError,
            RuntimeError,
            EOFError,
        ) as error:
            raise ArgumentError(ARGUMENT, f"is no sound zip archive: {error}") from error

    def discard(self) -> None:
        """Drop the file that was made; the code itself stays as it is."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()
            if not isinstance(self.file, Path):
                self.file.close()

    def _build(self) -> None:
        code = self._code
        if code.is_dir():
            self.encoding = check_encoding(self._asked)
            if self.encoding == PLAIN:
                raise ArgumentError(ARGUMENT, f"{code} is a folder; only one file may be plain")
            members = members_of_folder(code)
            check_no_secrets(member.name for member in members)
            self._pack(members)
            return
        check_regular(code.stat(), code)
        with code.open("rb") as file:
            head = file.read(4)
        self.encoding = check_encoding(self._asked, found=SQUASHFS if is_squashfs(head) else None)
        if self.encoding == PLAIN or is_squashfs(head):
            check_archive_size(code.stat().st_size, self.encoding)
        elif is_zip(head):
            with zipfile.ZipFile(code) as archive:
                self._pack(members_of_zip(archive))
        else:
            self._pack([member_of_file(code, code.name)])

    def _pack(self, members: list[Member]) -> None:
        made = self._squashed(members) if self.encoding == SQUASHFS else self._zipped(members)
        size = made.seek(0, os.SEEK_END)
        made.seek(0)
        with self._lock:
            self.file = made
            if self._ended:
                made.close()
        check_archive_size(size, self.encoding)

    def _zipped(self, members: list[Member]) -> BinaryIO:
        made = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - see discard
        try:
            with zipfile.ZipFile(made, "w") as archive:
                for member in members:
                    self._check_wanted()
                    with archive.open(member.info(), "w") as target:
                        self._copy(member, target)
        except BaseException:
            made.close()
            raise
        return made

    def _squashed(self, members: list[Member]) -> BinaryIO:
        program = shutil.which("mksquashfs")
        if program is None:
            raise ArgumentError(
                "encoding",
                "mksquashfs is not there; install squashfs-tools, or pack the code as zip",
            )
        with tempfile.TemporaryDirectory(prefix="aleph-code-") as room:
            folder = Path(room, "code")
            folder.mkdir()
            folder.chmod(FOLDER_MODE)
            for member in members:
                self._check_wanted()
                self._stage(folder, member)
            image = Path(room, "image")
            self._run(squashfs_command(program, str(folder), str(image)))
            return image.open("rb")

    def _stage(self, folder: Path, member: Member) -> None:
        path = folder / member.name
        missing = [above for above in path.parents if not above.exists()]
        for above in reversed(missing):
            above.mkdir()
            above.chmod(FOLDER_MODE)
        if member.open is None:
            path.mkdir()
        else:
            with path.open("wb") as target:
                self._copy(member, target)
        path.chmod(member.mode)

    def _run(self, command: list[str]) -> None:
        # The times are given by the command, and it refuses to be told twice.
        surroundings = {name: v for name, v in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
        with self._lock:
            self._check_wanted()
            self._process = subprocess.Popen(  # noqa: S603 - a list of arguments, and no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=surroundings,
            )
        _, said = self._process.communicate()
        self._check_wanted()
        if self._process.returncode != 0:
            raise ArgumentError(
                ARGUMENT, f"mksquashfs failed: {said.decode(errors='replace').strip()[-500:]}"
            )

    def _copy(self, member: Member, target: IO[bytes]) -> None:
        if member.open is None:
            return
        size = 0
        with member.open() as source:
            while chunk := source.read(CHUNK):
                self._check_wanted()
                target.write(chunk)
                size += len(chunk)
        if size != member.size:
            raise ArgumentError(ARGUMENT, f"{member.name} changed while it was packed")

    def _check_wanted(self) -> None:
        if self._ended:
            raise ArgumentError(ARGUMENT, "packing was given up")
