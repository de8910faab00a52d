"""The keys of a platform and the certificates that AMD and the platform make of them."""

from __future__ import annotations

import functools
import struct
from typing import Self

import attrs
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

__all__ = ["PlatformKeys", "authority_certificate", "platform_certificate"]

ARK, ASK, NONE, OCA, PEK, PDH, CEK = 0, 0x13, 0x1000, 0x1001, 0x1002, 0x1003, 0x1004
ECDSA_SHA256, ECDH_SHA256 = 2, 3
# The firmware that AMD makes chips' certificates with.
CHIP_API = (0, 14)
_UNSIGNED = struct.pack("<II512x", NONE, 0)


@attrs.frozen(repr=False)
class PlatformKeys:
    """Every private key of a platform, AMD's two included."""

    ark: rsa.RSAPrivateKey
    ask: rsa.RSAPrivateKey
    cek: ec.EllipticCurvePrivateKey
    oca: ec.EllipticCurvePrivateKey
    pek: ec.EllipticCurvePrivateKey
    pdh: ec.EllipticCurvePrivateKey

    @classmethod
    def generate(cls, rsa_bits: int = 2048) -> Self:
        """Make the keys of a new platform; all platforms of a process share AMD's two."""
        return cls(*_authority_keys(rsa_bits), *(elliptic_key() for _ in range(4)))


def elliptic_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP384R1())


@functools.cache
def _authority_keys(bits: int) -> tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]:
    return rsa.generate_private_key(65537, bits), rsa.generate_private_key(65537, bits)


def authority_certificate(
    usage: int, key: rsa.RSAPrivateKey, key_id: bytes, issuer: rsa.RSAPrivateKey, issuer_id: bytes
) -> bytes:
    """Return the certificate of an ARK or ASK."""
    size, numbers = key.key_size // 8, key.public_key().public_numbers()
    body = struct.pack(
        "<I16s16sI16xII", 1, key_id, issuer_id, usage, key.key_size, key.key_size
    ) + b"".join(number.to_bytes(size, "little") for number in (numbers.e, numbers.n))
    return body + _authority_signature(issuer, body)[1]


def platform_certificate(
    usage: int,
    key: ec.EllipticCurvePrivateKey,
    api: tuple[int, int],
    *signers: tuple[int, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey],
) -> bytes:
    """Return the certificate of a key of the platform, with a slot for each of one or two signers."""
    point = key.public_key().public_numbers()
    algorithm = ECDH_SHA256 if usage == PDH else ECDSA_SHA256
    body = struct.pack(
        "<IBBxxIII72s72s880x", 1, *api, usage, algorithm, 2,
        point.x.to_bytes(72, "little"), point.y.to_bytes(72, "little"),
    )  # fmt: skip
    slots = []
    for signer_usage, signer in signers:
        if isinstance(signer, rsa.RSAPrivateKey):
            signed_with, signature = _authority_signature(signer, body)
        else:
            halves = decode_dss_signature(signer.sign(body, ec.ECDSA(hashes.SHA256())))
            signature = b"".join(half.to_bytes(72, "little") for half in halves)
            signed_with = ECDSA_SHA256
        slots.append(struct.pack("<II512s", signer_usage, signed_with, signature))
    return body + b"".join((*slots, _UNSIGNED)[:2])


def _authority_signature(key: rsa.RSAPrivateKey, body: bytes) -> tuple[int, bytes]:
    """Return the algorithm and the little-endian signature of one of AMD's keys."""
    digest, algorithm = (hashes.SHA256(), 0x1) if key.key_size == 2048 else (hashes.SHA384(), 0x101)
    pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
    return algorithm, key.sign(body, pss, digest)[::-1]
