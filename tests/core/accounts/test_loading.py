from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import aleph_core.accounts

CHAIN_LIBRARIES = (
    "Crypto",
    "base58",
    "bip39",
    "coincurve",
    "cryptography",
    "eth_account",
    "eth_keys",
    "eth_utils",
    "nacl",
    "sr25519",
    "substrateinterface",
)
HEAVY = ("pydantic", "aleph_message", "asyncio", "httpx")

WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow"
P256 = next(
    entry["message"]
    for entry in json.loads(
        Path(__file__).with_name("vectors").joinpath("theirs.json").read_text(encoding="utf-8")
    )["signatures"]
    if "p2pk" in entry["message"]["signature"]
)
USE = """
from aleph_core import accounts
from aleph_core.signatures import verify_message_signature
message = {{"type": "POST", "item_hash": "ab", "time": 1.5}}
verify_message_signature(accounts.{}.sign_message(message))
"""
ENCRYPT = """
from aleph_core import accounts
account = accounts.{}
assert account.decrypt(account.encrypt(b"x")) == b"x"
"""


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
        (USE.format("ETHAccount.generate()"), {"coincurve", "Crypto"}),
        (USE.format(f"ETHAccount.from_mnemonic({WORDS!r})"), {"coincurve", "Crypto"}),
        (ENCRYPT.format("ETHAccount.generate()"), {"coincurve", "Crypto"}),
        (USE.format("SOLAccount.generate()"), {"nacl", "base58"}),
        (USE.format(f"SVMAccount.from_mnemonic({WORDS!r})"), {"nacl", "base58"}),
        (ENCRYPT.format("SOLAccount.generate()"), {"nacl", "base58"}),
        (USE.format("DOTAccount.generate()"), {"sr25519", "base58"}),
        (USE.format(f"DOTAccount({WORDS!r})"), {"sr25519", "base58", "bip39"}),
        (USE.format("TezosAccount.generate()"), {"nacl", "base58"}),
        (ENCRYPT.format("TezosAccount.generate()"), {"nacl", "base58"}),
        (
            USE.format("TezosAccount.generate('secp256k1')"),
            {"coincurve", "Crypto", "base58"},
        ),
        (
            (
                "from aleph_core.signatures import verify_message_signature\n"
                f"verify_message_signature({P256!r})"
            ),
            {"cryptography", "base58"},
        ),
        (USE.format("CosmosAccount.generate()"), {"coincurve", "Crypto"}),
        (USE.format(f"CosmosAccount.from_mnemonic({WORDS!r})"), {"coincurve", "Crypto"}),
        (USE.format("NULS2Account.generate()"), {"coincurve", "Crypto", "base58"}),
        (USE.format("AvalancheAccount.generate()"), {"coincurve", "Crypto", "base58"}),
    ],
    ids=lambda value: value.strip().splitlines()[-1][-60:] if isinstance(value, str) else "",
)
def test_a_chain_loads_its_own_libraries_and_no_other(code: str, expected: set[str]) -> None:
    loaded = loaded_by(code)
    assert loaded & set(CHAIN_LIBRARIES) == expected
    assert loaded.isdisjoint(HEAVY)


def test_every_promised_name_is_there_and_listed() -> None:
    aliases = {
        "CSDKAccount": "CosmosAccount",
        "EVMAccount": "ETHAccount",
        "LedgerAccount": "LedgerETHAccount",
        "NULSAccount": "NULS2Account",
    }
    for name in aleph_core.accounts.__all__:
        assert getattr(aleph_core.accounts, name).__name__ == aliases.get(name, name)
        assert name in dir(aleph_core.accounts)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="BTCAccount"):
        _ = aleph_core.accounts.BTCAccount
