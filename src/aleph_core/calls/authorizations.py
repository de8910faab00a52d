"""Reading who may publish for whom: pyaleph ``GET /api/v0/authorizations``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypedDict, Unpack

from ..authorizations import read_authorizations
from ..call import Answer, Call
from ..errors import ArgumentError, MalformedAnswerError, VerificationError
from ..excerpts import shown
from ..filters import check_texts
from ..item_hash import as_list, check_address
from ..models.grant import Grant
from ..models.page import Page
from ..paging import Position
from .answers import malformed, read_page, segment

__all__ = ["LARGEST_PAGE", "GrantFilters", "granted", "received"]

LARGEST_PAGE: Final = 500
_KIND: Final = "authorizations"
Texts = str | Sequence[str]


class GrantFilters(TypedDict, total=False):
    """Restrictions by which authorizations can be listed; one text is one value."""

    types: Texts
    channels: Texts
    post_types: Texts
    chains: Texts
    aggregate_keys: Texts


_PARAMETERS: Final[Mapping[str, str]] = {
    "types": "types",
    "channels": "channels",
    "post_types": "postTypes",
    "chains": "chains",
    "aggregate_keys": "aggregateKeys",
}


def granted(
    address: str,
    *,
    position: Position,
    page_size: int,
    grantee: str | None = None,
    strict: bool = False,
    **filters: Unpack[GrantFilters],
) -> Call[Page[Grant]]:
    """Return what an owner lets others publish, one entry for each of them."""
    return _grants(
        "granted",
        address,
        ("grantee", grantee),
        lambda party: party,
        filters,
        position,
        page_size,
        strict=strict,
    )


def received(
    address: str,
    *,
    position: Position,
    page_size: int,
    granter: str | None = None,
    strict: bool = False,
    **filters: Unpack[GrantFilters],
) -> Call[Page[Grant]]:
    """Return what others let an address publish for them, one entry for each of them."""
    return _grants(
        "received",
        address,
        ("granter", granter),
        lambda _: address,
        filters,
        position,
        page_size,
        strict=strict,
    )


def _grants(
    side: str,
    address: str,
    other: tuple[str, str | None],
    publisher: Callable[[str], str],
    filters: Mapping[str, Any],
    position: Position,
    page_size: int,
    *,
    strict: bool,
) -> Call[Page[Grant]]:
    check_address(address)
    name, party = other
    params = [("pagination", str(page_size)), *position.params()]
    if party is not None:
        params.append((name, check_address(party, name)))
    for argument, values in filters.items():
        if argument not in _PARAMETERS:
            raise ArgumentError(
                argument, f"is no restriction; there are {', '.join(sorted(_PARAMETERS))}"
            )
        texts = check_texts(as_list(values, argument), argument)
        if texts:
            params.append((_PARAMETERS[argument], ",".join(texts)))

    def read(entry: tuple[str, Any]) -> Grant:
        found, entries = entry
        if party is not None and found != party:
            raise VerificationError(f"the authorizations of {shown(found)} were not asked for")
        if not isinstance(entries, list):
            raise MalformedAnswerError(f"{found} came with authorizations = {shown(entries)}")
        named = [
            {**raw, "address": publisher(found)} if isinstance(raw, Mapping) else raw
            for raw in entries
        ]
        return Grant(found, tuple(read_authorizations({"authorizations": named})))

    def parse(answer: Answer) -> Page[Grant]:
        def entries(body: dict[str, Any]) -> list[Any]:
            if body.get("address", address) != address:
                malformed(answer, f"authorizations of {address}, not of {shown(body['address'])}")
            listed = body.get(_KIND)
            if not isinstance(listed, Mapping):
                malformed(answer, "authorizations by address")
            return list(listed.items())

        return read_page(answer, _KIND, read, page_size=page_size, strict=strict, entries=entries)

    path = f"/api/v0/authorizations/{side}/{segment(address)}.json"
    return Call("GET", path, parse, params=params)
