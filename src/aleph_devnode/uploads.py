"""Receiving files: bodies and multipart forms, streamed to disk while they are hashed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import attrs
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from .answers import Refusal, too_large
from .filestore import FileStore, Incoming

MULTIPART = "multipart/form-data"


@attrs.define
class Upload:
    """Hold what was received; ``file`` is finished and not yet kept."""

    file: Incoming | None = None
    file_name: str = "file"
    metadata: bytes | None = None

    def discard(self) -> None:
        if self.file is not None:
            self.file.discard()


class _Form:
    """Take a multipart form apart as it comes."""

    def __init__(
        self, store: FileStore, boundary: bytes, *, max_file: int, max_metadata: int
    ) -> None:
        self.upload = Upload()
        self.excess: int | None = None
        self._store = store
        self._limits = {b"file": max_file, b"metadata": max_metadata}
        self._part = b""
        self._header: list[bytes] = [b"", b""]
        self._metadata = bytearray()
        self._complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_field": lambda data, start, end: self._extend_header(0, data[start:end]),
                "on_header_value": lambda data, start, end: self._extend_header(1, data[start:end]),
                "on_header_end": self._header_ends,
                "on_part_data": lambda data, start, end: self._take(data[start:end]),
                "on_part_end": self._part_ends,
                "on_end": self._ends,
            },
        )

    def write(self, data: bytes) -> None:
        self._parser.write(data)

    def finish(self) -> None:
        if not self._complete:
            raise FormParserError("the form is cut short")

    def _part_begins(self) -> None:
        self._part = b""

    def _extend_header(self, side: int, data: bytes) -> None:
        self._header[side] += data

    def _header_ends(self) -> None:
        name, value = self._header
        self._header = [b"", b""]
        if name.lower() != b"content-disposition":
            return
        _, options = parse_options_header(value)
        self._part = options.get(b"name", b"")
        if self._part == b"file" and self.upload.file is None:
            self.upload.file = self._store.receive()
            self.upload.file_name = (
                options.get(b"filename", b"").decode("utf-8", "replace") or "file"
            )

    def _take(self, data: bytes) -> None:
        if self._part not in self._limits or self.excess is not None:
            return
        limit = self._limits[self._part]
        if self._part == b"metadata":
            self._metadata += data
            size = len(self._metadata)
        else:
            assert self.upload.file is not None
            size = self.upload.file.size + len(data)
            if size <= limit:
                self.upload.file.write(data)
        if size > limit:
            self.excess = limit

    def _part_ends(self) -> None:
        if self._part == b"metadata":
            self.upload.metadata = bytes(self._metadata)

    def _ends(self) -> None:
        self._complete = True


def is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == MULTIPART


async def receive_form(
    request: Request, store: FileStore, *, max_file: int, max_metadata: int
) -> Upload:
    """Read the parts ``file`` and ``metadata`` of a form, in any order; raises ``Refusal`` 400 or 413."""
    _, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if not boundary:
        raise Refusal(400, reason="Invalid multipart structure")
    form = _Form(store, boundary, max_file=max_file, max_metadata=max_metadata)
    try:
        async for chunk in request.stream():
            await asyncio.to_thread(form.write, chunk)
            if form.excess is not None:
                raise too_large(form.excess)
        form.finish()
    except FormParserError as error:
        form.upload.discard()
        raise Refusal(400, reason="Invalid multipart structure") from error
    except BaseException:
        form.upload.discard()
        raise
    return form.upload


async def receive_body(request: Request, store: FileStore, *, max_file: int) -> Upload:
    """Read the body as the file; raises ``Refusal`` 413."""
    upload = Upload(file=store.receive())
    try:
        await _write_all(upload, request.stream(), max_file)
    except BaseException:
        upload.discard()
        raise
    return upload


async def _write_all(upload: Upload, chunks: AsyncIterator[bytes], limit: int) -> None:
    assert upload.file is not None
    async for chunk in chunks:
        if upload.file.size + len(chunk) > limit:
            raise too_large(limit)
        await asyncio.to_thread(upload.file.write, chunk)
