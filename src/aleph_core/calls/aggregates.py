"""Reading aggregates: pyaleph ``GET /api/v0/aggregates``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..call import Answer, Call
from ..errors import (
    ArgumentError,
    MalformedAnswerError,
    ResourceNotFoundError,
    VerificationError,
)
from ..excerpts import shown
from ..filters import SortOrder, check_listed
from ..item_hash import as_list, check_address, check_addresses
from ..models.aggregate import Aggregate
from ..models.page import Page
from ..paging import Position
from .answers import facts, is_nothing, json_object, malformed, read_page, refuse, segment, when

__all__ = ["LARGEST_PAGE", "aggregates", "aggregates_of"]

LARGEST_PAGE = 500


def check_keys(keys: str | Iterable[str], argument: str = "keys") -> list[str]:
    """Return the keys as a list; a single string is one key."""
    checked: list[str] = []
    for key in as_list(keys, argument):
        if not isinstance(key, str):
            raise ArgumentError(argument, f"expected text, not {type(key).__name__}")
        checked.append(check_listed(str.__str__(key), argument))
    return checked


def aggregates_of(
    address: str, keys: Sequence[str] | None = None
) -> Call[dict[str, dict[str, Any]]]:
    """Return the aggregates of one owner by key; keys that do not exist are absent.

    Raises ``ResourceNotFoundError`` when there is none at all.
    """
    check_address(address)

    def parse(answer: Answer) -> dict[str, dict[str, Any]]:
        what = f"aggregates of {address}" + (f" with the keys {', '.join(keys)}" if keys else "")
        if is_nothing(answer):
            raise ResourceNotFoundError(
                f"{answer.node or 'the node'} has no {what}", **facts(answer)
            )
        if answer.status != 200:
            refuse(answer, f"the request for {what}")
        body = json_object(answer)
        data = body.get("data")
        if body.get("address", address) != address:
            malformed(answer, f"aggregates of {address}, not of {shown(body['address'])}")
        if not isinstance(data, dict) or not all(isinstance(v, dict) for v in data.values()):
            malformed(answer, "aggregates by key under 'data'")
        return {key: value for key, value in data.items() if not keys or key in keys}

    params = [("keys", ",".join(keys))] if keys else []
    return Call("GET", f"/api/v0/aggregates/{segment(address)}.json", parse, params=params)


def aggregates(
    *,
    addresses: str | Sequence[str] = (),
    keys: str | Sequence[str] = (),
    sort_by: str | None = None,
    sort_order: SortOrder | None = None,
    position: Position,
    page_size: int,
    strict: bool = False,
) -> Call[Page[Aggregate]]:
    owners = check_addresses(addresses)
    wanted = check_keys(keys)
    if sort_by not in (None, "last_modified", "creation_time"):
        raise ArgumentError("sort_by", f"{sort_by!r} is neither last_modified nor creation_time")

    def read(raw: Any) -> Aggregate:
        if not isinstance(raw, Mapping):
            raise MalformedAnswerError(f"expected an aggregate, not {type(raw).__name__}")
        address, key, content = raw.get("address"), raw.get("key"), raw.get("content")
        if (
            not isinstance(address, str)
            or not isinstance(key, str)
            or not isinstance(content, dict)
        ):
            raise MalformedAnswerError(f"an aggregate came as {shown(raw, 200)}")
        if (owners and address not in owners) or (wanted and key not in wanted):
            raise VerificationError(f"the aggregate {shown(key)} of {address} was not asked for")
        return Aggregate(
            address=address,
            key=key,
            content=content,
            created=when(raw.get("created")),
            last_updated=when(raw.get("last_updated")),
        )

    def parse(answer: Answer) -> Page[Aggregate]:
        return read_page(answer, "aggregates", read, page_size=page_size, strict=strict)

    params = [("pagination", str(page_size)), *position.params()]
    if owners:
        params.append(("addresses", ",".join(owners)))
    if wanted:
        params.append(("keys", ",".join(wanted)))
    if sort_by is not None:
        params.append(("sortBy", sort_by))
    if sort_order is not None:
        params.append(("sortOrder", sort_order.value))
    return Call("GET", "/api/v0/aggregates.json", parse, params=params)
