"""Files of roots: a user's own, and those that are kept; wherever they lie, the pins decide."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from aleph_core import sev
from aleph_core.errors import CertificateError, ConfigurationError
from aleph_core.sev.root_files import keep_root, kept_root, read_root_file
from aleph_devnode.secure_processor import SecureProcessor
from tests.core.sev.golden import ABSENT, FOLDERS, OTHERS, root_files
from tests.platform_roots import published, source

PROCESSOR = SecureProcessor()
SOURCE = source(PROCESSOR)
AT_HAND = pytest.mark.skipif(OTHERS not in FOLDERS, reason=ABSENT)


def test_what_was_kept_is_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "amd-roots"
    assert kept_root(folder, SOURCE) is None
    keep_root(folder, SOURCE, published(PROCESSOR))
    found = kept_root(folder, SOURCE)
    assert found is not None
    assert found.product == "devnode"
    (file,) = folder.iterdir()
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"x", b"-----BEGIN", bytes(1664), b"x" * 100_000])
def test_what_was_damaged_is_not_found(tmp_path: Path, content: bytes) -> None:
    keep_root(tmp_path, SOURCE, published(PROCESSOR))
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    assert kept_root(tmp_path, SOURCE) is None
    keep_root(tmp_path, SOURCE, published(PROCESSOR))
    assert kept_root(tmp_path, SOURCE) is not None
    file.unlink()
    file.mkdir()
    assert kept_root(tmp_path, SOURCE) is None
    keep_root(tmp_path, SOURCE, published(PROCESSOR))


def test_sources_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    keep_root(tmp_path, SOURCE, published(PROCESSOR))
    assert kept_root(tmp_path, sev.AMD_ROOTS["genoa"]) is None
    other = source(PROCESSOR, product="genoa")
    keep_root(tmp_path, other, published(PROCESSOR))
    assert kept_root(tmp_path, sev.AMD_ROOTS["genoa"]) is None
    assert kept_root(tmp_path, other) is not None


@pytest.mark.parametrize("product", ["../../escape", "a/b", "nul\0", "", "ä" * 300])
def test_no_name_of_a_product_leads_out_of_the_folder(tmp_path: Path, product: str) -> None:
    folder = tmp_path / "one" / "two"
    odd = source(PROCESSOR, product=product)
    keep_root(folder, odd, published(PROCESSOR))
    assert kept_root(folder, odd) is not None
    assert len(list(folder.iterdir())) == 1


def test_a_folder_that_takes_no_file_is_left_alone(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    keep_root(blocked / "amd-roots", SOURCE, published(PROCESSOR))
    assert blocked.read_bytes() == b""


def test_a_file_of_somebody_elses_root_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "root.cert"
    path.write_bytes(published(PROCESSOR))
    with pytest.raises(CertificateError, match=r"root\.cert") as caught:
        read_root_file(path)
    assert caught.value.check == "pin"
    path.write_bytes(b"short")
    with pytest.raises(CertificateError) as caught:
        read_root_file(path)
    assert caught.value.check == "length"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(ConfigurationError, match="cannot read"):
            read_root_file(path)


@AT_HAND
def test_amds_files_are_known_whatever_they_are_called(tmp_path: Path) -> None:
    path = tmp_path / "whatever"
    for product, data in root_files():
        path.write_bytes(data)
        assert read_root_file(path).product == product
        assert read_root_file(str(path)).product == product
