"""Code in one file: what goes in, under which names and modes, so that one tree has one archive."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

from .errors import ArgumentError
from .excerpts import shown

__all__ = [
    "ARGUMENT",
    "EARLIEST",
    "FOLDER_MODE",
    "PLAIN",
    "SQUASHFS",
    "ZIP",
    "check_archive_size",
    "check_encoding",
    "check_no_secrets",
    "empty_folders",
    "file_mode",
    "is_left_out",
    "is_squashfs",
    "is_zip",
    "member_name",
    "squashfs_command",
]

ARGUMENT: Final = "code"
ZIP, SQUASHFS, PLAIN = "zip", "squashfs", "plain"
FOLDER_MODE: Final = 0o755

EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every member: the first that a zip file can tell."""

# Caches that Python makes itself, and the history of the code, none of which a program runs.
_LEFT_OUT = frozenset({"__pycache__", ".git", ".hg", ".svn", ".bzr", ".jj", "CVS", "_darcs"})
# A submodule or a worktree has a file in place of the folder.
_LEFT_OUT_FILES = frozenset({".git"})
# Settings with passwords in them, private keys, and what tools log in with; examples of them are none.
_SECRET = re.compile(
    r"\.env(\.(?!example$|sample$|template$|dist$).+)?|id_(rsa|dsa|ecdsa|ed25519)(_sk)?"
    r"|\.(netrc|pgpass|pypirc|htpasswd)"
)
# aleph-vm: MAX_PROGRAM_ARCHIVE_SIZE, of code that is handed to the machine as a whole.
_LARGEST_ARCHIVE = 10_000_000


def is_left_out(name: str, *, folder: bool) -> bool:
    """Tell whether a file or folder of this name is no part of the code."""
    return name in (_LEFT_OUT if folder else _LEFT_OUT_FILES)


def check_no_secrets(names: Iterable[str]) -> None:
    """Raise ``ArgumentError`` for files of a folder that are meant for nobody else, by their names.

    What is deployed is published, and cannot be taken back.
    """
    found = [name for name in names if _SECRET.fullmatch(PurePosixPath(name).name)]
    if found:
        raise ArgumentError(
            ARGUMENT,
            f"holds {', '.join(shown(name) for name in found[:5])}, which everybody could read for "
            "good; take it out, or give a zip archive of your own making, which is taken as it is",
        )


def member_name(path: str) -> str:
    """Return a relative path as the name of a member; raise for one that would lie elsewhere."""
    pure = PurePosixPath(path)
    elsewhere = pure.is_absolute() or ".." in pure.parts or PureWindowsPath(path).drive
    if not pure.parts or elsewhere or "\\" in path:
        raise ArgumentError(ARGUMENT, f"holds {shown(path)}, a name that is not safe to unpack")
    name = str(pure)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ArgumentError(ARGUMENT, f"holds {shown(path)}, a name that is no Unicode") from None
    if "\x00" in name:
        raise ArgumentError(ARGUMENT, f"holds {shown(path)}, a name that no system takes")
    return name


def file_mode(*, executable: bool) -> int:
    return 0o755 if executable else 0o644


def empty_folders(files: Collection[str], folders: Iterable[str]) -> list[str]:
    """Return the folders that hold nothing, which need members of their own.

    Raises ``ArgumentError`` when one name is a file and a folder, or when there is no file at all.
    """
    if not files:
        raise ArgumentError(ARGUMENT, "holds no files")
    named = set(folders)
    needed: set[str] = set()
    for name in (*files, *named):
        needed.update(str(parent) for parent in PurePosixPath(name).parents)
    for name in files:
        if name in needed or name in named:
            raise ArgumentError(ARGUMENT, f"holds {shown(name)} as a file and as a folder")
    return sorted(named - needed)


def is_zip(head: bytes) -> bool:
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def is_squashfs(head: bytes) -> bool:
    return head[:4] == b"hsqs"


def check_encoding(encoding: object, *, found: str | None = None) -> str:
    """Return how code is to be packed: as asked for, else as an image that was ``found``, else as zip."""
    name = getattr(encoding, "value", encoding)
    if name is None:
        return found or ZIP
    if name not in (ZIP, SQUASHFS, PLAIN):
        raise ArgumentError("encoding", f"{shown(name)} is none of {ZIP}, {SQUASHFS} and {PLAIN}")
    if found is not None and name != found:
        raise ArgumentError(ARGUMENT, f"is a {found} image and cannot be packed as {name}")
    return str(name)


def check_archive_size(size: int, encoding: str) -> None:
    """Raise for code that compute nodes would not run."""
    if encoding != SQUASHFS and size > _LARGEST_ARCHIVE:
        raise ArgumentError(
            ARGUMENT,
            f"packed it has {size} bytes, and compute nodes run no more than {_LARGEST_ARCHIVE} of "
            f"{encoding} code; pack it with encoding='{SQUASHFS}', or move data into a volume",
        )


def squashfs_command(program: str, folder: str, image: str) -> list[str]:
    """Return the command that packs a folder, whose own times and owners leave no trace."""
    return [
        program, folder, image, "-noappend", "-no-progress", "-no-xattrs", "-all-root",
        "-comp", "gzip", "-mkfs-time", "0", "-all-time", "0",
    ]  # fmt: skip
