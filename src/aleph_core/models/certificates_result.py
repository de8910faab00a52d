"""What a compute node answered when it was asked for its platform's certificates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import attrs

from ..errors import ApiError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CertificatesResult"]


@attrs.frozen(kw_only=True)
class CertificatesResult:
    """The answer: ``status, path = result``, where ``path`` is the file in which the certificates are.

    It is None when the node has none, and ``error`` says why; ``raise_for_status`` raises that.
    """

    status: int
    path: Path | None = None
    error: ApiError | None = None

    @property
    def ok(self) -> bool:
        """Whether the node gave certificates; nothing of them is verified."""
        return self.error is None

    def raise_for_status(self) -> Self:
        """Return the result itself, or raise its ``error``."""
        if self.error is not None:
            raise self.error
        return self

    # Typed as Any, or the two halves of an unpacked result would both be the union of their types.
    def __iter__(self) -> Iterator[Any]:
        yield self.status
        yield self.path

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        return (self.status, self.path)[index]
