from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.accounts import (
    AvalancheAccount,
    CosmosAccount,
    DOTAccount,
    ETHAccount,
    NULS2Account,
    SOLAccount,
    TezosAccount,
)
from aleph_core.errors import ArgumentError, DecryptionError

KEY = bytes(range(1, 33))
MADE: list[Any] = [
    ETHAccount(KEY),
    SOLAccount(KEY),
    TezosAccount(KEY),
    TezosAccount(KEY, "secp256k1"),
    CosmosAccount(KEY),
    NULS2Account(KEY),
    AvalancheAccount(KEY),
]
EACH = pytest.mark.parametrize("account", MADE, ids=lambda a: f"{type(a).__name__}-{a.CURVE}")


@EACH
@given(content=st.binary(max_size=300))
def test_what_is_encrypted_comes_back(account: Any, content: bytes) -> None:
    encrypted = account.encrypt(content)
    assert account.decrypt(encrypted) == content
    assert account.encrypt(content) != encrypted


@EACH
def test_any_altered_byte_is_noticed(account: Any) -> None:
    encrypted = account.encrypt(b"content")
    for at in range(len(encrypted)):
        altered = encrypted[:at] + bytes([encrypted[at] ^ 1]) + encrypted[at + 1 :]
        with pytest.raises(DecryptionError):
            account.decrypt(altered)
    for end in range(len(encrypted)):
        with pytest.raises(DecryptionError):
            account.decrypt(encrypted[:end])


@EACH
@given(content=st.binary(max_size=300))
def test_junk_is_an_error_without_details(account: Any, content: bytes) -> None:
    with pytest.raises(DecryptionError) as caught:
        account.decrypt(content)
    assert caught.value.__context__ is None


@EACH
def test_another_key_opens_nothing(account: Any) -> None:
    with pytest.raises(DecryptionError):
        type(account).generate().decrypt(account.encrypt(b"content"))


@EACH
def test_takes_bytes_only(account: Any) -> None:
    for method in (account.encrypt, account.decrypt):
        with pytest.raises(ArgumentError, match="content"):
            method("text")


def test_a_curve_without_a_known_scheme_has_no_encryption() -> None:
    assert not hasattr(DOTAccount, "encrypt")
