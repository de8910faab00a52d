"""The folder ``~/.aleph-im`` that Aleph's tools share: which account is in use, and default keys."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from ..errors import ArgumentError, ConfigurationError
from ..json_text import parse_json
from .key_files import create_key_file, load_or_create_key_file

__all__ = [
    "MainConfiguration",
    "configured_key_file",
    "default_key_file",
    "fallback_key_file",
    "fallback_mnemonic_file",
    "load_main_configuration",
    "save_main_configuration",
]

_LARGEST: Final = 65_536
_TYPES: Final = {
    "imported": "imported",
    "hardware": "hardware",
    # What tools wrote before 2025.
    "internal": "imported",
    "external": "hardware",
}


@attrs.frozen
class MainConfiguration:
    """What ``config.json`` says: the account in use, by a key file or on a Ledger device.

    ``type`` is ``imported`` or ``hardware``. ``other`` keeps what other tools have put into the
    file, so that saving loses nothing.
    """

    chain: str
    type: str = "imported"
    path: Path | None = None
    address: str | None = None
    derivation_path: str | None = None
    other: Mapping[str, Any] = attrs.field(factory=dict)


def load_main_configuration(file_path: str | os.PathLike[str]) -> MainConfiguration | None:
    """Read ``config.json``, in its older spellings too; None when there is none, or an empty one.

    Raises ``ConfigurationError`` for a file that says something else.
    """
    path = Path(file_path).expanduser()
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    if not content.strip():
        return None
    try:
        value = parse_json(content)
    except ValueError:
        value = None
    if len(content) > _LARGEST or not isinstance(value, dict):
        raise ConfigurationError(f"{path} is no JSON object of an account; correct or remove it")
    return _read(value, path)


def save_main_configuration(file_path: str | os.PathLike[str], data: MainConfiguration) -> Path:
    """Write ``config.json`` whole or not at all, for its owner alone."""
    if data.type not in ("imported", "hardware"):
        raise ArgumentError("data", f"its type {data.type!r:.100} is neither imported nor hardware")
    content = {
        **data.other,
        "path": None if data.path is None else str(data.path),
        "type": data.type,
        "chain": data.chain,
        "address": data.address,
        "derivation_path": data.derivation_path,
    }
    return create_key_file(file_path, json.dumps(content, indent=4).encode(), overwrite=True)


def default_key_file(config_home: Path) -> Path:
    """Return where the key of somebody who configured nothing is."""
    return config_home / "private-keys" / "ethereum.key"


def configured_key_file(config_file: Path) -> Path | None:
    """Return the key file that ``config.json`` names, None when it names none or cannot be read."""
    try:
        configuration = load_main_configuration(config_file)
    except ConfigurationError:
        return None
    if configuration is None or configuration.type != "imported":
        return None
    return configuration.path


def fallback_key_file(key_file: Path) -> tuple[Path, bool]:
    """Return the default key file, and whether it was made just now.

    That is the file itself, else what the link ``default.key`` beside it leads to, else the file
    with a new key of 32 random bytes, to which the link is set then.
    """
    link = key_file.parent / "default.key"
    if os.path.lexists(key_file):
        return key_file, False
    if link.exists():
        return link, False
    load_or_create_key_file(key_file)
    _link(link, key_file)
    return key_file, True


def fallback_mnemonic_file(mnemonic_file: Path) -> tuple[Path, bool]:
    """Return the file of the default mnemonic, and whether it was made just now."""
    if os.path.lexists(mnemonic_file):
        return mnemonic_file, False
    # When another process was first, its words count.
    with contextlib.suppress(ArgumentError):
        create_key_file(mnemonic_file, _new_words().encode())
        return mnemonic_file, True
    return mnemonic_file, False


def _read(value: dict[str, Any], path: Path) -> MainConfiguration:
    # An older tool wrote "None" for no path.
    texts = {
        name: None if value.get(name) in (None, "", "None") else value[name]
        for name in ("path", "type", "chain", "address", "derivation_path")
    }
    for name, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise ConfigurationError(f"{path}: {name} must be text")
    if texts["chain"] is None:
        raise ConfigurationError(f"{path}: chain is missing; add one such as ETH")
    kind = texts["type"]
    if kind is None:
        if texts["path"] is None and texts["address"] is None:
            raise ConfigurationError(
                f"{path}: tells no account; add a path (imported) or an address (hardware)"
            )
        kind = "imported" if texts["path"] is not None else "hardware"
    known = _TYPES.get(kind.strip().lower())
    if known is None:
        raise ConfigurationError(f"{path}: type {kind!r:.100} is neither imported nor hardware")
    return MainConfiguration(
        chain=texts["chain"],
        type=known,
        path=None if texts["path"] is None else Path(texts["path"]).expanduser(),
        address=texts["address"],
        derivation_path=texts["derivation_path"],
        other={name: each for name, each in value.items() if name not in texts},
    )


def _link(link: Path, target: Path) -> None:
    # Best effort, for other tools: some file systems have no links.
    with contextlib.suppress(OSError):
        temporary = link.with_name(f".{link.name}.{secrets.token_hex(8)}")
        temporary.symlink_to(target)
        try:
            os.replace(temporary, link)
        finally:
            temporary.unlink(missing_ok=True)


def _new_words() -> str:
    # Importing this raises the recursion limit, where nested JSON can overflow the stack.
    limit = sys.getrecursionlimit()
    from eth_account.hdaccount import generate_mnemonic
    from eth_account.types import Language

    sys.setrecursionlimit(limit)
    return generate_mnemonic(12, Language.ENGLISH)
