"""Compare what `pip install` brings for `aleph-sync` with what it brings for the published SDK.

    python benchmarks/size.py [PROJECT]

Installs both into new environments, the project from a folder, a wheel or an index. Exits with 1 when
`aleph-sync` takes more than half of the SDK's megabytes, or brings a package of web3 that it needs not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PUBLISHED_SDK = "aleph-sdk-python==2.4.0"
LIMIT = 1 / 2
# What comes with web3, and with the packages that drive Superfluid through it.
UNWANTED = {
    "aiohttp",
    "aleph-superfluid",
    "bitarray",
    "ckzg",
    "cytoolz",
    "eth-abi",
    "eth-account",
    "eth-hash",
    "eth-keyfile",
    "eth-keys",
    "eth-rlp",
    "eth-typing",
    "eth-utils",
    "hexbytes",
    "parsimonious",
    "pyunormalize",
    "regex",
    "requests",
    "rlp",
    "superfluid",
    "toolz",
    "types-requests",
    "web3",
    "websockets",
}
OF_THE_ENVIRONMENT = {"pip", "setuptools", "wheel", "_distutils_hack"}


def install(folder: Path, target: str) -> tuple[float, dict[str, float]]:
    """Return the megabytes that a package and all it needs take, and those of each distribution."""
    print(f"installing {target} ...", file=sys.stderr)
    if not folder.exists():
        venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run([python, "-m", "pip", "install", "-q", target], check=True)
    done = subprocess.run([python, "-I", "-c", _LIST], check=True, capture_output=True, text=True)
    sizes: dict[str, float] = json.loads(done.stdout)
    return sum(sizes.values()), sizes


# All that pip writes, byte code too.
_LIST = f"""
import json
from importlib.metadata import distributions
sizes = {{}}
for found in distributions():
    name = found.metadata["Name"].lower().replace("_", "-").replace(".", "-")
    if name not in {sorted(OF_THE_ENVIRONMENT)!r}:
        files = [found.locate_file(file) for file in found.files or ()]
        sizes[name] = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
print(json.dumps(sizes))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("project", nargs="?", default=str(Path(__file__).resolve().parents[1]))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours, sizes = install(Path(folder, "ours"), options.project)
        paying, _ = install(Path(folder, "ours"), f"{options.project}[payg]")
        theirs, their_sizes = install(Path(folder, "theirs"), PUBLISHED_SDK)
    unwanted = sorted(UNWANTED & sizes.keys())
    print(f"aleph-sync               {ours:7.1f} MB in {len(sizes)} packages")
    print(f"aleph-sync[payg]         {paying:7.1f} MB")
    print(f"{PUBLISHED_SDK:<24} {theirs:7.1f} MB in {len(their_sizes)} packages")
    print(f"ratio                    {ours / theirs:7.2f}    (at most {LIMIT:.2f})")
    print(f"of web3                  {', '.join(unwanted) or 'nothing'}")
    largest = sorted(sizes.items(), key=lambda entry: -entry[1])[:5]
    print("largest                 ", ", ".join(f"{name} {size:.1f}" for name, size in largest))
    return 0 if ours / theirs <= LIMIT and not unwanted else 1


if __name__ == "__main__":
    sys.exit(main())
