"""Encrypted key files of Ethereum's tools: keystore V3."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ArgumentError

__all__ = ["make_keystore", "open_keystore"]


def open_keystore(
    keystore: Mapping[str, Any] | str | bytes, password: str | Callable[[], str]
) -> bytes:
    """Return the private key in a keystore; see ``ETHAccount.from_keystore``."""
    content = _read(keystore)
    secret = _ask(password)
    account = _eth_account()
    # What the library's errors say must not survive as a cause or context.
    wrong: ArgumentError | None = None
    try:
        return bytes(account.decrypt(content, secret))
    except ValueError as error:
        if "MAC" in str(error):
            wrong = ArgumentError("password", "does not open this keystore")
    except Exception:  # noqa: BLE001 - a malformed keystore fails in many ways
        wrong = None
    raise wrong or ArgumentError("keystore", "is no keystore of version 3")


def make_keystore(
    secret: bytes, password: str | Callable[[], str], kdf: str, iterations: int | None
) -> dict[str, Any]:
    """Return a keystore that holds a private key; see ``ETHAccount.export_keystore``."""
    if kdf not in ("scrypt", "pbkdf2"):
        raise ArgumentError("kdf", f"{kdf!r:.100} is neither scrypt nor pbkdf2")
    text = _ask(password)
    account = _eth_account()
    with contextlib.suppress(Exception):
        return dict(account.encrypt(secret, text, kdf=kdf, iterations=iterations))
    raise ArgumentError("iterations", f"{iterations!r:.100} is no cost for {kdf}")


def _read(keystore: object) -> dict[str, Any]:
    content: object = keystore
    if isinstance(keystore, str | bytes | bytearray):
        try:
            content = json.loads(keystore)
        except (ValueError, RecursionError):
            content = None
    if not isinstance(content, Mapping) or content.get("version") != 3:
        raise ArgumentError("keystore", "is no keystore of version 3")
    return dict(content)


def _ask(password: object) -> str:
    answer = password() if callable(password) else password
    if not isinstance(answer, str) or not answer:
        raise ArgumentError("password", "must be text that is not empty, or a function giving it")
    return answer


def _eth_account() -> Any:
    # Importing this raises the recursion limit to 100000, where nested JSON can overflow the stack.
    limit = sys.getrecursionlimit()
    from eth_account import Account

    sys.setrecursionlimit(limit)
    return Account
