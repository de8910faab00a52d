"""Static websites and their versions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from aleph_core import websites
from aleph_core.edits import Change
from aleph_core.errors import (
    AlephError,
    ArgumentError,
    MessageNotProcessedError,
    NotFoundError,
    ResourceNotFoundError,
    VerificationError,
)
from aleph_core.item_hash import check_item_hash, is_cid
from aleph_core.json_text import Fields
from aleph_core.models.message import Published
from aleph_core.payments import agreed_payment

from .._wall_clock import timestamp
from ._service import AuthenticatedService, Service

if TYPE_CHECKING:
    from aleph_core.models.website import Website

__all__ = ["AuthenticatedWebsites", "Websites"]


class Websites(Service):
    """Static websites and their versions; without an address one's own are meant."""

    async def list(self, address: str | None = None) -> dict[str, Website]:
        """Return the sites of an owner by name."""
        owner = await self._address(address)
        return websites.read_all(await self._client.get_aggregate(owner, websites.KEY))

    async def get(self, name: str, address: str | None = None) -> Website:
        """Return one site of an owner; raises ``ResourceNotFoundError``."""
        found = (await self.list(address)).get(name)
        if found is None:
            raise ResourceNotFoundError(f"there is no site {name!r:.100} of this owner", status=404)
        return found


class AuthenticatedWebsites(AuthenticatedService, Websites):
    """Static websites, and changes of them that lose nothing written at the same time.

    ``volume`` is the content of a site: the CID of a folder that is on IPFS, for which a STORE message
    is published, or the hash of such a message. Every change returns when the network has processed
    it, and None when there was nothing to change. ``address`` is the owner, oneself by default.
    """

    async def create(
        self,
        name: str,
        volume: str,
        *,
        framework: str = "none",
        tags: Sequence[str] = (),
        ens: Sequence[str] = (),
        payment: Fields | str | None = None,
        address: str | None = None,
    ) -> Published | None:
        """Make a site; its name is one word without dots.

        ``payment`` is that of ``create_store``, for the content. ``domains.add`` with the site's
        ``volume_id`` gives it a name on the web. Raises ``ArgumentError`` when there is one already.
        """
        name, volume = websites.check_name(name), check_item_hash(volume, "volume")
        time = timestamp()
        paid = agreed_payment(payment, "STORE", time=time)
        change = partial(
            websites.create,
            name=name,
            time=time,
            payment={"chain": self._publisher.account.CHAIN, **paid},
            framework=websites.check_framework(framework),
            tags=websites.check_texts(tags, "tags"),
            ens=websites.check_texts(ens, "ens"),
        )
        if name in await self.list(address):
            raise ArgumentError("name", f"there is a site {name!r} already; update() changes it")
        volume_id = await self._stored(volume, payment, address)
        return await self._edit(partial(change, volume_id=volume_id), name, address)

    async def update(
        self,
        name: str,
        volume: str | None = None,
        *,
        framework: str | None = None,
        tags: Sequence[str] | None = None,
        ens: Sequence[str] | None = None,
        payment: Fields | str | None = None,
        domains: bool = True,
        address: str | None = None,
    ) -> Published | None:
        """Give a site new content, as its next version, or other labels; None leaves as it is.

        ``volume`` may be one of ``history``, to go back to it. Of two updates at once the later one
        shows, and the other is in the history. The domains that showed the content before show the
        new one afterwards, unless ``domains`` is False. Raises ``ResourceNotFoundError`` when there is
        no such site.
        """
        name = websites.check_name(name)
        volume = None if volume is None else check_item_hash(volume, "volume")
        change = partial(
            websites.update,
            name=name,
            framework=None if framework is None else websites.check_framework(framework),
            tags=None if tags is None else websites.check_texts(tags, "tags"),
            ens=None if ens is None else websites.check_texts(ens, "ens"),
        )
        before = await self.get(name, address)
        time = websites.time_after(before, timestamp())
        change = partial(change, since=websites.version_of(before), time=time)
        if volume is None:
            return await self._edit(change, name, address)
        volume_id = await self._stored(volume, payment, address, present=before.volume_id)
        # What the site showed by what its owner signed: a node could name the content of another one.
        replaced: set[str] = set()
        change = partial(change, volume_id=volume_id, replaced=replaced)
        published = await self._edit(change, name, address)
        for old in sorted(replaced) if domains else ():
            try:
                await self._publisher.domains.move(old, volume_id, address=address)
            except AlephError as error:
                error.add_note(f"the site {name!r} itself is updated; domains.move can be repeated")
                raise
        return published

    async def delete(self, name: str, *, address: str | None = None) -> Published | None:
        """Give a site up; its content stays stored, and its domains show it, until they are told else."""
        name = websites.check_name(name)
        return await self._edit(partial(websites.delete, name=name), name, address)

    async def _stored(
        self, volume: str, payment: Fields | str | None, address: str | None, *, present: str = ""
    ) -> str:
        """Return the hash of the STORE message that names the content, which may be made here.

        The content that a site has already, by the message ``present``, is not stored once more.
        """
        if is_cid(volume):
            if present and await self._content_of(present) == volume:
                return present
            stored = await self._publisher.create_store(
                file_hash=volume,
                storage_engine="ipfs",
                payment=payment,
                address=address,
                wait=True,
            )
            return stored.item_hash
        message = await self._client.get_message(volume, "STORE")
        websites.content_hash(message)
        return volume

    async def _content_of(self, item_hash: str) -> str | None:
        """Return the CID that a STORE message names, None when it names none any more."""
        try:
            return websites.content_hash(await self._client.get_message(item_hash, "STORE"))
        except (ArgumentError, NotFoundError, MessageNotProcessedError, VerificationError):
            return None

    async def _edit(self, change: Change, name: str, address: str | None) -> Published | None:
        return await self._publisher.edit_aggregate(
            websites.KEY, change, entries=[name], address=address
        )
