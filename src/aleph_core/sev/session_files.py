"""The four files of a launch session, named and encoded as ``sevctl session`` does."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..accounts.key_files import (
    create_key_file,
    expanded_path,
    read_key_file,
    read_public_file,
    shown_path,
)
from ..errors import ArgumentError, CertificateError, ConfigurationError
from .certificates import SevCertificate

if TYPE_CHECKING:
    from .session import LaunchSession

__all__ = ["read_session_files", "read_transport_key", "transport_text", "write_session_files"]

_KEY_SIZE: Final = 16
_SESSION_SIZE: Final = 128


def write_session_files(
    session: LaunchSession, folder: str | os.PathLike[str], prefix: str, *, overwrite: bool
) -> None:
    """Write all four files, readable by their owner alone, or leave everything as it was."""
    # Two writers of one prefix compete for the first file.
    contents = {
        _path(folder, prefix, "tik.bin"): session.tik,
        _path(folder, prefix, "tek.bin"): session.tek,
        _path(folder, prefix, "godh.b64"): session.godh_base64.encode(),
        _path(folder, prefix, "session.b64"): session.session_base64.encode(),
    }
    if not overwrite:
        _write_all(contents)
        return
    with _set_aside(list(contents)):
        _write_all(contents)


def read_session_files(folder: str | os.PathLike[str], prefix: str) -> dict[str, bytes]:
    """Return ``tek``, ``tik``, ``godh`` and ``session``, each of its proper form."""
    godh_path = _path(folder, prefix, "godh.b64")
    godh = _decoded(godh_path, SevCertificate.SIZE)
    try:
        SevCertificate(godh).exchange_key()
    except CertificateError as error:
        raise ConfigurationError(f"{shown_path(godh_path)} is no GODH certificate") from error
    return {
        "tek": _key(_path(folder, prefix, "tek.bin")),
        "tik": _key(_path(folder, prefix, "tik.bin")),
        "godh": godh,
        "session": _decoded(_path(folder, prefix, "session.b64"), _SESSION_SIZE),
    }


def read_transport_key(path: str | os.PathLike[str]) -> bytes:
    """Return the TEK or TIK in a file.

    Warns with ``InsecureKeyFileWarning`` when other users can read it. Raises
    ``ConfigurationError`` when it is missing or of another size.
    """
    return _key(expanded_path(path))


def transport_text(value: str | bytes | os.PathLike[str], name: str) -> str:
    """Return the part of a session that is called ``session`` or ``godh``, in base64.

    ``value`` is the bytes themselves, their base64, or the path of the file that holds either. Raises
    ``ArgumentError`` for anything else, and ``ConfigurationError`` for a file that cannot be read.
    """
    size = _SESSION_SIZE if name == "session" else SevCertificate.SIZE
    if isinstance(value, str | bytes | bytearray | memoryview):
        data = value.encode("utf-8", "replace") if isinstance(value, str) else bytes(value)
        found = data if len(data) == size and not isinstance(value, str) else _from_base64(data)
        if len(found) == size:
            return base64.b64encode(found).decode()
        if not isinstance(value, str):
            raise ArgumentError(
                name, f"must be {size} bytes, or their base64, not {len(data)} bytes"
            )
    elif not isinstance(value, os.PathLike):
        raise ArgumentError(name, f"must be a path or bytes, not {type(value).__name__}")
    path = expanded_path(value)
    data = read_public_file(path)
    found = data if len(data) == size else _from_base64(data)
    if len(found) != size:
        raise ArgumentError(
            name, f"{shown_path(path)} must hold {size} bytes in base64; is it the other file?"
        )
    return base64.b64encode(found).decode()


def _path(folder: str | os.PathLike[str], prefix: str, suffix: str) -> Path:
    if not isinstance(prefix, str) or not prefix or set(prefix) & set("/\\\0"):
        raise ArgumentError("prefix", "must be the beginning of a file name, without a folder")
    return expanded_path(folder) / f"{prefix}_{suffix}"


def _key(path: Path) -> bytes:
    key = read_key_file(path)
    if len(key) != _KEY_SIZE:
        raise ConfigurationError(f"{shown_path(path)} must hold {_KEY_SIZE} bytes, not {len(key)}")
    return key


def _decoded(path: Path, size: int) -> bytes:
    data = _from_base64(read_public_file(path))
    if len(data) != size:
        raise ConfigurationError(f"{shown_path(path)} must hold {size} bytes in base64")
    return data


def _from_base64(text: bytes) -> bytes:
    with contextlib.suppress(binascii.Error):
        return base64.b64decode(text.strip(), validate=True)
    return b""


def _write_all(contents: Mapping[Path, bytes]) -> None:
    written: list[tuple[Path, os.stat_result]] = []
    try:
        for path, content in contents.items():
            create_key_file(path, content)
            written.append((path, path.lstat()))
    except BaseException:
        for path, status in written:
            with contextlib.suppress(OSError):
                # Somebody may have put another file there since.
                if os.path.samestat(path.lstat(), status):
                    path.unlink()
        raise


@contextlib.contextmanager
def _set_aside(paths: list[Path]) -> Iterator[None]:
    """Move files away while new ones take their names; bring them back when that fails.

    Nothing new is there before everything old has left, so that a crash at any point leaves no
    files of two sessions side by side.
    """
    suffix = f".{secrets.token_hex(8)}.old"
    moved: list[tuple[Path, Path]] = []
    try:
        for path in paths:
            if os.path.lexists(path):
                aside = path.with_name(f".{path.name}{suffix}")
                _move(path, aside)
                moved.append((path, aside))
        yield
    except BaseException:
        for path, aside in moved:
            if not os.path.lexists(path):
                with contextlib.suppress(ConfigurationError):
                    _move(aside, path)
        raise
    for _, aside in moved:
        with contextlib.suppress(OSError):
            aside.unlink()


def _move(path: Path, target: Path) -> None:
    try:
        os.replace(path, target)
    except OSError as error:
        raise ConfigurationError(
            f"cannot replace {shown_path(path)}: {error.strerror or error}"
        ) from error
