from __future__ import annotations

import inspect

import pytest

from aleph_core import sev


def test_names_are_sorted_and_listed() -> None:
    # As the linter sorts them: constants, classes, functions.
    assert set(sev.__all__) <= set(dir(sev))
    assert len(set(sev.__all__)) == len(sev.__all__) == 18


@pytest.mark.parametrize("name", sev.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    value = getattr(sev, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)
        assert value.__name__ == name


def test_a_missing_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"aleph_core\.sev.*no_such_name"):
        _ = sev.no_such_name
