"""Which root a platform's certificates go back to, when all that is known is where roots may be had."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final

from ..confidential_errors import RootsUnavailable
from ..errors import AlephError, ArgumentError, CertificateError
from .platform import PlatformCertificates
from .roots import AMD_ROOTS, RootSource, TrustedRoot, products_for

__all__ = ["RootSearch", "addresses"]

# What a chain fails with when it is one of another root.
_ELSEWHERE: Final = frozenset({"cek-signed-by-ask", "root"})


def addresses(source: RootSource, mirror: str | None) -> tuple[str, ...]:
    """Return where to ask for a source, in order; AMD's files may be had from a ``mirror`` instead."""
    if mirror is None or source != AMD_ROOTS.get(source.product):
        return source.urls
    return (f"{mirror.rstrip('/')}/ask_ark_{source.product}.cert",)


class RootSearch:
    """The search for the root of one chain: among those ``at_hand`` first, then those of ``sources``.

    Without ``roots`` they are AMD's, likeliest first. A chain that brings its own ARK is held against
    the pins of the sources, of which nothing has to be fetched then. Raises ``CertificateError`` for a
    chain that proves nothing with any root.
    """

    def __init__(
        self,
        chain: PlatformCertificates,
        roots: Sequence[TrustedRoot | RootSource] | None = None,
    ) -> None:
        if chain.cek is None:
            raise CertificateError(
                "the PDH alone proves nothing; get the platform's four certificates",
                check="incomplete",
            )
        if roots is None:
            roots = [AMD_ROOTS[product] for product in products_for(chain)]
        if not roots:
            raise ArgumentError("roots", "names no trusted root")
        self.at_hand = [root for root in roots if isinstance(root, TrustedRoot)]
        self.sources = [root for root in roots if isinstance(root, RootSource)]
        self._chain = chain
        self._tried: list[TrustedRoot] = []
        self._missed: dict[str, Sequence[AlephError]] = {}
        if chain.ask is not None and chain.ark is not None:
            brought = chain.ask.raw + chain.ark.raw
            for source in self.sources:
                with contextlib.suppress(CertificateError):
                    self.at_hand.append(source.read(brought))
            self.sources = []

    def leads_to(self, root: TrustedRoot) -> bool:
        """Tell whether the chain goes back to this root; raise ``CertificateError`` when it does not hold."""
        try:
            self._chain.verify([root])
        except CertificateError as error:
            if error.check not in _ELSEWHERE:
                raise
            self._tried.append(root)
            return False
        return True

    def miss(self, source: RootSource, errors: Sequence[AlephError]) -> None:
        """Note why a source could be had from none of its addresses."""
        self._missed[source.product] = errors

    def failure(self) -> CertificateError:
        """Return the error for a chain that goes back to none of the candidates that were had."""
        if self._missed:
            return self._missing()
        if not self._tried:
            return CertificateError(
                "the ARK that the platform brings is no trusted root", check="root"
            )
        try:
            self._chain.verify(self._tried)
        except CertificateError as error:
            return error
        raise AssertionError("a chain was given up that goes back to a root")

    def _missing(self) -> CertificateError:
        errors = [error for each in self._missed.values() for error in each]
        names = ", ".join(self._missed)
        said = "; ".join(dict.fromkeys(map(str, errors)))
        forged = [error for error in errors if isinstance(error, CertificateError)]
        failure: CertificateError
        if forged:
            failure = CertificateError(
                f"what was fetched is no genuine root of {names}: {said}", check=forged[0].check
            )
        else:
            failure = RootsUnavailable(
                "the platform's certificates cannot be verified without the roots of "
                f"{names}, which cannot be had: {said}; give their files as roots, or set "
                "ALEPH_AMD_ROOTS_URL to a mirror of AMD's",
                products=tuple(self._missed),
                causes=[str(error) for error in errors],
            )
        failure.__cause__ = (forged or errors)[0]
        return failure
