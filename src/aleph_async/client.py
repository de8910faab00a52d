"""The clients that people make: one reads, the other has an account and publishes too."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from aleph_core.authorizations import Authorization, UnreadableAuthorization
from aleph_core.errors import ArgumentError
from aleph_core.item_hash import check_address
from aleph_core.models.message import Published
from aleph_core.retry import RetryPolicy
from aleph_core.settings import Settings
from aleph_core.verification import Verify

from ._accounts import Accounts
from ._aggregates import Aggregates
from ._deploying import Deploying
from ._editing import Editing
from ._posts import Posts
from ._prices import Prices
from ._runtime import HttpClient, Timeout
from ._watch import Watching

if TYPE_CHECKING:
    from aleph_core.accounts import Account

    from ._remote import RemoteAccount
    from .services.authorizations import AuthenticatedAuthorizations, Authorizations
    from .services.crn import Crn
    from .services.dns import DnsNames
    from .services.domains import AuthenticatedDomains, Domains
    from .services.instances import Instances
    from .services.network_settings import NetworkSettings
    from .services.port_forwarder import AuthenticatedPortForwarder, PortForwarder
    from .services.pricing import Pricing
    from .services.runtimes import Runtimes
    from .services.scheduler import Scheduler
    from .services.ssh_keys import AuthenticatedSshKeys, SshKeys
    from .services.vm_images import VmImages
    from .services.vouchers import AuthenticatedVouchers, Vouchers
    from .services.websites import AuthenticatedWebsites, Websites

__all__ = ["AlephHttpClient", "AuthenticatedAlephHttpClient"]


class AlephHttpClient(Posts, Aggregates, Prices, Accounts, Watching):
    """Read messages, posts, aggregates, files, prices and balances, and check what can be checked.

    ``api_server`` is the URL of a node or several; the first that answers is used. ``timeout`` is in
    seconds for each step of an exchange, or an ``httpx.Timeout``; None is the default of 30 s.
    ``verify`` is ``"content"`` (the default: hashes are checked), ``"signature"`` (the senders'
    signatures too) or ``"off"``. ``retry=None`` never repeats a call. ``http_client`` is used and not
    closed. Defaults come from ``ALEPH_*`` variables when the client is made. The client needs no
    ``with`` block; after ``close`` or the end of one it raises ``ClosedClientError``.
    """

    @property
    def scheduler(self) -> Scheduler:
        """Where the network's scheduler places machines."""
        from .services.scheduler import Scheduler

        return Scheduler(self)

    @property
    def crn(self) -> Crn:
        """Compute resource nodes: which there are, what they can do, what runs on them."""
        from .services.crn import Crn

        return Crn(self)

    @property
    def instance(self) -> Instances:
        """The instances of an address, where they are allocated, and what runs there."""
        from .services.instances import Instances

        return Instances(self)

    @property
    def dns(self) -> DnsNames:
        """The public names of instances."""
        from .services.dns import DnsNames

        return DnsNames(self)

    @property
    def port_forwarder(self) -> PortForwarder:
        """The ports of machines that compute nodes forward from the internet."""
        from .services.port_forwarder import PortForwarder

        return PortForwarder(self)

    @property
    def pricing(self) -> Pricing:
        """What computing and storage cost, by the network's ``pricing`` aggregate."""
        from .services.pricing import Pricing

        return Pricing(self)

    @property
    def runtimes(self) -> Runtimes:
        """The runtimes of programs that the network recommends."""
        from .services.runtimes import Runtimes

        return Runtimes(self)

    @property
    def vm_images(self) -> VmImages:
        """The images of instances that the network recommends."""
        from .services.vm_images import VmImages

        return VmImages(self)

    @property
    def network_settings(self) -> NetworkSettings:
        """The network's ``settings`` aggregate."""
        from .services.network_settings import NetworkSettings

        return NetworkSettings(self)

    @property
    def voucher(self) -> Vouchers:
        """Vouchers that addresses hold, on EVM chains and Solana."""
        from .services.vouchers import Vouchers

        return Vouchers(self)

    @property
    def authorizations(self) -> Authorizations:
        """Who may publish for whom, by the owners' ``security`` aggregates."""
        from .services.authorizations import Authorizations

        return Authorizations(self)

    @property
    def domains(self) -> Domains:
        """Custom domains: the records they need, and what they lead to."""
        from .services.domains import Domains

        return Domains(self)

    @property
    def websites(self) -> Websites:
        """Static websites and their versions."""
        from .services.websites import Websites

        return Websites(self)

    @property
    def ssh_keys(self) -> SshKeys:
        """Public SSH keys that an address keeps on the network."""
        from .services.ssh_keys import SshKeys

        return SshKeys(self)

    @property
    def utils(self) -> Instances:
        """The same as ``instance``, under the name that a guide gives it."""
        return self.instance

    async def get_authorizations(
        self, address: str | None = None
    ) -> list[Authorization | UnreadableAuthorization]:
        """The same as ``authorizations.get``, under the name of the official library."""
        return await self.authorizations.get(address)


class AuthenticatedAlephHttpClient(AlephHttpClient, Deploying, Editing):
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

    async def add_authorization(self, authorization: Authorization) -> Published | None:
        """The same as ``authorizations.add``, under the name of the official library."""
        return await self.authorizations.add(authorization)

    async def update_all_authorizations(
        self, authorizations: Iterable[Authorization | UnreadableAuthorization]
    ) -> Published | None:
        """The same as ``authorizations.replace_all``, under the name of the official library."""
        return await self.authorizations.replace_all(authorizations)

    async def revoke_all_authorizations(self, address: str) -> Published | None:
        """Take away all that one address may do, as ``authorizations.revoke`` does."""
        return await self.authorizations.revoke(check_address(address))

    @property
    def port_forwarder(self) -> AuthenticatedPortForwarder:
        """The ports of machines that compute nodes forward from the internet."""
        from .services.port_forwarder import AuthenticatedPortForwarder

        return AuthenticatedPortForwarder(self)

    @property
    def voucher(self) -> AuthenticatedVouchers:
        """Vouchers that addresses hold, on EVM chains and Solana."""
        from .services.vouchers import AuthenticatedVouchers

        return AuthenticatedVouchers(self)

    @property
    def authorizations(self) -> AuthenticatedAuthorizations:
        """Who may publish for whom, by the owners' ``security`` aggregates."""
        from .services.authorizations import AuthenticatedAuthorizations

        return AuthenticatedAuthorizations(self)

    @property
    def domains(self) -> AuthenticatedDomains:
        """Custom domains: the records they need, and what they lead to."""
        from .services.domains import AuthenticatedDomains

        return AuthenticatedDomains(self)

    @property
    def websites(self) -> AuthenticatedWebsites:
        """Static websites and their versions."""
        from .services.websites import AuthenticatedWebsites

        return AuthenticatedWebsites(self)

    @property
    def ssh_keys(self) -> AuthenticatedSshKeys:
        """Public SSH keys that an address keeps on the network."""
        from .services.ssh_keys import AuthenticatedSshKeys

        return AuthenticatedSshKeys(self)
