"""The two colours offer the same names, the same arguments, the same results and the same errors."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import aleph_async
import aleph_sync
from codegen import rules

PUBLIC = sorted(aleph_async.__all__)
RUNTIME = "_runtime"


def renamed(text: str) -> str:
    """Apply the vocabulary to a piece of text."""
    words = {**rules.TOKENS, "aleph_async": "aleph_sync"}
    return re.sub(r"\w+", lambda match: words.get(match[0], match[0]), text)


def modules(package: ModuleType) -> dict[str, ModuleType]:
    """Import every module of a package but the halves of the pairs, by name below the package."""
    prefix = f"{package.__name__}."
    names = [
        info.name
        for info in pkgutil.walk_packages(package.__path__, prefix)
        if not re.search(rf"\.{RUNTIME}\._(aio|blocking)\b", info.name)
    ]
    return {name.removeprefix(prefix): importlib.import_module(name) for name in names}


ASYNC_MODULES = modules(aleph_async)
SYNC_MODULES = modules(aleph_sync)


def own(module: ModuleType) -> dict[str, Any]:
    """Return the classes and functions that a module defines itself."""
    return {
        name: value
        for name, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    }


def callables(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield every function and method that a module defines, by its qualified name."""
    for name, value in own(module).items():
        if inspect.isfunction(value):
            yield name, value
            continue
        for attribute, member in vars(value).items():
            unwrapped = getattr(member, "__func__", getattr(member, "fget", member))
            if inspect.isfunction(unwrapped):
                yield f"{name}.{attribute}", unwrapped


def signature(function: Any) -> str:
    return renamed(str(inspect.signature(function)))


PAIRED = sorted(
    (name, path) for name, module in ASYNC_MODULES.items() for path, _ in callables(module)
)


def test_both_packages_have_the_same_public_names() -> None:
    assert sorted(aleph_sync.__all__) == PUBLIC
    assert dir(aleph_sync) == dir(aleph_async)


def test_public_names_are_sorted_and_unique() -> None:
    assert len(set(PUBLIC)) == len(aleph_async.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_name_is_shared_unless_its_colour_differs(name: str) -> None:
    ours, theirs = getattr(aleph_async, name), getattr(aleph_sync, name)

    home = getattr(ours, "__module__", "")
    if isinstance(home, str) and home.startswith("aleph_async"):
        assert theirs is not ours
        assert theirs.__module__ == renamed(home)
        assert theirs.__qualname__ == ours.__qualname__
    else:
        assert theirs is ours


def test_every_error_has_one_identity() -> None:
    errors = [
        name
        for name in PUBLIC
        if inspect.isclass(value := getattr(aleph_async, name)) and issubclass(value, BaseException)
    ]

    assert "AlephError" in errors
    for name in errors:
        assert getattr(aleph_sync, name) is getattr(aleph_async, name)


def test_a_missing_name_is_an_attribute_error_in_both() -> None:
    for package in (aleph_async, aleph_sync):
        with pytest.raises(AttributeError, match=f"{package.__name__}.*no_such_name"):
            _ = package.no_such_name


def test_both_packages_have_the_same_modules() -> None:
    assert {renamed(name) for name in ASYNC_MODULES} == set(SYNC_MODULES)


@pytest.mark.parametrize("name", sorted(ASYNC_MODULES))
def test_both_modules_define_the_same_things(name: str) -> None:
    ours, theirs = own(ASYNC_MODULES[name]), own(SYNC_MODULES[renamed(name)])

    assert [renamed(key) for key in ours] == list(theirs)
    assert {renamed(path) for path, _ in callables(ASYNC_MODULES[name])} == {
        path for path, _ in callables(SYNC_MODULES[renamed(name)])
    }


@pytest.mark.parametrize(("name", "path"), PAIRED)
def test_a_function_takes_and_returns_the_same_in_both(name: str, path: str) -> None:
    ours = dict(callables(ASYNC_MODULES[name]))[path]
    theirs = dict(callables(SYNC_MODULES[renamed(name)]))[renamed(path)]

    assert signature(theirs) == signature(ours)
    assert inspect.getdoc(theirs) == inspect.getdoc(ours)
    assert not inspect.iscoroutinefunction(theirs)
    assert not inspect.isasyncgenfunction(theirs)


def halves() -> Iterator[tuple[str, Any, Any]]:
    pair = importlib.import_module("aleph_async._runtime._aio")
    other = importlib.import_module("aleph_async._runtime._blocking")
    assert sorted(pair.__all__) == sorted(other.__all__)
    for name in pair.__all__:
        if getattr(pair, name).__module__.startswith(pair.__name__):
            yield name, getattr(pair, name), getattr(other, name)


def public_members(value: Any) -> dict[str, Any]:
    """Return what can be called on a value: itself, or the public methods of a class."""
    if not inspect.isclass(value):
        return {"": value} if inspect.isfunction(value) else {}
    return {
        name: member
        for name, member in inspect.getmembers_static(value)
        if inspect.isfunction(member) and (not name.startswith("_") or name == "__init__")
    }


@pytest.mark.parametrize(
    ("ours", "theirs"), [pytest.param(a, b, id=name) for name, a, b in halves()]
)
def test_the_halves_of_a_pair_have_one_interface(ours: Any, theirs: Any) -> None:
    mine = {renamed(name): member for name, member in public_members(ours).items()}
    others = public_members(theirs)

    assert set(mine) == set(others)
    for name, member in mine.items():
        expected = [
            (p.name, p.kind, p.default) for p in inspect.signature(member).parameters.values()
        ]
        found = [
            (p.name, p.kind, p.default) for p in inspect.signature(others[name]).parameters.values()
        ]
        assert found == expected, name


def documented() -> Iterator[tuple[str, Any]]:
    """Yield every public class and function, and every public method of the public classes.

    Properties are left to their names.
    """
    for name in PUBLIC:
        value = getattr(aleph_async, name)
        home = getattr(value, "__module__", None)
        if not (inspect.isclass(value) or inspect.isfunction(value)) or home is None:
            continue
        if not home.startswith("aleph_"):
            continue
        yield name, value
        if inspect.isclass(value):
            for attribute, member in inspect.getmembers_static(value):
                target = getattr(member, "__func__", member)
                if (
                    inspect.isfunction(target)
                    and not attribute.startswith("_")
                    and target.__module__.startswith("aleph_")
                ):
                    yield f"{name}.{attribute}", target


@pytest.mark.parametrize("thing", [pytest.param(value, id=name) for name, value in documented()])
def test_everything_public_has_a_docstring(thing: Any) -> None:
    assert inspect.getdoc(thing)
