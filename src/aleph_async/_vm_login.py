"""How an account logs in at a compute node: its wallet signs a key now and then, the key signs each request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aleph_core.vm_auth import EphemeralKey, SignedKey, ask_wallet, declared_chain, first_frame

from ._runtime import Lock
from ._signing import sign_raw
from ._wall_clock import now

if TYPE_CHECKING:
    from aleph_core.accounts import Account

    from ._remote import RemoteAccount

__all__ = ["VmLogin"]


class VmLogin:
    """The login of one account at one node, whose name for itself is ``domain``.

    The wallet is asked when a signature is first needed, and again before the key expires.
    """

    def __init__(self, account: Account | RemoteAccount, domain: str) -> None:
        self._account = account
        self._chain = declared_chain(account)
        self._domain = domain
        self._lock = Lock()
        self._signed: SignedKey | None = None

    async def headers(self, method: str, path: str) -> Mapping[str, str]:
        """Return the headers of one request, signed for this moment."""
        signed = await self._key()
        return signed.headers(now=now(), method=method, path=path, domain=self._domain)

    async def first_frame(self, path: str) -> str:
        """Return the first text for the websocket at this path."""
        return first_frame(await self._key(), now=now(), path=path, domain=self._domain)

    def forget(self) -> None:
        """Let the wallet sign another key for the next request."""
        self._signed = None

    async def _key(self) -> SignedKey:
        async with self._lock:
            signed = self._signed
            if signed is None or not signed.is_fresh(now()):
                asked = ask_wallet(
                    EphemeralKey(),
                    chain=self._chain,
                    address=self._account.get_address(),
                    domain=self._domain,
                    now=now(),
                )
                signed = asked.signed(await sign_raw(asked.buffer, self._account))
                self._signed = signed
            return signed
