"""The policy of a guest: 32 bits that its owner sets and the secure processor enforces."""

from __future__ import annotations

from enum import IntFlag

from ..errors import ArgumentError
from .arguments import bounded_number

__all__ = ["Policy", "require_policy", "require_secrecy"]

LARGEST = 0xFFFF_FFFF
_RESERVED = 0x0000_FFC0


class Policy(IntFlag):
    """The low six bits; bits 16 to 23 and 24 to 31 are the least API version, major and minor."""

    NODBG = 1
    NOKS = 2
    ES = 4
    NOSEND = 8
    DOMAIN = 16
    SEV = 32


def require_policy(policy: object) -> int:
    """Return a policy that a session may be made for; raise ``ArgumentError`` for any other."""
    number = bounded_number(policy, "policy", 0, LARGEST)
    if number & _RESERVED:
        raise ArgumentError(
            "policy",
            f"{number:#x} sets reserved bits; only bits 0 to 5 and 16 to 31 mean something",
        )
    return number


def require_secrecy(policy: object) -> int:
    """Return a policy that keeps a guest's secrets from its host; raise ``ArgumentError`` for any other."""
    number = require_policy(policy)
    if not number & Policy.NODBG:
        raise ArgumentError(
            "policy", f"{number:#x} lets the node debug the machine and read its secret; set bit 0"
        )
    return number
