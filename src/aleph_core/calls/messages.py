"""Reading messages: pyaleph ``GET /api/v0/messages``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from ..call import Answer, Call
from ..errors import (
    AlephError,
    ForgottenMessageError,
    MalformedAnswerError,
    MessageNotFoundError,
    PendingMessageError,
    RejectedMessage,
    RemovedMessageError,
    VerificationError,
)
from ..excerpts import shown
from ..filters import MessageFilter
from ..item_hash import is_item_hash
from ..models.message import Message, MessageRejection, MessageStatus
from ..models.page import Page
from ..paging import Position
from ..rejections import REASONS, rejection
from ..verification import Verify, read_message
from .answers import facts, json_list, json_object, malformed, read_page, refuse, segment, when

__all__ = [
    "FoundMessage",
    "FoundStatus",
    "check_asked_for",
    "message",
    "message_hashes",
    "message_status",
    "messages",
    "newest_hash",
]

_PATH = "/api/v0/messages"


@attrs.frozen
class FoundStatus:
    status: MessageStatus
    reception_time: datetime | None


@attrs.frozen
class FoundMessage:
    """What a node knows about one message, whatever its status."""

    item_hash: str
    status: MessageStatus
    answer: Answer = attrs.field(repr=False)
    message: Message | None = None
    rejection: MessageRejection | None = None
    forgotten_by: tuple[str, ...] = ()
    reason: str | None = None

    def refusal(self) -> RejectedMessage:
        """Return the error that tells why the network rejected the message."""
        known = self.rejection
        return rejection(
            self.item_hash,
            None if known is None else known.error_code,
            None if known is None else known.details,
            None if self.message is None else self.message.content,
            **facts(self.answer),
        )

    def require(self, *accepted: MessageStatus) -> Message:
        """Return the message, or raise the error that tells its status."""
        if self.message is not None and self.status in accepted:
            return self.message
        if self.rejection is not None:
            raise self.refusal()
        data = {
            "item_hash": self.item_hash,
            "message_status": self.status.value,
            **facts(self.answer),
        }
        if self.status is MessageStatus.FORGOTTEN:
            by = ", ".join(self.forgotten_by) or "an unnamed message"
            raise ForgottenMessageError(
                f"message {self.item_hash} was forgotten by {by}",
                forgotten_by=self.forgotten_by,
                **data,
            )
        if self.status is MessageStatus.REMOVED:
            raise RemovedMessageError(
                f"message {self.item_hash} was removed: {self.reason or 'no reason given'}",
                reason=self.reason,
                **data,
            )
        raise PendingMessageError(
            f"message {self.item_hash} is {self.status}; wait_for_message waits until it is processed",
            **data,
        )


def message(item_hash: str, *, verify: Verify) -> Call[FoundMessage]:
    def parse(answer: Answer) -> FoundMessage:
        body = _known(answer, item_hash)
        status = _status(answer, body)
        raw = body.get("message")
        if status is MessageStatus.PENDING:
            # A pending message comes as a list of the copies that the node received.
            copies = json_list(answer, body, "messages")
            raw = copies[0] if copies else malformed(answer, "a pending message")
        # A rejected message is shown as it was submitted: its signature may be what is wrong with it.
        level: Verify = (
            "content" if status is MessageStatus.REJECTED and verify == "signature" else verify
        )
        found: Message | None = None
        try:
            found = read_message(
                raw, verify=level, expected_hash=item_hash, status=status, node=answer.node
            )
        except AlephError:
            if status is not MessageStatus.REJECTED:
                raise
        forgotten_by = body.get("forgotten_by")
        reason = body.get("reason")
        return FoundMessage(
            item_hash=item_hash,
            status=status,
            answer=answer,
            message=found,
            rejection=_rejection(body) if status is MessageStatus.REJECTED else None,
            forgotten_by=tuple(
                entry
                for entry in (forgotten_by if isinstance(forgotten_by, list) else ())
                if isinstance(entry, str)
            ),
            reason=reason if isinstance(reason, str) else None,
        )

    return Call("GET", f"{_PATH}/{segment(item_hash)}", parse)


def message_status(item_hash: str) -> Call[FoundStatus]:
    def parse(answer: Answer) -> FoundStatus:
        body = _known(answer, item_hash)
        return FoundStatus(_status(answer, body), when(body.get("reception_time")))

    return Call("GET", f"{_PATH}/{segment(item_hash)}/status", parse)


def messages(
    message_filter: MessageFilter,
    position: Position,
    page_size: int,
    *,
    verify: Verify,
    strict: bool = False,
) -> Call[Page[Message]]:
    def read(raw: Any) -> Message:
        message = read_message(raw, verify=verify, status=message_filter.skeletons)
        # Content that is still to be fetched can be held against the filter only later.
        if verify != "off" and (message.item_type == "inline" or message_filter.skeletons):
            check_asked_for(message, message_filter)
        return message

    def parse(answer: Answer) -> Page[Message]:
        return read_page(answer, "messages", read, page_size=page_size, strict=strict)

    params = [*message_filter.params(), ("pagination", str(page_size)), *position.params()]
    return Call("GET", f"{_PATH}.json", parse, params=params)


def check_asked_for(message: Message, message_filter: MessageFilter) -> None:
    """Raise ``VerificationError`` for a message that the filter excludes."""
    if not message_filter.matches(message):
        raise VerificationError(
            f"message {message.item_hash} was not asked for: it does not match the filter",
            item_hash=message.item_hash,
        )


def message_hashes(received_since: float, *, page: int, page_size: int) -> Call[Page[str]]:
    """List the hashes of processed messages by the time at which the node received them, oldest first."""

    def parse(answer: Answer) -> Page[str]:
        return read_page(answer, "hashes", _read_hash, page_size=page_size)

    params = [
        ("startDate", repr(received_since)),
        ("sortOrder", "1"),
        ("pagination", str(page_size)),
        ("page", str(page)),
    ]
    return Call("GET", f"{_PATH}/hashes", parse, params=params)


def newest_hash() -> Call[Page[str]]:
    """List the hash of the message that the node received last among the processed ones."""

    def parse(answer: Answer) -> Page[str]:
        return read_page(answer, "hashes", _read_hash, page_size=1)

    params = [("sortOrder", "-1"), ("pagination", "1")]
    return Call("GET", f"{_PATH}/hashes", parse, params=params)


def _read_hash(raw: Any) -> str:
    if not isinstance(raw, str) or not is_item_hash(raw):
        raise MalformedAnswerError(f"a hash came as {shown(raw)}")
    return raw


def _known(answer: Answer, item_hash: str) -> dict[str, Any]:
    if answer.status == 200:
        return json_object(answer)
    if answer.status not in (404, 410):
        refuse(answer, f"the request for message {item_hash}")
    raise MessageNotFoundError(
        f"{answer.node or 'the node'} does not know message {item_hash}",
        item_hash=item_hash,
        **facts(answer),
    )


def _status(answer: Answer, body: Mapping[str, Any]) -> MessageStatus:
    try:
        return MessageStatus(body["status"])
    except (KeyError, ValueError, TypeError):
        malformed(answer, f"a message status, not {shown(body.get('status'))}")


def _rejection(body: Mapping[str, Any]) -> MessageRejection:
    code = body.get("error_code")
    code = code if isinstance(code, int) and not isinstance(code, bool) else -1
    return MessageRejection(
        error_code=code, details=body.get("details"), reason=REASONS.get(code, "")
    )
