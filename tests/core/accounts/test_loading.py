from __future__ import annotations

import subprocess
import sys

import pytest

import aleph_core.accounts

CHAIN_LIBRARIES = ("coincurve", "Crypto", "nacl", "base58", "eth_account", "eth_keys", "eth_utils")
HEAVY = ("pydantic", "aleph_message", "asyncio", "httpx", "cryptography")


def loaded_by(code: str) -> set[str]:
    """Run code in a fresh interpreter and return the top-level packages that it loaded."""
    script = (
        f"import sys\n{code}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import aleph_core.accounts, aleph_core.signatures, aleph_core.permissions", set()),
        ("from aleph_core.accounts import Account, LocalAccount, create_key_file", set()),
        (
            (
                "from aleph_core.accounts import ETHAccount\n"
                "ETHAccount.generate().sign_message({'type': 'POST', 'item_hash': 'ab'})"
            ),
            {"coincurve", "Crypto"},
        ),
        (
            (
                "from aleph_core.accounts import SOLAccount\n"
                "SOLAccount.generate().sign_message({'type': 'POST', 'item_hash': 'ab'})"
            ),
            {"nacl", "base58"},
        ),
        (
            (
                "from aleph_core.signatures import verify_signature\n"
                "from aleph_core.errors import VerificationError\n"
                "try: verify_signature(chain='BASE', sender='0x', buffer=b'', signature='0x')\n"
                "except VerificationError: pass"
            ),
            {"coincurve", "Crypto"},
        ),
        (
            (
                "from aleph_core.signatures import verify_signature\n"
                "from aleph_core.errors import VerificationError\n"
                "try: verify_signature(chain='ES', sender='1', buffer=b'', signature='{}')\n"
                "except VerificationError: pass"
            ),
            {"nacl", "base58"},
        ),
    ],
    ids=["rooms", "protocol-and-key-files", "sign-eth", "sign-sol", "verify-evm", "verify-es"],
)
def test_a_chain_loads_its_own_libraries_and_no_other(code: str, expected: set[str]) -> None:
    loaded = loaded_by(code)
    assert loaded & set(CHAIN_LIBRARIES) == expected
    assert loaded.isdisjoint(HEAVY)


def test_every_promised_name_is_there_and_listed() -> None:
    for name in aleph_core.accounts.__all__:
        assert getattr(aleph_core.accounts, name).__name__ in aleph_core.accounts.__all__
        assert name in dir(aleph_core.accounts)
    assert set(aleph_core.accounts._HOMES) == set(aleph_core.accounts.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="BTCAccount"):
        _ = aleph_core.accounts.BTCAccount
