"""The Aleph Cloud network for Python: publish, read and verify messages, store and fetch files."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aleph_core import __version__
from aleph_core.authorizations import (
    Authorization,
    AuthorizationBuilder,
    UnreadableAuthorization,
    read_authorizations,
    security_content,
)
from aleph_core.errors import (
    AggregateConflictError,
    AlephClientError,
    AlephError,
    ApiError,
    ArgumentError,
    AttestationError,
    BadSignatureError,
    BroadcastError,
    CertificateError,
    ClosedClientError,
    ConfigurationError,
    ContentMismatchError,
    DecryptionError,
    FileTooLarge,
    ForgottenMessageError,
    InsufficientFundsError,
    InvalidItemHashError,
    InvalidMessageError,
    MalformedAnswerError,
    MessageNotFoundError,
    MessageNotProcessedError,
    MissingDependencyError,
    NotFoundError,
    PendingMessageError,
    ProcessingTimeout,
    RateLimited,
    RejectedMessage,
    RemovedMessageError,
    ResourceNotFoundError,
    SigningError,
    TransportError,
    TransportTimeout,
    UnverifiableChainError,
    UnverifiableContentError,
    VerificationError,
    WatchInterrupted,
)
from aleph_core.filters import MessageFilter, PostFilter, SortBy, SortOrder
from aleph_core.models.aggregate import Aggregate
from aleph_core.models.files import StorageLimits, StoredContent
from aleph_core.models.message import (
    Content,
    Message,
    MessageRejection,
    MessageStatus,
    Published,
)
from aleph_core.models.page import InvalidEntry, Page
from aleph_core.models.post import Post
from aleph_core.rejected import (
    AmendError,
    ContentUnavailableError,
    FileInUseError,
    ForgetError,
    InsufficientCreditsError,
    InvalidFormatError,
    PaymentMethodError,
    PermissionDeniedError,
    ProcessingError,
    SignatureRefusedError,
    StoreRefError,
    VmUpdateError,
    VolumeNotFoundError,
    VolumeTooSmallError,
)
from aleph_core.retry import RetryPolicy
from aleph_core.settings import Settings, settings
from aleph_core.verification import Verify, verify_message

from ._remote import RemoteAccount
from ._runtime import Limits, Timeout
from .client import AlephHttpClient, AuthenticatedAlephHttpClient

if TYPE_CHECKING:
    from aleph_core.accounts import (
        Account,
        AvalancheAccount,
        CosmosAccount,
        CSDKAccount,
        DOTAccount,
        ETHAccount,
        EVMAccount,
        InsecureKeyFileWarning,
        LedgerAccount,
        LedgerETHAccount,
        MainConfiguration,
        NULS2Account,
        NULSAccount,
        SOLAccount,
        SVMAccount,
        TezosAccount,
        create_key_file,
        get_fallback_account,
        load_account,
        load_main_configuration,
        read_key_file,
        save_main_configuration,
    )
    from aleph_core.executables import (
        make_instance_content,
        make_program_content,
        make_verifiable_program_content,
    )

__all__ = [
    "Account",
    "Aggregate",
    "AggregateConflictError",
    "AlephClientError",
    "AlephError",
    "AlephHttpClient",
    "AmendError",
    "ApiError",
    "ArgumentError",
    "AttestationError",
    "AuthenticatedAlephHttpClient",
    "Authorization",
    "AuthorizationBuilder",
    "AvalancheAccount",
    "BadSignatureError",
    "BroadcastError",
    "CSDKAccount",
    "CertificateError",
    "ClosedClientError",
    "ConfigurationError",
    "Content",
    "ContentMismatchError",
    "ContentUnavailableError",
    "CosmosAccount",
    "DOTAccount",
    "DecryptionError",
    "ETHAccount",
    "EVMAccount",
    "FileInUseError",
    "FileTooLarge",
    "ForgetError",
    "ForgottenMessageError",
    "InsecureKeyFileWarning",
    "InsufficientCreditsError",
    "InsufficientFundsError",
    "InvalidEntry",
    "InvalidFormatError",
    "InvalidItemHashError",
    "InvalidMessageError",
    "LedgerAccount",
    "LedgerETHAccount",
    "Limits",
    "MainConfiguration",
    "MalformedAnswerError",
    "Message",
    "MessageFilter",
    "MessageNotFoundError",
    "MessageNotProcessedError",
    "MessageRejection",
    "MessageStatus",
    "MissingDependencyError",
    "NULS2Account",
    "NULSAccount",
    "NotFoundError",
    "Page",
    "PaymentMethodError",
    "PendingMessageError",
    "PermissionDeniedError",
    "Post",
    "PostFilter",
    "ProcessingError",
    "ProcessingTimeout",
    "Published",
    "RateLimited",
    "RejectedMessage",
    "RemoteAccount",
    "RemovedMessageError",
    "ResourceNotFoundError",
    "RetryPolicy",
    "SOLAccount",
    "SVMAccount",
    "Settings",
    "SignatureRefusedError",
    "SigningError",
    "SortBy",
    "SortOrder",
    "StorageLimits",
    "StoreRefError",
    "StoredContent",
    "TezosAccount",
    "Timeout",
    "TransportError",
    "TransportTimeout",
    "UnreadableAuthorization",
    "UnverifiableChainError",
    "UnverifiableContentError",
    "VerificationError",
    "Verify",
    "VmUpdateError",
    "VolumeNotFoundError",
    "VolumeTooSmallError",
    "WatchInterrupted",
    "__version__",
    "create_key_file",
    "get_fallback_account",
    "load_account",
    "load_main_configuration",
    "make_instance_content",
    "make_program_content",
    "make_verifiable_program_content",
    "read_authorizations",
    "read_key_file",
    "save_main_configuration",
    "security_content",
    "settings",
    "verify_message",
]

# What loads only when it is first named: accounts, with their chains' libraries, the makers of
# contents, and the records of services; by module, a dot in front for one of this package.
_LAZY = {
    name: module
    for module, names in {
        "aleph_core.accounts": (
            "Account",
            "AvalancheAccount",
            "CSDKAccount",
            "CosmosAccount",
            "DOTAccount",
            "ETHAccount",
            "EVMAccount",
            "InsecureKeyFileWarning",
            "LedgerAccount",
            "LedgerETHAccount",
            "MainConfiguration",
            "NULS2Account",
            "NULSAccount",
            "SOLAccount",
            "SVMAccount",
            "TezosAccount",
            "create_key_file",
            "get_fallback_account",
            "load_account",
            "load_main_configuration",
            "read_key_file",
            "save_main_configuration",
        ),
        "aleph_core.executables": (
            "make_instance_content",
            "make_program_content",
            "make_verifiable_program_content",
        ),
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
