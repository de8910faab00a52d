"""The secret that a guest is given: a table of entries, sealed for one measured launch.

The packet is that of AMD's publication 55766, section 6.6; the table is what firmware and boot
loaders read.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final, Literal
from uuid import UUID

import attrs
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ..errors import ArgumentError
from .arguments import bounded_number, require_bytes, sized_bytes

__all__ = [
    "DISK_PASSPHRASE",
    "Layout",
    "SecretPacket",
    "packet_text",
    "seal_secret",
    "secret_table",
]

Layout = Literal["padded", "unpadded"]

DISK_PASSPHRASE: Final = UUID("736869e5-84f0-4973-92ec-06879ce3da0b")
_TABLE: Final = UUID("1e74f542-71dd-4d66-963e-ef4287ff173b")
_KEY_SIZE: Final = 16
_BLOCK: Final = 16
_MEASURE_SIZE: Final = 32
_ENTRY_HEAD: Final = 20
_FLAGS: Final = bytes(4)
_HEADER_SIZE: Final = 52
# What the secure processor takes at once, and the room that the AmdSev build of OVMF has for it.
_LARGEST: Final = 16_384
_ROOM: Final = 3_072


@attrs.frozen(repr=False)
class SecretPacket:
    """What a compute node passes to the platform: 52 bytes of header and the encrypted table."""

    header: bytes
    payload: bytes

    @property
    def header_base64(self) -> str:
        """The ``packet_header`` of a node's call."""
        return base64.b64encode(self.header).decode()

    @property
    def payload_base64(self) -> str:
        """The ``secret`` of a node's call."""
        return base64.b64encode(self.payload).decode()

    def __repr__(self) -> str:
        return f"<SecretPacket of {len(self.payload)} bytes>"


def seal_secret(
    secret: str | Mapping[UUID | str, bytes],
    *,
    tek: bytes,
    tik: bytes,
    measure: bytes,
    iv: bytes | None = None,
    layout: Layout = "padded",
    room: int = _ROOM,
) -> SecretPacket:
    """Encrypt and authenticate a disk passphrase, or entries by GUID, for one measured launch.

    ``measure`` is the first 32 bytes that the platform reported: seal nothing to one that
    ``check_measurement`` did not accept. A passphrase is written in UTF-8 with a zero byte behind
    it, entries as they are. ``layout`` says whether the table declares its length with or without
    the zeros that fill it up; boot loaders read both. ``room`` is the size of the firmware's secret
    area, up to 16384; firmware puts other things behind it. Raises ``ArgumentError``, which never
    shows the secret.
    """
    table = secret_table(secret, layout=layout)
    bounded_number(room, "room", 1, _LARGEST)
    if len(table) > room:
        raise ArgumentError("secret", f"needs {len(table)} bytes, the firmware has room for {room}")
    tek = sized_bytes(tek, "tek", _KEY_SIZE)
    tik = sized_bytes(tik, "tik", _KEY_SIZE)
    measure = sized_bytes(measure, "measure", _MEASURE_SIZE)
    # A counter that repeats under one TEK gives the plaintext away.
    iv = secrets.token_bytes(_BLOCK) if iv is None else sized_bytes(iv, "iv", _BLOCK)
    cipher = Cipher(algorithms.AES(tek), modes.CTR(iv)).encryptor()
    payload = cipher.update(table) + cipher.finalize()
    length = _u32(len(payload))
    mac = hmac.digest(tik, b"\1" + _FLAGS + iv + length + length + payload + measure, "sha256")
    return SecretPacket(_FLAGS + iv + mac, payload)


def packet_text(value: str | bytes, name: str) -> str:
    """Return the part of a packet called ``packet_header`` or ``secret`` in base64, as nodes take it.

    ``value`` is that, or the bytes themselves. Raises ``ArgumentError``, which never shows it, for
    anything else: what is sealed must not be mixed up with what is to be sealed.
    """
    data = b""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            data = base64.b64decode(value, validate=True)
    else:
        data = require_bytes(value, name)
    if name == "packet_header":
        if len(data) != _HEADER_SIZE:
            raise ArgumentError(name, f"must be the {_HEADER_SIZE} bytes of a header, in base64")
    elif not 0 < len(data) <= _LARGEST or len(data) % _BLOCK:
        raise ArgumentError(name, "must be the payload that was sealed, in base64")
    return base64.b64encode(data).decode()


def secret_table(secret: str | Mapping[UUID | str, bytes], *, layout: Layout) -> bytes:
    """Return the table of entries, filled up with zeros to whole blocks."""
    if layout not in ("padded", "unpadded"):
        raise ArgumentError("layout", 'must be "padded" or "unpadded"')
    entries = (
        {DISK_PASSPHRASE: _passphrase(secret)} if isinstance(secret, str) else _entries(secret)
    )
    body = b"".join(
        guid.bytes_le + _u32(_ENTRY_HEAD + len(data)) + data for guid, data in entries.items()
    )
    length = _ENTRY_HEAD + len(body)
    filled = -(-length // _BLOCK) * _BLOCK
    table = _TABLE.bytes_le + _u32(filled if layout == "padded" else length) + body
    return table.ljust(filled, b"\0")


def _passphrase(text: str) -> bytes:
    if not text:
        raise ArgumentError("secret", "is empty")
    if "\0" in text:
        raise ArgumentError("secret", "has a zero byte, at which boot loaders would end it")
    try:
        return text.encode() + b"\0"
    except UnicodeEncodeError:
        # Outside of the handler, so that the error that quotes the text is not the context.
        pass
    raise ArgumentError("secret", "is no text that UTF-8 can hold")


def _entries(secret: object) -> dict[UUID, bytes]:
    if not isinstance(secret, Mapping):
        raise ArgumentError("secret", "must be a passphrase, or a mapping of GUIDs to bytes")
    entries: dict[UUID, bytes] = {}
    for name, value in secret.items():
        guid = _guid(name)
        data = require_bytes(value, "secret")
        if guid in entries:
            raise ArgumentError("secret", f"names {guid} twice")
        if not data:
            raise ArgumentError("secret", f"has nothing for {guid}")
        if len(data) > _LARGEST:
            raise ArgumentError("secret", f"has {len(data)} bytes for {guid}, too many")
        entries[guid] = data
    if not entries:
        raise ArgumentError("secret", "has no entry")
    return entries


def _guid(name: object) -> UUID:
    if isinstance(name, UUID):
        return name
    try:
        return UUID(str(name))
    except ValueError:
        pass
    # A caller may have swapped name and secret.
    raise ArgumentError("secret", "has a name that is no GUID")


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "little")
