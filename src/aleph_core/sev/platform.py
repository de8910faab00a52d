"""The certificates of a platform: the chain from AMD's root to the key a session is made for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Self

import attrs

from ..errors import ArgumentError, CertificateError
from .arguments import require_bytes
from .authorities import AuthorityCertificate
from .certificates import SevCertificate, check_signatures
from .keys import Signer, Usage, authority_signer, signature_holds
from .roots import TrustedRoot

__all__ = ["PlatformCertificates"]


@attrs.frozen(repr=False)
class PlatformCertificates:
    """What a compute node serves: PDH, PEK, OCA and CEK, with or without AMD's ASK and ARK.

    The PDH alone is enough for a session, and proves nothing. Making one verifies nothing: call
    ``verify`` before any secret depends on it.
    """

    USAGES: ClassVar[tuple[Usage, ...]] = (
        Usage.PDH, Usage.PEK, Usage.OCA, Usage.CEK, Usage.ASK, Usage.ARK,
    )  # fmt: skip

    pdh: SevCertificate
    pek: SevCertificate | None = None
    oca: SevCertificate | None = None
    cek: SevCertificate | None = None
    ask: AuthorityCertificate | None = None
    ark: AuthorityCertificate | None = None

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read 2084, 8336, 10000 or 11536 bytes, as ``sevctl export`` writes them.

        Raises ``CertificateError`` with the check ``length``, ``version``, ``usage``, ``order``,
        ``reserved`` or ``key`` for anything else.
        """
        data = require_bytes(data, "data")
        one, four = SevCertificate.SIZE, 4 * SevCertificate.SIZE
        sizes = (one, four, *(four + 2 * size for size in AuthorityCertificate.SIZES))
        if len(data) not in sizes:
            raise CertificateError(
                f"the certificates of a platform have {', '.join(map(str, sizes))} bytes, "
                f"not {len(data)}",
                check="length",
            )
        pdh, *others = (
            SevCertificate(data[at : at + one]) for at in range(0, min(len(data), four), one)
        )
        if not others:
            return cls(pdh)
        pek, oca, cek = others
        if not (above := data[four:]):
            return cls(pdh, pek, oca, cek)
        half = len(above) // 2
        ask, ark = AuthorityCertificate(above[:half]), AuthorityCertificate(above[half:])
        return cls(pdh, pek, oca, cek, ask, ark)

    def __attrs_post_init__(self) -> None:
        found = [certificate.usage for certificate in self._present()]
        if len(found) not in (1, 4, 6) or found != list(self.USAGES[: len(found)]):
            raise CertificateError(
                f"the certificates are {', '.join(usage.name for usage in found)}; expected "
                f"{', '.join(usage.name for usage in self.USAGES)}, or the first four, or the first",
                check="order",
            )

    def to_bytes(self) -> bytes:
        """Return what ``from_bytes`` reads."""
        return b"".join(certificate.raw for certificate in self._present())

    def verify(self, roots: Iterable[TrustedRoot]) -> TrustedRoot:
        """Return the trusted root that the platform's key goes back to.

        Raises ``CertificateError`` whose ``check`` names the first link that does not hold, from
        the root down: ``incomplete``, ``root``, ``ark-signed-by-ark``, ``ask-signed-by-ark``,
        ``cek-signed-by-ask``, ``oca-signed-by-oca``, ``pek-signed-by-oca``, ``pek-signed-by-cek``,
        ``pdh-signed-by-pek``, the like with ``-signature-algorithm`` or ``-signature-slots``, and
        ``key``.
        """
        trusted = list(roots)
        if not trusted:
            raise ArgumentError("roots", "names no trusted root")
        pek, oca, cek = self.pek, self.oca, self.cek
        if pek is None or oca is None or cek is None:
            raise CertificateError(
                "the PDH alone proves nothing; get the platform's four certificates",
                check="incomplete",
            )
        root, ask = self._authority(cek, trusted)
        check_signatures(cek, ask)
        # Whoever owns the machine made the OCA: it proves nothing by itself, the CEK does.
        owner = oca.signer()
        check_signatures(oca, owner)
        check_signatures(pek, owner, cek.signer())
        check_signatures(self.pdh, pek.signer())
        self.pdh.exchange_key()
        return root

    def _authority(
        self, cek: SevCertificate, trusted: Sequence[TrustedRoot]
    ) -> tuple[TrustedRoot, Signer]:
        """Return the root to trust and the ASK below it, of the chain itself if it has one."""
        if self.ark is not None and self.ask is not None:
            numbers = self.ark.public_key().public_numbers()
            # Key ids can be copied, keys cannot.
            found = [root for root in trusted if root.ark.public_numbers() == numbers]
            if not found:
                raise CertificateError("the ARK is no trusted root", check="root")
            self.ark.check_issuer(self.ark)
            self.ask.check_issuer(self.ark)
            return found[0], self.ask.signer()
        for root in trusted:
            signer = authority_signer(Usage.ASK, root.ask)
            for slot in cek.slots:
                if slot.usage == Usage.ASK and signature_holds(signer, slot.area, cek.signed):
                    return root, signer
        raise CertificateError(
            "no trusted ASK signed the CEK: the roots of "
            f"{', '.join(root.product for root in trusted)} were tried",
            check="cek-signed-by-ask",
        )

    def _present(self) -> list[SevCertificate | AuthorityCertificate]:
        return [part for part in attrs.astuple(self, recurse=False) if part is not None]

    def __repr__(self) -> str:
        names = ", ".join(certificate.name for certificate in self._present())
        return f"<PlatformCertificates {names}>"
