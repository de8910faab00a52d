"""Signing for any account: at once, off the loop where a person decides, or through a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aleph_core import messages
from aleph_core.models.message import Message

from ._remote import RemoteAccount
from ._runtime import run_blocking

if TYPE_CHECKING:
    from aleph_core.accounts import Account

__all__ = ["sign", "sign_raw"]


async def sign(message: Message, account: Account | RemoteAccount) -> Message:
    """Return the message with the account's signature, without holding up anything else."""
    if isinstance(account, RemoteAccount):
        signed = await account.sign_message(messages.signable(message))
        return messages.with_signature(message, signed, account)
    # Accounts of a user's own making may lack the attribute.
    if getattr(account, "interactive", False):
        return await run_blocking(messages.sign, message, account)
    return messages.sign(message, account)


async def sign_raw(buffer: bytes, account: Account | RemoteAccount) -> bytes:
    """Return the account's bare signature of any bytes, without holding up anything else.

    Raises ``SigningError`` for the account of a signing service, which signs messages only.
    """
    if isinstance(account, RemoteAccount):
        return await account.sign_raw(buffer)
    if getattr(account, "interactive", False):
        return await run_blocking(account.sign_raw, buffer)
    return account.sign_raw(buffer)
