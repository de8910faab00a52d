"""What code consists of: the files of a folder or of a zip archive, in one order and without history."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, cast

import attrs

from aleph_core.errors import ArgumentError
from aleph_core.excerpts import shown
from aleph_core.packing import (
    ARGUMENT,
    EARLIEST,
    FOLDER_MODE,
    empty_folders,
    file_mode,
    is_left_out,
    member_name,
)

_UNIX = 3


@attrs.frozen
class Member:
    """One file, or one empty folder, under the name it has in the archive."""

    name: str
    executable: bool = False
    size: int = 0
    open: Callable[[], IO[bytes]] | None = None

    @property
    def mode(self) -> int:
        return FOLDER_MODE if self.open is None else file_mode(executable=self.executable)

    def info(self) -> zipfile.ZipInfo:
        folder = self.open is None
        info = zipfile.ZipInfo(self.name + "/" * folder, EARLIEST)
        info.create_system = _UNIX
        info.compress_type = zipfile.ZIP_STORED if folder else zipfile.ZIP_DEFLATED
        info.file_size = self.size
        info.external_attr = ((stat.S_IFDIR if folder else stat.S_IFREG) | self.mode) << 16
        return info


def _arranged(files: list[Member], folders: list[str]) -> list[Member]:
    members = {member.name: member for member in files}
    if len(members) < len(files):
        raise ArgumentError(ARGUMENT, "holds two files of one name")
    members.update((name, Member(name)) for name in empty_folders(members.keys(), folders))
    return [members[name] for name in sorted(members)]


def member_of_file(path: Path, name: str) -> Member:
    status = path.stat()
    check_regular(status, path)
    return Member(
        member_name(name),
        bool(status.st_mode & stat.S_IXUSR),
        status.st_size,
        cast(Callable[[], IO[bytes]], partial(path.open, "rb")),
    )


def check_regular(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ArgumentError(ARGUMENT, f"{path} is neither a file nor a folder")


def members_of_folder(root: Path) -> list[Member]:
    """Return what a folder holds, with what links inside it lead to in the place of the links."""
    base = root.resolve(strict=True)
    files: list[Member] = []
    folders: list[str] = []
    waiting: list[tuple[Path, str, frozenset[Path]]] = [(base, "", frozenset({base}))]
    while waiting:
        folder, prefix, above = waiting.pop()
        for entry in _entries(folder):
            path = Path(entry.path)
            name = prefix + entry.name
            if entry.is_symlink():
                path = _target(path, base)
            if is_left_out(entry.name, folder=path.is_dir()):
                continue
            if not path.is_dir():
                files.append(member_of_file(path, name))
                continue
            if path in above:
                raise ArgumentError(ARGUMENT, f"the link {entry.path} leads in a circle")
            folders.append(member_name(name))
            waiting.append((path, f"{name}/", above | {path}))
    return _arranged(files, folders)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _target(link: Path, base: Path) -> Path:
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise ArgumentError(ARGUMENT, f"the link {link} leads nowhere") from error
    if not target.is_relative_to(base):
        raise ArgumentError(ARGUMENT, f"the link {link} leads out of the code, to {target}")
    return target


def members_of_zip(archive: zipfile.ZipFile) -> list[Member]:
    files: list[Member] = []
    folders: list[str] = []
    for info in archive.infolist():
        name = member_name(info.orig_filename)
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ArgumentError(
                ARGUMENT, f"holds {shown(name)}, which is a link or a device; give the folder"
            )
        if info.flag_bits & 0x1:
            raise ArgumentError(ARGUMENT, f"holds {shown(name)}, which is encrypted")
        *above, last = name.split("/")
        if any(is_left_out(step, folder=True) for step in above):
            continue
        if is_left_out(last, folder=info.is_dir()):
            continue
        if info.is_dir():
            folders.append(name)
            continue
        files.append(
            Member(
                name,
                bool(mode & stat.S_IXUSR),
                info.file_size,
                partial(archive.open, info),
            )
        )
    return _arranged(files, folders)
