"""Answers in the forms the node uses: JSON, and errors as plain text."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .cursors import MAX_PAGE
from .envelopes import hash_kind
from .queries import Page, Query

AnyQuery = TypeVar("AnyQuery", bound=Query)


# Python 3.13 took over newer names of these.
_PHRASES = {413: "Request Entity Too Large", 422: "Unprocessable Entity"}


class Refusal(Exception):
    """Answer the request with an error; the text defaults to the status and its phrase."""

    def __init__(
        self,
        status: int,
        text: str | None = None,
        *,
        reason: str | None = None,
        media_type: str = "text/plain",
    ) -> None:
        super().__init__(status, text, reason)
        self.status = status
        phrase = _PHRASES.get(status) or HTTPStatus(status).phrase
        self.text = text if text is not None else f"{status}: {reason or phrase}"
        self.media_type = media_type

    def response(self) -> Response:
        if self.media_type == "text/plain":
            return PlainTextResponse(self.text, self.status)
        return Response(self.text, self.status, media_type=self.media_type)


def too_large(limit: int) -> Refusal:
    return Refusal(413, f"Maximum request body size {limit} exceeded.")


def answer(content: Any, status: int = 200) -> JSONResponse:
    return JSONResponse(content, status)


def parse_query(
    request: Request, model: type[AnyQuery], *, media_type: str = "text/plain"
) -> AnyQuery:
    """Check the query parameters; raises ``Refusal`` 422 with the list of what is wrong."""
    try:
        return model.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise Refusal(422, error.json(), media_type=media_type) from error


def path_page(request: Request, query: Page) -> None:
    """Let a page number in the path take the place of the parameter."""
    text = request.path_params.get("page")
    if text is None:
        return
    try:
        page = int(text)
    except ValueError as error:
        raise Refusal(400, f"Invalid page value in path: {text}") from error
    if page < 1:
        raise Refusal(422, "Page number must be greater than 1.")
    query.page = page


def cursor_page_size(query: Page) -> int:
    """Return the page size in cursor mode."""
    if query.pagination == 0:
        raise Refusal(422, "pagination=0 is not allowed with cursor-based pagination")
    return min(query.pagination, MAX_PAGE)


def message_hash(request: Request) -> str:
    """Return the item hash in the path; raises ``Refusal`` 400 when it is none."""
    item_hash = str(request.path_params["item_hash"])
    if hash_kind(item_hash) is None:
        raise Refusal(400, f"Invalid message hash: {item_hash}")
    return item_hash


async def read_body(request: Request, limit: int) -> bytes:
    """Read a whole body of at most ``limit`` bytes; raises ``Refusal`` 413."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large(limit)
    return bytes(body)


def parse_body(body: bytes) -> Any:
    """Parse a JSON body; a ValueError becomes the node's own failure."""
    return json.loads(body)
