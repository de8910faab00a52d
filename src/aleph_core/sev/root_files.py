"""Files of AMD's roots: those that a user has, and those that are kept after they were fetched.

A file is not trusted for where it lies: whatever is read is held against the pins again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from pathlib import Path
from typing import Final

from ..accounts.key_files import (
    create_key_file,
    expanded_path,
    read_plain_file,
    read_public_file,
    shown_path,
)
from ..errors import AlephError, CertificateError
from .roots import AMD_ROOTS, RootSource, TrustedRoot

__all__ = ["keep_root", "kept_root", "read_root_file"]

_LARGEST: Final = 65_536


def read_root_file(path: str | os.PathLike[str]) -> TrustedRoot:
    """Return the root of AMD's that is in a file, in any of the forms in which AMD publishes it.

    Raises ``ConfigurationError`` for a file that cannot be read, and ``CertificateError`` for one that
    holds no root of AMD's.
    """
    target = expanded_path(path)
    data = read_public_file(target)
    found: CertificateError | None = None
    for source in AMD_ROOTS.values():
        try:
            return source.read(data)
        except CertificateError as error:
            found = error
    check = "pin" if found is None else found.check
    raise CertificateError(
        f"{shown_path(target)} holds no root of AMD's: it is that of none of {', '.join(AMD_ROOTS)}",
        check=check,
    ) from found


def kept_root(folder: Path, source: RootSource) -> TrustedRoot | None:
    """Return the root of a source that was kept in a folder, None for none, or a damaged one."""
    with contextlib.suppress(OSError, ValueError, AlephError):
        data, _ = read_plain_file(_place(folder, source), _LARGEST)
        return source.read(data)
    return None


def keep_root(folder: Path, source: RootSource, data: bytes) -> None:
    """Keep the file of a source, written whole or not at all; a folder that takes none is left alone."""
    with contextlib.suppress(AlephError):
        create_key_file(_place(folder, source), data, overwrite=True)


def _place(folder: Path, source: RootSource) -> Path:
    # Sources of a user's own may have any name, and one of AMD's.
    pins = (source.ark_file, source.ark_key, source.ark_body, source.ask_file, source.ask_key)
    digest = hashlib.sha256("\n".join(map(str, pins)).encode()).hexdigest()
    name = re.sub(r"[^a-z0-9]+", "-", source.product.lower())[:32]
    return folder / f"{name}-{digest[:16]}.cert"
