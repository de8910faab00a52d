"""One attempt to process one pending message, in one transaction."""

from __future__ import annotations

import json
import logging
from sqlite3 import Connection, Row

import attrs
from aleph_message.models import (
    AggregateContent,
    BaseContent,
    ForgetContent,
    PostContent,
    StoreContent,
)

from aleph_core.errors import VerificationError
from aleph_core.signatures import verify_signature

from . import (
    aggregates,
    authorizations,
    costs,
    executables,
    files,
    forgetting,
    funds,
    posts,
    processed,
    scheduling,
)
from .costs import CREDIT, HOLD, Cost
from .envelopes import hash_kind, parse_content, parse_json
from .filestore import FileStore
from .machines import Machines
from .prices import CREDIT_ONLY_FROM, FREE_UNTIL
from .processed import PENDING, PROCESSED, REJECTED, Message
from .rejections import ErrorCode, Postponed, Refused, Rejected, invalid_format, not_found
from .settings import NodeSettings

logger = logging.getLogger("aleph_devnode")


@attrs.frozen
class Outcome:
    """Hold what an attempt came to; only ``announced`` outcomes end the wait of a publisher."""

    item_hash: str
    status: str
    announced: bool
    attempts: int = 0
    waits_for: str | None = None
    message: Message | None = None


class Processor:
    """Process pending messages by the rules of the network."""

    def __init__(self, settings: NodeSettings, store: FileStore, machines: Machines) -> None:
        self._settings = settings
        self._store = store
        self._machines = machines

    def attempt(self, connection: Connection, item_hash: str, *, counted: bool) -> Outcome | None:
        """Try to process a pending message; None when it is not pending any more."""
        row = processed.find(connection, item_hash)
        if row is None or row["status"] != PENDING:
            return None
        announced = bool(row["fetched"])
        connection.execute("SAVEPOINT attempt")
        try:
            message, content = self._fetch(connection, row)
            announced = True
            self._process(connection, message, content)
        except Exception as error:  # noqa: BLE001 - whatever fails, the real node tries again
            connection.execute("ROLLBACK TO attempt")
            refusal = error if isinstance(error, Refused) else _internal(item_hash, error)
            return self._refused(connection, row, refusal, announced=announced, counted=counted)
        finally:
            connection.execute("RELEASE attempt")
        return Outcome(item_hash, PROCESSED, announced=True, message=message)

    def _fetch(self, connection: Connection, row: Row) -> tuple[Message, BaseContent]:
        """Check what can be checked without the other messages, and bring in content and file."""
        self._check_signature(row)
        message = self._with_content(connection, row)
        content = parse_content(message.type, message.content)
        self._check_permissions(connection, message, content)
        if isinstance(content, StoreContent):
            self._check_store_payer(connection, message, content)
            files.fetch(connection, content)
        return message, content

    @staticmethod
    def _check_signature(row: Row) -> None:
        text = f"{row['chain']}\n{row['sender']}\n{row['type']}\n{row['item_hash']}".encode()
        _check_signature_form(row["chain"], row["signature"])
        try:
            verify_signature(
                chain=row["chain"],
                sender=row["sender"],
                buffer=text,
                signature=row["signature"],
                time=row["time"],
            )
        except VerificationError as error:
            raise signature_refusal(row["chain"]) from error

    def _with_content(self, connection: Connection, row: Row) -> Message:
        if row["item_type"] == "inline":
            raw = row["item_content"]
        else:
            raw = self._content_file(connection, row["item_hash"])
        where = f"Invalid message content for {row['item_hash']}"
        if "\\u0000" in raw:
            raise invalid_format(f"{where}: Unsupported character in message: \\u0000")
        try:
            content = parse_json(raw)
        except ValueError as error:
            raise invalid_format(f"{where}: {error}") from error
        if not isinstance(content, dict):
            raise invalid_format(f"{where}: not an object")
        if content.get("address") is None:
            content["address"] = row["sender"]
        if content.get("time") is None:
            content["time"] = row["time"]
        return processed.from_row(row, content, len(raw))

    def _content_file(self, connection: Connection, item_hash: str) -> str:
        if files.find(connection, item_hash) is None:
            raise Postponed(
                ErrorCode.CONTENT_UNAVAILABLE,
                [not_found(item_hash, "could not fetch message content")],
                waits_for=item_hash,
            )
        try:
            return self._store.read(item_hash).decode()
        except UnicodeDecodeError as error:
            raise invalid_format(f"Invalid message content for {item_hash}: {error}") from error

    @staticmethod
    def _check_permissions(connection: Connection, message: Message, content: BaseContent) -> None:
        if isinstance(content, ForgetContent):
            forgetting.check_permissions(connection, message, content)
            return
        authorizations.check(connection, message)
        if isinstance(content, PostContent):
            posts.check_amended_owner(connection, content)
        elif isinstance(content, StoreContent):
            files.check_tag_owner(connection, content, message.item_hash)

    def _check_store_payer(
        self, connection: Connection, message: Message, content: StoreContent
    ) -> None:
        """Refuse early those who cannot pay what they have; small IPFS files on the hold plan are let through."""
        if message.time < FREE_UNTIL:
            return
        payment_type = _store_payment(message, content)
        file = files.find(connection, content.item_hash)
        cost = costs.total([], payment_type)
        if content.item_type == "ipfs" and file is not None:
            if payment_type == HOLD and file["size"] <= self._settings.max_unsigned_file:
                return
            size = costs.size_in_mib(file["size"])
            cost = costs.total(
                costs.of_storage(size, payment_type, message.item_hash), payment_type
            )
        costs.check_funds(connection, content.address, cost, payment_type)

    def _process(self, connection: Connection, message: Message, content: BaseContent) -> None:
        parts: list[Cost] = []
        if isinstance(content, PostContent):
            posts.check_dependencies(connection, content)
            posts.process(connection, message, content)
            if funds.is_transfer(message):
                funds.transfer(connection, message)
        elif isinstance(content, AggregateContent):
            aggregates.process(connection, message, content)
        elif isinstance(content, ForgetContent):
            forgetting.check_dependencies(connection, content)
            forgetting.process(connection, message, content)
        elif isinstance(content, StoreContent):
            files.check_dependencies(connection, content)
            parts = self._check_store_balance(connection, message, content)
            files.process(connection, message, content)
        elif isinstance(content, costs.Executable):
            executables.check_dependencies(connection, content)
            parts = executables.check_balance(connection, message, content)
            executables.process(connection, message, content)
            if scheduling.is_placed(message, self._settings.node_hash):
                self._machines.begin(connection, message, placed=True)
        costs.save(
            connection, message.owner, message.item_hash, costs.payment_type_of(content), parts
        )
        if message.item_type != "inline":
            files.pin_content(connection, message)
        processed.mark_processed(connection, message)

    def _check_store_balance(
        self, connection: Connection, message: Message, content: StoreContent
    ) -> list[Cost]:
        parts = costs.of_store(connection, content, message.item_hash)
        if message.time < FREE_UNTIL:
            return parts
        payment_type = _store_payment(message, content)
        file = files.find(connection, content.item_hash)
        if (
            payment_type == HOLD
            and file is not None
            and 0 < file["size"] <= self._settings.max_unsigned_file
        ):
            return parts
        costs.check_funds(
            connection, content.address, costs.total(parts, payment_type), payment_type
        )
        return parts

    def _refused(
        self, connection: Connection, row: Row, refusal: Refused, *, announced: bool, counted: bool
    ) -> Outcome:
        item_hash = row["item_hash"]
        attempts = row["attempts"] + (1 if counted else 0)
        if isinstance(refusal, Postponed) and attempts < self._settings.max_retries:
            connection.execute(
                "UPDATE messages SET attempts = ?, waits_for = ?, fetched = ? WHERE item_hash = ?",
                (attempts, refusal.waits_for, announced, item_hash),
            )
            return Outcome(item_hash, PENDING, announced, attempts, refusal.waits_for)
        reject(connection, item_hash, refusal)
        return Outcome(item_hash, REJECTED, announced)


def reject(connection: Connection, item_hash: str, refusal: Refused) -> None:
    connection.execute(
        "UPDATE messages SET status = ?, error_code = ?, details = ?, waits_for = NULL WHERE item_hash = ?",
        (
            REJECTED,
            int(refusal.code),
            None if refusal.details is None else json.dumps(refusal.details, ensure_ascii=False),
            item_hash,
        ),
    )


def signature_refusal(chain: str) -> Rejected:
    if chain in _CHAINS_WITHOUT_VERIFIER:
        return invalid_format(f"Unsupported chain: {chain}")
    return Rejected(ErrorCode.INVALID_SIGNATURE, ["The signature of the message is invalid"])


_CHAINS_WITHOUT_VERIFIER = frozenset({"AURORA", "STT"})
_JSON_SIGNATURE_KEYS = {
    "SOL": ("publicKey", "signature"),
    "ES": ("publicKey", "signature"),
    "TEZOS": ("publicKey", "signature"),
    "DOT": ("curve", "data"),
    "CSDK": ("signature", "pub_key"),
}


def _check_signature_form(chain: str, signature: str) -> None:
    """Reproduce a fault of the real node: a JSON signature that lacks a key is retried, then rejected with -1."""
    keys = _JSON_SIGNATURE_KEYS.get(chain, ())
    try:
        parsed = parse_json(signature)
    except ValueError:
        return
    if isinstance(parsed, dict) and any(key not in parsed for key in keys):
        raise Postponed(ErrorCode.INTERNAL_ERROR)


def _store_payment(message: Message, content: StoreContent) -> str:
    payment_type = costs.payment_type_of(content)
    if payment_type != CREDIT and message.time >= CREDIT_ONLY_FROM:
        raise Rejected(ErrorCode.INVALID_PAYMENT_METHOD)
    return payment_type


def _internal(item_hash: str, error: Exception) -> Postponed:
    logger.error("message %s could not be processed", item_hash, exc_info=error)
    return Postponed(ErrorCode.INTERNAL_ERROR)


def is_fetched(connection: Connection, item_type: str, kind: str, content: object) -> bool:
    """Tell whether everything an inline message needs is here already."""
    if item_type != "inline":
        return False
    if kind != "STORE" or not isinstance(content, dict):
        return True
    file_hash = content.get("item_hash")
    return (
        isinstance(file_hash, str)
        and hash_kind(file_hash) is not None
        and files.find(connection, file_hash) is not None
    )
