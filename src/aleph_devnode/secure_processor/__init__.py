"""A model of AMD's secure processor: what SEV does inside of a compute node, without the hardware.

It is written apart from the client's side and shares no code with it, so that neither can hide
a mistake of the other. What it protects is not secret from whoever runs it: it is a test tool.
"""

from __future__ import annotations

from .guest import Guest, LaunchRefused
from .guest_memory import disk_passphrase, read_secrets
from .platform import PlatformKeys
from .processor import SecureProcessor

__all__ = [
    "Guest",
    "LaunchRefused",
    "PlatformKeys",
    "SecureProcessor",
    "disk_passphrase",
    "read_secrets",
]
