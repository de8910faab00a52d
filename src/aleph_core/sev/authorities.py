"""A certificate of AMD's own keys: ARK, the root, or ASK, which signs the keys of chips.

The layout is that of appendix B of AMD's publication 55766.
"""

from __future__ import annotations

from typing import ClassVar, Final

import attrs
from cryptography.hazmat.primitives.asymmetric import rsa

from ..errors import CertificateError
from .keys import RSA_SIZES, Signer, Usage, authority_signer, bad_key, rsa_key, signature_holds, u32

__all__ = ["AuthorityCertificate"]

_VERSION: Final = 1
_HEAD: Final = 64


@attrs.frozen(repr=False)
class AuthorityCertificate:
    """The certificate of an ARK or ASK: 832 bytes with keys of 2048 bits, 1600 with 4096.

    Making one verifies nothing; it raises ``CertificateError`` with the check ``length``,
    ``version``, ``usage`` or ``key`` for bytes that are no certificate.
    """

    SIZES: ClassVar[tuple[int, ...]] = tuple(_HEAD + 3 * bits // 8 for bits in RSA_SIZES)

    raw: bytes

    def __attrs_post_init__(self) -> None:
        bits, size = u32(self.raw, 60), len(self.raw)
        if size not in self.SIZES or size != _HEAD + 3 * bits // 8:
            sizes = " or ".join(map(str, self.SIZES))
            raise CertificateError(
                f"an ARK or ASK has {sizes} bytes and says so; these are {size}", check="length"
            )
        version, usage = u32(self.raw, 0), u32(self.raw, 36)
        if version != _VERSION:
            raise CertificateError(
                f"an authority's certificate has version {version}; only 1 is known",
                check="version",
            )
        if usage not in (Usage.ARK, Usage.ASK):
            raise CertificateError(f"no key of AMD's has usage {usage:#x}", check="usage")
        if u32(self.raw, 56) != bits:
            raise bad_key(self.name, "its exponent and its modulus differ in size")

    @property
    def usage(self) -> Usage:
        return Usage(u32(self.raw, 36))

    @property
    def name(self) -> str:
        return self.usage.name

    @property
    def key_id(self) -> bytes:
        return self.raw[4:20]

    @property
    def certifying_id(self) -> bytes:
        """The key id of the issuer."""
        return self.raw[20:36]

    @property
    def body(self) -> bytes:
        """What the signature covers: everything before it."""
        return self.raw[: len(self.raw) - (len(self.raw) - _HEAD) // 3]

    def public_key(self) -> rsa.RSAPublicKey:
        """Return the key; raise ``CertificateError`` with the check ``key`` when it is none."""
        numbers = self.body[_HEAD:]
        half = len(numbers) // 2
        return rsa_key(self.name, 8 * half, numbers[:half], numbers[half:])

    def signer(self) -> Signer:
        """Return how this certificate's key signs."""
        return authority_signer(self.usage, self.public_key())

    def check_issuer(self, issuer: AuthorityCertificate) -> None:
        """Return only when ``issuer`` signed this and is who this names as its issuer.

        Raises ``CertificateError`` with the check ``ark-signed-by-ark`` or ``ask-signed-by-ark``.
        """
        check = f"{self.name}-signed-by-{issuer.name}".lower()
        if self.certifying_id != issuer.key_id:
            raise CertificateError(f"the {self.name} names another issuer", check=check)
        if not signature_holds(issuer.signer(), self.raw[len(self.body) :], self.body):
            raise CertificateError(f"the {issuer.name} did not sign the {self.name}", check=check)

    def __repr__(self) -> str:
        return f"<AuthorityCertificate {self.name} {self.key_id.hex()}>"
