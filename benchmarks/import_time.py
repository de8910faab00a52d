"""Compare the import time of `aleph_sync` with that of the published SDK.

    python benchmarks/import_time.py [--sdk-python PATH] [--rounds N]

The SDK comes from the environment of the Python that is given; without one, an environment is made
with pip. Exits with 1 when importing `aleph_sync` takes more than a third of the SDK's time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PUBLISHED_SDK = "aleph-sdk-python==2.4.0"
LIMIT = 1 / 3
TIMER = (
    "import time; begin = time.perf_counter(); import {module}; print(time.perf_counter() - begin)"
)


def seconds(python: str, module: str, rounds: int) -> float:
    """Return the median time of an import in a fresh interpreter, byte code already written."""

    def once() -> float:
        command = [python, "-I", "-W", "ignore", "-c", TIMER.format(module=module)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{python} cannot import {module}:\n{done.stderr}")
        return float(done.stdout.split()[-1])

    once()
    return statistics.median(once() for _ in range(rounds))


def environment(folder: Path) -> str:
    """Install the published SDK into a new environment and return its Python."""
    print(f"installing {PUBLISHED_SDK} ...", file=sys.stderr)
    venv.create(folder, with_pip=True)
    python = str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    subprocess.run([python, "-m", "pip", "install", "-q", PUBLISHED_SDK], check=True)
    return python


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sdk-python", help="a Python that has the published SDK installed")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sdk_python = options.sdk_python or environment(Path(folder))
        ours = seconds(sys.executable, "aleph_sync", options.rounds)
        theirs = seconds(sdk_python, "aleph.sdk.client", options.rounds)
    ratio = ours / theirs
    print(f"import aleph_sync        {ours * 1000:7.1f} ms")
    print(f"import aleph.sdk.client  {theirs * 1000:7.1f} ms")
    print(f"ratio                    {ratio:7.2f}    (at most {LIMIT:.2f})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
