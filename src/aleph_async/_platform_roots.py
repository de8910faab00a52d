"""The roots that a platform may go back to: given, kept on disk, or fetched from where AMD publishes them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from aleph_core.calls.confidential import authority_file
from aleph_core.errors import AlephError, ArgumentError, TransportError
from aleph_core.excerpts import shown
from aleph_core.nodes import service_url

from ._connection import Connection
from ._runtime import run_blocking

if TYPE_CHECKING:
    from aleph_core.sev import PlatformCertificates, RootSource, TrustedRoot

    Root = TrustedRoot | RootSource | str | os.PathLike[str]
    Roots = Root | Iterable[Root]

__all__ = ["PlatformRoots"]


class PlatformRoots:
    """What a client takes for the root of a platform, AMD's unless told; it fetches through the client's connections."""

    def __init__(self, connection: Connection, roots: Roots | None) -> None:
        if isinstance(roots, Iterable) and not isinstance(roots, str):
            roots = tuple(roots)
        self._roots = roots
        self._connection = connection
        self._folder = connection.settings.CONFIG_HOME / "amd-roots"
        self._had: dict[RootSource, TrustedRoot] = {}

    async def verify(self, chain: PlatformCertificates, roots: Roots | None) -> TrustedRoot:
        """Return the root that the chain goes back to; ``roots`` take the place of the client's."""
        from aleph_core.sev.root_search import RootSearch

        roots = self._roots if roots is None else roots
        search = RootSearch(chain, None if roots is None else await _given(roots))
        for root in search.at_hand:
            if search.leads_to(root):
                return root
        unreachable: dict[str, TransportError] = {}
        for source in search.sources:
            try:
                found = await self._get(source, unreachable)
            except MissingRoot as missing:
                search.miss(source, missing.errors)
            else:
                if search.leads_to(found):
                    return found
        raise search.failure()

    async def _get(self, source: RootSource, unreachable: dict[str, TransportError]) -> TrustedRoot:
        from aleph_core.sev.root_files import kept_root

        root = self._had.get(source) or await run_blocking(kept_root, self._folder, source)
        if root is None:
            root = await self._fetch(source, unreachable)
        self._had[source] = root
        return root

    async def _fetch(
        self, source: RootSource, unreachable: dict[str, TransportError]
    ) -> TrustedRoot:
        """Return the root that one of the addresses of a source has, and keep its file.

        A host that could not be reached is not asked again.
        """
        from aleph_core.sev.root_files import keep_root
        from aleph_core.sev.root_search import addresses

        errors: list[AlephError] = []
        for url in addresses(source, self._mirror):
            node, call = authority_file(url)
            try:
                if node in unreachable:
                    raise unreachable[node]
                data = await self._connection._send(call, node=node)  # noqa: SLF001 - as services do
                root = source.read(data)
            except TransportError as error:
                unreachable[node] = error
                errors.append(error)
            except AlephError as error:
                errors.append(error)
            else:
                await run_blocking(keep_root, self._folder, source, data)
                return root
        raise MissingRoot(errors)

    @property
    def _mirror(self) -> str | None:
        settings = self._connection.settings
        return None if settings.AMD_ROOTS_URL is None else service_url(settings, "AMD_ROOTS_URL")


class MissingRoot(Exception):
    """A root could be had from none of its addresses."""

    def __init__(self, errors: Sequence[AlephError]) -> None:
        super().__init__(*errors)
        self.errors = errors


async def _given(roots: Roots) -> list[TrustedRoot | RootSource]:
    from aleph_core.sev import RootSource, TrustedRoot
    from aleph_core.sev.root_files import read_root_file

    if isinstance(roots, (str, os.PathLike, RootSource, TrustedRoot)):
        roots = [roots]
    elif not isinstance(roots, Iterable):
        raise ArgumentError("roots", f"expected several, not {shown(roots)}")
    found: list[TrustedRoot | RootSource] = []
    for root in roots:
        if isinstance(root, (RootSource, TrustedRoot)):
            found.append(root)
        elif isinstance(root, (str, os.PathLike)):
            found.append(await run_blocking(read_root_file, root))
        else:
            raise ArgumentError(
                "roots", f"expected roots of sev, or paths of AMD's files, not {shown(root)}"
            )
    return found
