"""Render, write and check the blocking twins.

`python -m codegen.generate` writes them; with `--check` it only compares.
"""

from __future__ import annotations

import ast
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tokenize_rt
import unasync

from codegen import rules
from codegen.words import async_words

HEADER = "# Generated from {source} by codegen/generate.py: edit that file instead.\n"


EVENT_LOOPS = frozenset({"anyio", "asyncio", "sniffio", "trio"})


class GenerationError(Exception):
    """The sources cannot be rendered; `problems` lists every reason as `file:line: reason`."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("the blocking twin cannot be rendered:\n  " + "\n  ".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Twin:
    """A folder of async sources, the folder rendered from it, and the words between the two."""

    source: str
    target: str
    tokens: Mapping[str, str]
    async_only: Sequence[str] = ()
    lenient: frozenset[str] = field(default=frozenset())
    """Words whose rules may go unused, because another twin is what they exist for."""


PACKAGE = Twin("src/aleph_async", "src/aleph_sync", rules.TOKENS, rules.ASYNC_ONLY)
TESTS = Twin(
    "tests/aio",
    "tests/blocking",
    {**rules.TOKENS, **rules.TEST_TOKENS},
    rules.TEST_ASYNC_ONLY,
    lenient=frozenset(rules.TOKENS),
)


def render(root: Path, twin: Twin = PACKAGE) -> dict[str, bytes]:
    """Return the content of every generated file by its path below the root."""
    root = root.resolve()
    folder = root / twin.source
    sources = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    skipped = {name: _covering(name, twin.async_only) for name in sources}
    problems = [
        f"codegen/rules.py: {twin.source}/{entry} is listed as async only but does not exist"
        for entry in twin.async_only
        if entry not in skipped.values()
    ]
    kept = {name: path for name, path in sources.items() if skipped[name] is None}
    modules = {name: path for name, path in kept.items() if path.suffix == ".py"}
    if broken := [
        f"{twin.source}/{name}:{error.lineno}: not valid Python: {error.msg}"
        for name, path in modules.items()
        if (error := _syntax_error(path.read_text("utf-8")))
    ]:
        raise GenerationError(broken)
    rewritten = _rewrite(folder, list(modules.values()), twin.tokens)
    rendered = {
        f"{twin.target}/{name}": path.read_bytes()
        for name, path in kept.items()
        if name not in modules
    }
    used: Counter[str] = Counter()
    for name, path in modules.items():
        label = f"{twin.source}/{name}"
        before, after = path.read_text("utf-8"), rewritten[name]
        if error := _syntax_error(after):
            found = [(error.lineno or 0, f"not valid Python once rewritten: {error.msg}")]
        else:
            found = [*_refused(before, twin), *_unruled(before, after, twin, used)]
            found = found or list(_leftovers(after, twin))
        problems += [f"{label}:{line}: {reason}" for line, reason in found]
        rendered[f"{twin.target}/{name}"] = (HEADER.format(source=label) + after).encode()
    problems += [
        f"codegen/rules.py: {word!r} matches nothing in {twin.source}: remove the rule"
        for word in twin.tokens
        if not used[word] and word not in twin.lenient
    ]
    if problems:
        raise GenerationError(problems)
    return rendered


def write(root: Path, twin: Twin = PACKAGE) -> list[str]:
    """Bring the twin up to date and return the path of each of its files below the root."""
    rendered = render(root, twin)
    for name, content in rendered.items():
        path = root / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, content)
    for path in _files(root / twin.target):
        if path.relative_to(root).as_posix() not in rendered:
            path.unlink()
    return sorted(rendered)


def check(root: Path, twin: Twin = PACKAGE) -> list[str]:
    """Return the path of each file that is missing, stale or left over."""
    rendered = render(root, twin)
    found = {
        path.relative_to(root).as_posix(): path.read_bytes() for path in _files(root / twin.target)
    }
    names = rendered.keys() | found.keys()
    return sorted(name for name in names if rendered.get(name) != found.get(name))


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    )


def _covering(name: str, entries: Sequence[str]) -> str | None:
    return next((entry for entry in entries if f"{name}/".startswith(f"{entry}/")), None)


def _replace(path: Path, content: bytes) -> None:
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".generated-")
    try:
        with open(handle, "wb") as file:
            file.write(content)
        Path(scratch).chmod(0o644)
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def _rewrite(folder: Path, paths: list[Path], tokens: Mapping[str, str]) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as scratch:
        rule = unasync.Rule(f"{folder}/", f"{scratch}/", additional_replacements=dict(tokens))
        unasync.unasync_files([str(path) for path in paths], [rule])
        names = [path.relative_to(folder).as_posix() for path in paths]
        return {name: Path(scratch, name).read_text("utf-8") for name in names}


def _refused(source: str, twin: Twin) -> Iterator[tuple[int, str]]:
    """Find what no rewrite can carry over: event loops, and async words inside f-strings.

    An f-string is one opaque token before Python 3.12, so its words would be rewritten on some
    Pythons only.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FormattedValue):
            for line, word in async_words(node.value, twin.tokens):
                yield line, f"{word!r} inside an f-string: give the value a name first"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            for name in [module] if module else [alias.name for alias in node.names]:
                if name.partition(".")[0] in EVENT_LOOPS:
                    yield node.lineno, f"{name!r} has no blocking half: pair it in _runtime"


def _unruled(before: str, after: str, twin: Twin, used: Counter[str]) -> Iterator[tuple[int, str]]:
    """Count what each rule rewrote, and find words that were rewritten by no rule of ours."""
    pairs = zip(_words(before), _words(after), strict=True)
    for (line, old), (_, new) in pairs:
        if twin.tokens.get(old) == new:
            used[old] += 1
        elif old != new:
            yield line, f"{old!r} became {new!r} without a rule: add one to codegen/rules.py"


def _words(source: str) -> list[tuple[int, str]]:
    return [
        (token.line or 0, re.sub(r"^(['\"])(.*)\1$", r"\2", token.src))
        for token in tokenize_rt.src_to_tokens(source)
        if token.name in ("NAME", "STRING") and token.src not in ("async", "await")
    ]


def _leftovers(rendered: str, twin: Twin) -> Iterator[tuple[int, str]]:
    for line, word in async_words(ast.parse(rendered), twin.tokens):
        yield line, f"{word!r} would survive in {twin.target}"


def _syntax_error(source: str) -> SyntaxError | None:
    try:
        ast.parse(source)
    except SyntaxError as error:
        return error
    return None


def main(arguments: Sequence[str]) -> int:
    """Write the twins, or compare them when `--check` is given."""
    root = Path(__file__).resolve().parent.parent
    twins = [twin for twin in (PACKAGE, TESTS) if (root / twin.source).is_dir()]
    try:
        if list(arguments) == ["--check"]:
            stale = [name for twin in twins for name in check(root, twin)]
            for name in stale:
                print(f"{name} is stale: run python -m codegen.generate")
            return 1 if stale else 0
        if arguments:
            print("usage: python -m codegen.generate [--check]", file=sys.stderr)
            return 2
        for twin in twins:
            print(f"{twin.target}: {len(write(root, twin))} files")
    except GenerationError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
