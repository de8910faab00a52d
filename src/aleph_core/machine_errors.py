"""Why a compute node said no: one error for each thing that the owner of a machine can do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import ApiError, NotFoundError

__all__ = [
    "BackupFailed",
    "BackupNotFound",
    "ClockSkew",
    "KeyExpired",
    "LoginRefused",
    "NoCapacity",
    "NotAuthorized",
    "VmBusy",
    "VmNotFound",
    "VmNotRunning",
    "VmStartError",
    "WrongDomain",
]


class LoginRefused(ApiError):
    """The node does not take the signatures of the request for those of the account."""


class ClockSkew(LoginRefused):
    """The clock of this machine and that of the node are too far apart for a signed request.

    ``skew`` is how many seconds the clock here is ahead of the node's, negative when it is behind;
    None where the node did not tell its time.
    """

    def __init__(self, message: str, *, skew: float | None = None, **data: Any) -> None:
        super().__init__(message, **data)
        self.skew = skew


class KeyExpired(LoginRefused):
    """By the node's clock, the key that the wallet signed is not good any more."""

    def __init__(self, message: str, *, skew: float | None = None, **data: Any) -> None:
        super().__init__(message, **data)
        self.skew = skew


class WrongDomain(LoginRefused):
    """The node calls itself ``expected``, while the request was signed for ``signed``."""

    def __init__(
        self,
        message: str,
        *,
        signed: str | None = None,
        expected: str | None = None,
        **data: Any,
    ) -> None:
        super().__init__(message, **data)
        self.signed = signed
        self.expected = expected


class NotAuthorized(ApiError):
    """The account neither owns the machine nor was authorized by its owner."""

    def __init__(
        self, message: str, *, item_hash: str = "", address: str | None = None, **data: Any
    ) -> None:
        super().__init__(message, **data)
        self.item_hash = item_hash
        self.address = address


class VmNotFound(NotFoundError):
    """The compute node does not know this machine: it runs elsewhere, was stopped, or has not been started."""

    def __init__(self, message: str, *, item_hash: str = "", **data: Any) -> None:
        super().__init__(message, **data)
        self.item_hash = item_hash


class VmNotRunning(ApiError):
    """The machine is there but does not run, so the node did nothing."""

    def __init__(self, message: str, *, item_hash: str = "", **data: Any) -> None:
        super().__init__(message, **data)
        self.item_hash = item_hash


class VmBusy(ApiError):
    """Something else is being done with the machine, a backup or a restore; try again later."""

    def __init__(self, message: str, *, item_hash: str = "", **data: Any) -> None:
        super().__init__(message, **data)
        self.item_hash = item_hash


class VmStartError(ApiError):
    """The node tried to start machines and failed; ``reasons`` are its words, by item hash."""

    def __init__(
        self, message: str, *, reasons: Mapping[str, str] | None = None, **data: Any
    ) -> None:
        super().__init__(message, **data)
        self.reasons = dict(reasons or {})


class NoCapacity(ApiError):
    """The node cannot host the machine at this time; choose another one."""


class BackupNotFound(NotFoundError):
    """The node has no such backup of the machine."""

    def __init__(self, message: str, *, item_hash: str = "", **data: Any) -> None:
        super().__init__(message, **data)
        self.item_hash = item_hash


class BackupFailed(ApiError):
    """The node could not make the backup; ``reason`` are its words."""

    def __init__(self, message: str, *, item_hash: str = "", reason: str = "", **data: Any) -> None:
        super().__init__(message, **data)
        self.item_hash = item_hash
        self.reason = reason
