from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from codegen import generate, rules
from codegen.generate import GenerationError, Twin

WORDS = {"aleph_async": "aleph_sync", "aclose": "close", "AsyncIterator": "Iterator"}

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Write source files below `room/` and return the root."""

    def build(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / "room" / f"{name.replace('__in__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return tmp_path

    return build


def twin(*async_only: str, **tokens: str) -> Twin:
    return Twin("room", "twin", tokens, async_only)


def render_one(root: Path, **tokens: str) -> str:
    header, _, body = (
        generate.render(root, twin(**tokens))["twin/module.py"].decode().partition("\n")
    )

    assert (
        header == "# Generated from room/module.py by codegen/generate.py: edit that file instead."
    )
    return body


def problems_of(root: Path, *async_only: str, **tokens: str) -> list[str]:
    with pytest.raises(GenerationError) as caught:
        generate.render(root, twin(*async_only, **tokens))
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    return caught.value.problems


SOURCE = '''\
"""Read messages."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aleph_async.pages import Page

__all__ = ["aclose", "Page"]


async def pages(reader: Reader, *, size: int = 20) -> AsyncIterator[Page]:
    """Yield every page."""
    async with reader.open() as source:
        async for page in source:
            label = f"{page.number:>{size}} {{braces}} {page.title!r}"
            yield await page.labelled(label)
    await reader.aclose()  # await and async stay as they are in comments
    found = [item async for item in source if await item.ready()]
    print(await (reader.state()), found)
'''

RENDERED = '''\
"""Read messages."""

from __future__ import annotations

from collections.abc import Iterator

from aleph_sync.pages import Page

__all__ = ["close", "Page"]


def pages(reader: Reader, *, size: int = 20) -> Iterator[Page]:
    """Yield every page."""
    with reader.open() as source:
        for page in source:
            label = f"{page.number:>{size}} {{braces}} {page.title!r}"
            yield page.labelled(label)
    reader.close()  # await and async stay as they are in comments
    found = [item for item in source if item.ready()]
    print((reader.state()), found)
'''


def test_every_async_form_becomes_its_blocking_form(tree: Tree) -> None:
    assert render_one(tree(module=SOURCE), **WORDS) == RENDERED


def test_line_ends_are_the_same_on_every_system(tree: Tree) -> None:
    root = tree(module="")
    (root / "room/module.py").write_bytes(b"x = 1\r\ny = 2\r\n")

    assert render_one(root) == "x = 1\ny = 2\n"


def test_a_file_that_is_not_python_is_carried_over_unchanged(tree: Tree) -> None:
    root = tree(module="x = 1\n")
    (root / "room/py.typed").write_bytes(b"")
    (root / "room/data.bin").write_bytes(b"\x00aclose\r\n")

    rendered = generate.render(root, twin())

    assert rendered["twin/py.typed"] == b""
    assert rendered["twin/data.bin"] == b"\x00aclose\r\n"


def test_an_async_only_file_is_left_out(tree: Tree) -> None:
    root = tree(module="x = 1\n", pair__in___aio="import asyncio\n")

    assert set(generate.render(root, twin("pair/_aio.py"))) == {"twin/module.py"}


def test_an_async_only_folder_is_left_out_whole(tree: Tree) -> None:
    root = tree(_aio__in__http="import asyncio\n", _aio__in__deep__in__x="", _aiox="x = 1\n")

    assert set(generate.render(root, twin("_aio"))) == {"twin/_aiox.py"}


def test_an_async_only_file_that_does_not_exist_is_an_error(tree: Tree) -> None:
    (problem,) = problems_of(tree(module="x = 1\n"), "gone.py")

    assert problem == "codegen/rules.py: room/gone.py is listed as async only but does not exist"


def test_a_rule_that_matches_nothing_is_an_error(tree: Tree) -> None:
    (problem,) = problems_of(tree(module="x = 1\n"), aclose="close")

    assert problem == "codegen/rules.py: 'aclose' matches nothing in room: remove the rule"


def test_a_rule_that_matches_only_in_an_async_only_file_is_an_error(tree: Tree) -> None:
    root = tree(module="x = 1\n", _aio="aclose\n")

    (problem,) = problems_of(root, "_aio.py", aclose="close")

    assert "'aclose' matches nothing" in problem


def test_a_lenient_word_may_go_unused(tree: Tree) -> None:
    root = tree(module="x = 1\n")

    lenient = Twin("room", "twin", {"aclose": "close"}, lenient=frozenset({"aclose"}))

    assert set(generate.render(root, lenient)) == {"twin/module.py"}


@pytest.mark.parametrize(
    ("word", "blocking"),
    [
        ("AsyncGenerator", "Generator"),
        ("StopAsyncIteration", "StopIteration"),
        ("AsyncClient", "SyncClient"),
    ],
)
def test_a_word_that_the_tool_rewrites_by_itself_needs_a_rule_here(
    tree: Tree, word: str, blocking: str
) -> None:
    (problem,) = problems_of(tree(module=f"x = 1\ny = {word}\n"))

    assert problem == (
        f"room/module.py:2: {word!r} became {blocking!r} without a rule: "
        "add one to codegen/rules.py"
    )


@pytest.mark.parametrize(
    "line",
    [
        "reader.aclose()",
        "reader.aiter_bytes()",
        "def aclose(): ...",
        "def f(aclose): ...",
        "f(aclose=1)",
        "x = 'aclose'",
        "x = 'call aclose() first'",
        "x = stack.enter_async_context",
        "x: Awaitable[int]",
        "x: 'list[AsyncX]'",
        "from a.b_async import c",
        "from a import aclose as c",
        "from a import c as aclose",
        "import a.aclose",
        "global anext",
        "x = asyncio.sleep(1)",
        "x = f'{y} aclose'",
        "def f():\n    '''Close it, then await the rest.'''",
        "match x:\n    case aclose: ...",
        "match x:\n    case {**aclose}: ...",
        "match x:\n    case C(aclose=1): ...",
        "try: ...\nexcept E as aclose: ...",
    ],
)
def test_a_surviving_async_word_is_an_error(tree: Tree, line: str) -> None:
    (problem,) = problems_of(tree(module=f"x = 1\n{line}\n"))

    assert problem.startswith(("room/module.py:2: ", "room/module.py:3: "))
    assert problem.endswith(" would survive in twin")


@pytest.mark.parametrize(
    "line",
    ["asynchronous = 1", "x = 'anything'", "across = close", "Asynchrony = 1", "x = b'await'"],
)
def test_a_word_that_only_looks_similar_passes(tree: Tree, line: str) -> None:
    assert render_one(tree(module=f"{line}\n")) == f"{line}\n"


@pytest.mark.parametrize(
    ("inside", "word"),
    [
        ("await page.title()", "await"),
        ("AsyncIterator.__name__", "AsyncIterator"),
        ("[x async for x in y]", "async for"),
        ("options['aclose']", "aclose"),
        ("x:{reader.aclose}", "aclose"),
    ],
)
def test_an_async_word_inside_an_f_string_is_refused_on_every_python(
    tree: Tree, inside: str, word: str
) -> None:
    source = f'from m import AsyncIterator, aclose\nx = f"a {{{inside}}}"\n'

    problems = problems_of(tree(module=source), AsyncIterator="Iterator", aclose="close")

    expected = f"room/module.py:2: {word!r} inside an f-string: give the value a name first"
    assert expected in problems


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("import asyncio", "asyncio"),
        ("import os, anyio.abc", "anyio.abc"),
        ("from anyio import sleep", "anyio"),
        ("from asyncio.locks import Lock", "asyncio.locks"),
    ],
)
def test_an_event_loop_is_refused_outside_the_pairs(tree: Tree, line: str, module: str) -> None:
    problems = problems_of(tree(module=f"{line}\n"))

    assert problems == [f"room/module.py:1: {module!r} has no blocking half: pair it in _runtime"]


def test_a_relative_import_is_not_an_event_loop(tree: Tree) -> None:
    assert render_one(tree(module="from . import calls\n")) == "from . import calls\n"


def test_a_rewrite_that_breaks_the_syntax_is_an_error(tree: Tree) -> None:
    (problem,) = problems_of(tree(module="async def f():\n    return await(g())\n"))

    assert problem.startswith("room/module.py:2: not valid Python once rewritten: ")


def test_a_source_that_is_not_python_is_an_error(tree: Tree) -> None:
    (problem,) = problems_of(tree(module="x = 1\ndef f(:\n"), aclose="close")

    assert problem.startswith("room/module.py:2: not valid Python: ")


def test_all_problems_are_reported_together(tree: Tree) -> None:
    root = tree(module="x.aclose()\n", other="import asyncio\n")

    assert len(problems_of(root, "gone.py", aleph_async="aleph_sync")) == 4


def test_the_vocabulary_maps_async_words_to_blocking_words() -> None:
    for async_word, word in {**rules.TOKENS, **rules.TEST_TOKENS}.items():
        assert async_word != word
        assert word not in rules.TOKENS
