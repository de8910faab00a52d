"""Reading answers: what every call does with a refusal, and how JSON of the right form is told apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

from ..call import Answer
from ..errors import (
    AlephError,
    ApiError,
    FileTooLarge,
    MalformedAnswerError,
    RateLimited,
    VerificationError,
)
from ..models.page import InvalidEntry, Page
from ..models.record import Record
from ..retry import retry_after
from ..structuring import structure, when

__all__ = [
    "as_count",
    "facts",
    "is_nothing",
    "json_list",
    "json_object",
    "read_page",
    "read_record",
    "refuse",
    "segment",
    "when",
]

T = TypeVar("T")
R = TypeVar("R", bound=Record)


def facts(answer: Answer) -> dict[str, Any]:
    """Return what every error about an answer carries."""
    return {
        "status": answer.status,
        "node": answer.node,
        "body": answer.text,
        "attempts": answer.attempts,
    }


def is_nothing(answer: Answer) -> bool:
    """Tell whether a node says that what was asked for does not exist.

    It says so in a line of text or in JSON. A page of HTML is of a proxy or web server, and nothing
    follows from it: an aggregate taken for empty would be written anew without its entries.
    """
    return answer.status == 404 and not _is_html(answer)


def _is_html(answer: Answer) -> bool:
    return answer.body.lstrip()[:1] == b"<"


def segment(text: str) -> str:
    """Return the text as one segment of a path."""
    return quote(text, safe="")


def refuse(answer: Answer, what: str) -> NoReturn:
    """Raise the error for an answer that is no success."""
    data = facts(answer)
    said = f"{answer.node or 'the node'} answered {answer.status} to {what}"
    if answer.status == 429:
        seconds = retry_after(answer.headers)
        wait = "slow down" if seconds is None else f"wait {seconds:g} s"
        raise RateLimited(f"{said}: too many requests, {wait}", retry_after=seconds, **data)
    if answer.status == 413:
        raise FileTooLarge(f"{said}: {answer.excerpt or 'too large'}", **data)
    if 300 <= answer.status < 400:
        target = answer.headers.get("location", "elsewhere")
        raise MalformedAnswerError(
            f"{said} with a redirection to {target[:200]}, which is not followed; "
            "check the URL of the node",
            **data,
        )
    if answer.status == 404 and _is_html(answer):
        raise MalformedAnswerError(
            f"{said} with a page of HTML, as no node does; check the URL of the node: "
            f"{answer.excerpt!r}",
            **data,
        )
    if 200 <= answer.status < 300:
        raise MalformedAnswerError(f"{said} unexpectedly: {answer.excerpt!r}", **data)
    raise ApiError(f"{said}: {answer.excerpt or 'no reason given'}", **data)


def json_object(answer: Answer) -> dict[str, Any]:
    value = answer.json()
    if not isinstance(value, dict):
        malformed(answer, f"a JSON object, not {type(value).__name__}")
    return value


def json_list(answer: Answer, container: Mapping[str, Any], name: str) -> list[Any]:
    value = container.get(name)
    if not isinstance(value, list):
        malformed(answer, f"a list under {name!r}, not {type(value).__name__}")
    return value


def malformed(answer: Answer, expected: str) -> NoReturn:
    raise MalformedAnswerError(
        f"expected {expected} from {answer.node or 'the node'}: {answer.excerpt!r}",
        **facts(answer),
    )


def read_record(answer: Answer, value: object, kind: type[R]) -> R:
    """Return the record that a part of an answer describes, or raise with what the answer was."""
    try:
        return structure(value, kind)
    except MalformedAnswerError as error:
        raise MalformedAnswerError(
            f"{error}, from {answer.node or 'the node'}: {answer.excerpt!r}", **facts(answer)
        ) from error


def read_page(
    answer: Answer,
    kind: str,
    read: Callable[[Any], T],
    *,
    page_size: int,
    strict: bool = False,
    entries: Callable[[dict[str, Any]], list[Any]] | None = None,
) -> Page[T]:
    """Read a list of entries; a bad one is reported on the page, or raised when ``strict``.

    ``entries`` finds them where they are no list under the name ``kind``.
    """
    if answer.status != 200:
        refuse(answer, f"a list of {kind}")
    body = json_object(answer)
    items: list[T] = []
    invalid: list[InvalidEntry] = []
    found = json_list(answer, body, kind) if entries is None else entries(body)
    for entry in found:
        try:
            items.append(read(entry))
        except (MalformedAnswerError, VerificationError) as error:
            if strict:
                raise
            invalid.append(_invalid(error, entry))
    cursor = body.get("next_cursor")
    if cursor and not found:
        malformed(answer, "no further page after one without entries")
    return Page(
        items=tuple(items),
        per_page=as_count(body.get("pagination_per_page")) or page_size,
        page=as_count(body.get("pagination_page")),
        total=as_count(body.get("pagination_total")),
        next_cursor=cursor if isinstance(cursor, str) and cursor else None,
        invalid=tuple(invalid),
        kind=kind,
    )


def _invalid(error: AlephError, entry: Any) -> InvalidEntry:
    item_hash = entry.get("item_hash") if isinstance(entry, Mapping) else None
    return InvalidEntry(
        error=error, raw=entry, item_hash=item_hash if isinstance(item_hash, str) else None
    )


def as_count(value: object) -> int | None:
    """Return what a list says of its numbers, None for what is no count."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None
