"""Why a confidential machine was not started: what its node refuses, and roots that cannot be had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import ApiError, CertificateError

__all__ = [
    "ConfidentialDisabled",
    "InitializationRefused",
    "NotConfidential",
    "RootsUnavailable",
    "SecretRefused",
    "VmRunning",
]


class ConfidentialDisabled(ApiError):
    """The node does no confidential computing; choose another one."""


class InitializationRefused(ApiError):
    """The node does not start the machine with this session; ``code`` and ``reason`` are its words."""

    def __init__(
        self, message: str, *, item_hash: str = "", code: str = "", reason: str = "", **data: Any
    ) -> None:
        super().__init__(message, **data)
        self.item_hash = item_hash
        self.code = code
        self.reason = reason


class VmRunning(InitializationRefused):
    """The machine runs, or was given a session before; stop and start it to give it another one."""


class NotConfidential(InitializationRefused):
    """The message of the machine asks for no trusted execution environment."""


class SecretRefused(ApiError):
    """The machine's hypervisor did not take the secret; ``reason`` are its words."""

    def __init__(self, message: str, *, item_hash: str = "", reason: str = "", **data: Any) -> None:
        super().__init__(message, **data)
        self.item_hash = item_hash
        self.reason = reason


class RootsUnavailable(CertificateError):
    """The roots that a platform may go back to could not be had, so nothing is proved.

    ``products`` are AMD's names of those that are missing, ``causes`` say why.
    """

    def __init__(
        self,
        message: str,
        *,
        products: Sequence[str] = (),
        causes: Sequence[str] = (),
        check: str = "roots-unavailable",
    ) -> None:
        super().__init__(message, check=check)
        self.products = tuple(products)
        self.causes = tuple(causes)
