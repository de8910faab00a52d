"""Public SSH keys as text, and as posts of an address."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any, Final

import attrs

from .errors import ArgumentError
from .excerpts import shown
from .models.post import Post
from .models.ssh_key import SshKey
from .structuring import structure

__all__ = [
    "CHANNEL",
    "POST_TYPE",
    "check_public_key",
    "fingerprint",
    "is_private",
    "names_key_type",
    "post_content",
    "read_key",
]

POST_TYPE: Final = "ALEPH-SSH"
CHANNEL: Final = "ALEPH-CLOUDSOLUTIONS"
"""The channel in which other tools look for keys."""

# RFC 4253 and the formats of OpenSSH: ssh-ed25519, ecdsa-sha2-nistp256, sk-…@openssh.com, certificates.
_TYPE: Final = re.compile(r"(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9.@-]{1,64}")
_PRIVATE: Final = re.compile(r"PRIVATE KEY-|Private-Lines:|PuTTY-User-Key-File")
_LONGEST: Final = 32 * 1024


def check_public_key(text: object) -> str:
    """Return the key as one line; raise ``ArgumentError`` for what is none, private keys above all.

    The error never repeats what was given.
    """
    if not isinstance(text, str):
        raise ArgumentError("key", f"expected the text of a public key, not {type(text).__name__}")
    if is_private(text):
        raise ArgumentError("key", "is a private key, which nobody must see; give the .pub file")
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if len(lines) != 1 or len(text) > _LONGEST:
        raise ArgumentError(
            "key", "expected one line as in a .pub file, like 'ssh-ed25519 AAAA… me'"
        )
    kind, _, rest = lines[0].strip().partition(" ")
    encoded, _, comment = rest.strip().partition(" ")
    if not _TYPE.fullmatch(kind):
        raise ArgumentError("key", "does not begin with the type of a key, like ssh-ed25519")
    if not _names(_decoded(encoded), kind):
        raise ArgumentError("key", f"is damaged: what follows {kind} is no such key")
    return f"{kind} {encoded} {comment.strip()}".strip()


def is_private(text: str) -> bool:
    """Tell whether a text holds a private key, of OpenSSH, PuTTY or in PEM."""
    return _PRIVATE.search(text) is not None


def names_key_type(line: str) -> bool:
    """Tell whether a line of an ``authorized_keys`` file names a type of key with something after it.

    Options may stand before it.
    """
    words = line.split()
    return any(_TYPE.fullmatch(word) for word in words[:-1])


def fingerprint(key: str) -> str:
    """Return the SHA-256 fingerprint of a key's line, in the form of OpenSSH."""
    digest = hashlib.sha256(_decoded(key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def post_content(key: object, label: object) -> dict[str, Any]:
    """Return the content of the post that keeps a key; without a label the key's comment is one."""
    line = check_public_key(key)
    if label is None:
        label = line.partition(" ")[2].partition(" ")[2] or None
    if label is not None and (not isinstance(label, str) or not label.isprintable()):
        raise ArgumentError("label", f"expected one line of text, not {shown(label)}")
    return {"key": line} if not label else {"key": line, "label": str.__str__(label)}


def read_key(post: Post) -> SshKey:
    """Return the key of a post; raises ``MalformedAnswerError`` for one without a text."""
    content = post.content if isinstance(post.content, dict) else {}
    fields = {**content, "item_hash": post.original_item_hash, "created": None}
    found = structure(fields, SshKey)
    try:
        shown_as = fingerprint(check_public_key(found.key))
    except ArgumentError:
        shown_as = ""
    return attrs.evolve(found, created=post.created or post.last_updated, fingerprint=shown_as)


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded.encode("ascii"), validate=True)
    except ValueError:
        return b""


def _names(blob: bytes, kind: str) -> bool:
    """Tell whether a key's bytes begin with the name of its type, as they do in every format."""
    length = int.from_bytes(blob[:4], "big")
    return length == len(kind) and blob[4 : 4 + length] == kind.encode() and len(blob) > 4 + length
