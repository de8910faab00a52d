"""Public SSH keys that an address keeps on the network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aleph_core import ssh_keys
from aleph_core.errors import MalformedAnswerError
from aleph_core.item_hash import check_item_hash
from aleph_core.models.message import Published
from aleph_core.models.page import InvalidEntry

from .._pages import OnInvalid
from ._service import AuthenticatedService, Service

if TYPE_CHECKING:
    from aleph_core.models.ssh_key import SshKey

__all__ = ["AuthenticatedSshKeys", "SshKeys"]


class SshKeys(Service):
    """Public SSH keys that an address keeps on the network, where other tools find them too.

    Without an address one's own is meant.
    """

    async def list(self, address: str | None = None) -> list[SshKey]:
        """Return the keys of an address, the latest first; posts that hold none are left out."""
        return [key async for key in self.iterate(address)]

    async def iterate(
        self, address: str | None = None, *, on_invalid: OnInvalid | None = None
    ) -> AsyncIterator[SshKey]:
        """Yield the keys of an address, the latest first; posts that hold none go to ``on_invalid``."""
        owner = await self._address(address)
        async for post in self._client.get_posts_iterator(
            types=ssh_keys.POST_TYPE,
            channels=ssh_keys.CHANNEL,
            addresses=owner,
            on_invalid=on_invalid,
        ):
            try:
                key = ssh_keys.read_key(post)
            except MalformedAnswerError as error:
                if on_invalid is not None:
                    entry = InvalidEntry(error=error, raw=post, item_hash=post.item_hash)
                    on_invalid(entry)
                continue
            yield key


class AuthenticatedSshKeys(AuthenticatedService, SshKeys):
    """Public SSH keys that an address keeps on the network."""

    async def add(
        self,
        key: str,
        label: str | None = None,
        *,
        address: str | None = None,
        sync: bool = False,
        wait: bool | float = False,
    ) -> Published:
        """Keep a public key: the one line of a ``.pub`` file; its comment is the label by default.

        Raises ``ArgumentError`` for anything else, private keys above all. Waits as ``create_post``.
        """
        return await self._publisher.create_post(
            ssh_keys.post_content(key, label),
            ssh_keys.POST_TYPE,
            address=address,
            channel=ssh_keys.CHANNEL,
            sync=sync,
            wait=wait,
        )

    async def forget(
        self,
        item_hash: str,
        *,
        address: str | None = None,
        sync: bool = False,
        wait: bool | float = False,
    ) -> Published:
        """Ask the network to forget a key, by the ``item_hash`` that ``list`` shows."""
        return await self._publisher.forget(
            check_item_hash(item_hash),
            address=address,
            channel=ssh_keys.CHANNEL,
            sync=sync,
            wait=wait,
        )
