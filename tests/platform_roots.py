"""Roots of test platforms, published and pinned as AMD's are."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aleph_core import sev
from aleph_core.sev.authorities import AuthorityCertificate
from aleph_devnode.secure_processor import SecureProcessor


def published(processor: SecureProcessor) -> bytes:
    """Return the file of a processor's root."""
    return processor.ask + processor.ark


def source(processor: SecureProcessor, *urls: str, product: str = "devnode") -> sev.RootSource:
    """Return where to find the root of a processor, and how to know that it is genuine."""
    pins = {}
    for name, data in (("ark", processor.ark), ("ask", processor.ask)):
        key = AuthorityCertificate(data).public_key()
        encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        pins[f"{name}_file"] = hashlib.sha256(data).hexdigest()
        pins[f"{name}_key"] = hashlib.sha256(encoded).hexdigest()
    return sev.RootSource(product, urls, ark_key_id=processor.ark[4:20].hex(), **pins)
