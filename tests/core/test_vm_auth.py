"""The signed headers of compute nodes, checked with the libraries that verify them there."""

from __future__ import annotations

import copy
import json
import pickle
import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from base58 import b58decode
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from eth_account import Account as TheirAccount
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import VerifyKey

from aleph_core.accounts import (
    AvalancheAccount,
    CosmosAccount,
    ETHAccount,
    NULS2Account,
    SOLAccount,
    SVMAccount,
    TezosAccount,
)
from aleph_core.chains import EVM_CHAINS
from aleph_core.errors import ArgumentError, SigningError
from aleph_core.vm_auth import (
    CLOCK_TOLERANCE,
    LIFETIME,
    EphemeralKey,
    SignedKey,
    ask_wallet,
    declared_chain,
    first_frame,
)

NOW = datetime(2026, 11, 23, 6, 50, 0, 123456, tzinfo=UTC)
DOMAIN = "crn.example.org"
PATH = "/control/machine/" + "a" * 64 + "/stop"
# The order of P-256.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SECRETS = st.integers(min_value=1, max_value=ORDER - 1)


def public_key(jwk: dict[str, str]) -> ec.EllipticCurvePublicKey:
    def number(text: str) -> int:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        assert len(raw) == 32
        return int.from_bytes(raw, "big")

    assert (jwk["kty"], jwk["crv"]) == ("EC", "P-256")
    numbers = ec.EllipticCurvePublicNumbers(number(jwk["x"]), number(jwk["y"]), ec.SECP256R1())
    return numbers.public_key()


def verify(jwk: dict[str, str], data: bytes, signature: bytes) -> None:
    assert len(signature) == 64
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    der = utils.encode_dss_signature(r, s)
    public_key(jwk).verify(der, data, ec.ECDSA(hashes.SHA256()))


def signed_by(account: Any, key: EphemeralKey | None = None) -> SignedKey:
    asked = ask_wallet(
        key or EphemeralKey(),
        chain=declared_chain(account),
        address=account.get_address(),
        domain=DOMAIN,
        now=NOW,
    )
    return asked.signed(account.sign_raw(asked.buffer))


@given(SECRETS, st.binary(max_size=200))
def test_a_key_signs_as_raw_es256_under_its_jwk(secret: int, data: bytes) -> None:
    key = EphemeralKey(secret)
    verify(key.jwk, data, key.sign(data))
    with pytest.raises(InvalidSignature):
        verify(key.jwk, data + b"!", key.sign(data))


def test_the_jwk_of_a_known_key() -> None:
    # RFC 7515, appendix A.3.
    secret = urlsafe_b64decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI=")
    assert EphemeralKey(int.from_bytes(secret, "big")).jwk == {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }


def test_an_ethereum_wallet_signs_the_document_itself() -> None:
    account = ETHAccount.generate()
    header = signed_by(account).header
    document = bytes.fromhex(header["payload"])
    recovered = TheirAccount.recover_message(
        encode_defunct(primitive=document), signature=header["signature"]
    )
    assert recovered == account.get_address()
    read = json.loads(document)
    jwk = read.pop("pubkey")
    assert set(jwk) == {"kty", "crv", "x", "y"}
    assert read == {
        "alg": "ECDSA",
        "domain": DOMAIN,
        "address": account.get_address(),
        "expires": "2026-11-24T06:50:00.123456Z",
        "chain": "ETH",
    }


@pytest.mark.parametrize("kind", [SOLAccount, SVMAccount])
def test_a_solana_wallet_signs_the_hexadecimal_text(kind: type[SOLAccount]) -> None:
    account = kind.generate()
    header = signed_by(account).header
    signature = bytes.fromhex(header["signature"].removeprefix("0x"))
    key = VerifyKey(b58decode(account.get_address()))
    key.verify(header["payload"].encode(), signature)
    assert json.loads(bytes.fromhex(header["payload"]))["chain"] == "SOL"


@pytest.mark.parametrize("chain", [*sorted(EVM_CHAINS), "AVAX"])
def test_every_evm_account_counts_as_ethereum(chain: str) -> None:
    assert declared_chain(ETHAccount.generate(chain)) == "ETH"


def test_solana_and_eclipse_count_as_solana() -> None:
    assert declared_chain(SOLAccount.generate()) == "SOL"
    assert declared_chain(SVMAccount.generate()) == "SOL"


@pytest.mark.parametrize("kind", [AvalancheAccount, CosmosAccount, NULS2Account, TezosAccount])
def test_accounts_of_other_chains_are_refused_with_the_reason(kind: Any) -> None:
    account = kind.generate()
    with pytest.raises(ArgumentError, match="Ethereum and Solana") as caught:
        declared_chain(account)
    assert caught.value.argument == "account"
    assert account.CHAIN in str(caught.value)


def test_what_is_no_account_is_refused() -> None:
    with pytest.raises(ArgumentError, match="expected an account, not str"):
        declared_chain("0x0")


def test_a_wallet_that_gives_no_signature_is_reported() -> None:
    account = ETHAccount.generate()
    asked = ask_wallet(
        EphemeralKey(), chain="ETH", address=account.get_address(), domain=DOMAIN, now=NOW
    )
    for wrong in (b"", b"\0" * 64, "0x00"):
        with pytest.raises(SigningError, match="65 bytes"):
            asked.signed(wrong)  # type: ignore[arg-type]


@given(
    SECRETS,
    st.builds(
        lambda seconds, hours: (NOW + timedelta(seconds=seconds)).astimezone(
            timezone(timedelta(hours=hours))
        ),
        st.floats(-1e9, 1e9),
        st.integers(-14, 14),
    ),
    st.sampled_from(["post", "GET", "Delete"]),
    st.sampled_from(["", "?erase_volumes=false"]),
)
def test_an_operation_is_signed_by_the_key(
    secret: int, now: datetime, method: str, query: str
) -> None:
    key = EphemeralKey(secret)
    signed = SignedKey(key=key, expires=now + LIFETIME, header={"payload": "", "signature": ""})
    operation = signed.operation(now=now, method=method, path=PATH + query, domain=DOMAIN)
    payload = bytes.fromhex(operation["payload"])
    verify(key.jwk, payload, bytes.fromhex(operation["signature"]))
    document = json.loads(payload)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", document["time"])
    assert datetime.fromisoformat(document["time"]) == now
    assert document == {
        "time": document["time"],
        "method": method.upper(),
        "path": PATH,
        "domain": DOMAIN,
    }


def test_headers_are_json_and_the_first_frame_holds_objects() -> None:
    signed = signed_by(ETHAccount.generate())
    headers = signed.headers(now=NOW, method="POST", path=PATH, domain=DOMAIN)
    assert headers.keys() == {"x-signedpubkey", "x-signedoperation"}
    assert json.loads(headers["x-signedpubkey"]) == signed.header
    assert all("\n" not in value and value.isascii() for value in headers.values())
    auth = json.loads(first_frame(signed, now=NOW, path=PATH, domain=DOMAIN))["auth"]
    assert auth["X-SignedPubKey"] == signed.header
    document = json.loads(bytes.fromhex(auth["X-SignedOperation"]["payload"]))
    assert (document["method"], document["path"]) == ("GET", PATH)


def test_a_key_is_renewed_while_it_is_still_good() -> None:
    signed = signed_by(ETHAccount.generate())
    assert signed.expires == NOW + LIFETIME
    assert signed.is_fresh(NOW)
    assert signed.is_fresh(signed.expires - timedelta(hours=1))
    assert not signed.is_fresh(signed.expires - timedelta(seconds=CLOCK_TOLERANCE))
    assert not signed.is_fresh(signed.expires + timedelta(days=1))


def test_keys_are_neither_shown_nor_pickled() -> None:
    secret = 0xABCDEF0123456789
    key = EphemeralKey(secret)
    signed = signed_by(ETHAccount.generate(), key)
    for thing in (key, signed):
        for text in (repr(thing), str(thing)):
            assert str(secret) not in text
            assert f"{secret:x}" not in text
            assert signed.header["signature"] not in text
        for copied in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError, match="not pickled"):
                copied(thing)
