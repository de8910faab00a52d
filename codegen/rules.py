"""The whole vocabulary of the rewrite: one async word, one blocking word.

Every rule must match at least once in the sources it serves: one that matches nothing fails the build.
"""

from __future__ import annotations

TOKENS = {
    "_aio": "_blocking",
    "aclose": "close",
    "AsyncIterator": "Iterator",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
}
"""Words of `src/aleph_async` and what they become in `src/aleph_sync`."""

ASYNC_ONLY: tuple[str, ...] = ("_runtime/_aio",)
"""Files and folders of `src/aleph_async` that have no blocking counterpart."""

TEST_TOKENS = {
    "aleph_async": "aleph_sync",
    "anyio": "blocking",
}
"""Further words of `tests/aio`, on top of those of `TOKENS` that occur there."""

TEST_ASYNC_ONLY: tuple[str, ...] = ()
"""Files and folders of `tests/aio` that make sense in the async colour alone."""
