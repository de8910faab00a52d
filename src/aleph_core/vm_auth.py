"""The two signed headers of a compute node: the wallet signs a key for a day, the key signs each request.

As aleph-vm 1.14 checks them. Nothing here reads a clock: every time comes from the caller.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn

import attrs

from .chains import EVM_CHAINS, SOLANA_CHAINS
from .errors import ArgumentError, SigningError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = [
    "CLOCK_TOLERANCE",
    "LIFETIME",
    "EphemeralKey",
    "KeyToSign",
    "SignedKey",
    "ask_wallet",
    "declared_chain",
    "first_frame",
]

LIFETIME: Final = timedelta(days=1)
"""For how long a wallet signs a key."""

CLOCK_TOLERANCE: Final = 120.0
"""By how many seconds the time of a signed request may differ from the node's clock."""

# A key is renewed while it is still good: a request may travel, and clocks differ.
_MARGIN: Final = timedelta(minutes=10)
_SIGNATURE_SIZES: Final = {"ETH": 65, "SOL": 64}
_COORDINATE = 32
_ETHEREUM_ADDRESS = 42


class EphemeralKey:
    """A P-256 key that signs requests for a wallet; never shown, logged or pickled.

    ``secret`` is the private number, for tests; without it the key is random.
    """

    __slots__ = ("_key",)

    def __init__(self, secret: int | None = None) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        curve = ec.SECP256R1()
        self._key: EllipticCurvePrivateKey = (
            ec.generate_private_key(curve)
            if secret is None
            else ec.derive_private_key(secret, curve)
        )

    @property
    def jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key."""
        numbers = self._key.public_key().public_numbers()
        return {
            "crv": "P-256",
            "kty": "EC",
            "x": _coordinate(numbers.x),
            "y": _coordinate(numbers.y),
        }

    def sign(self, data: bytes) -> bytes:
        """Return the ES256 signature: r and s, 32 bytes each, never DER."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, utils

        r, s = utils.decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")

    def __repr__(self) -> str:
        return "<EphemeralKey>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key that signs for a wallet is not pickled or copied; make a new one")


@attrs.frozen(kw_only=True)
class KeyToSign:
    """What a wallet is asked to sign, so that ``key`` may sign requests for it until ``expires``."""

    key: EphemeralKey
    chain: str
    address: str
    expires: datetime
    payload: bytes

    @property
    def buffer(self) -> bytes:
        """The bytes for the ``sign_raw`` of the account: the document, or for Solana its hexadecimal text."""
        return self.payload if self.chain == "ETH" else self.payload.hex().encode()

    def signed(self, signature: bytes) -> SignedKey:
        """Return the key as the wallet signed it; raise ``SigningError`` for what is no signature."""
        size = _SIGNATURE_SIZES[self.chain]
        if not isinstance(signature, bytes | bytearray) or len(signature) != size:
            raise SigningError(
                f"the account of {self.address} gave no signature of {size} bytes, "
                "as a compute node expects it"
            )
        return SignedKey(
            key=self.key,
            expires=self.expires,
            header={"payload": self.payload.hex(), "signature": "0x" + signature.hex()},
        )


@attrs.frozen(kw_only=True)
class SignedKey:
    """A key that signs requests for a wallet until ``expires``, and what proves that it may."""

    key: EphemeralKey
    expires: datetime
    header: Mapping[str, str] = attrs.field(repr=False)

    def is_fresh(self, now: datetime) -> bool:
        """Tell whether the key is good for some minutes more."""
        return now < self.expires - _MARGIN

    def operation(self, *, now: datetime, method: str, path: str, domain: str) -> dict[str, str]:
        """Return the signature under one request; good for ``CLOCK_TOLERANCE`` seconds.

        ``path`` is percent-decoded and has no query; ``domain`` is the node's name of itself.
        """
        document = {
            "time": _zulu(now),
            "method": method.upper(),
            "path": path.partition("?")[0],
            "domain": domain,
        }
        payload = _document(document)
        return {"payload": payload.hex(), "signature": self.key.sign(payload).hex()}

    def headers(self, *, now: datetime, method: str, path: str, domain: str) -> dict[str, str]:
        """Return the two headers of a request."""
        operation = self.operation(now=now, method=method, path=path, domain=domain)
        return {
            "x-signedpubkey": json.dumps(self.header),
            "x-signedoperation": json.dumps(operation),
        }


def ask_wallet(
    key: EphemeralKey, *, chain: str, address: str, domain: str, now: datetime
) -> KeyToSign:
    """Write down what the wallet signs; ``chain`` is that of ``declared_chain``."""
    expires = now + LIFETIME
    document = {
        "pubkey": key.jwk,
        "alg": "ECDSA",
        "domain": domain,
        "address": address,
        "expires": _zulu(expires),
        "chain": chain,
    }
    return KeyToSign(
        key=key, chain=chain, address=address, expires=expires, payload=_document(document)
    )


def first_frame(signed: SignedKey, *, now: datetime, path: str, domain: str) -> str:
    """Return the first text that a log websocket expects: both headers, as objects."""
    operation = signed.operation(now=now, method="GET", path=path, domain=domain)
    return json.dumps(
        {"auth": {"X-SignedPubKey": dict(signed.header), "X-SignedOperation": operation}}
    )


def declared_chain(account: Any) -> str:
    """Return the chain under which a compute node verifies the account's signature: ``ETH`` or ``SOL``.

    Every EVM chain counts as ``ETH``, and Eclipse as ``SOL``. Raises ``ArgumentError`` for what can
    sign for no compute node.
    """
    if not callable(getattr(account, "sign_raw", None)):
        raise ArgumentError("account", f"expected an account, not {type(account).__name__}")
    # Accounts of a user's own making may name it by an enumeration of texts.
    chain, address = str.__str__(account.CHAIN), account.get_address()
    evm = chain in EVM_CHAINS or chain == "AVAX"
    if evm and address[:2] == "0x" and len(address) == _ETHEREUM_ADDRESS:
        return "ETH"
    if chain in SOLANA_CHAINS:
        return "SOL"
    raise ArgumentError(
        "account",
        f"compute nodes verify signatures of Ethereum and Solana wallets alone, and {address:.100} is "
        f"an account on {chain:.20}; let such an account own the machine, or authorize one to manage it",
    )


def _document(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _zulu(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _coordinate(number: int) -> str:
    return urlsafe_b64encode(number.to_bytes(_COORDINATE, "big")).rstrip(b"=").decode()
