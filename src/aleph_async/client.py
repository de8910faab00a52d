"""The clients that people make: one reads, the other has an account and publishes too."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aleph_core.errors import ArgumentError
from aleph_core.retry import RetryPolicy
from aleph_core.settings import Settings
from aleph_core.verification import Verify

from ._aggregates import Aggregates
from ._posts import Posts
from ._runtime import HttpClient, Timeout
from ._storing import Storing
from ._watch import Watching

if TYPE_CHECKING:
    from aleph_core.accounts import Account

    from ._remote import RemoteAccount

__all__ = ["AlephHttpClient", "AuthenticatedAlephHttpClient"]


class AlephHttpClient(Posts, Aggregates, Watching):
    """Read messages, posts, aggregates and files, and check what is read.

    ``api_server`` is the URL of a node or several; the first that answers is used. ``timeout`` is in
    seconds for each step of an exchange, or an ``httpx.Timeout``; None is the default of 30 s.
    ``verify`` is ``"content"`` (the default: hashes are checked), ``"signature"`` (the senders'
    signatures too) or ``"off"``. ``retry=None`` never repeats a call. ``http_client`` is used and not
    closed. Defaults come from ``ALEPH_*`` variables when the client is made. The client needs no
    ``with`` block; after ``close`` or the end of one it raises ``ClosedClientError``.
    """


class AuthenticatedAlephHttpClient(AlephHttpClient, Storing):
    """Publish signed messages for an account, and read as ``AlephHttpClient`` does."""

    def __init__(
        self,
        account: Account | RemoteAccount,
        api_server: str | Sequence[str] | None = None,
        api_unix_socket: str | None = None,
        allow_unix_sockets: bool = True,
        timeout: float | Timeout | None = None,
        ssl_context: ssl.SSLContext | None = None,
        *,
        verify: Verify | None = None,
        retry: RetryPolicy | None = RetryPolicy(),  # noqa: B008 - frozen
        http_client: HttpClient | None = None,
        settings: Settings | None = None,
    ) -> None:
        if not callable(getattr(account, "sign_message", None)):
            raise ArgumentError("account", f"expected an account, not {type(account).__name__}")
        super().__init__(
            api_server,
            api_unix_socket,
            allow_unix_sockets,
            timeout,
            ssl_context,
            verify=verify,
            retry=retry,
            http_client=http_client,
            settings=settings,
        )
        self.account = account

    async def _own_address(self) -> str:
        return self._owner(None)
