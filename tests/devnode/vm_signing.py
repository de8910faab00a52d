"""Signed requests to a compute node, put together by hand on other people's libraries."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from eth_account import Account
from eth_account.messages import encode_defunct
from nacl.signing import SigningKey

from tests.devnode.author import Answer, Visitor

Json = Any


def zulu(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def base64url(number: int) -> str:
    return urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()


@attrs.define(kw_only=True)
class Login:
    """The two headers of a request, with everything in them open to change.

    ``key`` and ``operation`` are merged into the documents that are signed; a value of ``...`` takes a
    member away. ``key_header`` and ``operation_header`` are merged into the headers after signing.
    """

    wallet: Any
    domain: str
    chain: str = "ETH"
    key: Json = attrs.field(factory=dict)
    operation: Json = attrs.field(factory=dict)
    key_header: Json = attrs.field(factory=dict)
    operation_header: Json = attrs.field(factory=dict)
    der: bool = False
    solana_signs_bytes: bool = False
    ephemeral: ec.EllipticCurvePrivateKey = attrs.field(
        factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def address(self) -> str:
        if self.chain == "SOL":
            from base58 import b58encode

            return b58encode(bytes(self.wallet.verify_key)).decode()
        return str(self.wallet.address)

    def signed_key(self) -> Json:
        numbers = self.ephemeral.public_key().public_numbers()
        document = {
            "pubkey": {
                "crv": "P-256",
                "kty": "EC",
                "x": base64url(numbers.x),
                "y": base64url(numbers.y),
            },
            "alg": "ECDSA",
            "domain": self.domain,
            "address": self.address,
            "expires": zulu(datetime.now(UTC) + timedelta(days=1)),
            "chain": self.chain,
        }
        payload = json.dumps(merged(document, self.key)).encode()
        if self.chain == "SOL":
            text = payload if self.solana_signs_bytes else payload.hex().encode()
            signature = self.wallet.sign(text).signature
        else:
            signature = self.wallet.sign_message(encode_defunct(primitive=payload)).signature
        header = {"payload": payload.hex(), "signature": "0x" + bytes(signature).hex()}
        return merged(header, self.key_header)

    def signed_operation(self, method: str, path: str) -> Json:
        document = {
            "time": zulu(datetime.now(UTC)),
            "method": method,
            "path": path,
            "domain": self.domain,
        }
        payload = json.dumps(merged(document, self.operation)).encode()
        signature = self.ephemeral.sign(payload, ec.ECDSA(hashes.SHA256()))
        if not self.der:
            r, s = utils.decode_dss_signature(signature)
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        header = {"payload": payload.hex(), "signature": signature.hex()}
        return merged(header, self.operation_header)

    def headers(self, method: str, path: str) -> dict[str, str]:
        return {
            "X-SignedPubKey": json.dumps(self.signed_key()),
            "X-SignedOperation": json.dumps(self.signed_operation(method, path)),
        }

    def frame(self, path: str) -> Json:
        return {
            "auth": {
                "X-SignedPubKey": self.signed_key(),
                "X-SignedOperation": self.signed_operation("GET", path),
            }
        }

    def ask(
        self,
        visitor: Visitor,
        method: str,
        path: str,
        *,
        query: str = "",
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        signed = self.headers(method, path)
        return visitor.ask(method, path + query, body, {**signed, **(headers or {})})


def merged(document: Json, changes: Json) -> Json:
    return {name: value for name, value in {**document, **changes}.items() if value is not ...}


def ethereum_login(private_key: str, domain: str, **changes: Any) -> Login:
    return Login(wallet=Account.from_key(private_key), domain=domain, **changes)


def solana_login(seed: bytes, domain: str, **changes: Any) -> Login:
    return Login(wallet=SigningKey(seed), domain=domain, chain="SOL", **changes)
