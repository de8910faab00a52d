"""Keys as AMD's certificates hold them, and signatures by them. Every number is little-endian."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ..errors import CertificateError

__all__ = [
    "ECDH",
    "ECDSA",
    "NUMBER",
    "P384",
    "RSA",
    "RSA_SIZES",
    "Algorithm",
    "PublicKey",
    "Signer",
    "Usage",
    "authority_signer",
    "bad_key",
    "elliptic_key",
    "little",
    "rsa_key",
    "signature_holds",
    "u32",
]

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

# A coordinate of a point, and either half of a signature on a curve.
NUMBER: Final = 72
P384: Final = 2
RSA_SIZES: Final = (2048, 4096)
_CURVES: Final[dict[int, ec.EllipticCurve]] = {1: ec.SECP256R1(), P384: ec.SECP384R1()}


class Usage(IntEnum):
    """What a key is for."""

    ARK = 0
    ASK = 0x13
    NONE = 0x1000
    OCA = 0x1001
    PEK = 0x1002
    PDH = 0x1003
    CEK = 0x1004


class Algorithm(IntEnum):
    """What a key does, or how a signature was made."""

    NONE = 0
    RSA_SHA256 = 0x1
    ECDSA_SHA256 = 0x2
    ECDH_SHA256 = 0x3
    RSA_SHA384 = 0x101
    ECDSA_SHA384 = 0x102
    ECDH_SHA384 = 0x103


RSA: Final = (Algorithm.RSA_SHA256, Algorithm.RSA_SHA384)
ECDSA: Final = (Algorithm.ECDSA_SHA256, Algorithm.ECDSA_SHA384)
ECDH: Final = (Algorithm.ECDH_SHA256, Algorithm.ECDH_SHA384)


@attrs.frozen
class Signer:
    """Somebody whose signature a certificate must carry."""

    usage: Usage
    algorithm: Algorithm
    key: PublicKey

    @property
    def name(self) -> str:
        return self.usage.name


def authority_signer(usage: Usage, key: rsa.RSAPublicKey) -> Signer:
    """Return how AMD signs with a key: the size of the key decides the hash."""
    small = key.key_size == RSA_SIZES[0]
    return Signer(usage, Algorithm.RSA_SHA256 if small else Algorithm.RSA_SHA384, key)


def signature_holds(signer: Signer, area: bytes, signed: bytes) -> bool:
    """Tell whether the signature at the start of ``area`` is the signer's and zeros follow it."""
    short = signer.algorithm in (Algorithm.RSA_SHA256, Algorithm.ECDSA_SHA256)
    digest = hashes.SHA256() if short else hashes.SHA384()
    key = signer.key
    size = key.key_size // 8 if isinstance(key, rsa.RSAPublicKey) else 2 * NUMBER
    if any(area[size:]):
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
            key.verify(area[:size][::-1], signed, pss, digest)
        else:
            r, s = little(area[:NUMBER]), little(area[NUMBER:size])
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


def rsa_key(name: str, bits: int, exponent: bytes, modulus: bytes) -> rsa.RSAPublicKey:
    """Return an RSA key; raise ``CertificateError`` when the numbers are none."""
    e, n = little(exponent), little(modulus)
    if bits not in RSA_SIZES or n.bit_length() != bits:
        raise bad_key(name, f"it is no RSA key of {' or '.join(map(str, RSA_SIZES))} bits")
    try:
        return rsa.RSAPublicNumbers(e, n).public_key()
    except ValueError:
        refusal = bad_key(name, "its numbers are no RSA key")
    raise refusal


def elliptic_key(name: str, curve: int, x: bytes, y: bytes) -> ec.EllipticCurvePublicKey:
    """Return the key at a point; raise ``CertificateError`` when it is not on the curve."""
    if curve not in _CURVES:
        raise bad_key(name, f"its curve {curve} is unknown")
    try:
        return ec.EllipticCurvePublicNumbers(little(x), little(y), _CURVES[curve]).public_key()
    except ValueError:
        refusal = bad_key(name, "its point is not on the curve")
    raise refusal


def bad_key(name: str, problem: str) -> CertificateError:
    return CertificateError(f"the key of the {name} cannot be used: {problem}", check="key")


def little(data: bytes) -> int:
    return int.from_bytes(data, "little")


def u32(data: bytes, offset: int) -> int:
    return little(data[offset : offset + 4])
