"""Contract functions by their signatures, and what is sent to and read from them."""

from __future__ import annotations

from typing import Any

import attrs

from ..errors import MissingDependencyError
from .addresses import keccak256

__all__ = ["Function", "encode", "missing", "selector"]


def selector(signature: str) -> bytes:
    """Return the four bytes by which a function or an error is known."""
    return keccak256(signature.encode())[:4]


@attrs.frozen
class Function:
    """A function of a contract: its signature with the types as they are hashed, and its results."""

    signature: str
    returns: tuple[str, ...] = ()

    @property
    def types(self) -> list[str]:
        return _split(self.signature[self.signature.index("(") + 1 : -1])

    def encode(self, *arguments: Any) -> bytes:
        """Return the data of a call. Addresses are texts, rates and amounts whole numbers."""
        return selector(self.signature) + encode(self.types, arguments)

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """Return the results of a call; raise ``ValueError`` for what is none."""
        try:
            from eth_abi.abi import decode
            from eth_abi.exceptions import DecodingError
        except ImportError as error:
            raise missing() from error
        try:
            return tuple(decode(list(self.returns), data))
        except (DecodingError, OverflowError) as error:
            raise ValueError(str(error)) from error


def encode(types: list[str], values: tuple[Any, ...]) -> bytes:
    try:
        from eth_abi.abi import encode as encode_abi
    except ImportError as error:
        raise missing() from error
    return encode_abi(types, values)


def missing() -> MissingDependencyError:
    return MissingDependencyError("calling contracts", extra="payg")


def _split(types: str) -> list[str]:
    """Part types at the commas that are in no tuple."""
    parts, depth, begin = [], 0, 0
    for place, letter in enumerate(types):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append(types[begin:place])
            begin = place + 1
    return [*parts, types[begin:]] if types else []
