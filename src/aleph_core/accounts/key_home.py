"""The folder ``~/.aleph-im`` that Aleph's tools share: which account is in use, and default keys."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from ..errors import ArgumentError, ConfigurationError
from ..json_text import parse_json
from .key_files import (
    create_key_file,
    load_or_create_key_file,
    looks_like_private_key,
    read_plain_file,
    shown_path,
)
from .mnemonics import new_phrase

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

    ``type`` is ``imported`` or ``hardware``. A relative ``path`` in the file starts at the folder
    of the file. ``other`` keeps what other tools have put there, so that saving loses nothing.
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
    path = Path(file_path)
    try:
        path = path.expanduser()
        content, _ = read_plain_file(path, _LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"cannot read {shown_path(path)}: {error.strerror}") from error
    except (RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"cannot read {shown_path(path)}: no file has such a name"
        ) from error
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
    with a new key of 32 random bytes, to which the link is set then. A link that leads nowhere is a
    ``ConfigurationError``: the key it stands for may be on a disk that is away.
    """
    link = key_file.parent / "default.key"
    if os.path.lexists(key_file):
        return key_file, False
    if os.path.lexists(link):
        if not os.path.exists(link):  # noqa: PTH110 - also False for what may not be looked at
            raise ConfigurationError(
                f"{link} leads to {shown_path(link.readlink())}, which cannot be reached: "
                "put the key back there, or remove the link to start with a new key"
            )
        return link, False
    _refuse_key_as_name(key_file)
    load_or_create_key_file(key_file)
    # For other tools, as best it goes: some file systems have no links. One that is there stays.
    with contextlib.suppress(OSError):
        link.symlink_to(key_file.name)
    return key_file, True


def fallback_mnemonic_file(mnemonic_file: Path) -> tuple[Path, bool]:
    """Return the file of the default mnemonic, and whether it was made just now."""
    if os.path.lexists(mnemonic_file):
        return mnemonic_file, False
    _refuse_key_as_name(mnemonic_file)
    # When another process was first, its words count.
    with contextlib.suppress(ArgumentError):
        create_key_file(mnemonic_file, new_phrase().encode())
        return mnemonic_file, True
    return mnemonic_file, False


def _refuse_key_as_name(path: Path) -> None:
    if looks_like_private_key(str(path)):
        raise ConfigurationError(f"no key is made under the name {shown_path(path)}")


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
        path=None if texts["path"] is None else _key_path(texts["path"], path),
        address=texts["address"],
        derivation_path=texts["derivation_path"],
        other={name: each for name, each in value.items() if name not in texts},
    )


def _key_path(text: str, config_file: Path) -> Path:
    path = Path(text)
    try:
        path = path.expanduser()
        usable = b"\0" not in os.fsencode(path)
    except (RuntimeError, ValueError):
        usable = False
    if not usable:
        raise ConfigurationError(f"{config_file}: no file can have the path {shown_path(path)}")
    return config_file.parent / path
