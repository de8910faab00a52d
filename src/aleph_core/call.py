"""One API operation as data: what to send, how to read the answer, whether it may be sent again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import attrs

from .errors import MalformedAnswerError
from .json_text import parse_json

__all__ = [
    "Answer",
    "Body",
    "Call",
    "FilePart",
    "JsonBody",
    "MultipartBody",
    "Part",
    "RawBody",
    "form_body",
]

T = TypeVar("T")

# What an error keeps of an answer, in bytes.
_LONGEST_TEXT = 64 * 1024


@attrs.frozen
class JsonBody:
    """A JSON document, already serialised."""

    text: bytes
    content_type: str = "application/json"


@attrs.frozen
class RawBody:
    """Bytes sent as they are."""

    data: bytes = attrs.field(repr=lambda data: f"<{len(data)} bytes>")
    content_type: str = "application/octet-stream"


@attrs.frozen
class Part:
    """One in-memory part of a multipart body; a field, or with a ``filename`` a file."""

    name: str
    data: bytes = attrs.field(repr=lambda data: f"<{len(data)} bytes>")
    content_type: str = "application/json"
    filename: str | None = None


@attrs.frozen
class FilePart:
    """The place of the streamed file in a multipart body; ``size`` is in bytes."""

    name: str
    filename: str
    size: int
    content_type: str = "application/octet-stream"


@attrs.frozen
class MultipartBody:
    """A multipart form whose one file is streamed between ``head`` and ``tail``."""

    parts: tuple[Part, ...]
    file: FilePart
    boundary: str

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self.boundary}"

    @property
    def head(self) -> bytes:
        return _encoded(self.parts, self.boundary) + _part_head(self.file, self.boundary)

    @property
    def tail(self) -> bytes:
        return b"\r\n--%b--\r\n" % self.boundary.encode()

    @property
    def length(self) -> int:
        return len(self.head) + self.file.size + len(self.tail)


def form_body(parts: Sequence[Part], boundary: str) -> RawBody:
    """Return a multipart form that is small enough to be made in memory."""
    end = b"--%b--\r\n" % boundary.encode()
    return RawBody(_encoded(parts, boundary) + end, f"multipart/form-data; boundary={boundary}")


def _encoded(parts: Sequence[Part], boundary: str) -> bytes:
    return b"".join(_part_head(part, boundary) + part.data + b"\r\n" for part in parts)


def _part_head(part: Part | FilePart, boundary: str) -> bytes:
    disposition = f'form-data; name="{part.name}"'
    if part.filename is not None:
        disposition += f'; filename="{_quoted(part.filename)}"'
    return (
        f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
        f"Content-Type: {part.content_type}\r\n\r\n"
    ).encode()


def _quoted(filename: str) -> str:
    # The escapes of the WHATWG form-data encoding, of all controls since some parsers refuse them;
    # other characters travel as UTF-8. A name that is no text in the file system's encoding holds
    # surrogates, which have none.
    text = re.sub(r"[\x00-\x1f\x7f\"]", lambda match: f"%{ord(match[0]):02X}", filename)
    return text.encode("utf-8", "replace").decode()


Body = JsonBody | RawBody | MultipartBody


@attrs.frozen
class Answer:
    """A complete HTTP answer of a node; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    node: str = ""
    attempts: int = 1

    @property
    def text(self) -> str:
        """The beginning of the body, as errors keep it."""
        return self.body[:_LONGEST_TEXT].decode("utf-8", "replace")

    def json(self) -> Any:
        """Parse the body by content, whatever media type it claims; raise ``MalformedAnswerError``."""
        try:
            return parse_json(self.body)
        except ValueError as error:
            raise MalformedAnswerError(
                f"{self.node or 'the node'} answered {self.status} with a body that is no JSON "
                f"({self.headers.get('content-type', 'no content type')}): {self.excerpt!r}",
                status=self.status,
                node=self.node,
                body=self.text,
                attempts=self.attempts,
            ) from error

    @property
    def excerpt(self) -> str:
        """The beginning of the body, fit for an error message."""
        text = " ".join(self.body[:2000].decode("utf-8", "replace").split())
        return text if len(text) <= 200 else text[:200] + "…"


@attrs.frozen
class Call(Generic[T]):
    """One operation; ``params`` are unencoded, ``path`` is percent-encoded by the builder.

    ``parse`` gets answers of every status and raises the typed error for a refusal.
    ``minimum_timeout`` (seconds) extends the reading timeout for calls that the node itself delays.
    A call without ``repeat_timeouts`` is not sent again when no answer came in time.
    """

    method: str
    path: str
    parse: Callable[[Answer], T]
    params: Sequence[tuple[str, str]] = ()
    body: Body | None = None
    idempotent: bool = True
    minimum_timeout: float = 0.0
    repeat_timeouts: bool = True
