"""The one error family: every exception this library raises on purpose is an ``AlephError``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

__all__ = [
    "AggregateConflictError",
    "AlephClientError",
    "AlephError",
    "ApiError",
    "ArgumentError",
    "AttestationError",
    "BadSignatureError",
    "BroadcastError",
    "CertificateError",
    "ClosedClientError",
    "ConfigurationError",
    "ContentMismatchError",
    "DecryptionError",
    "FileTooLarge",
    "ForgottenMessageError",
    "InsufficientFundsError",
    "InvalidItemHashError",
    "InvalidMessageError",
    "MalformedAnswerError",
    "MessageNotFoundError",
    "MessageNotProcessedError",
    "MissingDependencyError",
    "NotFoundError",
    "PendingMessageError",
    "PortForwardingError",
    "ProcessingTimeout",
    "RateLimited",
    "RejectedMessage",
    "RemovedMessageError",
    "ResourceNotFoundError",
    "SigningError",
    "TransportError",
    "TransportTimeout",
    "UnpaidMessageError",
    "UnsupportedByNode",
    "UnverifiableChainError",
    "UnverifiableContentError",
    "VerificationError",
    "WatchInterrupted",
]


class AlephError(Exception):
    """Base of every error of this library."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions cross process pools; the keyword-only data travels in the instance dictionary.
        return _rebuild, (type(self), self.__dict__.copy())


def _rebuild(kind: type[AlephError], state: dict[str, Any]) -> AlephError:
    error = kind.__new__(kind, state.get("message", ""))
    error.args = (state.get("message", ""),)
    error.__dict__.update(state)
    return error


AlephClientError = AlephError


class ConfigurationError(AlephError):
    """A setting or an option is missing or wrong; found before any I/O."""


class MissingDependencyError(ConfigurationError):
    """The feature needs an optional dependency that is not installed."""

    def __init__(self, feature: str, *, extra: str) -> None:
        super().__init__(
            f"{feature} needs an optional dependency: pip install 'aleph-sync[{extra}]'"
        )
        self.extra = extra


class ArgumentError(ConfigurationError, ValueError):
    """An argument can be known to be wrong before anything is signed or sent."""

    def __init__(self, argument: str, problem: str) -> None:
        super().__init__(f"{argument}: {problem}")
        self.argument = argument


class ClosedClientError(AlephError, RuntimeError):
    """The client was closed; make a new one."""


class TransportError(AlephError):
    """No answer came: connection refused or cut, TLS failure, protocol violation.

    ``sent`` is false when surely nothing of the request left this machine.
    ``close_code`` is the code with which a websocket ended, if it had one.
    """

    def __init__(
        self,
        message: str,
        *,
        node: str | None = None,
        attempts: int = 1,
        causes: Sequence[str] = (),
        sent: bool = True,
        close_code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.node = node
        self.attempts = attempts
        self.causes = tuple(causes)
        self.sent = sent
        self.close_code = close_code


class TransportTimeout(TransportError):
    """No answer came in time."""


class ProcessingTimeout(AlephError, TimeoutError):
    """The message was not processed in time, and may still be; publishing it again is harmless.

    ``status`` is the last one seen, None for a message that the node does not know.
    """

    def __init__(
        self,
        message: str,
        *,
        item_hash: str,
        status: str | None = None,
        timeout: float = 0.0,
        node: str | None = None,
    ) -> None:
        super().__init__(message)
        self.item_hash = item_hash
        self.status = status
        self.timeout = timeout
        self.node = node


class ApiError(AlephError):
    """A node answered with a refusal, or with something that is not an answer."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        node: str | None = None,
        body: str = "",
        attempts: int = 1,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.node = node
        self.body = body
        self.attempts = attempts


class MalformedAnswerError(ApiError):
    """The answer is not what the protocol promises: truncated, of another type, or too long."""


class NotFoundError(ApiError):
    """The node does not know what was asked for."""


class MessageNotFoundError(NotFoundError):
    """The node does not know this message."""

    def __init__(self, message: str, *, item_hash: str = "", **data: Any) -> None:
        super().__init__(message, **data)
        self.item_hash = item_hash


class InvalidItemHashError(ArgumentError, MessageNotFoundError):
    """The text is no item hash, so no message can have it; nothing was sent."""

    def __init__(self, argument: str, problem: str, *, item_hash: str = "") -> None:
        MessageNotFoundError.__init__(self, f"{argument}: {problem}", item_hash=item_hash)
        self.argument = argument


class MessageNotProcessedError(ApiError):
    """The message exists but has no content to give in its present status."""

    def __init__(self, message: str, *, item_hash: str, message_status: str, **data: Any) -> None:
        super().__init__(message, **data)
        self.item_hash = item_hash
        self.message_status = message_status


class PendingMessageError(MessageNotProcessedError):
    """The message waits to be processed; ask again later."""


class ForgottenMessageError(MessageNotProcessedError):
    """The message was forgotten at its owner's wish."""

    def __init__(self, message: str, *, forgotten_by: Sequence[str] = (), **data: Any) -> None:
        super().__init__(message, **data)
        self.forgotten_by = tuple(forgotten_by)


class RemovedMessageError(MessageNotProcessedError):
    """The network removed the message, for want of funds as a rule."""

    def __init__(self, message: str, *, reason: str | None = None, **data: Any) -> None:
        super().__init__(message, **data)
        self.reason = reason


class ResourceNotFoundError(NotFoundError):
    """The node has no such file, aggregate or other resource."""


class UnsupportedByNode(NotFoundError):
    """The server has no such operation: it is no compute node, or one of an older version.

    ``node_version`` is the version that it told, if it did.
    """

    def __init__(self, message: str, *, node_version: str | None = None, **data: Any) -> None:
        super().__init__(message, **data)
        self.node_version = node_version


class FileTooLarge(ApiError):
    """The file exceeds what the node takes or gives in this way."""

    def __init__(
        self, message: str, *, size: int | None = None, limit: int | None = None, **data: Any
    ) -> None:
        super().__init__(message, **data)
        self.size = size
        self.limit = limit


class RateLimited(ApiError):
    """The node or the proxy before it asks to slow down."""

    def __init__(self, message: str, *, retry_after: float | None = None, **data: Any) -> None:
        super().__init__(message, **data)
        self.retry_after = retry_after


class BroadcastError(ApiError):
    """The node took the message but could pass it on to no network."""


class InvalidMessageError(ApiError):
    """The node refused the message before publishing it; nothing is stored."""


class RejectedMessage(ApiError):
    """The network processed the message and said no."""

    def __init__(
        self,
        message: str,
        *,
        item_hash: str,
        error_code: int | None = None,
        details: object = None,
        **data: Any,
    ) -> None:
        super().__init__(message, **data)
        self.item_hash = item_hash
        self.error_code = error_code
        self.details = details


class InsufficientFundsError(AlephError):
    """What the payer holds does not suffice; an amount that nobody told is None.

    ``required`` is what must be there in all, that for what runs already included.
    """

    def __init__(
        self,
        message: str,
        *,
        required: Decimal | None = None,
        available: Decimal | None = None,
        token: str = "ALEPH",  # noqa: S107 - a currency
    ) -> None:
        super().__init__(message)
        self.required = required
        self.available = available
        self.token = token

    @property
    def currency(self) -> str:
        """The same as ``token``."""
        return self.token


class UnpaidMessageError(RejectedMessage, InsufficientFundsError):
    """What the payer holds does not cover the message."""

    def __init__(
        self,
        message: str,
        *,
        item_hash: str = "",
        required: Decimal | None = None,
        available: Decimal | None = None,
        token: str = "ALEPH",  # noqa: S107 - a currency
        **data: Any,
    ) -> None:
        super().__init__(message, item_hash=item_hash, **data)
        self.required = required
        self.available = available
        self.token = token


class VerificationError(AlephError):
    """What a node said does not hold: hash, content or signature differ."""

    def __init__(
        self, message: str, *, item_hash: str | None = None, node: str | None = None
    ) -> None:
        super().__init__(message)
        self.item_hash = item_hash
        self.node = node


class ContentMismatchError(VerificationError):
    """The bytes do not hash to the hash that was asked for."""


class BadSignatureError(VerificationError):
    """The signature is malformed or is not the sender's."""


class UnverifiableChainError(VerificationError):
    """This library has no verifier for the chain of the message."""

    def __init__(self, message: str, *, chain: str = "", **data: Any) -> None:
        super().__init__(message, **data)
        self.chain = chain


class UnverifiableContentError(VerificationError):
    """The content cannot be held against its hash here; install the extra or choose verify="off"."""


class SigningError(AlephError):
    """The wallet did not sign: locked, refused, disconnected or of the wrong kind.

    ``status_word`` is the number with which a device refused, if it gave one.
    """

    def __init__(self, message: str, *, status_word: int | None = None) -> None:
        super().__init__(message)
        self.status_word = status_word


class AggregateConflictError(AlephError):
    """Others kept writing an aggregate while it was edited."""

    def __init__(self, message: str, *, key: str = "", attempts: int = 1) -> None:
        super().__init__(message)
        self.key = key
        self.attempts = attempts


class PortForwardingError(AlephError):
    """A compute node forwards other ports than those that the network's messages say.

    ``differing`` says how, by port of the machine.
    """

    def __init__(
        self,
        message: str,
        *,
        item_hash: str = "",
        node: str | None = None,
        differing: Mapping[int, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.item_hash = item_hash
        self.node = node
        self.differing = dict(differing or {})


class DecryptionError(AlephError):
    """The bytes were not encrypted for this key, or were altered since."""


class AttestationError(AlephError):
    """A confidential machine does not prove what it must prove; give it no secret.

    ``check`` names what failed, in one hyphenated word such as ``measurement``.
    """

    def __init__(self, message: str, *, check: str = "") -> None:
        super().__init__(message)
        self.check = check


class CertificateError(AttestationError):
    """The certificates of a platform are malformed or do not lead to a trusted root."""


class WatchInterrupted(TransportError):
    """The stream of messages broke and could not be resumed without a gap."""

    def __init__(self, message: str, *, last_seen: Any = None, **data: Any) -> None:
        super().__init__(message, **data)
        self.last_seen = last_seen
