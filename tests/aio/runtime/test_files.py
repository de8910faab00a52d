from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest

from aleph_async._runtime import FileSink, FileSource
from aleph_core.errors import ArgumentError

pytestmark = pytest.mark.anyio


async def read(source: FileSource, size: int = 3) -> list[bytes]:
    return [chunk async for chunk in source.chunks(size)]


async def test_a_source_is_read_in_chunks_and_again_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"12345678")
    file = io.BytesIO(b"##12345678")
    file.seek(2)
    for source in (
        FileSource(path),
        FileSource(str(path)),
        FileSource(b"12345678"),
        FileSource(memoryview(b"12345678")),
        FileSource(file),
    ):
        assert source.size == 8
        assert await read(source) == [b"123", b"456", b"78"]
        assert await read(source) == [b"123", b"456", b"78"]


async def test_a_source_knows_the_name_of_its_file_and_shows_no_content(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"secret")
    with path.open("rb") as file:
        assert (FileSource(path).name, FileSource(file).name) == ("a.bin", "a.bin")
    assert FileSource(b"secret").name is None
    assert "secret" not in repr(FileSource(b"secret"))


async def test_what_is_no_readable_file_is_refused_by_name(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading, writing = os.pipe()
    with open(reading, "rb") as unseekable, open(writing, "wb"):
        for wrong in (
            tmp_path,
            tmp_path / "missing",
            "nul\0byte",
            pipe,
            io.StringIO("text"),
            unseekable,
            object(),
        ):
            with pytest.raises(ArgumentError) as caught:
                FileSource(wrong, argument="file_content")  # type: ignore[arg-type]
            assert caught.value.argument == "file_content"


async def test_a_closed_file_is_refused_by_name() -> None:
    file = io.BytesIO(b"x")
    source = FileSource(file)
    file.close()
    with pytest.raises(ArgumentError, match="file_path"):
        await read(source)
    with pytest.raises(ArgumentError, match="file_path"):
        FileSource(file)


async def test_a_file_that_shrinks_or_grows_or_goes_is_named(tmp_path: Path) -> None:
    for change in (b"1234", b"123456", None):
        path = tmp_path / "a.bin"
        path.write_bytes(b"12345")
        source = FileSource(path)
        path.unlink()
        if change is not None:
            path.write_bytes(change)
        with pytest.raises(ArgumentError, match="file_path"):
            await read(source)


async def test_an_open_file_that_shrinks_or_grows_is_named() -> None:
    for change in (b"1234", b"123456"):
        file = io.BytesIO(b"12345")
        source = FileSource(file)
        file.seek(0)
        file.truncate()
        file.write(change)
        with pytest.raises(ArgumentError, match="changed while"):
            await read(source)


async def test_a_sink_gives_the_file_its_name_only_when_committed(tmp_path: Path) -> None:
    path = tmp_path / "out.bin"
    async with FileSink(path) as sink:
        await sink.write(b"12")
        await sink.write(b"34")
        assert not path.exists()
        assert sink.size == 4
        await sink.commit()
    assert path.read_bytes() == b"1234"
    assert [path.name for path in tmp_path.iterdir()] == ["out.bin"]


async def test_a_sink_that_is_left_early_leaves_nothing_and_keeps_the_old_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")

    async def leave_early() -> None:
        async with FileSink(path) as sink:
            await sink.write(b"new")
            raise KeyError

    with pytest.raises(KeyError):
        await leave_early()
    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.bin"]


async def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    async with FileSink(tmp_path / "out.bin") as sink:
        await sink.commit()
    assert (tmp_path / "out.bin").read_bytes() == b""


async def test_a_file_gets_the_usual_permissions(tmp_path: Path) -> None:
    async with FileSink(tmp_path / "out.bin") as sink:
        await sink.commit()
    (tmp_path / "usual").touch()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("out.bin", "usual")}
    assert len(modes) == 1


async def test_a_link_keeps_pointing_where_it_did(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    async with FileSink(tmp_path / "link") as sink:
        await sink.write(b"x")
        await sink.commit()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"x"


async def test_a_place_that_cannot_take_a_file_is_refused_by_name(tmp_path: Path) -> None:
    for wrong in (tmp_path, tmp_path / "missing" / "out.bin", "nul\0byte", 7):
        with pytest.raises(ArgumentError) as caught:
            FileSink(wrong)  # type: ignore[arg-type]
        assert caught.value.argument == "output_path"


async def test_a_folder_that_goes_is_an_error_that_names_the_argument(tmp_path: Path) -> None:
    gone = tmp_path / "folder"
    gone.mkdir()
    async with FileSink(gone / "out.bin") as sink:
        gone.rmdir()
        with pytest.raises(ArgumentError, match="output_path: cannot write"):
            await sink.write(b"x")


async def test_nothing_is_written_after_a_sink_has_ended(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "out.bin")
    sink.discard()
    await sink.write(b"x")
    await sink.commit()
    assert list(tmp_path.iterdir()) == []
