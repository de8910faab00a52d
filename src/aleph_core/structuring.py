"""Reading JSON into records, so that one odd, missing or unknown field costs nothing but itself."""

from __future__ import annotations

import contextlib
import functools
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from .errors import MalformedAnswerError
from .excerpts import shown
from .models.page import InvalidEntry
from .models.record import Record

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["amount", "structure", "structure_entries", "when"]

R = TypeVar("R", bound=Record)
Hook = Callable[[Any, Any], Any]

_LARGEST_EXPONENT = 1000


def structure(value: Any, kind: type[R]) -> R:
    """Return the record that the JSON value describes.

    A field that is missing, null or of another type than expected gets its default, and what came
    in its place stays in ``extra``; of a list or mapping the entries that can be read are kept. Raises
    ``MalformedAnswerError`` for a field without a default.
    """
    record: R = _converter().structure(value, kind)
    return record


def structure_entries(
    values: Iterable[Any], kind: type[R]
) -> tuple[tuple[R, ...], tuple[InvalidEntry, ...]]:
    """Return the records of a list, and beside them the entries that are none."""
    records: list[R] = []
    invalid: list[InvalidEntry] = []
    for value in values:
        try:
            records.append(structure(value, kind))
        except MalformedAnswerError as error:
            invalid.append(InvalidEntry(error=error, raw=value))
    return tuple(records), tuple(invalid)


def amount(value: object) -> Decimal | None:
    """Read a number given as text or as a number: the same field changes its type between modes.

    None is what is no number, or so large or small that calculating with it could fail.
    """
    if not isinstance(value, int | float | str | Decimal) or isinstance(value, bool):
        return None
    try:
        # A float's shortest text is what the node wrote.
        number = Decimal(value if isinstance(value, int | Decimal) else str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= _LARGEST_EXPONENT else None


def when(value: object) -> datetime | None:
    """Read a time given as ISO text or as seconds: the same field changes its type between modes."""
    with contextlib.suppress(ValueError, OverflowError, OSError):
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    return None


@functools.cache
def _converter() -> Converter:
    # Loading it takes longer than most calls, and reading messages needs none.
    from cattrs import Converter

    converter = Converter()
    simple: dict[Any, Hook] = {
        str: _exactly(str),
        bool: _exactly(bool),
        int: _integer,
        float: _number,
        Decimal: _decimal,
        datetime: _moment,
    }
    for kind, hook in simple.items():
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook_factory(attrs.has, functools.partial(_of_class, converter))
    converter.register_structure_hook_factory(
        _has_origin(tuple), functools.partial(_of_tuple, converter)
    )
    converter.register_structure_hook_factory(
        _has_origin(dict, Mapping), functools.partial(_of_mapping, converter)
    )
    return converter


class _Odd(ValueError):
    """The value is not of the type that its field has, or only in part: ``usable`` is the rest."""

    def __init__(self, value: object, usable: Any = None) -> None:
        super().__init__(shown(value))
        self.usable = usable


def _has_origin(*origins: Any) -> Callable[[Any], bool]:
    return lambda kind: typing.get_origin(kind) in origins


def _exactly(kind: type) -> Hook:
    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, kind):
            raise _Odd(value)
        return value

    return hook


def _integer(value: Any, _: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Odd(value)
    return value


def _number(value: Any, _: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _Odd(value)
    try:
        return float(value)
    except OverflowError:
        raise _Odd(value) from None


def _decimal(value: Any, _: Any) -> Decimal:
    number = amount(value)
    if number is None:
        raise _Odd(value)
    return number


def _moment(value: Any, _: Any) -> datetime:
    moment = when(value)
    if moment is None:
        raise _Odd(value)
    return moment


def _of_tuple(converter: Converter, kind: Any) -> Hook:
    (inner, *_) = typing.get_args(kind)

    def hook(values: Any, _: Any) -> tuple[Any, ...]:
        if not isinstance(values, list | tuple):
            raise _Odd(values)
        found, odd = _each(converter, inner, enumerate(values))
        if odd:
            raise _Odd(values, tuple(found.values()))
        return tuple(found.values())

    return hook


def _of_mapping(converter: Converter, kind: Any) -> Hook:
    _, inner = typing.get_args(kind)

    def hook(values: Any, _: Any) -> dict[Any, Any]:
        if not isinstance(values, Mapping):
            raise _Odd(values)
        found, odd = _each(converter, inner, values.items())
        if odd:
            raise _Odd(values, found)
        return found

    return hook


def _each(
    converter: Converter, inner: Any, values: Iterable[tuple[Any, Any]]
) -> tuple[dict[Any, Any], bool]:
    found: dict[Any, Any] = {}
    odd = False
    for key, value in values:
        try:
            found[key] = converter.structure(value, inner)
        except (_Odd, MalformedAnswerError):
            odd = True
    return found, odd


def _of_class(converter: Converter, kind: Any) -> Hook:
    attrs.resolve_types(kind)
    fields = {
        field.metadata.get("name", field.name): field
        for field in attrs.fields(kind)
        if field.name != "extra"
    }

    def hook(raw: Any, _: Any) -> Any:
        if not isinstance(raw, Mapping):
            raise MalformedAnswerError(f"expected an object for {kind.__name__}, not {shown(raw)}")
        values: dict[str, Any] = {}
        extra = {name: value for name, value in raw.items() if name not in fields}
        for name, field in fields.items():
            value = raw.get(name)
            if value is None:
                if field.default is attrs.NOTHING:
                    raise MalformedAnswerError(f"{kind.__name__} came without {name!r}")
                continue
            try:
                values[field.alias] = converter.structure(value, field.type)
            except (_Odd, MalformedAnswerError) as error:
                usable = error.usable if isinstance(error, _Odd) else None
                if usable is not None:
                    values[field.alias] = usable
                elif field.default is attrs.NOTHING:
                    raise MalformedAnswerError(
                        f"{kind.__name__} came with {name} = {shown(value)}"
                    ) from error
                extra[name] = value
        return kind(**values, extra=extra)

    return hook
