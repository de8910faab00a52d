from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

import pytest
from aleph_message.models.execution.base import Encoding
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError
from aleph_core.packing import (
    check_archive_size,
    check_encoding,
    check_no_secrets,
    empty_folders,
    is_left_out,
    is_squashfs,
    is_zip,
    member_name,
    squashfs_command,
)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("main.py", "main.py"),
        ("./a//b/./c", "a/b/c"),
        ("a/", "a"),
        ("日本/é.py", "日本/é.py"),
        ("..a/b..", "..a/b.."),
        ("at 10:30", "at 10:30"),
    ],
)
def test_a_member_has_the_name_of_its_path(path: str, name: str) -> None:
    assert member_name(path) == name


@pytest.mark.parametrize(
    "path",
    ["", ".", "/", "/etc/passwd", "..", "../x", "a/../../x", "C:/x", "c:x", "a\\..\\b", "a\x00b", "\udcff"],
)  # fmt: skip
def test_a_member_that_would_lie_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        member_name(path)
    assert caught.value.argument == "code"


@given(st.text())
def test_a_name_that_is_taken_stays_below_the_folder_it_is_unpacked_to(path: str) -> None:
    try:
        name = member_name(path)
    except ArgumentError:
        return
    pure = PurePosixPath(name)
    assert pure.parts
    assert not pure.is_absolute()
    assert ".." not in pure.parts
    assert member_name(name) == name


def test_caches_and_histories_are_left_out_and_nothing_else() -> None:
    assert all(is_left_out(name, folder=True) for name in ("__pycache__", ".git", ".hg", "CVS"))
    assert is_left_out(".git", folder=False)
    for name in ("__pycache__", "CVS", ".env", ".gitignore", "a.pyc"):
        assert not is_left_out(name, folder=False)
    for name in ("git", ".venv", "node_modules", "build", ".github"):
        assert not is_left_out(name, folder=True)


def test_only_folders_that_hold_nothing_are_members() -> None:
    files = ["a.py", "b/c/d.py"]
    assert empty_folders(files, ["b", "b/c", "e", "f", "f/g"]) == ["e", "f/g"]


@pytest.mark.parametrize(
    ("files", "folders"), [([], ["a"]), (["a", "a/b"], []), (["a"], ["a"]), (["a"], ["a/b"])]
)
def test_a_tree_that_cannot_be_is_refused(files: list[str], folders: list[str]) -> None:
    with pytest.raises(ArgumentError):
        empty_folders(files, folders)


@pytest.mark.parametrize(
    ("asked", "found", "encoding"),
    [
        (None, None, "zip"),
        (None, "squashfs", "squashfs"),
        ("squashfs", "squashfs", "squashfs"),
        ("plain", None, "plain"),
        (Encoding.squashfs, None, "squashfs"),
    ],
)
def test_code_is_packed_as_asked_for_or_as_it_is(
    asked: object, found: str | None, encoding: str
) -> None:
    assert check_encoding(asked, found=found) == encoding


@pytest.mark.parametrize(
    ("asked", "found", "argument"),
    [("tar", None, "encoding"), (5, None, "encoding"), ("zip", "squashfs", "code")],
)
def test_an_encoding_that_cannot_be_is_named(asked: Any, found: str | None, argument: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        check_encoding(asked, found=found)
    assert caught.value.argument == argument


def test_what_compute_nodes_would_not_run_is_refused_with_a_way_out() -> None:
    check_archive_size(10_000_000, "zip")
    check_archive_size(10_000_001, "squashfs")
    for encoding in ("zip", "plain"):
        with pytest.raises(ArgumentError, match="encoding='squashfs'"):
            check_archive_size(10_000_001, encoding)


def test_files_are_told_by_how_they_begin() -> None:
    assert is_zip(b"PK\x03\x04...")
    assert is_zip(b"PK\x05\x06")
    assert not is_zip(b"PK")
    assert is_squashfs(b"hsqs")
    assert not is_squashfs(b"sqsh")


def test_the_command_names_the_folder_and_the_image_and_settles_times_and_owners() -> None:
    command = squashfs_command("/bin/mksquashfs", "-folder", "image")
    assert command[:3] == ["/bin/mksquashfs", "-folder", "image"]
    assert {"-all-root", "-all-time", "-mkfs-time", "-noappend"} <= set(command)


@pytest.mark.parametrize(
    "name",
    [".env", "app/.env", ".env.production", "id_ed25519", "keys/id_rsa", ".netrc", ".pypirc"],
)
def test_a_folder_with_secrets_is_refused_by_their_names(name: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(name)) as caught:
        check_no_secrets(["main.py", name])
    assert caught.value.argument == "code"


@pytest.mark.parametrize(
    "name", [".env.example", "env", "environment.py", "id_ed25519.pub", "cacert.pem", "a.envrc"]
)
def test_what_only_looks_like_a_secret_is_packed(name: str) -> None:
    check_no_secrets(["main.py", name])
