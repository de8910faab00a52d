"""Why a message is not processed, with the node's error codes."""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class ErrorCode(IntEnum):
    INTERNAL_ERROR = -1
    INVALID_FORMAT = 0
    INVALID_SIGNATURE = 1
    PERMISSION_DENIED = 2
    CONTENT_UNAVAILABLE = 3
    FILE_UNAVAILABLE = 4
    BALANCE_INSUFFICIENT = 5
    CREDIT_INSUFFICIENT = 6
    POST_AMEND_NO_TARGET = 100
    POST_AMEND_TARGET_NOT_FOUND = 101
    POST_AMEND_AMEND = 102
    STORE_REF_NOT_FOUND = 200
    STORE_UPDATE_UPDATE = 201
    INVALID_PAYMENT_METHOD = 202
    VM_REF_NOT_FOUND = 300
    VM_VOLUME_NOT_FOUND = 301
    VM_AMEND_NOT_ALLOWED = 302
    VM_UPDATE_UPDATE = 303
    VM_VOLUME_TOO_SMALL = 304
    FORGET_NO_TARGET = 500
    FORGET_TARGET_NOT_FOUND = 501
    FORGET_FORGET = 502
    FORGET_NOT_ALLOWED = 503


class Refused(Exception):
    """The message cannot be processed; ``errors`` end up in its ``details``."""

    def __init__(self, code: ErrorCode, errors: list[Any] | None = None) -> None:
        super().__init__(code, errors)
        self.code = code
        self.errors = errors

    @property
    def details(self) -> dict[str, Any] | None:
        return None if self.errors is None else {"errors": self.errors}


class Rejected(Refused):
    """The message is refused for good."""


class Postponed(Refused):
    """The message may become acceptable; ``waits_for`` names what would make it so."""

    def __init__(
        self, code: ErrorCode, errors: list[Any] | None = None, *, waits_for: str | None = None
    ) -> None:
        super().__init__(code, errors)
        self.waits_for = waits_for


def invalid_format(*errors: Any) -> Rejected:
    return Rejected(ErrorCode.INVALID_FORMAT, list(errors))


def permission_denied(reason: str) -> Rejected:
    return Rejected(ErrorCode.PERMISSION_DENIED, [reason])


def not_found(file_hash: str, reason: str) -> str:
    return f"File not found: {file_hash} ({reason})"
