"""The list of instances' public names, which may come as JSON or as a JSON string that holds it."""

from __future__ import annotations

from collections.abc import Container, Sequence

from ..call import Answer, Call
from ..json_text import parse_json
from ..models.dns import Dns
from ..models.page import Page
from ..structuring import structure_entries
from .answers import malformed, refuse

__all__ = ["names", "names_of_machines"]


def names(*, host: str | None = None, item_hash: str | None = None) -> Call[Page[Dns]]:
    """Ask for all names, or for those of one host or instance.

    Which parameters the service honours is not known, so it gets every spelling and the answer is
    filtered again.
    """
    params = []
    if host is not None:
        params += [("crn", host), ("crn_url", host)]
    if item_hash is not None:
        params.append(("item_hash", item_hash))
    return Call("GET", "", _parse, params=params)


def names_of_machines(found: Sequence[Dns], machines: Container[str]) -> list[Dns]:
    """Return the names that lead to one of the machines."""
    return [name for name in found if name.item_hash in machines]


def _parse(answer: Answer) -> Page[Dns]:
    if answer.status != 200:
        refuse(answer, "the request for the names of instances")
    body = answer.json()
    if isinstance(body, str):
        try:
            body = parse_json(body)
        except ValueError:
            malformed(answer, "a list of names, not text")
    if not isinstance(body, list):
        malformed(answer, f"a list of names, not {type(body).__name__}")
    items, invalid = structure_entries(body, Dns)
    return Page(items=items, per_page=max(len(body), 1), invalid=invalid, kind="names of instances")
