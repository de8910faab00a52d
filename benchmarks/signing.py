"""Compare the time that signing an Ethereum message takes with eth_account's; exit 1 above a third.

python benchmarks/signing.py [--rounds 7] [--signatures 500]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct

from aleph_core.accounts import ETHAccount
from aleph_core.chains import verification_buffer

LIMIT = 1 / 3
KEY = bytes(range(1, 33))
# Of the size of what a message has to sign.
BUFFER = verification_buffer("ETH", ETHAccount(KEY).get_address(), "POST", "ab" * 32)


def microseconds(sign: Callable[[bytes], Any], signatures: int) -> float:
    begin = time.perf_counter()
    for _ in range(signatures):
        sign(BUFFER)
    return (time.perf_counter() - begin) / signatures * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--signatures", type=int, default=500)
    options = parser.parse_args()
    account, reference = ETHAccount(KEY), EthAccount.from_key(KEY)

    def theirs(buffer: bytes) -> bytes:
        return bytes(reference.sign_message(encode_defunct(buffer)).signature)

    if account.sign_raw(BUFFER) != theirs(BUFFER):
        raise SystemExit("the two signatures differ")
    # The rounds alternate, so that what else the machine does weighs on both alike.
    rounds = [
        (
            microseconds(account.sign_raw, options.signatures),
            microseconds(theirs, options.signatures),
        )
        for _ in range(options.rounds)
    ]
    ours, others = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = ours / others
    print(f"aleph_core ETHAccount    {ours:7.1f} µs")
    print(f"eth_account              {others:7.1f} µs")
    print(f"ratio                    {ratio:7.2f}    limit {LIMIT:.2f}")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
