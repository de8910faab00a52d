"""Downloading files: hashed while they stream, and kept only when the hash is the one asked for."""

from __future__ import annotations

import logging
import os
from io import TextIOBase
from pathlib import Path
from typing import Any, BinaryIO

from aleph_core.call import Answer
from aleph_core.calls import storage as calls
from aleph_core.errors import (
    ArgumentError,
    ContentMismatchError,
    FileTooLarge,
    MalformedAnswerError,
    ResourceNotFoundError,
    TransportError,
)
from aleph_core.filters import check_count
from aleph_core.item_hash import check_item_hash, is_cid
from aleph_core.models.files import StorageLimits
from aleph_core.retry import Fail, RetryPlan, Return
from aleph_core.verification import hasher_to_verify, verify_digest

from ._connection import USER_AGENT, Connection
from ._runtime import (
    FileSink,
    Progress,
    Request,
    Spool,
    StreamedAnswer,
    clock,
    origin,
    sleep,
)

__all__ = ["Files", "refusal_body"]

_log = logging.getLogger("aleph")

_LARGEST_REFUSAL = 64 * 1024


class Files(Connection):
    async def download_file(
        self,
        file_hash: str,
        *,
        max_size: int | None = None,
        on_progress: Progress | None = None,
    ) -> bytes:
        """Return the bytes of a file, which hash to ``file_hash``.

        ``max_size`` is in bytes. ``on_progress`` gets the bytes received and the total, if known.
        Raises ``ResourceNotFoundError``, ``FileTooLarge``, ``ContentMismatchError``, and
        ``UnverifiableContentError`` for an IPFS hash without the ``ipfs`` extra.
        """
        return await self._fetch_file(file_hash, max_size=max_size, on_progress=on_progress)

    async def download_file_to_buffer(
        self,
        file_hash: str,
        output_buffer: BinaryIO,
        *,
        max_size: int | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        """Write the bytes of a file into the buffer, all of them or none.

        They go through a temporary file until their hash has been checked. Raises as
        ``download_file`` does.
        """
        check_buffer(output_buffer)
        async with Spool() as spool:
            await self._download(
                self._file_urls(file_hash), file_hash, spool, max_size, on_progress
            )
            await spool.copy_to(output_buffer)

    async def download_file_to_path(
        self,
        file_hash: str,
        path: str | os.PathLike[str],
        *,
        max_size: int | None = None,
        on_progress: Progress | None = None,
    ) -> Path:
        """Write the bytes of a file to ``path``, in place of an older file, and return the path.

        The file appears only when it is complete and checked; nothing is left otherwise. Raises as
        ``download_file`` does.
        """
        async with FileSink(path, argument="path") as sink:
            await self._download(self._file_urls(file_hash), file_hash, sink, max_size, on_progress)
            await sink.commit()
        return Path(path)

    async def download_file_ipfs(
        self,
        file_hash: str,
        *,
        max_size: int | None = None,
        on_progress: Progress | None = None,
    ) -> bytes:
        """Return the bytes of a file on IPFS, from the node if it has them, else from the gateway.

        The gateway is the setting ``ALEPH_IPFS_GATEWAY``. Raises as ``download_file`` does.
        """
        async with Spool() as spool:
            await self._download_ipfs(file_hash, spool, max_size, on_progress)
            return await spool.read()

    async def download_file_ipfs_to_buffer(
        self,
        file_hash: str,
        output_buffer: BinaryIO,
        *,
        max_size: int | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        """Write the bytes of a file on IPFS into the buffer, all of them or none."""
        check_buffer(output_buffer)
        async with Spool() as spool:
            await self._download_ipfs(file_hash, spool, max_size, on_progress)
            await spool.copy_to(output_buffer)

    async def download_file_ipfs_to_path(
        self,
        file_hash: str,
        path: str | os.PathLike[str],
        *,
        max_size: int | None = None,
        on_progress: Progress | None = None,
    ) -> Path:
        """Write the bytes of a file on IPFS to ``path``; nothing is left on failure."""
        async with FileSink(path, argument="path") as sink:
            await self._download_ipfs(file_hash, sink, max_size, on_progress)
            await sink.commit()
        return Path(path)

    async def get_storage_limits(self) -> StorageLimits:
        """Return how large a file the node takes, in bytes."""
        return await self._send(calls.limits())

    async def _fetch_file(
        self,
        file_hash: str,
        *,
        max_size: int | None = None,
        on_progress: Progress | None = None,
    ) -> bytes:
        async with Spool() as spool:
            await self._download(
                self._file_urls(file_hash), file_hash, spool, max_size, on_progress
            )
            return await spool.read()

    async def _download_ipfs(
        self,
        file_hash: str,
        sink: FileSink | Spool,
        max_size: int | None,
        on_progress: Progress | None,
    ) -> None:
        if not is_cid(check_item_hash(file_hash, "file_hash")):
            raise ArgumentError("file_hash", f"{file_hash!r} is no IPFS hash; see download_file")
        try:
            await self._download(self._file_urls(file_hash), file_hash, sink, max_size, on_progress)
        except ResourceNotFoundError:
            gateway = [f"{self.settings.IPFS_GATEWAY.rstrip('/')}/{file_hash}"]
            await sink.restart()
            await self._download(gateway, file_hash, sink, max_size, on_progress)

    async def _download(
        self,
        urls: list[str],
        file_hash: str,
        sink: FileSink | Spool,
        max_size: int | None,
        on_progress: Progress | None,
    ) -> None:
        """Fill the sink with the checked bytes from the first URL that gives them.

        A node that does not have the file, or sends another, is left out and the others are asked.
        """
        self._check_open()
        file_hash = check_item_hash(file_hash, "file_hash")
        if max_size is not None:
            check_count(max_size, "max_size")
        # A missing hasher is found here, before anything is sent.
        hasher_to_verify(file_hash, self.verify)
        left = urls[self._first :] + urls[: self._first]
        while True:
            try:
                return await self._download_from(left, file_hash, sink, max_size, on_progress)
            except (ResourceNotFoundError, ContentMismatchError) as error:
                others = [url for url in left if origin(url) != error.node]
                if not others or len(others) == len(left):
                    raise
                _log.warning("asking the next node: %s", error)
                left = others
                await sink.restart()

    async def _download_from(
        self,
        urls: list[str],
        file_hash: str,
        sink: FileSink | Spool,
        max_size: int | None,
        on_progress: Progress | None,
    ) -> None:
        plan = RetryPlan(self._policy, nodes=len(urls))
        begun = clock()
        while True:
            outcome = await self._attempt(urls[plan.node], file_hash, sink, max_size, on_progress)
            if outcome is None:
                return
            step = plan.after(outcome, elapsed=clock() - begun)
            if isinstance(step, Return):
                calls.refuse_download(step.answer, file_hash)
            elif isinstance(step, Fail):
                raise step.error
            else:
                await sink.restart()
                await sleep(step.seconds)

    async def _attempt(
        self,
        url: str,
        file_hash: str,
        sink: FileSink | Spool,
        max_size: int | None,
        on_progress: Progress | None,
    ) -> Answer | TransportError | None:
        """Try one URL; return None when the sink holds the checked bytes, else what came instead."""
        request = Request(
            method="GET",
            url=url,
            headers={"user-agent": USER_AGENT, "accept": "*/*"},
            on_progress=on_progress,
        )
        try:
            async with self._http.stream(request) as answer:
                if answer.status != 200:
                    body = await refusal_body(answer)
                    return Answer(answer.status, answer.headers, body, node=answer.node)
                await self._receive(answer, file_hash, sink, max_size)
        except TransportError as error:
            return error
        return None

    async def _receive(
        self, answer: StreamedAnswer, file_hash: str, sink: FileSink | Spool, max_size: int | None
    ) -> None:
        hasher = hasher_to_verify(file_hash, self.verify)
        received = 0
        announced = answer.length
        if max_size is not None and announced is not None and announced > max_size:
            raise _too_large(file_hash, announced, max_size, answer.node)
        async for chunk in answer.chunks():
            received += len(chunk)
            if max_size is not None and received > max_size:
                raise _too_large(file_hash, received, max_size, answer.node)
            if hasher is not None:
                hasher.update(chunk)
            await sink.write(chunk)
        if hasher is not None:
            verify_digest(hasher.finalize(), file_hash, node=answer.node)

    def _file_url(self, file_hash: str) -> str:
        return self._node + calls.raw_file_path(file_hash)

    def _file_urls(self, file_hash: str) -> list[str]:
        path = calls.raw_file_path(file_hash)
        return [node + path for node in self.nodes]


async def refusal_body(answer: StreamedAnswer) -> bytes:
    """Return the words of a refusal, none when they are endless: its status tells enough."""
    try:
        return await answer.read(_LARGEST_REFUSAL)
    except MalformedAnswerError:
        return b""


def check_buffer(buffer: Any) -> None:
    if isinstance(buffer, TextIOBase) or not callable(getattr(buffer, "write", None)):
        raise ArgumentError(
            "output_buffer", f"expected a file opened for writing bytes, not {buffer!r:.80}"
        )


def _too_large(file_hash: str, size: int, limit: int, node: str) -> FileTooLarge:
    return FileTooLarge(
        f"file {file_hash} has at least {size} bytes, max_size is {limit}",
        size=size,
        limit=limit,
        status=200,
        node=node,
    )
