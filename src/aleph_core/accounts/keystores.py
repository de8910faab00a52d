"""Encrypted key files of Ethereum's tools: keystore V3."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

from ..errors import ArgumentError
from ..evm.addresses import keccak256
from ..json_text import parse_json
from .secret_text import unhexlify, without_prefix

__all__ = ["make_keystore", "open_keystore"]

# Files of tools have less than a thousandth of it.
_LONGEST: Final = 2**20
# Costs far above those of any tool, which a file could otherwise set to occupy the machine.
_MOST_MEMORY: Final = 2**30
_MOST_PARALLEL: Final = 16
_MOST_ITERATIONS: Final = 10**8
# What other tools take that make such files.
_USUAL_N: Final = 2**18
_USUAL_C: Final = 1_000_000
_IV: Final = 16


def open_keystore(
    keystore: Mapping[str, Any] | str | bytes, password: str | Callable[[], str]
) -> bytes:
    """Return the private key in a keystore; see ``ETHAccount.from_keystore``."""
    content = _read(keystore)
    secret = _ask(password)
    crypto = content["crypto"]
    ciphertext = bytes.fromhex(crypto["ciphertext"])
    derived = None
    with contextlib.suppress(Exception):
        derived = _derived(secret.encode(), crypto["kdf"], crypto["kdfparams"])
    if derived is None:
        raise ArgumentError("keystore", "is no keystore of version 3")
    if not hmac.compare_digest(_mac(derived, ciphertext), bytes.fromhex(crypto["mac"])):
        raise ArgumentError("password", "does not open this keystore")
    iv = bytes.fromhex(crypto["cipherparams"]["iv"])
    return _cipher(derived, iv.rjust(_IV, b"\0"), ciphertext)


def make_keystore(
    secret: bytes,
    address: str,
    password: str | Callable[[], str],
    kdf: str,
    iterations: int | None,
) -> dict[str, Any]:
    """Return a keystore that holds a private key; see ``ETHAccount.export_keystore``."""
    if kdf not in ("scrypt", "pbkdf2"):
        raise ArgumentError("kdf", f"{kdf!r:.100} is neither scrypt nor pbkdf2")
    text = _ask(password)
    salt, iv = secrets.token_bytes(16), secrets.token_bytes(_IV)
    cost: dict[str, Any] = {"salt": salt.hex(), "dklen": 32}
    if kdf == "scrypt":
        cost |= {"n": _USUAL_N if iterations is None else iterations, "r": 1, "p": 8}
    else:
        cost |= {"c": _USUAL_C if iterations is None else iterations, "prf": "hmac-sha256"}
    derived = None
    with contextlib.suppress(Exception):
        derived = _derived(text.encode(), kdf, cost)
    if derived is None:
        raise ArgumentError("iterations", f"{iterations!r:.100} is no cost for {kdf}")
    ciphertext = _cipher(derived, iv, secret)
    return {
        "address": address.removeprefix("0x").lower(),
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": iv.hex()},
            "ciphertext": ciphertext.hex(),
            "kdf": kdf,
            "kdfparams": cost,
            "mac": _mac(derived, ciphertext).hex(),
        },
        "id": str(uuid4()),
        "version": 3,
    }


def _derived(password: bytes, kdf: str, cost: Mapping[str, Any]) -> bytes:
    salt, length = bytes.fromhex(cost["salt"]), cost["dklen"]
    if kdf == "pbkdf2":
        return hashlib.pbkdf2_hmac("sha256", password, salt, cost["c"], length)
    # OpenSSL takes no n from 2^16 on with the r of 1 that many tools use.
    from Crypto.Protocol.KDF import scrypt

    derived = scrypt(password, salt, length, N=cost["n"], r=cost["r"], p=cost["p"])  # type: ignore[arg-type]
    assert isinstance(derived, bytes)
    return derived


def _cipher(derived: bytes, iv: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt: in counter mode they are the same."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CTR

    worker = Cipher(AES(derived[:16]), CTR(iv)).encryptor()
    return worker.update(data) + worker.finalize()


def _mac(derived: bytes, ciphertext: bytes) -> bytes:
    return keccak256(derived[16:32] + ciphertext)


def _read(keystore: object) -> dict[str, Any]:
    """Return the part that the library reads, all of it checked, so that no file can surprise it."""
    content: object = keystore
    if isinstance(keystore, str | bytes | bytearray):
        content = None
        if len(keystore) > _LONGEST:
            raise ArgumentError("keystore", f"is longer than {_LONGEST} characters")
        with contextlib.suppress(ValueError):
            content = parse_json(keystore if isinstance(keystore, str) else bytes(keystore))
    parts = _members(content, "it")
    if type(parts.get("version")) is not int or parts["version"] != 3:
        raise ArgumentError("keystore", "is no keystore of version 3")
    crypto = _members(parts.get("crypto"), "crypto")
    if crypto.get("cipher", "aes-128-ctr") != "aes-128-ctr":
        raise ArgumentError("keystore", "is no keystore of version 3: cipher is not aes-128-ctr")
    cipher = _members(crypto.get("cipherparams"), "cipherparams")
    return {
        "version": 3,
        "crypto": {
            "ciphertext": _digits(crypto, "ciphertext", 32, 32),
            # Tools that count with it as a number leave out its zeros at the beginning.
            "cipherparams": {"iv": _digits(cipher, "iv", 1, 16)},
            "mac": _digits(crypto, "mac", 32, 32),
            "kdf": crypto.get("kdf"),
            "kdfparams": _read_cost(
                crypto.get("kdf"), _members(crypto.get("kdfparams"), "kdfparams")
            ),
        },
    }


def _read_cost(kdf: object, given: Mapping[str, Any]) -> dict[str, Any]:
    cost: dict[str, Any] = {
        "salt": _digits(given, "salt", 1, 1024),
        "dklen": _number(given, "dklen", 32, 64),
    }
    if kdf == "pbkdf2":
        if given.get("prf") != "hmac-sha256":
            raise ArgumentError("keystore", "is no keystore of version 3: prf is not hmac-sha256")
        return {**cost, "prf": "hmac-sha256", "c": _number(given, "c", 1, _MOST_ITERATIONS)}
    if kdf != "scrypt":
        raise ArgumentError("keystore", "is no keystore of version 3: kdf is not scrypt or pbkdf2")
    r = _number(given, "r", 1, _MOST_MEMORY // 256)
    n = _number(given, "n", 2, _MOST_MEMORY // (128 * r))
    if n & (n - 1):
        raise ArgumentError("keystore", "is no keystore of version 3: n is no power of two")
    return {**cost, "n": n, "r": r, "p": _number(given, "p", 1, _MOST_PARALLEL)}


def _members(value: object, name: str) -> dict[str, Any]:
    """Return the members of an object by their names in small letters, which tools differ in."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ArgumentError("keystore", f"is no keystore of version 3: {name} is no JSON object")
    return {key.lower(): inner for key, inner in value.items()}


def _digits(members: Mapping[str, Any], name: str, least: int, most: int) -> str:
    value = members.get(name)
    raw = None
    if isinstance(value, str) and len(value) <= 2 + 2 * most:
        raw = unhexlify(without_prefix(value))
    if raw is None or not least <= len(raw) <= most:
        size = str(most) if least == most else f"{least} to {most}"
        raise ArgumentError(
            "keystore",
            f"is no keystore of version 3: {name} is not {size} bytes in hexadecimal digits",
        )
    return raw.hex()


def _number(members: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = members.get(name)
    if type(value) is not int or not least <= value <= most:
        raise ArgumentError(
            "keystore",
            f"cannot be opened: {name} must be a whole number from {least} to {most}",
        )
    return value


def _ask(password: object) -> str:
    answer = password() if callable(password) else password
    if not isinstance(answer, str) or not answer:
        raise ArgumentError("password", "must be text that is not empty, or a function giving it")
    return answer
