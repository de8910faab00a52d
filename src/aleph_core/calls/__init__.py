"""Request builders, one module per area of the API; each returns a ``Call``.

Those that few programs need load when they are first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import accounts, credits, prices  # noqa: A004 - the field's word

__all__ = ["accounts", "credits", "prices"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name in __all__:
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
