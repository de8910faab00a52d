"""What everything that a service answers has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

__all__ = ["Record", "named"]


@attrs.frozen(kw_only=True)
class Record:
    """An entry of an answer; its fields can be read as attributes and as items.

    ``extra`` keeps what this version does not know, and what came in a form it cannot read.
    """

    extra: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)

    def __getitem__(self, name: str) -> Any:
        if name != "extra" and name in attrs.fields_dict(type(self)):
            return getattr(self, name)
        return self.extra[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the field of this name, or the default when there is none."""
        try:
            return self[name]
        except KeyError:
            return default


def named(name: str, **options: Any) -> Any:
    """Return a field that has another name in JSON."""
    return attrs.field(metadata={"name": name}, **options)
