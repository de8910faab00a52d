"""FORGET messages."""

from __future__ import annotations

from sqlite3 import Connection

from aleph_message.models import (
    AggregateContent,
    ForgetContent,
    PostContent,
    StoreContent,
)

from . import aggregates, authorizations, costs, executables, files, machines, posts, processed
from .envelopes import parse_content
from .processed import Message
from .rejections import ErrorCode, Postponed, Rejected, permission_denied


def targets(connection: Connection, content: ForgetContent) -> list[str]:
    """Return the hashes to forget, those of the elements of whole aggregates included."""
    found = [str(item_hash) for item_hash in content.hashes]
    for key in content.aggregates:
        found += aggregates.elements(connection, content.address, str(key))
    return list(dict.fromkeys(found))


def _missing(item_hash: str) -> Postponed:
    return Postponed(
        ErrorCode.FORGET_TARGET_NOT_FOUND, [{"message": item_hash}], waits_for=item_hash
    )


def check_permissions(connection: Connection, message: Message, content: ForgetContent) -> None:
    """Raise unless the sender could have published every target itself."""
    for item_hash in targets(connection, content):
        status = processed.status_of(connection, item_hash)
        if status in (None, processed.PENDING):
            raise _missing(item_hash)
        target = processed.load(connection, item_hash)
        if target is None:
            continue
        if target.type == "FORGET":
            raise Rejected(ErrorCode.FORGET_FORGET, [{"message": item_hash}])
        if not authorizations.may_create(connection, message.sender, target):
            raise permission_denied(
                f"Sender {message.sender} is not authorized to forget message {item_hash} owned by"
                f" {target.owner}: the sender could not have created this target under the owner's"
                " security aggregate"
            )


def check_dependencies(connection: Connection, content: ForgetContent) -> None:
    if not content.hashes and not content.aggregates:
        raise Rejected(ErrorCode.FORGET_NO_TARGET)
    for item_hash in content.hashes:
        if processed.status_of(connection, item_hash) != processed.PROCESSED:
            raise _missing(str(item_hash))
        user = executables.user_of(connection, item_hash)
        if user is not None:
            raise Rejected(ErrorCode.FORGET_NOT_ALLOWED, [f"File {item_hash} used on vm {user}"])
    for key in content.aggregates:
        if aggregates.find(connection, content.address, key) is None:
            raise Postponed(ErrorCode.FORGET_TARGET_NOT_FOUND, [{"aggregate": str(key)}])


def process(connection: Connection, message: Message, content: ForgetContent) -> None:
    for item_hash in targets(connection, content):
        _forget(connection, item_hash, message)


def _forget(connection: Connection, item_hash: str, by: Message) -> None:
    target = processed.load(connection, item_hash)
    if target is None:
        return
    content = parse_content(target.type, target.content)
    file_size: int | None = None
    followers: list[str] = []
    if isinstance(content, PostContent):
        followers = posts.forget(connection, target, content)
    elif isinstance(content, AggregateContent):
        aggregates.forget(connection, target, content)
    elif isinstance(content, StoreContent):
        file = files.find(connection, content.item_hash)
        file_size = None if file is None else file["size"]
        files.forget(connection, target, content)
    else:
        executables.forget(connection, target)
        machines.forget(connection, item_hash)
    costs.forget(connection, item_hash)
    processed.mark_forgotten(
        connection, item_hash, by=by.item_hash, at=by.time, file_size=file_size
    )
    for follower in followers:
        processed.mark_forgotten(connection, follower, by=by.item_hash, at=by.time, file_size=None)
