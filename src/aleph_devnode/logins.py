"""Who a signed request to the compute node comes from, checked in the order and with the words of the real one.

Written apart from the client's signing on purpose, on other libraries where there are any.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

TOLERANCE = timedelta(minutes=2)
VERBS = ("POST", "GET", "DELETE")
CHAINS = ("ETH", "SOL")
P256_BYTES = 32
ETHEREUM_SIGNATURE_BYTES = 65


class LoginRefused(Exception):
    """The request is not answered for anyone; what else goes wrong is an accident, a 500 as on the real node."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Invalid(ValueError):
    """A signed document is not what it must be."""


@attrs.frozen(kw_only=True)
class PublicKey:
    """The document that a wallet signed: a key, and for whom it signs."""

    jwk: dict[str, Any]
    address: str


@attrs.frozen(kw_only=True)
class Operation:
    """The document that such a key signed."""

    method: str
    path: str
    domain: str
    payload: bytes
    signature: bytes


def authenticate(headers: Mapping[str, str], *, method: str, path: str, domain: str) -> str:
    """Return the address whose wallet signed the request; raises ``LoginRefused``."""
    key = _key_of(headers)
    operation = _operation_of(headers)
    if operation.domain != domain:
        raise _mismatch("Invalid domain:", operation.domain, domain)
    if operation.path != path:
        raise _mismatch("Invalid path.", operation.path, path)
    if operation.method != method:
        raise _mismatch("Invalid method.", operation.method, method)
    _check_signature(key, operation)
    return key.address


def authenticate_frame(text: str, *, domain: str) -> str:
    """Return the address that logs in with the first frame of a websocket.

    Raises ``LoginRefused``, and TypeError for JSON that is no object. Path and method are not compared.
    """
    frame = json.loads(text)
    if not isinstance(frame, dict):
        raise TypeError(f"argument of type '{type(frame).__name__}' is not iterable")
    if "auth" not in frame:
        raise LoginRefused(401, "missing 'auth' key in message")
    auth = frame["auth"]
    if not isinstance(auth, dict):
        raise LoginRefused(401, "Invalid format for auth packet")
    try:
        key = read_key(auth.get("X-SignedPubKey"))
    except Invalid as invalid:
        raise LoginRefused(401, _validation_text("SignedPubKeyHeader", invalid)) from invalid
    try:
        operation = read_operation(auth.get("X-SignedOperation"))
    except Invalid as invalid:
        raise LoginRefused(401, _validation_text("SignedOperation", invalid)) from invalid
    if operation.domain != domain:
        raise LoginRefused(401, "Invalid domain")
    _check_signature(key, operation)
    return key.address


def _validation_text(model: str, invalid: Invalid) -> str:
    return (
        f"1 validation error for {model}\n  Value error, {invalid} "
        "[type=value_error, input_value={...}, input_type=dict]"
    )


def _mismatch(what: str, signed: str, requested: str) -> LoginRefused:
    return LoginRefused(401, f"{what} Signed: '{signed}' != Request: '{requested}'")


def _key_of(headers: Mapping[str, str]) -> PublicKey:
    text = headers.get("x-signedpubkey")
    if not text:
        raise LoginRefused(400, "Missing X-SignedPubKey header")
    try:
        header = json.loads(text)
    except ValueError as error:
        raise LoginRefused(400, "Invalid X-SignedPubKey format") from error
    try:
        return read_key(header)
    except Invalid as invalid:
        if str(invalid) in ("Token expired", "Invalid signature"):
            raise LoginRefused(401, str(invalid)) from invalid
        raise LoginRefused(400, "Invalid X-SignedPubKey data") from invalid


def _operation_of(headers: Mapping[str, str]) -> Operation:
    text = headers.get("x-signedoperation")
    if text is None:
        raise LoginRefused(400, "Missing X-SignedOperation header")
    try:
        return read_operation(json.loads(text))
    except ValueError as error:
        raise LoginRefused(400, "Invalid X-SignedOperation fields") from error


def read_key(header: Any) -> PublicKey:
    """Check what a wallet signed: fields, then expiry, then signature; raises ``Invalid``."""
    payload, signature = _signed(header)
    document = _document(payload)
    jwk, address, expires = (document.get(name) for name in ("pubkey", "address", "expires"))
    if not isinstance(jwk, dict) or not isinstance(address, str) or not isinstance(expires, str):
        raise Invalid("Field required")
    chain = document.get("chain", "ETH")
    if chain not in CHAINS:
        raise Invalid("Chain not supported")
    try:
        moment = datetime.fromisoformat(expires)
    except ValueError as error:
        raise Invalid(str(error)) from error
    if moment <= datetime.now(UTC):
        raise Invalid("Token expired")
    verify = _is_of_ethereum_wallet if chain == "ETH" else _is_of_solana_wallet
    if not verify(payload, signature, address):
        raise Invalid("Invalid signature")
    return PublicKey(jwk=jwk, address=address)


def read_operation(header: Any) -> Operation:
    """Check the form and the time of what a key signed; raises ``Invalid``."""
    payload, signature = _signed(header)
    document = _document(payload)
    method, path, domain = (document.get(name) for name in ("method", "path", "domain"))
    if method not in VERBS or not isinstance(path, str) or not isinstance(domain, str):
        raise Invalid("Field required")
    moment = _moment(document.get("time"))
    now = datetime.now(UTC)
    if moment < now - TOLERANCE:
        raise Invalid("Time is too far in the past")
    if moment > now + TOLERANCE:
        raise Invalid("Time is too far in the future")
    return Operation(method=method, path=path, domain=domain, payload=payload, signature=signature)


def _signed(header: Any) -> tuple[bytes, bytes]:
    if not isinstance(header, dict):
        raise Invalid("Input should be an object")
    payload, signature = header.get("payload"), header.get("signature")
    if not isinstance(payload, str) or not isinstance(signature, str):
        raise Invalid("Field required")
    try:
        return bytes.fromhex(payload), bytes.fromhex(signature.removeprefix("0x"))
    except ValueError as error:
        raise Invalid(str(error)) from error


def _document(payload: bytes) -> dict[str, Any]:
    try:
        document = json.loads(payload)
    except ValueError as error:
        raise Invalid(str(error)) from error
    if not isinstance(document, dict):
        raise Invalid("Input should be an object")
    return document


def _moment(value: Any) -> datetime:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, tz=UTC)
    try:
        return datetime.fromisoformat(str(value))
    except ValueError as error:
        raise Invalid(str(error)) from error


def _is_of_ethereum_wallet(payload: bytes, signature: bytes, address: str) -> bool:
    from eth_account import Account
    from eth_account.messages import encode_defunct

    if len(signature) != ETHEREUM_SIGNATURE_BYTES:
        # An accident, as on the real node.
        raise ValueError(f"Unexpected recoverable signature length: {len(signature)} bytes")
    found = Account.recover_message(encode_defunct(primitive=payload), signature=signature)
    return str(found).lower() == address.lower()


def _is_of_solana_wallet(payload: bytes, signature: bytes, address: str) -> bool:
    from base58 import b58decode
    from nacl.exceptions import BadSignatureError, CryptoError
    from nacl.signing import VerifyKey

    try:
        VerifyKey(b58decode(address)).verify(payload.hex().encode(), signature)
    except BadSignatureError:
        return False
    except (CryptoError, ValueError, TypeError) as error:
        raise Invalid(str(error)) from error
    return True


def _check_signature(key: PublicKey, operation: Operation) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    jwk = key.jwk
    if jwk.get("use") not in (None, "sig"):
        raise ValueError("The key is not for signatures")
    if jwk["crv"] != "P-256" or jwk["kty"] != "EC":
        raise ValueError("Unsupported key")
    x, y = (int.from_bytes(_base64url(jwk[name]), "big") for name in ("x", "y"))
    public_key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    half = len(operation.signature) // 2
    # An empty half is an accident, as on the real node.
    r, s = (
        int(part.hex(), 16) for part in (operation.signature[:half], operation.signature[half:])
    )
    try:
        if len(operation.signature) != 2 * P256_BYTES:
            raise InvalidSignature
        public_key.verify(
            utils.encode_dss_signature(r, s), operation.payload, ec.ECDSA(hashes.SHA256())
        )
    except InvalidSignature as error:
        raise LoginRefused(401, "Signature could not verified") from error


def _base64url(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
