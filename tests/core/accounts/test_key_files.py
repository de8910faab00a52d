from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aleph_core.accounts import (
    ETHAccount,
    InsecureKeyFileWarning,
    SOLAccount,
    create_key_file,
    load_or_create_key_file,
    read_key_file,
)
from aleph_core.accounts.key_files import expanded_path
from aleph_core.errors import ArgumentError, ConfigurationError

KEY = bytes(range(1, 33))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def any_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.usefixtures("any_umask")
def test_file_and_missing_folders_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "private-keys" / "ethereum.key"
    assert create_key_file(path, KEY) == path
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert mode(path.parent.parent) == 0o700
    assert read_key_file(path) == KEY
    assert ETHAccount(path.read_bytes()).get_address() == ETHAccount(KEY).get_address()


@pytest.mark.usefixtures("any_umask")
def test_the_key_is_never_on_disk_with_a_wider_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    sync = os.fsync

    def look(descriptor: int) -> None:
        seen.extend((mode(each), each.stat().st_size) for each in tmp_path.iterdir())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    create_key_file(tmp_path / "a.key", KEY)
    assert seen
    assert set(seen) == {(0o600, len(KEY))}


def test_an_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    create_key_file(folder / "a.key", KEY)
    assert mode(folder) == 0o755


def test_never_overwrites_a_key_unless_asked(tmp_path: Path) -> None:
    path = create_key_file(tmp_path / "a.key", KEY)
    with pytest.raises(ArgumentError, match="exists already") as caught:
        create_key_file(path, b"other")
    assert caught.value.argument == "path"
    assert path.read_bytes() == KEY
    create_key_file(path, b"other", overwrite=True)
    assert path.read_bytes() == b"other"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("there", [True, False], ids=["link", "dangling-link"])
def test_a_link_is_never_followed(tmp_path: Path, there: bool) -> None:
    victim = tmp_path / "victim"
    if there:
        victim.write_bytes(b"theirs")
    link = tmp_path / "a.key"
    link.symlink_to(victim)
    with pytest.raises(ArgumentError, match="exists already"):
        create_key_file(link, KEY)
    create_key_file(link, KEY, overwrite=True)
    assert not link.is_symlink()
    assert link.read_bytes() == KEY
    assert (victim.read_bytes() == b"theirs") if there else not victim.exists()


def test_a_link_that_appears_at_the_last_moment_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"theirs")
    path = tmp_path / "keys" / "a.key"
    sync = os.fsync

    def intrude(descriptor: int) -> None:
        sync(descriptor)
        if not path.is_symlink():
            path.symlink_to(victim)

    monkeypatch.setattr(os, "fsync", intrude)
    with pytest.raises(ArgumentError, match="exists already"):
        create_key_file(path, KEY)
    assert victim.read_bytes() == b"theirs"
    assert [each.name for each in path.parent.iterdir()] == ["a.key"]


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_failed_write_leaves_nothing_and_keeps_the_old_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    path = tmp_path / "a.key"
    if overwrite:
        create_key_file(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match="No space left") as caught:
        create_key_file(path, KEY, overwrite=overwrite)
    assert KEY.hex() not in str(caught.value)
    assert list(tmp_path.iterdir()) == ([path] if overwrite else [])
    if overwrite:
        assert path.read_bytes() == b"old"


def test_without_hard_links_the_name_is_claimed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: Any, **__: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    path = create_key_file(tmp_path / "a.key", KEY)
    assert (path.read_bytes(), mode(path)) == (KEY, 0o600)
    with pytest.raises(ArgumentError, match="exists already"):
        create_key_file(path, b"other")
    assert list(tmp_path.iterdir()) == [path]


def test_without_hard_links_a_failed_write_leaves_no_empty_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "link", fail)
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ConfigurationError, match="Input/output error"):
        create_key_file(tmp_path / "a.key", KEY)
    assert list(tmp_path.iterdir()) == []


def test_without_hard_links_the_file_of_somebody_else_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.key"
    replace = os.replace

    def no_links(*_: Any, **__: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    def lose(*_: Any, **__: Any) -> None:
        other = tmp_path / "other"
        other.write_bytes(b"theirs")
        replace(other, path)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(os, "replace", lose)
    with pytest.raises(ConfigurationError, match="Input/output error"):
        create_key_file(path, KEY)
    assert path.read_bytes() == b"theirs"


@pytest.mark.parametrize("path", ["~nosuchuser/k", "a\0b", "\ud800", "new\0/k"], ids=ascii)
def test_a_path_that_no_file_can_have_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for use in (read_key_file, load_or_create_key_file, lambda path: create_key_file(path, KEY)):
        with pytest.raises(ConfigurationError) as caught:
            use(path)
        assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_named_by_a_hash_is_shown(tmp_path: Path) -> None:
    path = tmp_path / ("ab" * 32) / "a.key"
    with pytest.raises(ConfigurationError, match=r"ab/a\.key: No such file"):
        read_key_file(path)


def test_a_folder_that_cannot_be_synced_does_not_fail_the_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def refuse_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    assert create_key_file(tmp_path / "a.key", KEY).read_bytes() == KEY


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for parent in ("file", "dangling"):
        with pytest.raises(ConfigurationError, match=parent):
            create_key_file(tmp_path / parent / "sub" / "a.key", KEY)
    with pytest.raises(ConfigurationError, match="file"):
        create_key_file(tmp_path / "file" / "a.key", KEY)


def test_a_folder_under_the_name_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    path.mkdir()
    with pytest.raises(ArgumentError, match="exists already"):
        create_key_file(path, KEY)
    with pytest.raises(ConfigurationError, match="cannot write"):
        create_key_file(path, KEY, overwrite=True)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("secret", [b"", bytes(65_537), "text", None])
def test_refuses_what_is_no_secret(tmp_path: Path, secret: Any) -> None:
    with pytest.raises(ArgumentError, match="secret"):
        create_key_file(tmp_path / "new" / "a.key", secret)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660, 0o777, 0o610])
def test_warns_with_the_fix_when_others_can_reach_the_key(tmp_path: Path, bits: int) -> None:
    path = create_key_file(tmp_path / "my key", KEY)
    path.chmod(bits)
    with pytest.warns(InsecureKeyFileWarning) as caught:
        assert read_key_file(path) == KEY
    (warning,) = caught
    assert f"chmod 600 '{path}'" in str(warning.message)
    assert warning.filename == __file__
    subprocess.run(["sh", "-c", str(warning.message).partition("run: ")[2]], check=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_key_file(path) == KEY


def test_reads_through_a_link(tmp_path: Path) -> None:
    create_key_file(tmp_path / "ethereum.key", KEY)
    (tmp_path / "default.key").symlink_to("ethereum.key")
    assert read_key_file(tmp_path / "default.key") == KEY


def test_a_missing_empty_or_strange_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "empty").touch(0o600)
    (tmp_path / "long").write_bytes(bytes(65_537))
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, problem in {
        "missing": "No such file",
        "empty": "empty",
        "long": "too long",
        "pipe": "no plain file",
        ".": "directory",
    }.items():
        with pytest.raises(ConfigurationError, match=problem):
            read_key_file(tmp_path / name)


def test_expands_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    create_key_file("~/keys/a.key", KEY)
    assert (tmp_path / "keys" / "a.key").read_bytes() == KEY
    assert read_key_file("~/keys/a.key") == KEY


def test_a_fallback_key_is_made_once_and_serves_every_chain(tmp_path: Path) -> None:
    path = tmp_path / "home" / "ethereum.key"
    key = load_or_create_key_file(path)
    assert len(key) == 32
    assert load_or_create_key_file(path) == key
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert ETHAccount(key).get_address().startswith("0x")
    assert SOLAccount(key).get_address()
    assert load_or_create_key_file(tmp_path / "other.key") != key


def test_threads_that_race_for_a_fallback_key_agree(tmp_path: Path) -> None:
    for attempt in range(10):
        path = tmp_path / str(attempt) / "a.key"
        start = threading.Barrier(8)

        def load(path: Path = path, start: threading.Barrier = start) -> bytes:
            start.wait(timeout=30)
            return load_or_create_key_file(path)

        with ThreadPoolExecutor(8) as pool:
            keys = {future.result() for future in [pool.submit(load) for _ in range(8)]}
        assert keys == {path.read_bytes()}
        assert [each.name for each in path.parent.iterdir()] == ["a.key"]


def test_processes_that_race_for_a_fallback_key_agree(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from aleph_core.accounts import load_or_create_key_file\n"
        "sys.stdin.readline()\n"
        "print(load_or_create_key_file(sys.argv[1]).hex())"
    )
    path = tmp_path / "home" / "a.key"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    keys = {racer.communicate(timeout=60)[0].strip() for racer in racers}
    assert keys == {path.read_bytes().hex()}


def test_a_dangling_link_gets_no_fallback_key(tmp_path: Path) -> None:
    (tmp_path / "a.key").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="No such file"):
        load_or_create_key_file(tmp_path / "a.key")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("path", [None, 5, ["secret"], {"secret": 1}])
def test_what_is_no_path_is_refused_and_not_shown(path: Any) -> None:
    with pytest.raises(ArgumentError, match="path") as caught:
        expanded_path(path)
    assert "secret" not in str(caught.value)
