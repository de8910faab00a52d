"""Publishing messages: pyaleph ``POST /api/v0/messages``."""

from __future__ import annotations

from ..call import Answer, Call, JsonBody
from ..errors import BroadcastError, FileTooLarge, InvalidMessageError
from ..excerpts import shown
from ..json_text import json_text, parse_json
from ..messages import wire
from ..models.message import Message, MessageStatus
from .answers import facts, refuse

__all__ = ["NODE_WAIT", "publish"]

# pyaleph waits at most this many seconds for the processing of a message published with sync.
NODE_WAIT = 30.0
# JSON bodies above this size are refused by pyaleph (client_max_size).
_LARGEST_BODY = 1024 * 1024


def publish(message: Message, *, sync: bool) -> Call[MessageStatus]:
    """Publish a signed message; the status is ``rejected`` when the node processed it and said no.

    A signed message may be sent again: its hash makes that harmless. With ``sync`` it is not repeated
    blindly, because a node stalls on what it knows already.
    """

    def parse(answer: Answer) -> MessageStatus:
        return read_publication(answer, message.item_hash)

    body = {"sync": sync, "message": wire(message)}
    text = json_text(body, "message").encode()
    if len(text) > _LARGEST_BODY:
        raise FileTooLarge(
            f"message {message.item_hash} makes a request of {len(text)} bytes, nodes take "
            f"{_LARGEST_BODY}; put the data into a file and publish its hash",
            size=len(text),
            limit=_LARGEST_BODY,
        )
    return Call(
        "POST",
        "/api/v0/messages",
        parse,
        body=JsonBody(text),
        idempotent=not sync,
        minimum_timeout=NODE_WAIT + 15 if sync else 0.0,
    )


def read_publication(answer: Answer, item_hash: str) -> MessageStatus:
    data = facts(answer)
    try:
        body = parse_json(answer.body)
    except ValueError:
        body = None
    publication = body.get("publication_status") if isinstance(body, dict) else None
    if isinstance(body, dict) and isinstance(publication, dict):
        if publication.get("status") == "error" or answer.status >= 500:
            raise BroadcastError(
                f"{answer.node or 'the node'} could pass message {item_hash} on to no network "
                f"({shown(publication.get('failed'))}); publish it through another node",
                **data,
            )
        try:
            return MessageStatus(body["message_status"])
        except (KeyError, ValueError, TypeError):
            refuse(answer, f"the publication of message {item_hash}")
    if answer.status != 422:
        refuse(answer, f"the publication of message {item_hash}")
    raise InvalidMessageError(
        f"{answer.node or 'the node'} refused message {item_hash} before publishing it: "
        f"{answer.excerpt}",
        **data,
    )
