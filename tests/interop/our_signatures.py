"""What this library makes with the keys of the vectors, for other people's software to check.

    python -m tests.interop.our_signatures FILE

writes it to a file; that of the vectors is ``tests/core/accounts/vectors/ours.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from aleph_core import accounts

VECTORS = Path(__file__).parents[1] / "core" / "accounts" / "vectors"
THEIRS = json.loads((VECTORS / "theirs.json").read_text(encoding="utf-8"))


def account_of(entry: dict[str, Any]) -> Any:
    kind = getattr(accounts, entry["account"])
    return kind(*entry["arguments"], **entry["options"])


def make() -> dict[str, Any]:
    signatures = []
    for entry in THEIRS["signatures"]:
        if entry["account"] is not None:
            unsigned = {**entry["message"], "signature": ""}
            signed = account_of(entry).sign_message(unsigned)
            if signed not in [known["message"] for known in signatures]:
                signatures.append({**entry, "by": "aleph-sync", "message": signed})
    encryptions = []
    for entry in THEIRS["encryptions"]:
        account = getattr(accounts, entry["account"])(entry["private_key"])
        encrypted = account.encrypt(bytes.fromhex(entry["text"])).hex()
        encryptions.append({**entry, "by": "aleph-sync", "encrypted": encrypted})
    keystores = []
    for entry, kdf, cost in zip(THEIRS["keystores"], ("scrypt", "pbkdf2"), (4, 2), strict=True):
        account = accounts.ETHAccount(entry["private_key"])
        keystore = account.export_keystore(entry["password"], kdf=kdf, iterations=cost)
        keystores.append({**entry, "by": "aleph-sync", "keystore": keystore})
    return {"signatures": signatures, "encryptions": encryptions, "keystores": keystores}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(make(), indent=1) + "\n", encoding="utf-8")
