"""Reading posts with their amends applied."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from aleph_core.calls.posts import check_signed, post_from_content, posts
from aleph_core.errors import AlephError, VerificationError
from aleph_core.filters import MessageFilter, PostFilter, check_paging
from aleph_core.models.message import Message
from aleph_core.models.page import InvalidEntry, Page
from aleph_core.models.post import Post
from aleph_core.paging import LARGEST_PAGE, Position

from ._messages import Messages
from ._pages import OnInvalid, each, report
from ._runtime import gather

__all__ = ["Posts"]

_LARGEST_CONTENT = 64 * 1024 * 1024
# So many hashes keep a URL below the length that proxies take.
_HASHES_A_REQUEST = 80


class Posts(Messages):
    async def get_posts(
        self,
        page_size: int = LARGEST_PAGE,
        page: int = 1,
        post_filter: PostFilter | None = None,
        ignore_invalid_messages: bool = True,
        invalid_messages_log_level: int = logging.WARNING,
        **filters: Any,
    ) -> Page[Post]:
        """Return one page of posts, last updated first unless the filter says otherwise.

        Each post shows its latest content, checked against the hash of the amend that set it; which
        amend is the latest is the node's word. With ``verify="signature"`` both the first version and
        the latest must be signed by the owner. What does not hold is left out, logged and listed in
        ``invalid``, or raised with ``ignore_invalid_messages=False``.
        """
        check_paging(page, page_size)
        chosen = PostFilter.from_arguments(post_filter, filters)
        result = await self._post_page(
            chosen, page_size, Position(page=page), strict=not ignore_invalid_messages
        )
        report(result, level=invalid_messages_log_level)
        return result

    async def get_posts_iterator(
        self,
        post_filter: PostFilter | None = None,
        *,
        page_size: int = LARGEST_PAGE,
        ignore_invalid_messages: bool = True,
        on_invalid: OnInvalid | None = None,
        **filters: Any,
    ) -> AsyncIterator[Post]:
        """Yield every post that the filter asks for, page after page."""
        chosen = PostFilter.from_arguments(post_filter, filters)
        check_paging(None, page_size, largest=LARGEST_PAGE)
        fetch = partial(self._post_page, chosen, page_size, strict=not ignore_invalid_messages)
        async for post in each(fetch, chosen.first_position(), on_invalid=on_invalid):
            yield post

    async def _post_page(
        self,
        post_filter: PostFilter,
        page_size: int,
        position: Position,
        *,
        strict: bool = False,
    ) -> Page[Post]:
        page = await self._send(
            posts(post_filter, position, page_size, verify=self.verify, strict=strict)
        )
        signed = await self._signed(page) if self.verify == "signature" else None
        # Nodes do not know this filter, so what it leaves out is no fault of theirs.
        wanted = [post for post in page if post_filter.is_on_chain(post)]
        results = await gather(
            [
                partial(self._complete_post, post, post_filter, signed, strict=strict)
                for post in wanted
            ]
        )
        return Page(
            items=tuple(entry for entry in results if isinstance(entry, Post)),
            per_page=page.per_page,
            page=page.page,
            total=page.total,
            next_cursor=page.next_cursor,
            invalid=(*page.invalid, *(e for e in results if isinstance(e, InvalidEntry))),
            kind=page.kind,
        )

    async def _signed(self, page: Page[Post]) -> dict[str, Message]:
        """Return the messages of the posts whose signatures are valid, by their hashes.

        The list of posts names owners, not senders, so the messages themselves are fetched.
        """
        hashes = list(
            dict.fromkeys(h for post in page for h in (post.item_hash, post.original_item_hash))
        )
        chunks = [
            MessageFilter(hashes=hashes[begin : begin + _HASHES_A_REQUEST])
            for begin in range(0, len(hashes), _HASHES_A_REQUEST)
        ]
        pages = await gather(
            [
                partial(self._message_page, chunk, _HASHES_A_REQUEST, position=Position(page=1))
                for chunk in chunks
            ]
        )
        return {message.item_hash: message for page in pages for message in page}

    async def _complete_post(
        self,
        post: Post,
        post_filter: PostFilter,
        signed: dict[str, Message] | None,
        *,
        strict: bool,
    ) -> Post | InvalidEntry:
        try:
            if signed is not None:
                check_signed(post, signed)
            if self.verify != "off" and post.item_type != "inline":
                data = await self._fetch_file(post.item_hash, max_size=_LARGEST_CONTENT)
                post = post_from_content(post, data)
            if self.verify != "off" and not post_filter.matches(post):
                raise VerificationError(
                    f"post {post.original_item_hash} was not asked for: it does not match the filter",
                    item_hash=post.item_hash,
                )
        except AlephError as error:
            if strict:
                raise
            return InvalidEntry(error=error, item_hash=post.item_hash)
        return post
