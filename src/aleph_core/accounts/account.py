"""What every account can do, and what those that hold their own key have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NoReturn, Protocol, Self, runtime_checkable

from ..chains import verification_buffer
from ..errors import ArgumentError

__all__ = ["Account", "LocalAccount"]


class Owner(Protocol):
    """Somebody with an address on a chain."""

    @property
    def CHAIN(self) -> str: ...

    def get_address(self) -> str: ...


@runtime_checkable
class Account(Protocol):
    """Somebody who can sign messages for one address on one chain.

    The methods are plain, never coroutines. They may block when a device asks a person.
    """

    @property
    def interactive(self) -> bool:
        """Whether signing waits for a person, so that a client does it off the event loop."""
        ...

    @property
    def CHAIN(self) -> str:
        """The network identifier that goes into the ``chain`` of a message."""
        ...

    @property
    def CURVE(self) -> str:
        """The elliptic curve of the key."""
        ...

    def get_address(self) -> str:
        """Return the address in the form in which nodes compare it."""
        ...

    def get_public_key(self) -> str:
        """Return the public key as text."""
        ...

    def sign_raw(self, buffer: bytes) -> bytes:
        """Sign any bytes in the manner of the chain and return the bare signature."""
        ...

    def sign_message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of the message with ``chain``, ``sender`` and ``signature`` set."""
        ...


class LocalAccount(ABC):
    """An account whose private key lives in this process.

    Shows nothing but its address, refuses to be pickled, and copies to itself: it never changes.
    """

    __slots__ = ("__weakref__",)

    @property
    def interactive(self) -> bool:
        """Whether signing waits for a person: here it is arithmetic."""
        return False

    @property
    @abstractmethod
    def CHAIN(self) -> str:
        """The network identifier that goes into the ``chain`` of a message."""

    @property
    @abstractmethod
    def CURVE(self) -> str:
        """The elliptic curve of the key."""

    @abstractmethod
    def get_address(self) -> str:
        """Return the address in the form in which nodes compare it."""

    @abstractmethod
    def get_public_key(self) -> str:
        """Return the public key as text."""

    @abstractmethod
    def export_private_key(self) -> str:
        """Return the private key as text that the constructor reads. Keep it secret."""

    @abstractmethod
    def sign_raw(self, buffer: bytes) -> bytes:
        """Sign any bytes in the manner of the chain and return the bare signature."""

    @abstractmethod
    def _encode_signature(self, signature: bytes) -> str:
        """Return the text that goes into the ``signature`` of a message."""

    def sign_message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of the message with ``chain``, ``sender`` and ``signature`` set.

        ``type`` and ``item_hash`` must be there. A ``chain`` or ``sender`` that is there already
        must be this account's, letter by letter, since nodes file messages under the exact address.
        Raises ``ArgumentError`` otherwise, before anything is signed.
        """
        unsigned, buffer = own_message(self, message)
        return {**unsigned, "signature": self._sign_buffer(buffer, message)}

    def _sign_buffer(self, buffer: bytes, _message: Mapping[str, Any], /) -> str:
        """Return the ``signature`` of a message; some chains wrap its text before they sign it."""
        return self._encode_signature(self.sign_raw(buffer))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.get_address()}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __getstate__(self) -> NoReturn:
        raise self._refusal()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise self._refusal()

    def _refusal(self) -> TypeError:
        return TypeError(
            f"{type(self).__name__} holds a private key and is not pickled; "
            "pass the path of a key file and make the account where it is used"
        )


def own_message(account: Owner, message: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return the message with the account's chain and sender, and the bytes that it signs.

    Raises ``ArgumentError`` when the message has another chain or sender, or lacks what is signed.
    """
    own = {"chain": account.CHAIN, "sender": account.get_address()}
    for field, expected in own.items():
        present = message.get(field)
        if present not in (None, "", expected):
            raise ArgumentError(
                "message", f"its {field} is {present!r:.100}, but this account is {expected!r}"
            )
    buffer = verification_buffer(
        own["chain"], own["sender"], message.get("type", ""), message.get("item_hash", "")
    )
    return {**message, **own}, buffer


def require_bytes(value: object, argument: str = "buffer") -> bytes:
    """Return the bytes to work on; raise ``ArgumentError`` for anything that is not bytes."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise ArgumentError(argument, f"must be bytes, not {type(value).__name__}")
    return bytes(value)
