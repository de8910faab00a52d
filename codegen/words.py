"""Decide which words betray async code."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

_SEGMENT = re.compile(
    r"(?:^|_)(?:async|asyncio|anyio|await|awaitable|coroutine)(?:_|$)", re.IGNORECASE
)
_CAMEL = re.compile(r"Async(?![a-z])|Awaitable|Coroutine")
_PREFIXED = re.compile(r"(?:__)?a(?:enter|exit|iter|next)(?:__)?|a(?:close|closing|send|throw)")
_AITER = re.compile(r"aiter_\w+")
_WORD = re.compile(r"[^\W\d]\w*")

_ASYNC_NODES = {
    ast.Await: "await",
    ast.AsyncFor: "async for",
    ast.AsyncWith: "async with",
    ast.AsyncFunctionDef: "async def",
}


def is_async_word(word: str, extra: Collection[str] = ()) -> bool:
    """Tell whether an identifier belongs to async code."""
    return (
        word in extra
        or _SEGMENT.search(word) is not None
        or _CAMEL.search(word) is not None
        or _PREFIXED.fullmatch(word) is not None
        or _AITER.fullmatch(word) is not None
    )


def words_of(node: ast.AST) -> Iterator[str]:
    """Yield every identifier a node itself holds, and every word of a string constant."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield from _WORD.findall(node.value)
        return
    for _, value in ast.iter_fields(node):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                yield from item.split(".")


def async_words(tree: ast.AST, extra: Collection[str] = ()) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each async construct or word under a node, f-strings included."""
    line = getattr(tree, "lineno", 1)
    for type_, text in _ASYNC_NODES.items():
        if isinstance(tree, type_):
            yield line, text
    if isinstance(tree, ast.comprehension) and tree.is_async:
        yield getattr(tree.target, "lineno", line), "async for"
    for word in words_of(tree):
        if is_async_word(word, extra):
            yield line, word
    for child in ast.iter_child_nodes(tree):
        yield from async_words(child, extra)
