"""Files that hold a private key: written whole or not at all, readable by their owner alone."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shlex
import stat
import tempfile
import warnings
from pathlib import Path

from ..errors import AlephError, ArgumentError, ConfigurationError

__all__ = [
    "InsecureKeyFileWarning",
    "create_key_file",
    "expanded_path",
    "load_or_create_key_file",
    "looks_like_private_key",
    "read_key_file",
    "read_plain_file",
    "read_public_file",
    "shown_path",
]

_LARGEST = 65_536
# A key or mnemonic passed where a path belongs must not end up in a message.
_KEY_TEXTS = re.compile(
    r"(?:0[xX])?[0-9a-fA-F]{64,}"
    r"|[1-9A-HJ-NP-Za-km-z]{40,}"
    r"|\[?\s*(?:\d{1,3}\s*,\s*){31,}\d{1,3}\s*\]?"
)
_FEWEST_WORDS = 12


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
    target = expanded_path(path)
    if not isinstance(secret, bytes):
        raise ArgumentError("secret", f"must be bytes, not {type(secret).__name__}")
    if not 0 < len(secret) <= _LARGEST:
        raise ArgumentError("secret", f"must be 1 to {_LARGEST} bytes long")
    failure: AlephError
    try:
        _make_private_folder(target.parent)
    except (OSError, ValueError) as error:
        failure = _failure("cannot make the folder", target.parent, error)
    else:
        try:
            _write_atomically(target, secret, overwrite=overwrite)
        except FileExistsError:
            failure = ArgumentError(
                "path",
                f"{shown_path(target)} exists already; choose another name, or pass overwrite=True",
            )
        except (OSError, ValueError) as error:
            failure = _failure("cannot write the key file", target, error)
        else:
            return target
    # Outside of the handlers, so that no error that spells the path is the context of this one.
    raise failure from failure.__cause__


def read_key_file(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a key file as it is; links are followed.

    Warns with ``InsecureKeyFileWarning`` when other users can read the file. Raises
    ``ConfigurationError`` when it is missing, empty, unreadable or no plain file.
    """
    target = expanded_path(path)
    content, status = _read(target, "key file")
    if os.name == "posix" and status.st_mode & 0o077:
        warnings.warn(
            f"other users of this machine can reach the private key in {target}; "
            f"run: chmod 600 {shlex.quote(str(target))}",
            InsecureKeyFileWarning,
            stacklevel=2,
        )
    return content


def read_public_file(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a file beside a key, which everybody may read.

    Raises as ``read_key_file`` does, and never warns.
    """
    return _read(expanded_path(path), "file")[0]


def load_or_create_key_file(path: str | os.PathLike[str]) -> bytes:
    """Return the key in the file, or write 32 random bytes there first and return those.

    When several processes do this at once, all return the same key. Raises as ``create_key_file``
    and ``read_key_file`` do.
    """
    target = expanded_path(path)
    if not os.path.lexists(target):
        # When another process was first, its key counts.
        with contextlib.suppress(ArgumentError):
            create_key_file(target, secrets.token_bytes(32))
    return read_key_file(target)


def expanded_path(path: str | os.PathLike[str]) -> Path:
    """Return the path with ``~`` replaced; raise ``ConfigurationError`` when no home is known.

    Raises ``ArgumentError`` for what is no path.
    """
    try:
        target = Path(path)
    except TypeError:
        # Not shown: who mixes arguments up may have given a key.
        raise ArgumentError("path", f"expected a path, not {type(path).__name__}") from None
    try:
        return target.expanduser()
    except RuntimeError:
        problem = f"the home folder in {shown_path(target)} is unknown; write the path in full"
    raise ConfigurationError(problem)


def read_plain_file(path: Path, limit: int) -> tuple[bytes, os.stat_result]:
    """Return up to ``limit`` bytes of a regular file, and its status; nothing else is waited for.

    Raises ``OSError``, and ``ValueError`` for a path that can name no file.
    """
    # A pipe under this name must not block the reader.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no plain file")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(limit), status
    finally:
        os.close(descriptor)


def looks_like_private_key(text: str) -> bool:
    """Tell whether somebody may have passed a private key or a mnemonic where a path belongs."""
    text = text.strip()
    return bool(_KEY_TEXTS.fullmatch(text)) or len(text.split()) >= _FEWEST_WORDS


def shown_path(path: Path) -> str:
    """Return the path as messages show it: escaped when unprintable, and never a private key."""
    text = str(path)
    # Folders may be named by a hash, but a key has no folder, save of words before a derivation.
    for part in (text, *path.parts[:1], path.name):
        if looks_like_private_key(part):
            return (
                f"(a text of {len(part)} characters that looks like a private key; "
                "pass it as private_key)"
            )
    return text if text.isprintable() else ascii(text)


def _read(target: Path, what: str) -> tuple[bytes, os.stat_result]:
    read: tuple[bytes, os.stat_result] | AlephError
    try:
        read = read_plain_file(target, _LARGEST + 1)
    except (OSError, ValueError) as error:
        read = _failure(f"cannot read the {what}", target, error)
    # Outside of the handler, so that no error that spells the path is the context of this one.
    if isinstance(read, AlephError):
        raise read from read.__cause__
    content, status = read
    if not content or len(content) > _LARGEST:
        raise ConfigurationError(
            f"the {what} {shown_path(target)} is {'too long' if content else 'empty'}"
        )
    return content, status


def _failure(action: str, path: Path, error: OSError | ValueError) -> AlephError:
    problem = (error.strerror if isinstance(error, OSError) else None) or "no file has such a name"
    shown = shown_path(path)
    failure = ConfigurationError(f"{action} {shown}: {problem}")
    if shown == str(path):
        failure.__cause__ = error
    return failure


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
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        claim = os.fstat(descriptor)
        os.close(descriptor)
        try:
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                if os.path.samestat(target.lstat(), claim):
                    target.unlink()
            raise


def _sync_folder(folder: Path) -> None:
    # Best effort: the key is in place, and not every system lets a folder be opened or synced.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
