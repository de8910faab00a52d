"""From words to keys: BIP-39 phrases, BIP-32 on secp256k1, SLIP-10 on ed25519."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

from ..errors import ArgumentError

__all__ = ["ed25519_key", "new_phrase", "secp256k1_key", "seed_from_mnemonic"]

_NUMBERS_OF_WORDS: Final = (12, 15, 18, 21, 24)
_BITS: Final = 11
_HARDENED: Final = 2**31
_CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_STEP: Final = re.compile(r"([0-9]{1,10})(['hH]?)", re.ASCII)


def seed_from_mnemonic(mnemonic: str, passphrase: str = "") -> bytes:
    """Return the 64 bytes that BIP-39 makes of a phrase, whose checksum must hold.

    English is checked here; phrases in the other languages of BIP-39 load ``mnemonic``, which has
    their words. Words may be shortened to what tells them apart. Raises ``ArgumentError`` without repeating any word.
    """
    for name, value in (("mnemonic", mnemonic), ("passphrase", passphrase)):
        if not isinstance(value, str):
            raise ArgumentError(name, f"must be text, not {type(value).__name__}")
    words = unicodedata.normalize("NFKD", mnemonic).split()
    if not _holds(words):
        seed = _seed_in_another_language(mnemonic, passphrase)
        if seed is None:
            raise ArgumentError(
                "mnemonic", "is no BIP-39 phrase: check the words, their order and number"
            )
        return seed
    salt = unicodedata.normalize("NFKD", "mnemonic" + passphrase)
    try:
        encoded = salt.encode()
    except UnicodeEncodeError:
        encoded = None
    if encoded is None:
        raise ArgumentError("passphrase", "cannot be encoded as UTF-8")
    return hashlib.pbkdf2_hmac("sha512", " ".join(words).encode(), encoded, 2048)


def secp256k1_key(seed: bytes, path: str) -> bytes:
    """Return the private key at a BIP-32 path such as ``m/44'/60'/0'/0/0``."""
    from coincurve import PublicKey

    node = hmac.digest(b"Bitcoin seed", seed, "sha512")
    for index in _parse_path(path, hardened_only=False):
        secret, chain_code = node[:32], node[32:]
        if index >= _HARDENED:
            start = b"\x00" + secret
        else:
            start = PublicKey.from_valid_secret(secret).format()
        tweak = hmac.digest(chain_code, start + index.to_bytes(4, "big"), "sha512")
        # Both ways to leave the curve's order have a probability of 2^-127; BIP-32 skips them.
        number = int.from_bytes(tweak[:32], "big") + int.from_bytes(secret, "big")
        node = (number % _CURVE_ORDER).to_bytes(32, "big") + tweak[32:]
    return node[:32]


def ed25519_key(seed: bytes, path: str) -> bytes:
    """Return the 32-byte seed at a SLIP-10 path such as ``m/44'/501'/0'/0'``, all hardened."""
    node = hmac.digest(b"ed25519 seed", seed, "sha512")
    for index in _parse_path(path, hardened_only=True):
        node = hmac.digest(node[32:], b"\x00" + node[:32] + index.to_bytes(4, "big"), "sha512")
    return node[:32]


def _holds(words: list[str]) -> bool:
    numbers = _english()
    if len(words) not in _NUMBERS_OF_WORDS or not all(word in numbers for word in words):
        return False
    total = 0
    for word in words:
        total = total << _BITS | numbers[word]
    checksum_bits = len(words) * _BITS // 33
    entropy = (total >> checksum_bits).to_bytes(checksum_bits * 4, "big")
    expected = hashlib.sha256(entropy).digest()[0] >> (8 - checksum_bits)
    return total & ((1 << checksum_bits) - 1) == expected


@cache
def _english() -> dict[str, int]:
    text = Path(__file__).with_name("bip39_english.txt").read_text(encoding="ascii")
    return {word: number for number, word in enumerate(text.split())}


def _seed_in_another_language(mnemonic: str, passphrase: str) -> bytes | None:
    from mnemonic import Mnemonic

    phrase = " ".join(unicodedata.normalize("NFKD", mnemonic).split())
    # The library's errors repeat the words, so they must not survive as a cause or context.
    with contextlib.suppress(Exception):
        languages = [Mnemonic(language) for language in sorted(Mnemonic.list_languages())]
        if any(language.check(phrase) for language in languages):
            return bytes(Mnemonic.to_seed(phrase, passphrase))
        whole = {language.expand(phrase): language for language in languages}
        right = [text for text, language in whole.items() if language.check(text)]
        # Two languages may both have words that begin like this.
        if len(right) == 1:
            return bytes(Mnemonic.to_seed(right[0], passphrase))
    return None


def new_phrase() -> str:
    """Make twelve random English words."""
    from mnemonic import Mnemonic

    return Mnemonic("english").generate(128)


def _parse_path(path: object, *, hardened_only: bool) -> list[int]:
    standard = "m/44'/501'/0'/0'" if hardened_only else "m/44'/60'/0'/0/0"
    wrong = ArgumentError("account_path", f"{path!r:.100} is no path such as {standard}")
    if not isinstance(path, str):
        raise wrong
    root, *steps = path.split("/")
    if root != "m":
        raise wrong
    indexes: list[int] = []
    for step in steps:
        found = _STEP.fullmatch(step)
        if found is None or int(found[1]) >= _HARDENED:
            raise wrong
        if hardened_only and not found[2]:
            raise ArgumentError(
                "account_path", f"{path!r:.100} must be hardened at every step, as in {standard}"
            )
        indexes.append(int(found[1]) + (_HARDENED if found[2] else 0))
    return indexes
