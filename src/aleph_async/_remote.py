"""Accounts whose key a signing service holds, as inside a virtual machine of the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, Self

from aleph_core.accounts.account import own_message
from aleph_core.calls.signing import RemoteKey, remote_key, remote_signature
from aleph_core.errors import (
    ArgumentError,
    BadSignatureError,
    ConfigurationError,
    SigningError,
    UnverifiableChainError,
)
from aleph_core.settings import Settings, chosen_settings
from aleph_core.signatures import verify_signature

from ._connection import Connection
from ._runtime import HttpClient, Timeout

__all__ = ["RemoteAccount"]


class RemoteAccount:
    """An account whose key is held by a signing service; made by ``from_crypto_host``.

    It signs messages and nothing else. Inside a virtual machine the service signs only what is
    published inline for the machine itself: pass its item hash as ``address``. Close the account
    when it is done with, or use it in a ``with`` block.
    """

    def __init__(self, service: SigningService, key: RemoteKey) -> None:
        self._service = service
        self._key = key

    @classmethod
    async def from_crypto_host(
        cls,
        host: str | None = None,
        unix_socket: str | None = None,
        *,
        timeout: float | Timeout | None = None,
        http_client: HttpClient | None = None,
        settings: Settings | None = None,
    ) -> Self:
        """Return the account of the signing service at a URL, or behind a unix socket.

        Without arguments, of the one that ``ALEPH_REMOTE_CRYPTO_HOST`` and
        ``ALEPH_REMOTE_CRYPTO_UNIX_SOCKET`` name, as they do inside a virtual machine. ``timeout``
        and ``http_client`` are as for a client. Raises ``ConfigurationError`` when none is named,
        ``TransportError``, ``ApiError``.
        """
        settings = chosen_settings(settings)
        if host is None and unix_socket is None:
            host = settings.REMOTE_CRYPTO_HOST
            unix_socket = settings.REMOTE_CRYPTO_UNIX_SOCKET
        if host is None and unix_socket is None:
            raise ConfigurationError(
                "no signing service is named: pass host or unix_socket, or set "
                "ALEPH_REMOTE_CRYPTO_HOST"
            )
        service = SigningService(
            host, unix_socket, timeout=timeout, http_client=http_client, settings=settings
        )
        try:
            return cls(service, await service.get_key())
        except BaseException:
            await service.aclose()
            raise

    @property
    def interactive(self) -> bool:
        """Whether signing waits: here for the service."""
        return True

    @property
    def CHAIN(self) -> str:
        return self._key.chain

    @property
    def CURVE(self) -> str:
        return self._key.curve

    def get_address(self) -> str:
        """Return the address for which the service signs."""
        return self._key.address

    def get_public_key(self) -> str:
        """Return the public key as the service spells it."""
        return self._key.public_key

    async def sign_message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of the message with ``chain``, ``sender`` and ``signature`` set.

        Raises ``SigningError`` when the service refuses or signs with another key than it told,
        ``ArgumentError``, before it is asked, for a message of somebody else, and
        ``TransportError`` or ``ApiError`` when it does not answer as it should.
        """
        unsigned, buffer = own_message(self, message)
        signature = await self._service.sign(unsigned)
        try:
            verify_signature(
                chain=self.CHAIN,
                sender=self.get_address(),
                buffer=buffer,
                signature=signature,
                time=unsigned.get("time"),
            )
        except UnverifiableChainError:
            pass
        except BadSignatureError as error:
            raise SigningError(
                f"the signing service returned a signature that is not that of "
                f"{self.get_address()}: its key may have changed, make a new RemoteAccount"
            ) from error
        return {**unsigned, "signature": signature}

    async def sign_raw(self, buffer: bytes) -> NoReturn:  # noqa: ARG002 - the interface has it
        """Raise ``SigningError``: the service signs messages and nothing else."""
        raise SigningError("a signing service signs messages only; use an account with a key here")

    async def aclose(self) -> None:
        """Close the connections to the service; closing twice is harmless."""
        await self._service.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.get_address()}>"


class SigningService(Connection):
    """A connection to a signing service."""

    def __init__(
        self,
        host: str | None,
        unix_socket: str | None,
        *,
        timeout: float | Timeout | None,
        http_client: HttpClient | None,
        settings: Settings,
    ) -> None:
        try:
            super().__init__(
                "http://localhost" if host is None else host,
                unix_socket,
                timeout=timeout,
                http_client=http_client,
                settings=settings,
            )
        except ArgumentError as error:
            if error.argument != "api_server":
                raise
            raise ArgumentError(
                "host", "is no http:// or https:// URL of a signing service"
            ) from None

    async def get_key(self) -> RemoteKey:
        return await self._send(remote_key())

    async def sign(self, message: Mapping[str, Any]) -> str:
        return await self._send(remote_signature(message))
