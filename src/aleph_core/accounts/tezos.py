"""Tezos keys: implicit addresses, signatures of bare and of Micheline text.

Each curve loads its own library, when a key or a signature of it is first met.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

import attrs

from ..errors import ArgumentError, BadSignatureError
from . import base58_text
from .account import LocalAccount, require_bytes
from .json_signature import read_json_signature
from .secret_text import secret_bytes

if TYPE_CHECKING:
    from coincurve import PrivateKey
    from nacl.signing import SigningKey

__all__ = ["TezosAccount", "verify_signature"]

_LONGEST: Final = 99
_DEFAULT_DAPP_URL: Final = "aleph.im"
_RAW, _MICHELINE = "raw", "micheline"
_GENERIC_SIGNATURE: Final = bytes.fromhex("04822b")
_ED25519_PAIR: Final = bytes.fromhex("2bf64e07")


@attrs.frozen
class _Curve:
    """What base58 texts of a curve begin with, once decoded."""

    name: str
    public_key: bytes
    address: bytes
    signature: bytes
    secret_key: bytes
    public_length: int


_ED25519: Final = _Curve(
    name="ed25519",
    public_key=bytes.fromhex("0d0f25d9"),
    address=bytes.fromhex("06a19f"),
    signature=bytes.fromhex("09f5cd8612"),
    secret_key=bytes.fromhex("0d0f3a07"),
    public_length=32,
)
_SECP256K1: Final = _Curve(
    name="secp256k1",
    public_key=bytes.fromhex("03fee256"),
    address=bytes.fromhex("06a1a1"),
    signature=bytes.fromhex("0d7365133f"),
    secret_key=bytes.fromhex("11a2e0c9"),
    public_length=33,
)
_P256: Final = _Curve(
    name="p256",
    public_key=bytes.fromhex("03b28b7f"),
    address=bytes.fromhex("06a1a4"),
    signature=bytes.fromhex("36f02c34"),
    secret_key=bytes.fromhex("1051eebd"),
    public_length=33,
)
_OF_ACCOUNTS: Final = (_ED25519, _SECP256K1)
_OF_SIGNATURES: Final = (_ED25519, _SECP256K1, _P256)


class TezosAccount(LocalAccount):
    """A Tezos key on Ed25519 (``tz1``) or secp256k1 (``tz2``), publishing under ``TEZOS``.

    ``private_key`` is ``edsk…`` or ``spsk…`` text, which tells the curve, or 32 bytes as such or as
    64 hexadecimal digits: then ``curve`` counts, ``"ed25519"`` unless said otherwise.
    ``signing_type`` is ``"raw"``, or ``"micheline"`` to sign as wallets in browsers do; the text
    then names ``dapp_url`` and the message's ``time``. Raises ``ArgumentError`` for anything else.
    """

    __slots__ = ("_address", "_curve", "_dapp_url", "_key", "_signing_type")

    def __init__(
        self,
        private_key: bytes | str,
        curve: str | None = None,
        *,
        signing_type: str = _RAW,
        dapp_url: str = _DEFAULT_DAPP_URL,
    ) -> None:
        if signing_type not in (_RAW, _MICHELINE):
            raise ArgumentError("signing_type", "is neither raw nor micheline")
        self._signing_type = str.__str__(signing_type)
        self._dapp_url = _check_dapp_url(dapp_url)
        self._curve, secret = _read_private_key(private_key, curve)
        self._key = _open_key(self._curve, secret)
        self._address = _address(self._curve, self._key.public_key)

    @classmethod
    def generate(cls, curve: str = "ed25519") -> Self:
        """Make a new random key. Nothing is stored: keep ``export_private_key()`` or lose it."""
        if _named(curve) is _SECP256K1:
            from coincurve import PrivateKey

            return cls(PrivateKey().secret, curve)
        from nacl.signing import SigningKey

        return cls(bytes(SigningKey.generate()), curve)

    @property
    def CHAIN(self) -> str:
        return "TEZOS"

    @property
    def CURVE(self) -> str:
        return self._curve.name

    def get_address(self) -> str:
        """Return the hash of the public key, ``tz1…`` or ``tz2…``."""
        return self._address

    def get_public_key(self) -> str:
        """Return the public key, ``edpk…`` or ``sppk…``."""
        return base58_text.encode_checked(self._curve.public_key + self._key.public_key)

    def export_private_key(self) -> str:
        """Return the private key, ``edsk…`` or ``spsk…``. Keep it secret."""
        return base58_text.encode_checked(self._curve.secret_key + self._key.secret)

    def sign_raw(self, buffer: bytes) -> bytes:
        """Sign the BLAKE2b-256 of any bytes and return the 64 bytes of the signature."""
        return self._key.sign(_digest(require_bytes(buffer)))

    def encrypt(self, content: bytes) -> bytes:
        """Encrypt bytes so that only the holder of this key can read them.

        A sealed box of libsodium on Ed25519; on secp256k1 as an Ethereum account does.
        """
        return self._key.encrypt(require_bytes(content, "content"))

    def decrypt(self, content: bytes) -> bytes:
        """Decrypt what was encrypted for this key; raise ``DecryptionError`` for anything else."""
        return self._key.decrypt(require_bytes(content, "content"))

    def _sign_buffer(self, buffer: bytes, message: Mapping[str, Any], /) -> str:
        if self._signing_type == _MICHELINE:
            signed = _micheline(buffer, message.get("time"), self._dapp_url)
            if signed is None:
                raise ArgumentError(
                    "message", "needs a time in seconds, which Micheline signatures cover"
                )
            buffer = signed
        return self._encode_signature(self.sign_raw(buffer))

    def _encode_signature(self, signature: bytes) -> str:
        parts = {
            "publicKey": self.get_public_key(),
            "signature": base58_text.encode_checked(self._curve.signature + signature),
        }
        if self._signing_type != _RAW:
            parts |= {"signingType": self._signing_type, "dAppUrl": self._dapp_url}
        return json.dumps(parts)


def verify_signature(*, sender: str, buffer: bytes, signature: str, time: object = None) -> None:
    """Raise ``BadSignatureError`` unless ``signature`` is ``sender``'s, bare or as Micheline.

    Takes a JSON object as text with ``publicKey`` and ``signature`` on Ed25519, secp256k1 or P-256,
    and optionally ``signingType`` and ``dAppUrl``. ``time`` is that of the message, in seconds: a
    Micheline signature covers its milliseconds. The sender must be the hash of the public key.
    """
    parts = read_json_signature(signature, sender)
    public_key = base58_text.decode_checked(parts.get("publicKey"), _LONGEST) or b""
    curve = next((c for c in _OF_SIGNATURES if public_key.startswith(c.public_key)), _ED25519)
    key = public_key[len(curve.public_key) :]
    raw = _read_signature(parts.get("signature"), curve)
    signing_type = parts.get("signingType", _RAW)
    dapp_url = parts.get("dAppUrl", _DEFAULT_DAPP_URL)
    if (
        not public_key.startswith(curve.public_key)
        or len(key) != curve.public_length
        or raw is None
        or signing_type not in (_RAW, _MICHELINE)
        or not isinstance(dapp_url, str)
    ):
        raise BadSignatureError(f"the signature of {sender!r:.100} is no Tezos signature")
    if _address(curve, key) != sender:
        raise BadSignatureError(f"the signature names another key than that of {sender!r:.100}")
    signed = buffer if signing_type == _RAW else _micheline(buffer, time, dapp_url)
    if signed is None:
        raise BadSignatureError(
            f"the signature of {sender!r:.100} covers a time, and the message has none"
        )
    if not _verify(curve, key, raw, _digest(signed)):
        raise BadSignatureError(
            f"{sender!r:.100} did not sign this message; do not trust it, ask another node"
        )


class _Key(Protocol):
    @property
    def public_key(self) -> bytes: ...
    @property
    def secret(self) -> bytes: ...
    def sign(self, digest: bytes) -> bytes: ...
    def encrypt(self, content: bytes) -> bytes: ...
    def decrypt(self, content: bytes) -> bytes: ...


class _Ed25519Key:
    __slots__ = ("_key",)

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    @property
    def public_key(self) -> bytes:
        return bytes(self._key.verify_key)

    @property
    def secret(self) -> bytes:
        return bytes(self._key)

    def sign(self, digest: bytes) -> bytes:
        return bytes(self._key.sign(digest).signature)

    def encrypt(self, content: bytes) -> bytes:
        from .sealed_box import encrypt

        return encrypt(self._key, content)

    def decrypt(self, content: bytes) -> bytes:
        from .sealed_box import decrypt

        return decrypt(self._key, content)


class _Secp256k1Key:
    __slots__ = ("_key",)

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    @property
    def public_key(self) -> bytes:
        return self._key.public_key.format()

    @property
    def secret(self) -> bytes:
        return self._key.secret

    def sign(self, digest: bytes) -> bytes:
        return self._key.sign_recoverable(digest, hasher=None)[:64]

    def encrypt(self, content: bytes) -> bytes:
        from .ecies import encrypt

        return encrypt(self._key.public_key, content)

    def decrypt(self, content: bytes) -> bytes:
        from .ecies import decrypt

        return decrypt(self._key, content)


def _open_key(curve: _Curve, secret: bytes) -> _Key:
    if curve is _ED25519:
        from nacl.signing import SigningKey

        return _Ed25519Key(SigningKey(secret))
    from .secp256k1 import read_private_key

    return _Secp256k1Key(read_private_key(secret, account=TezosAccount))


def _read_private_key(private_key: object, curve: str | None) -> tuple[_Curve, bytes]:
    named = None if curve is None else _named(curve)
    secret = secret_bytes(private_key)
    if secret is not None:
        return named or _ED25519, secret
    if isinstance(private_key, bytes | bytearray | memoryview):
        private_key = bytes(private_key).decode("ascii", "replace")
    text = private_key.strip() if isinstance(private_key, str) else ""
    raw = base58_text.decode_checked(text, _LONGEST) or b""
    found = None
    for known in _OF_ACCOUNTS:
        if raw.startswith(known.secret_key) and len(raw) == 36:
            found = known, raw[4:]
    if raw.startswith(_ED25519_PAIR) and len(raw) == 68:
        found = _ED25519, raw[4:36]
        public_key = _open_key(*found).public_key
        if not hmac.compare_digest(public_key, raw[36:]):
            raise ArgumentError(
                "private_key", "the second half of its 64 bytes is not the public key of the first"
            )
    if found is None:
        raise ArgumentError(
            "private_key", "must be edsk… or spsk… text, 32 bytes or 64 hexadecimal digits"
        )
    if named not in (None, found[0]):
        raise ArgumentError(
            "curve", f"is not that of the private key, which is one of {found[0].name}"
        )
    return found


def _named(curve: object) -> _Curve:
    for known in _OF_ACCOUNTS:
        if known.name == curve:
            return known
    raise ArgumentError("curve", "is neither ed25519 nor secp256k1")


def _check_dapp_url(dapp_url: object) -> str:
    # It travels in the signature, whose length is bounded where it is verified.
    if isinstance(dapp_url, str) and 0 < len(json.dumps(dapp_url)) - 2 <= 1000:
        with contextlib.suppress(UnicodeEncodeError):
            dapp_url.encode()
            return dapp_url
    raise ArgumentError("dapp_url", "must be text of 1 to 1000 characters, as JSON spells it")


def _read_signature(text: object, curve: _Curve) -> bytes | None:
    raw = base58_text.decode_checked(text, _LONGEST) or b""
    for prefix in (curve.signature, _GENERIC_SIGNATURE):
        if raw.startswith(prefix) and len(raw) == len(prefix) + 64:
            return raw[len(prefix) :]
    return None


def _verify(curve: _Curve, key: bytes, signature: bytes, digest: bytes) -> bool:
    if curve is _SECP256K1:
        from .secp256k1 import verify_compact

        return verify_compact(signature, digest, key, None)
    if curve is _P256:
        return _verify_p256(key, signature, digest)
    from nacl.exceptions import CryptoError
    from nacl.signing import VerifyKey

    with contextlib.suppress(CryptoError):
        VerifyKey(key).verify(digest, signature)
        return True
    return False


def _verify_p256(key: bytes, signature: bytes, digest: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
    with contextlib.suppress(ValueError, InvalidSignature):
        public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
        # Of the digest's algorithm only the length counts here.
        public_key.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(SHA256())))
        return True
    return False


def _micheline(buffer: bytes, time: object, dapp_url: str) -> bytes | None:
    """Return what a wallet signs: a packed string, the time of the message among its words.

    The length is that of the hexadecimal form, in decimal digits: not what Tezos packs, but what
    nodes expect. None without a time that a calendar has.
    """
    if not isinstance(time, int | float) or isinstance(time, bool):
        return None
    try:
        moment = datetime.fromtimestamp(time, UTC)
        url = dapp_url.encode()
    except (ValueError, OverflowError, OSError):
        return None
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    text = b" ".join([b"Tezos Signed Message:", url, stamp.encode(), buffer])
    return b"\x05\x01\x00" + str(2 * len(text)).encode() + text


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()


def _address(curve: _Curve, public_key: bytes) -> str:
    digest = hashlib.blake2b(public_key, digest_size=20).digest()
    return base58_text.encode_checked(curve.address + digest)
