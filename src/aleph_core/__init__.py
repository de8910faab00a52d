"""Everything both clients share, without any I/O; users import from the clients' packages."""

from __future__ import annotations

from ._version import __version__

__all__ = ["__version__"]
