"""Packing real files: what goes in, what is refused, and the same bytes from the same tree."""

from __future__ import annotations

import io
import os
import random
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
import tracemalloc
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_async._runtime._packing import Packing
from aleph_core.errors import ArgumentError

MIB = 1024 * 1024
TREE = {"main.py": b"app = 1\n", "package/__init__.py": b"", "package/data.bin": bytes(range(256))}

needs_squashfs = pytest.mark.skipif(
    shutil.which("mksquashfs") is None, reason="mksquashfs, of squashfs-tools, is not installed"
)


def write(root: Path, tree: Mapping[str, bytes], *, executable: set[str] | None = None) -> Path:
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if name in (executable or set()) else 0o644)
    return root


def packed(code: Any, encoding: object = None) -> bytes:
    packing = Packing(code, encoding)
    try:
        packing.build()
        if isinstance(packing.file, Path):
            return packing.file.read_bytes()
        return packing.file.read()
    finally:
        packing.discard()


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


def modes(data: bytes) -> dict[str, int]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: info.external_attr >> 16 for info in archive.infolist()}


def zipped(tree: Mapping[str, bytes], **attributes: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in tree.items():
            info = zipfile.ZipInfo(name, (2020, 5, 4, 3, 2, 0))
            for attribute, value in attributes.items():
                setattr(info, attribute, value)
            archive.writestr(info, content)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def clean_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing that a test packs may stay behind."""
    room = tmp_path / "temporary"
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    yield
    assert list(room.iterdir()) == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "code"


def test_a_folder_becomes_a_zip_of_its_files_in_order(root: Path) -> None:
    write(root, TREE, executable={"main.py"})
    (root / "empty" / "inner").mkdir(parents=True)
    data = packed(root)
    assert unpacked(data) == {"empty/inner/": b"", **TREE}
    assert list(unpacked(data)) == sorted(["empty/inner/", *TREE])
    assert modes(data) == {
        "empty/inner/": stat.S_IFDIR | 0o755,
        "main.py": stat.S_IFREG | 0o755,
        "package/__init__.py": stat.S_IFREG | 0o644,
        "package/data.bin": stat.S_IFREG | 0o644,
    }
    assert packed(str(root)) == data


def test_a_single_file_becomes_a_zip_of_that_file(root: Path) -> None:
    write(root, TREE, executable={"main.py"})
    data = packed(root / "main.py")
    assert unpacked(data) == {"main.py": TREE["main.py"]}
    assert modes(data) == {"main.py": stat.S_IFREG | 0o755}


def test_a_zip_becomes_the_zip_of_the_folder_it_holds(root: Path, tmp_path: Path) -> None:
    write(root, TREE)
    shuffled = dict(random.Random(5).sample(sorted(TREE.items()), len(TREE)))
    (tmp_path / "a.zip").write_bytes(zipped(shuffled, external_attr=0o600 << 16))
    assert packed(tmp_path / "a.zip") == packed(root)
    (tmp_path / "made.zip").write_bytes(packed(root))
    assert packed(tmp_path / "made.zip") == packed(root)


def test_neither_times_nor_order_nor_umask_nor_owners_leave_a_trace(tmp_path: Path) -> None:
    first = write(tmp_path / "first", TREE, executable={"main.py"})
    second = tmp_path / "second"
    before = os.umask(0o077)
    try:
        for name, content in reversed(TREE.items()):
            path = second / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            os.utime(path, (1, 1))
    finally:
        os.umask(before)
    (second / "main.py").chmod(0o711)
    assert packed(first) == packed(second)


NAMES = st.text(
    st.characters(exclude_characters="/\\\x00:", exclude_categories=["Cs"]), min_size=1, max_size=8
).filter(lambda name: name not in (".", "..", ".git") and len(name.encode()) < 200)
TREES = st.recursive(
    st.binary(max_size=200),
    lambda inner: st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
).filter(lambda tree: isinstance(tree, dict))


def flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for name, inner in tree.items():
        if isinstance(inner, bytes):
            yield prefix + name, inner
        elif inner:
            yield from flat(inner, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}/", b""


def plant(root: Path, tree: Mapping[str, Any]) -> None:
    root.mkdir(parents=True)
    for name, inner in tree.items():
        if isinstance(inner, bytes):
            (root / name).write_bytes(inner)
        else:
            plant(root / name, inner)


@given(tree=TREES, seed=st.randoms())
def test_every_tree_is_packed_whole_and_always_into_the_same_bytes(
    tree: dict[str, Any], seed: random.Random
) -> None:
    members = dict(flat(tree))
    with tempfile.TemporaryDirectory() as room:
        plant(Path(room, "code"), tree)
        if not any(not name.endswith("/") for name in members):
            with pytest.raises(ArgumentError, match="no files"):
                packed(Path(room, "code"))
            return
        data = packed(Path(room, "code"))
        assert unpacked(data) == members
        assert list(unpacked(data)) == sorted(members, key=lambda name: name.rstrip("/"))
        others = list(members.items())
        seed.shuffle(others)
        Path(room, "other.zip").write_bytes(zipped(dict(others)))
        assert packed(Path(room, "other.zip")) == data


def test_caches_and_histories_stay_behind_and_everything_else_goes_in(root: Path) -> None:
    left_out = {
        "__pycache__/main.pyc": b"x", "package/__pycache__/a.pyc": b"x", ".git/config": b"x",
        "package/.hg/x": b"x", "module/.git": b"gitdir: ../.git/modules/module",
    }  # fmt: skip
    kept = {".env.example": b"SECRET=", ".gitignore": b"x", "a.pyc": b"x", "module/a.py": b"x"}
    write(root, {**TREE, **left_out, **kept})
    assert unpacked(packed(root)) == {**TREE, **kept}
    archive = root.parent / "a.zip"
    archive.write_bytes(zipped({**TREE, **left_out, **kept}))
    assert packed(archive) == packed(root)


def test_secrets_in_a_folder_are_not_packed_but_those_of_an_archive_are_meant(root: Path) -> None:
    tree = {**TREE, "package/.env": b"PASSWORD=1"}
    write(root, tree)
    with pytest.raises(ArgumentError, match=r"package/\.env"):
        packed(root)
    archive = root.parent / "a.zip"
    archive.write_bytes(zipped(tree))
    assert unpacked(packed(archive)) == tree


def test_nothing_is_written_next_to_the_code_or_into_it(root: Path) -> None:
    write(root, TREE)
    before = sorted(root.parent.rglob("*"))
    packed(root)
    assert sorted(root.parent.rglob("*")) == before


def test_links_inside_the_code_are_followed(root: Path) -> None:
    write(root, TREE)
    (root / "alias.py").symlink_to("main.py")
    (root / "absolute.py").symlink_to(root / "main.py")
    (root / "copy").symlink_to("package", target_is_directory=True)
    linked = root.parent / "linked"
    linked.symlink_to(root, target_is_directory=True)
    expected = {
        **TREE,
        "absolute.py": TREE["main.py"],
        "alias.py": TREE["main.py"],
        "copy/__init__.py": b"",
        "copy/data.bin": TREE["package/data.bin"],
    }
    assert unpacked(packed(root)) == expected
    assert packed(linked) == packed(root)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("../secret", "out of the code"),
        ("/etc/hostname", "out of the code"),
        ("..", "out of the code"),
        ("../code-secret/x", "out of the code"),
        ("nowhere", "leads nowhere"),
        ("link", "leads nowhere"),
        (".", "in a circle"),
        ("package/up", "in a circle"),
    ],
)
def test_links_that_leave_the_code_or_go_in_circles_are_refused(
    root: Path, target: str, said: str
) -> None:
    write(root, TREE)
    write(root.parent, {"secret": b"s", "code-secret/x": b"s"})
    (root / "package" / "up").symlink_to("..")
    (root / "link").symlink_to(target)
    if said != "in a circle":
        (root / "package" / "up").unlink()
    with pytest.raises(ArgumentError, match=said) as caught:
        packed(root)
    assert caught.value.argument == "code"


@pytest.mark.parametrize("code", ["", None, 5, b"code", "a\x00b", ["code"]])
def test_what_is_no_path_is_refused_before_anything_is_read(code: Any) -> None:
    with pytest.raises(ArgumentError, match="a path") as caught:
        Packing(code)
    assert caught.value.argument == "code"


def test_an_encoding_that_nobody_knows_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ArgumentError) as caught:
        Packing("/nowhere", "rar")
    assert caught.value.argument == "encoding"


def test_what_is_not_there_or_no_file_is_refused(root: Path) -> None:
    with pytest.raises(ArgumentError, match="No such file"):
        packed(root)
    root.mkdir()
    with pytest.raises(ArgumentError, match="no files"):
        packed(root)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "s"))
        for code in (root, root / "s"):
            with pytest.raises(ArgumentError, match="neither a file nor a folder"):
                packed(code)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
def test_what_may_not_be_read_is_refused(root: Path) -> None:
    write(root, TREE)
    (root / "main.py").chmod(0)
    with pytest.raises(ArgumentError, match="Permission denied"):
        packed(root)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (zipped({"../x": b""}), "not safe"),
        (zipped({"/x": b""}), "not safe"),
        (zipped({"a/../../x": b""}), "not safe"),
        (zipped({"C:/x": b""}), "not safe"),
        (zipped({"a": b"", "a/b": b""}), "as a file and as a folder"),
        (zipped({"x": b"main.py"}, external_attr=(stat.S_IFLNK | 0o777) << 16), "a link"),
        (zipped({}), "no files"),
        (zipped({"a/": b""}), "no files"),
        (zipped(TREE)[:-30], "no sound zip"),
        (b"PK\x03\x04 and nonsense", "no sound zip"),
        (zipped({"main.py": b"app"}).replace(b"app", b"abb"), "CRC"),
    ],
    ids=range(11),
)
def test_a_zip_that_is_broken_or_reaches_out_is_refused(
    tmp_path: Path, data: bytes, said: str
) -> None:
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(ArgumentError, match=said) as caught:
        packed(tmp_path / "a.zip")
    assert caught.value.argument == "code"


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a//b", b"1")
        archive.writestr("a/b", b"2")
    (tmp_path / "a.zip").write_bytes(buffer.getvalue())
    with pytest.raises(ArgumentError, match="two files of one name"):
        packed(tmp_path / "a.zip")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({"main.py": b"app"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(ArgumentError, match="is encrypted"):
        packed(tmp_path / "a.zip")


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_zip_is_packed_or_refused(content: bytes, place: int, value: int) -> None:
    data = bytearray(zipped({"a.py": content, "b/c.py": content[:5]}, compress_type=8))
    data[place % len(data)] = value
    with tempfile.TemporaryDirectory() as room:
        path = Path(room, "a.zip")
        path.write_bytes(data)
        try:
            unpacked(packed(path))
        except ArgumentError:
            pass


def test_code_that_is_too_large_for_compute_nodes_is_refused(root: Path) -> None:
    write(root, {"noise.bin": random.Random(1).randbytes(10 * MIB), "main.py": b""})
    for code, encoding in ((root, None), (root / "noise.bin", "plain")):
        with pytest.raises(ArgumentError, match="encoding='squashfs'"):
            packed(code, encoding)


def test_a_plain_file_is_sent_as_it_is(root: Path) -> None:
    write(root, TREE)
    assert packed(root / "main.py", "plain") == TREE["main.py"]
    with pytest.raises(ArgumentError, match="only one file may be plain"):
        packed(root, "plain")


def test_a_file_that_grows_while_it_is_packed_is_noticed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, TREE)
    opened = Path.open

    def grow(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "main.py":
            with opened(path, "ab") as file:
                file.write(b"more")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", grow)
    with pytest.raises(ArgumentError, match=r"main\.py changed while"):
        packed(root)


def test_packing_that_nobody_waits_for_ends_and_leaves_nothing(root: Path) -> None:
    write(root, {f"{number}.bin": bytes(MIB) for number in range(9)})
    packing = Packing(root)
    errors: list[BaseException] = []

    def build() -> None:
        try:
            packing.build()
        except ArgumentError as error:
            errors.append(error)

    packing.discard()
    thread = threading.Thread(target=build)
    thread.start()
    thread.join(30)
    assert "given up" in str(errors[0])


def test_a_packed_file_is_gone_once_it_is_discarded(root: Path) -> None:
    packing = Packing(write(root, TREE))
    packing.build()
    assert not isinstance(packing.file, Path)
    packing.discard()
    packing.discard()
    file: BinaryIO = packing.file
    assert file.closed


def test_without_mksquashfs_there_is_no_squashfs(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ArgumentError, match="install squashfs-tools") as caught:
        packed(write(root, TREE), "squashfs")
    assert caught.value.argument == "encoding"


def test_a_mksquashfs_that_fails_is_quoted(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "mksquashfs"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'FATAL ERROR: out of luck' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    with pytest.raises(ArgumentError, match="mksquashfs failed: FATAL ERROR: out of luck"):
        packed(write(root, TREE), "squashfs")


def test_a_mksquashfs_that_nobody_waits_for_is_ended(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    program = tmp_path / "bin" / "mksquashfs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho > '{started}'\nexec /bin/sleep 100\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    packing = Packing(write(root, TREE), "squashfs")
    errors: list[BaseException] = []

    def build() -> None:
        try:
            packing.build()
        except ArgumentError as error:
            errors.append(error)

    thread = threading.Thread(target=build)
    thread.start()
    started.read_bytes()
    packing.discard()
    thread.join(30)
    assert "given up" in str(errors[0])


def test_code_is_packed_in_pieces(root: Path) -> None:
    write(root, {"noise.bin": random.Random(1).randbytes(9 * MIB)})
    tracemalloc.start()
    try:
        packing = Packing(root)
        packing.build()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        packing.discard()
    assert peak < 3 * MIB


@needs_squashfs
def test_a_tree_becomes_the_same_squashfs_image_whenever_and_by_whomever_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = {**TREE, "-all-root": b"no option", "$(touch x) ; y": b"no command"}
    first = write(tmp_path / "-first", tree, executable={"main.py"})
    (first / "alias.py").symlink_to("main.py")
    data = packed(first, "squashfs")
    assert data[:4] == b"hsqs"
    second = write(tmp_path / "second", {**tree, "alias.py": TREE["main.py"]})
    for path in second.rglob("*"):
        path.chmod(0o700)
        os.utime(path, (1, 1))
    for path in second.rglob("*"):
        if path.is_file() and path.name not in ("main.py", "alias.py"):
            path.chmod(0o600)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert packed(second, "squashfs") == data
    archive = tmp_path / "a.zip"
    archive.write_bytes(packed(second))
    assert packed(archive, "squashfs") == data
    image = tmp_path / "image.bin"
    image.write_bytes(data)
    assert packed(image) == packed(image, "squashfs") == data
    with pytest.raises(ArgumentError, match="is a squashfs image"):
        packed(image, "zip")
    target = tmp_path / "unpacked"
    subprocess.run(["unsquashfs", "-q", "-n", "-d", target, image], check=True)
    assert {p.relative_to(target).as_posix(): p.read_bytes() for p in target.rglob("*") if p.is_file()} == {
        **tree, "alias.py": TREE["main.py"],
    }  # fmt: skip
    assert stat.S_IMODE((target / "main.py").stat().st_mode) == 0o755
    assert stat.S_IMODE((target / "package").stat().st_mode) == 0o755
