"""A certificate of a platform's key: PDH, PEK, OCA or CEK, 2084 bytes in AMD's version 1.

The layout is that of appendix C of AMD's publication 55766.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

import attrs
from cryptography.hazmat.primitives.asymmetric import ec

from ..errors import CertificateError
from .keys import (
    ECDH,
    ECDSA,
    NUMBER,
    P384,
    RSA,
    Algorithm,
    PublicKey,
    Signer,
    Usage,
    bad_key,
    elliptic_key,
    rsa_key,
    signature_holds,
    u32,
)

__all__ = ["SevCertificate", "SignatureSlot", "check_signatures", "owner_certificate"]

_VERSION: Final = 1
_KEY: Final = 16
_SIGNED: Final = 1044
_SIGNATURE: Final = 512
_SLOTS: Final = (1044, 1564)


@attrs.frozen
class SignatureSlot:
    """One of the two places for a signature."""

    usage: int
    algorithm: int
    area: bytes

    @property
    def unused(self) -> bool:
        none = (self.usage, self.algorithm) == (Usage.NONE, Algorithm.NONE)
        return none and not any(self.area)


@attrs.frozen(repr=False)
class SevCertificate:
    """The certificate of one key of a platform, or of a guest's owner.

    Making one verifies nothing; it raises ``CertificateError`` with the check ``length``,
    ``version``, ``usage`` or ``reserved`` for bytes that are no certificate.
    """

    SIZE: ClassVar[int] = 2084

    raw: bytes

    def __attrs_post_init__(self) -> None:
        if len(self.raw) != self.SIZE:
            raise CertificateError(
                f"a certificate of a platform has {self.SIZE} bytes, not {len(self.raw)}",
                check="length",
            )
        version, usage = u32(self.raw, 0), u32(self.raw, 8)
        if version != _VERSION:
            raise CertificateError(
                f"a certificate has version {version}; only 1 is known", check="version"
            )
        if usage not in (Usage.OCA, Usage.PEK, Usage.PDH, Usage.CEK):
            raise CertificateError(f"no key of a platform has usage {usage:#x}", check="usage")
        if any(self.raw[6:8]):
            raise CertificateError(
                f"reserved bytes of the {self.name} are in use", check="reserved"
            )

    @property
    def usage(self) -> Usage:
        return Usage(u32(self.raw, 8))

    @property
    def name(self) -> str:
        return self.usage.name

    @property
    def api_version(self) -> tuple[int, int]:
        """The API version of the firmware that made it; zeros when its owner did."""
        return self.raw[4], self.raw[5]

    @property
    def algorithm(self) -> int:
        return u32(self.raw, 12)

    @property
    def signed(self) -> bytes:
        return self.raw[:_SIGNED]

    @property
    def slots(self) -> Iterator[SignatureSlot]:
        for start in _SLOTS:
            area = self.raw[start + 8 : start + 8 + _SIGNATURE]
            yield SignatureSlot(u32(self.raw, start), u32(self.raw, start + 4), area)

    def public_key(self) -> PublicKey:
        """Return the key; raise ``CertificateError`` with the check ``key`` when it is none."""
        area = self.raw[_KEY:_SIGNED]
        if self.algorithm in RSA:
            return rsa_key(self.name, u32(area, 0), area[4:516], area[516:])
        if self.algorithm not in (*ECDSA, *ECDH):
            raise bad_key(self.name, f"its algorithm {self.algorithm:#x} is unknown")
        end = 4 + 2 * NUMBER
        if any(area[end:]):
            raise bad_key(self.name, "stray bytes follow it")
        return elliptic_key(self.name, u32(area, 0), area[4 : 4 + NUMBER], area[4 + NUMBER : end])

    def exchange_key(self) -> ec.EllipticCurvePublicKey:
        """Return the key of a PDH, on P-384; raise ``CertificateError`` when it is none."""
        if self.usage != Usage.PDH:
            raise CertificateError(f"this is the {self.name}, where the PDH is due", check="usage")
        key = self.public_key()
        # A signature over the certificate proves neither the curve nor the point.
        if (
            self.algorithm not in ECDH
            or not isinstance(key, ec.EllipticCurvePublicKey)
            or not isinstance(key.curve, ec.SECP384R1)
        ):
            raise bad_key(self.name, "it is not for ECDH on P-384")
        return key

    def signer(self) -> Signer:
        """Return how this certificate's key signs; raise ``CertificateError`` when it does not."""
        if self.algorithm not in (*RSA, *ECDSA):
            raise bad_key(self.name, "it does not sign")
        return Signer(self.usage, Algorithm(self.algorithm), self.public_key())

    def __repr__(self) -> str:
        return f"<SevCertificate {self.name}>"


def check_signatures(certificate: SevCertificate, *signers: Signer) -> None:
    """Return only when exactly these signed the certificate, each in the slot that names it.

    Raises ``CertificateError`` with a check such as ``pek-signed-by-cek``; signatures of anybody
    else are ``pek-signature-slots``, a wrong algorithm is ``pek-signature-algorithm``.
    """
    name = certificate.name
    slots = {slot.usage: slot for slot in certificate.slots}
    for signer in signers:
        check = f"{name}-signed-by-{signer.name}".lower()
        slot = slots.get(signer.usage)
        if slot is None:
            raise CertificateError(f"the {name} has no signature of the {signer.name}", check=check)
        if slot.algorithm != signer.algorithm:
            raise CertificateError(
                f"the {name} has a signature with algorithm {slot.algorithm:#x}, but the "
                f"{signer.name} signs with {signer.algorithm:#x}",
                check=f"{name}-signature-algorithm".lower(),
            )
        if not signature_holds(signer, slot.area, certificate.signed):
            raise CertificateError(f"the {signer.name} did not sign the {name}", check=check)
    used = sorted(slot.usage for slot in certificate.slots if not slot.unused)
    if used != sorted(signer.usage for signer in signers):
        raise CertificateError(
            f"the {name} has more signatures than it should",
            check=f"{name}-signature-slots".lower(),
        )


def owner_certificate(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return the certificate (GODH) of a guest owner's key on P-384, with no signature.

    The firmware checks none there, and no firmware made it, so its API version is 0.0.
    """
    point = key.public_numbers()
    head = (_VERSION, 0, Usage.PDH, Algorithm.ECDH_SHA256, P384)
    body = b"".join(_written(number, 4) for number in head)
    body += _written(point.x, NUMBER) + _written(point.y, NUMBER)
    unused = _written(Usage.NONE, 4) + _written(Algorithm.NONE, 4) + bytes(_SIGNATURE)
    return body.ljust(_SIGNED, b"\0") + unused * len(_SLOTS)


def _written(number: int, size: int) -> bytes:
    return number.to_bytes(size, "little")
