"""A launch session: the secrets that one start of a guest shares with one platform.

The algorithm is that of AMD's publication 55766, sections 2 and 6.2.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ..errors import ArgumentError
from .arguments import bounded_number, sized_bytes
from .certificates import SevCertificate, owner_certificate
from .platform import PlatformCertificates
from .policy import LARGEST, require_policy

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["LaunchSession", "derived_key", "session_blob"]

KEY_SIZE: Final = 16
BLOB_SIZE: Final = 128
_POLICY_MAC: Final = 96


class LaunchSession:
    """The transport keys of one launch, and what tells them to the platform and to nobody else.

    Good for one launch: a host could replay a second. Shows nothing of itself, refuses to be
    pickled, and copies to itself: it never changes.
    """

    __slots__ = ("__weakref__", "_godh", "_session", "_tek", "_tik")

    def __init__(self, *, tek: bytes, tik: bytes, godh: bytes, session: bytes) -> None:
        self._tek = sized_bytes(tek, "tek", KEY_SIZE)
        self._tik = sized_bytes(tik, "tik", KEY_SIZE)
        self._godh = sized_bytes(godh, "godh", SevCertificate.SIZE)
        self._session = sized_bytes(session, "session", BLOB_SIZE)

    @classmethod
    def create(
        cls,
        chain: PlatformCertificates,
        policy: int = 1,
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        nonce: bytes | None = None,
        iv: bytes | None = None,
        tek: bytes | None = None,
        tik: bytes | None = None,
    ) -> Self:
        """Make fresh keys for one launch on the platform, which ``chain.verify`` should know.

        The keyword arguments are random; they are for tests. Raises ``ArgumentError`` for a policy
        that sets reserved bits, and ``CertificateError`` for a PDH that is no key on P-384.
        """
        number = require_policy(policy)
        platform = chain.pdh.exchange_key()
        key = ec.generate_private_key(ec.SECP384R1()) if key is None else key
        if not isinstance(key.curve, ec.SECP384R1):
            raise ArgumentError("key", "must be on P-384")
        tek, tik = _fresh(tek, "tek"), _fresh(tik, "tik")
        session = session_blob(
            key.exchange(ec.ECDH(), platform),
            nonce=_fresh(nonce, "nonce"),
            iv=_fresh(iv, "iv"),
            tek=tek,
            tik=tik,
            policy=number,
        )
        return cls(tek=tek, tik=tik, godh=owner_certificate(key.public_key()), session=session)

    @classmethod
    def load(cls, folder: str | PathLike[str], prefix: str = "vm") -> Self:
        """Read the four files that ``save`` or ``sevctl session`` wrote.

        Warns with ``InsecureKeyFileWarning`` when other users can read the keys. Raises
        ``ConfigurationError`` when a file is missing or malformed.
        """
        from .session_files import read_session_files

        return cls(**read_session_files(folder, prefix))

    def save(
        self, folder: str | PathLike[str], prefix: str = "vm", *, overwrite: bool = False
    ) -> None:
        """Write ``PREFIX_tik.bin``, ``PREFIX_tek.bin``, ``PREFIX_godh.b64``, ``PREFIX_session.b64``.

        All four are readable by their owner alone, and none is left when one cannot be written.
        Raises ``ArgumentError`` when one is there already and ``overwrite`` is not set, and
        ``ConfigurationError`` when they cannot be written.
        """
        from .session_files import write_session_files

        write_session_files(self, folder, prefix, overwrite=overwrite)

    @property
    def tek(self) -> bytes:
        """The key that encrypts what the guest is given. Keep it secret."""
        return self._tek

    @property
    def tik(self) -> bytes:
        """The key that authenticates measurement and packets. Keep it secret."""
        return self._tik

    @property
    def godh(self) -> bytes:
        """The certificate of the owner's side of the key exchange, 2084 bytes."""
        return self._godh

    @property
    def session(self) -> bytes:
        """The wrapped keys and their proofs, 128 bytes."""
        return self._session

    @property
    def godh_base64(self) -> str:
        """The certificate as a compute node takes it."""
        return base64.b64encode(self._godh).decode()

    @property
    def session_base64(self) -> str:
        """The wrapped keys as a compute node takes them."""
        return base64.b64encode(self._session).decode()

    def has_policy(self, policy: int) -> bool:
        """Tell whether the session was made for this policy; no other lets the guest start."""
        number = bounded_number(policy, "policy", 0, LARGEST)
        expected = hmac.digest(self._tik, number.to_bytes(4, "little"), "sha256")
        return hmac.compare_digest(expected, self._session[_POLICY_MAC:])

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __getstate__(self) -> NoReturn:
        raise self._refusal()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise self._refusal()

    def _refusal(self) -> TypeError:
        return TypeError(f"{type(self).__name__} holds keys and is not pickled; save and load it")


def session_blob(
    shared: bytes, *, nonce: bytes, iv: bytes, tek: bytes, tik: bytes, policy: int
) -> bytes:
    """Return the 128 bytes that tell the platform the keys, from the secret it shares with us."""
    master = derived_key(shared, b"sev-master-secret", nonce)
    encrypting, authenticating = derived_key(master, b"sev-kek"), derived_key(master, b"sev-kik")
    cipher = Cipher(algorithms.AES(encrypting), modes.CTR(iv)).encryptor()
    wrapped = cipher.update(tek + tik) + cipher.finalize()
    wrap_mac = hmac.digest(authenticating, wrapped, "sha256")
    policy_mac = hmac.digest(tik, policy.to_bytes(4, "little"), "sha256")
    return nonce + wrapped + iv + wrap_mac + policy_mac


def derived_key(key: bytes, label: bytes, context: bytes = b"") -> bytes:
    """Return a key of 16 bytes, as NIST SP 800-108 derives it in counter mode.

    Counter and length are little-endian here, unlike anywhere else.
    """
    counter, bits = (1).to_bytes(4, "little"), (8 * KEY_SIZE).to_bytes(4, "little")
    return hmac.digest(key, counter + label + b"\0" + context + bits, "sha256")[:KEY_SIZE]


def _fresh(given: bytes | None, argument: str) -> bytes:
    if given is None:
        return secrets.token_bytes(KEY_SIZE)
    return sized_bytes(given, argument, KEY_SIZE)
