"""Why the network said no to a message: one error for each thing that its publisher can do about it.

What a node did not tell is None, or an empty tuple. ``error_code`` parts the cases of one family.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import RejectedMessage, UnpaidMessageError

__all__ = [
    "AmendError",
    "ContentUnavailableError",
    "FileInUseError",
    "ForgetError",
    "InsufficientCreditsError",
    "InvalidFormatError",
    "PaymentMethodError",
    "PermissionDeniedError",
    "ProcessingError",
    "SignatureRefusedError",
    "StoreRefError",
    "VmUpdateError",
    "VolumeNotFoundError",
    "VolumeTooSmallError",
]


class ProcessingError(RejectedMessage):
    """The node itself failed to process the message, several times."""


class InvalidFormatError(RejectedMessage):
    """The content is not what its type asks for; ``problems`` are the node's words."""

    def __init__(self, message: str, *, problems: Sequence[str] = (), **data: Any) -> None:
        super().__init__(message, **data)
        self.problems = tuple(problems)


class SignatureRefusedError(RejectedMessage):
    """The signature is missing, or is not the sender's."""


class PermissionDeniedError(RejectedMessage):
    """The ``sender`` may not publish for the ``owner``, or not change the message ``target``."""

    def __init__(
        self,
        message: str,
        *,
        sender: str | None = None,
        owner: str | None = None,
        target: str | None = None,
        **data: Any,
    ) -> None:
        super().__init__(message, **data)
        self.sender = sender
        self.owner = owner
        self.target = target


class ContentUnavailableError(RejectedMessage):
    """The content of the message, or the file that it stores, could not be fetched."""

    def __init__(self, message: str, *, file_hash: str | None = None, **data: Any) -> None:
        super().__init__(message, **data)
        self.file_hash = file_hash


class InsufficientCreditsError(UnpaidMessageError):
    """The payer's credits do not last for the message and all that runs already.

    ``required`` are the credits for ``min_runtime_days`` days.
    """

    def __init__(
        self,
        message: str,
        *,
        min_runtime_days: int | None = None,
        token: str = "credits",  # noqa: S107 - a currency
        **data: Any,
    ) -> None:
        super().__init__(message, token=token, **data)
        self.min_runtime_days = min_runtime_days


class PaymentMethodError(RejectedMessage):
    """The network takes this ``payment_type`` no longer for such a message."""

    def __init__(self, message: str, *, payment_type: str | None = None, **data: Any) -> None:
        super().__init__(message, **data)
        self.payment_type = payment_type


class AmendError(RejectedMessage):
    """The post that ``ref`` names cannot be amended: it is unnamed, unknown or an amend itself."""

    def __init__(self, message: str, *, ref: str | None = None, **data: Any) -> None:
        super().__init__(message, **data)
        self.ref = ref


class StoreRefError(RejectedMessage):
    """The stored file that ``ref`` names is unknown, or is a revision itself."""

    def __init__(self, message: str, *, ref: str | None = None, **data: Any) -> None:
        super().__init__(message, **data)
        self.ref = ref


class VmUpdateError(RejectedMessage):
    """The machine or program ``ref`` cannot be replaced: unknown, unchangeable or an update itself."""

    def __init__(self, message: str, *, ref: str | None = None, **data: Any) -> None:
        super().__init__(message, **data)
        self.ref = ref


class VolumeNotFoundError(RejectedMessage):
    """The code, the runtime or volumes are unknown; ``refs`` are the hashes of their STOREs."""

    def __init__(self, message: str, *, refs: Sequence[str] = (), **data: Any) -> None:
        super().__init__(message, **data)
        self.refs = tuple(refs)


class VolumeTooSmallError(RejectedMessage):
    """A volume is smaller than the file it begins with; sizes are in bytes.

    ``parent_ref`` is the hash of the STORE, ``parent_file`` that of its file.
    """

    def __init__(
        self,
        message: str,
        *,
        volume_name: str | None = None,
        volume_size: int | None = None,
        parent_ref: str | None = None,
        parent_file: str | None = None,
        parent_size: int | None = None,
        **data: Any,
    ) -> None:
        super().__init__(message, **data)
        self.volume_name = volume_name
        self.volume_size = volume_size
        self.parent_ref = parent_ref
        self.parent_file = parent_file
        self.parent_size = parent_size


class ForgetError(RejectedMessage):
    """What was to be forgotten cannot be; ``targets`` are the hashes, or keys of aggregates, at fault."""

    def __init__(self, message: str, *, targets: Sequence[str] = (), **data: Any) -> None:
        super().__init__(message, **data)
        self.targets = tuple(targets)


class FileInUseError(ForgetError):
    """The file of the STORE ``store_hash`` is used by the machine or program ``vm_hash``."""

    def __init__(
        self,
        message: str,
        *,
        store_hash: str | None = None,
        vm_hash: str | None = None,
        **data: Any,
    ) -> None:
        super().__init__(message, **data)
        self.store_hash = store_hash
        self.vm_hash = vm_hash
