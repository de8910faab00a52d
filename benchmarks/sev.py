"""Time what the owner of a confidential guest computes for one launch; exit 1 above 10 ms.

python benchmarks/sev.py [--rounds 7] [--launches 50]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from aleph_core import sev
from aleph_devnode.secure_processor import SecureProcessor

LIMIT = 10.0
FIRMWARE = bytes(4 * 1024 * 1024)


def milliseconds(work: Callable[[], Any], times: int) -> float:
    begin = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - begin) / times * 1e3


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--launches", type=int, default=50)
    options = parser.parse_args()
    # Today's processors have roots of 4096 bits.
    processor = SecureProcessor(rsa_bits=4096)
    certificates = processor.certificates()
    roots = [sev.TrustedRoot.from_certificates("own", ark=processor.ark, ask=processor.ask)]
    chain = sev.PlatformCertificates.from_bytes(certificates)
    session = sev.LaunchSession.create(chain)
    guest = processor.launch(policy=1, godh=session.godh, session=session.session)
    guest.update(FIRMWARE)
    answer = {
        "launch_measure": b64encode(guest.measure()).decode(),
        "sev_info": guest.info(),
    }
    digest = sev.launch_digest(FIRMWARE)
    measurement = sev.SEVMeasurement.from_answer(answer)
    parts: dict[str, Callable[[], Any]] = {
        "session": lambda: sev.LaunchSession.create(chain),
        "measurement": lambda: sev.check_measurement(
            answer, tik=session.tik, digest=digest, policy=1
        ),
        "secret": lambda: sev.seal_secret(
            "x" * 40, tek=session.tek, tik=session.tik, measure=measurement.measure
        ),
    }
    beside: dict[str, Callable[[], Any]] = {
        "certificates": lambda: sev.PlatformCertificates.from_bytes(certificates).verify(roots),
        "digest of 4 MiB": lambda: sev.launch_digest(FIRMWARE),
    }
    rounds = {
        name: [milliseconds(work, options.launches) for _ in range(options.rounds)]
        for name, work in (parts | beside).items()
    }
    medians = {name: statistics.median(each) for name, each in rounds.items()}
    total = sum(medians[name] for name in parts)
    for name in parts:
        print(f"{name:16} {medians[name]:8.3f} ms")
    print(f"{'in all':16} {total:8.3f} ms    limit {LIMIT:.0f}")
    for name in beside:
        print(f"{name:16} {medians[name]:8.3f} ms    beside that")
    return 0 if total <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
