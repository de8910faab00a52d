"""What one address lets another publish for it, as nodes list it."""

from __future__ import annotations

import attrs

from ..authorizations import Authorization, UnreadableAuthorization

__all__ = ["Grant"]


@attrs.frozen
class Grant:
    """All that holds between the address that was asked about and one other.

    ``address`` is the other one: who was authorized, or who authorized. Each entry names who may
    publish, as in the owner's ``security`` aggregate.
    """

    address: str
    authorizations: tuple[Authorization | UnreadableAuthorization, ...] = ()
