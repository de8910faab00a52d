"""Reading posts merged with their amends: pyaleph ``GET /api/v0/posts.json``.

The legacy list is the one that carries the hashed text of each post; the newer ``/api/v1`` list leaves
nothing that its content could be held against.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..call import Answer, Call
from ..errors import MalformedAnswerError, VerificationError
from ..excerpts import shown
from ..filters import PostFilter
from ..hashing import sha256_hex
from ..item_hash import is_item_hash, same_address
from ..models.message import Message
from ..models.page import Page
from ..models.post import Post
from ..paging import Position
from ..verification import Verify, parse_content, verify_digest
from .answers import read_page, when

__all__ = ["check_signed", "post_from_content", "posts"]


def posts(
    post_filter: PostFilter,
    position: Position,
    page_size: int,
    *,
    verify: Verify,
    strict: bool = False,
) -> Call[Page[Post]]:
    def read(raw: Any) -> Post:
        post = _structure(raw)
        if verify != "off" and post.item_type == "inline":
            if post.item_content is None:
                raise VerificationError(
                    f"post {post.item_hash} came without the text of its content",
                    item_hash=post.item_hash,
                )
            data = post.item_content.encode("utf-8", "surrogatepass")
            verify_digest(sha256_hex(data), post.item_hash, what="post")
            post = post_from_content(post, data)
        return post

    def parse(answer: Answer) -> Page[Post]:
        return read_page(answer, "posts", read, page_size=page_size, strict=strict)

    params = [*post_filter.params(), ("pagination", str(page_size)), *position.params()]
    return Call("GET", "/api/v0/posts.json", parse, params=params)


def post_from_content(post: Post, data: bytes, *, node: str = "") -> Post:
    """Return the post with the content of its hashed text; raise when the text belongs to another post."""
    content = parse_content(data, post.item_hash, node=node)
    problem = None
    if content.get("address") != post.address:
        problem = f"its owner is {shown(content.get('address'))}, not {post.address}"
    elif not post.amended and content.get("type") != post.original_type:
        problem = f"its type is {shown(content.get('type'))}, not {post.original_type!r}"
    elif post.amended and content.get("type") != "amend":
        problem = "it is no amend"
    elif post.amended and content.get("ref") != post.original_item_hash:
        problem = f"it amends {shown(content.get('ref'))}, not {post.original_item_hash}"
    if problem:
        raise VerificationError(
            f"the text of post {post.item_hash} is not that of the post shown: {problem}",
            item_hash=post.item_hash,
            node=node or None,
        )
    if not post.amended:
        # An amend's text tells nothing of the original's ref.
        ref = content.get("ref")
        post = post.evolve(ref=ref if isinstance(ref, str) else None)
    return post.evolve(content=content.get("content"))


def check_signed(post: Post, signed: Mapping[str, Message]) -> None:
    """Raise unless the owner signed the post, its first version and its latest.

    ``signed`` holds messages whose signatures were verified. That somebody else may publish for the
    owner is only the node's word, so what another signed does not hold here.
    """
    original = signed.get(post.original_item_hash)
    for item_hash in (post.original_item_hash, post.item_hash):
        message = signed.get(item_hash)
        problem = None
        if message is None or message.type != "POST":
            problem = "no message with a valid signature belongs to it"
        elif not same_address(message.sender, post.address):
            problem = (
                f"{message.sender} signed it, not its owner {post.address}; "
                "get_messages shows what others published for an owner"
            )
        if problem:
            raise VerificationError(
                f"post {post.original_item_hash} does not hold at {item_hash}: {problem}",
                item_hash=item_hash,
            )
    if original is None or original.content.get("type") != post.original_type:
        raise VerificationError(
            f"post {post.original_item_hash} is not of the type {post.original_type!r}",
            item_hash=post.original_item_hash,
        )


def _structure(raw: Any) -> Post:
    if not isinstance(raw, Mapping):
        raise MalformedAnswerError(f"expected a post, not {type(raw).__name__}")

    def text(name: str, *, required: bool = False) -> Any:
        value = raw.get(name)
        if isinstance(value, str):
            return value
        if required or value is not None:
            raise MalformedAnswerError(f"a post came with {name} = {shown(value)}")
        return None

    hashes = {name: text(name, required=True) for name in ("item_hash", "original_item_hash")}
    for name, value in hashes.items():
        if not is_item_hash(value):
            raise MalformedAnswerError(f"a post came with {name} = {value!r:.80}")
    confirmations = raw.get("confirmations")
    time, size, confirmed = raw.get("time"), raw.get("size"), raw.get("confirmed")
    moment = when(time)
    return Post(
        **hashes,
        original_type=text("original_type", required=True),
        address=text("address", required=True),
        content=raw.get("content"),
        ref=raw["ref"] if isinstance(raw.get("ref"), str) else None,
        channel=text("channel"),
        chain=text("chain"),
        type=text("type"),
        time=moment.timestamp() if moment else None,
        created=when(raw.get("created")),
        last_updated=when(raw.get("last_updated")) or moment,
        item_type=text("item_type"),
        item_content=text("item_content"),
        signature=text("signature"),
        original_signature=text("original_signature"),
        size=size if isinstance(size, int) else None,
        confirmed=confirmed if isinstance(confirmed, bool) else None,
        confirmations=tuple(
            entry
            for entry in (confirmations if isinstance(confirmations, list) else ())
            if isinstance(entry, Mapping)
        ),
    )
