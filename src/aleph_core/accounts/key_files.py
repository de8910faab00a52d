"""Files that hold a private key: written whole or not at all, readable by their owner alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import stat
import tempfile
import warnings
from pathlib import Path

from ..errors import ArgumentError, ConfigurationError

__all__ = [
    "InsecureKeyFileWarning",
    "create_key_file",
    "load_or_create_key_file",
    "read_key_file",
]

_LARGEST = 65_536


class InsecureKeyFileWarning(UserWarning):
    """A key file can be read by other users of the machine."""


def create_key_file(
    path: str | os.PathLike[str], secret: bytes, *, overwrite: bool = False
) -> Path:
    """Write ``secret`` to a new file that nobody else can read, and return its path.

    Missing folders are made for the owner alone (0700). The file has mode 0600 from its first byte
    and appears complete or not at all. A link at ``path`` is never followed; with ``overwrite`` the
    link itself is replaced. Raises ``ArgumentError`` when something is there already and
    ``overwrite`` is not set, and ``ConfigurationError`` when the file cannot be written.
    """
    target = Path(path).expanduser()
    if not isinstance(secret, bytes):
        raise ArgumentError("secret", f"must be bytes, not {type(secret).__name__}")
    if not 0 < len(secret) <= _LARGEST:
        raise ArgumentError("secret", f"must be 1 to {_LARGEST} bytes long")
    try:
        _make_private_folder(target.parent)
    except OSError as error:
        raise ConfigurationError(
            f"cannot make the folder {target.parent}: {error.strerror}"
        ) from error
    try:
        _write_atomically(target, secret, overwrite=overwrite)
    except FileExistsError:
        raise ArgumentError(
            "path", f"{target} exists already; choose another name, or pass overwrite=True"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"cannot write the key file {target}: {error.strerror}") from error
    return target


def read_key_file(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a key file as it is; links are followed.

    Warns with ``InsecureKeyFileWarning`` when other users can read the file. Raises
    ``ConfigurationError`` when it is missing, empty, unreadable or no plain file.
    """
    target = Path(path).expanduser()
    try:
        # A pipe under this name must not block the reader.
        descriptor = os.open(target, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigurationError(f"the key file {target} is no plain file")
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot read the key file {target}: {error.strerror}") from error
    if not content or len(content) > _LARGEST:
        raise ConfigurationError(f"the key file {target} is {'too long' if content else 'empty'}")
    if os.name == "posix" and status.st_mode & 0o077:
        warnings.warn(
            f"other users of this machine can reach the private key in {target}; "
            f"run: chmod 600 {shlex.quote(str(target))}",
            InsecureKeyFileWarning,
            stacklevel=2,
        )
    return content


def load_or_create_key_file(path: str | os.PathLike[str]) -> bytes:
    """Return the key in the file, or write 32 random bytes there first and return those.

    When several processes do this at once, all return the same key. Raises as ``create_key_file``
    and ``read_key_file`` do.
    """
    target = Path(path).expanduser()
    if not os.path.lexists(target):
        # When another process was first, its key counts.
        with contextlib.suppress(ArgumentError):
            create_key_file(target, secrets.token_bytes(32))
    return read_key_file(target)


def _make_private_folder(folder: Path) -> None:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def _write_atomically(target: Path, content: bytes, *, overwrite: bool) -> None:
    if not overwrite and os.path.lexists(target):
        raise FileExistsError
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:64]}.")
    temporary = Path(name)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            os.replace(temporary, target)
        else:
            _move_to_free_name(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _move_to_free_name(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):
        # No hard links on this file system: claim the name, then replace our own empty claim.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.replace(temporary, target)


def _sync_folder(folder: Path) -> None:
    # Best effort: the key is in place, and not every system lets a folder be opened or synced.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
