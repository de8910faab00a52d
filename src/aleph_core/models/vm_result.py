"""What a compute node answered to an operation on a machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Self

import attrs

from ..errors import ApiError

__all__ = ["VmResult"]

# Whoever has the signature of a download may take a backup.
_SIGNATURE = re.compile(r"(signature=)\w+")


@attrs.frozen(kw_only=True)
class VmResult:
    """The answer to an operation: ``status, response = result``, where ``response`` is its text.

    ``data`` is the answer's JSON, or its text where it is none. ``error`` is why the operation did not
    do what was asked, None when it did; ``raise_for_status`` raises it.
    """

    status: int
    text: str = attrs.field(repr=lambda text: repr(_without_signatures(text)))
    data: Any = attrs.field(default=None, repr=False)
    error: ApiError | None = None

    @property
    def ok(self) -> bool:
        """Whether the node did what was asked."""
        return self.error is None

    @property
    def response(self) -> str:
        """The same as ``text``."""
        return self.text

    def raise_for_status(self) -> Self:
        """Return the result itself, or raise its ``error``."""
        if self.error is not None:
            raise self.error
        return self

    # Typed as Any, or the two halves of an unpacked result would both be the union of their types.
    def __iter__(self) -> Iterator[Any]:
        yield self.status
        yield self.text

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        return (self.status, self.text)[index]


def _without_signatures(text: str) -> str:
    shown = _SIGNATURE.sub(r"\1…", text)
    return shown if len(shown) <= 300 else shown[:300] + "…"
