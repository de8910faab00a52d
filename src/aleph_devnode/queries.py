"""The query parameters of the node's lists, checked as the node checks them."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated, Any

from aleph_message.models import Chain, ItemHash, MessageType, PaymentType
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Items = BeforeValidator(lambda value: value.split(",") if isinstance(value, str) else value)
Texts = Annotated[list[str] | None, Items]
Hashes = Annotated[list[ItemHash] | None, Items]


class SortOrder(IntEnum):
    ASCENDING = 1
    DESCENDING = -1


class SortBy(StrEnum):
    TIME = "time"
    TX_TIME = "tx-time"


class Status(StrEnum):
    PENDING = "pending"
    PROCESSED = "processed"
    REJECTED = "rejected"
    FORGOTTEN = "forgotten"
    REMOVING = "removing"
    REMOVED = "removed"


class ContentFormat(StrEnum):
    FULL = "full"
    HEADERS = "headers"
    NONE = "none"


class AggregateOrder(StrEnum):
    LAST_MODIFIED = "last_modified"
    CREATION_TIME = "creation_time"


class StatsOrder(StrEnum):
    AGGREGATE = "aggregate"
    FORGET = "forget"
    INSTANCE = "instance"
    POST = "post"
    PROGRAM = "program"
    STORE = "store"
    TOTAL = "total"


class HistoryOrder(StrEnum):
    MESSAGE_TIMESTAMP = "message_timestamp"
    EXPIRATION_DATE = "expiration_date"
    PAYMENT_METHOD = "payment_method"
    AMOUNT = "amount"
    ORIGIN = "origin"
    TX_HASH = "tx_hash"
    PROVIDER = "provider"


class Direction(StrEnum):
    INCOMING = "incoming"
    OUTGOING = "outgoing"


class Query(BaseModel):
    """Accept each parameter by its own name and by the name on the wire; ignore unknown ones."""

    model_config = ConfigDict(populate_by_name=True)


class Page(Query):
    """A list in pages, or by cursor once ``cursor`` is given (empty for the first page)."""

    page: int = Field(default=1, ge=1)
    pagination: int = Field(default=20, ge=0)
    cursor: str | None = None

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.pagination


class Dates(Query):
    start_date: float = Field(default=0, ge=0, alias="startDate")
    end_date: float = Field(default=0, ge=0, alias="endDate")


class MessageFilter(Dates):
    """Everything that selects messages."""

    sort_by: SortBy = Field(default=SortBy.TIME, alias="sortBy")
    sort_order: SortOrder = Field(default=SortOrder.DESCENDING, alias="sortOrder")
    message_type: MessageType | None = Field(default=None, alias="msgType")
    message_types: Annotated[list[MessageType] | None, Items] = Field(
        default=None, alias="msgTypes"
    )
    message_statuses: Annotated[list[Status] | None, Items] = Field(
        default=[Status.PROCESSED, Status.REMOVING], alias="msgStatuses"
    )
    addresses: Texts = None
    owners: Texts = None
    refs: Texts = None
    content_hashes: Hashes = Field(default=None, alias="contentHashes")
    content_keys: Hashes = Field(default=None, alias="contentKeys")
    content_types: Texts = Field(default=None, alias="contentTypes")
    chains: Annotated[list[Chain] | None, Items] = None
    channels: Texts = None
    tags: Texts = None
    hashes: Hashes = None
    payment_types: Annotated[list[PaymentType] | None, Items] = Field(
        default=None, alias="paymentTypes"
    )
    exclude_content: bool = Field(default=False, alias="excludeContent")
    content_format: ContentFormat | None = Field(default=None, alias="contentFormat")
    start_block: int = Field(default=0, ge=0, alias="startBlock")
    end_block: int = Field(default=0, ge=0, alias="endBlock")

    @model_validator(mode="after")
    def _ordered(self) -> MessageFilter:
        if self.start_date and self.end_date and self.end_date < self.start_date:
            raise ValueError("end date cannot be lower than start date.")
        if self.start_block and self.end_block and self.end_block < self.start_block:
            raise ValueError("end block cannot be lower than start block.")
        return self

    @property
    def format(self) -> ContentFormat:
        return self.content_format or (
            ContentFormat.NONE if self.exclude_content else ContentFormat.FULL
        )


class MessagesQuery(MessageFilter, Page):
    @model_validator(mode="after")
    def _cursor_sort(self) -> MessagesQuery:
        _refuse_cursor_by_confirmation(self.cursor, self.sort_by)
        return self


class SocketQuery(MessageFilter):
    history: int | None = Field(default=10, ge=0, lt=200)


class HashesQuery(Dates, Page):
    status: Status | None = None
    sort_order: SortOrder = Field(default=SortOrder.DESCENDING, alias="sortOrder")
    hash_only: bool = True

    @model_validator(mode="after")
    def _ordered(self) -> HashesQuery:
        if self.start_date and self.end_date and self.end_date < self.start_date:
            raise ValueError("end date cannot be lower than start date.")
        return self


class PostsQuery(Dates, Page):
    addresses: Texts = None
    hashes: Hashes = None
    refs: Texts = None
    post_types: Texts = Field(default=None, alias="types")
    tags: Texts = None
    channels: Texts = None
    sort_by: SortBy = Field(default=SortBy.TIME, alias="sortBy")
    sort_order: SortOrder = Field(default=SortOrder.DESCENDING, alias="sortOrder")

    @model_validator(mode="after")
    def _cursor_sort(self) -> PostsQuery:
        _refuse_cursor_by_confirmation(self.cursor, self.sort_by)
        return self


class AddressAggregatesQuery(Query):
    keys: Texts = None
    limit: int = 1000
    with_info: bool = False
    value_only: bool = False


class AggregatesQuery(Page):
    pagination: int = Field(default=20, ge=1, le=500)
    keys: Texts = None
    addresses: Texts = None
    sort_by: AggregateOrder = Field(default=AggregateOrder.LAST_MODIFIED, alias="sortBy")
    sort_order: SortOrder = Field(default=SortOrder.DESCENDING, alias="sortOrder")


class FilesQuery(Page):
    pagination: int = Field(default=100, ge=0)
    sort_order: SortOrder = SortOrder.DESCENDING
    file_hash: str | None = None


class AuthorizationsQuery(Query):
    page: int = Field(default=1, ge=1)
    pagination: int = Field(default=20, ge=1, le=500)
    types: Texts = None
    channels: Texts = None
    post_types: Texts = Field(default=None, alias="postTypes")
    chains: Texts = None
    aggregate_keys: Texts = Field(default=None, alias="aggregateKeys")
    grantee: str | None = None
    granter: str | None = None


class BalanceQuery(Query):
    chain: Chain | None = None
    include_credit_details: bool = False


class BalancesQuery(Page):
    pagination: int = Field(default=100, ge=0)
    chains: Annotated[list[Chain] | None, Items] = None
    min_balance: int = Field(default=0, ge=1)


class CreditBalancesQuery(Page):
    pagination: int = Field(default=100, ge=0)
    min_balance: int = Field(default=0, ge=1)


class StatsQuery(Page):
    address_contains: str | None = Field(default=None, max_length=66, alias="addressContains")
    sort_by: StatsOrder = Field(default=StatsOrder.TOTAL, alias="sortBy")
    sort_order: SortOrder = Field(default=SortOrder.DESCENDING, alias="sortOrder")


class HistoryFilter(Dates):
    tx_hash: str | None = None
    token: str | None = None
    chain: str | None = None
    provider: str | None = None
    origin: str | None = None
    origin_ref: str | None = None
    payment_method: str | None = None
    exclude_payment_method: Texts = None
    has_expiration: bool | None = None
    direction: Direction | None = None
    resource_types: Texts = Field(default=None, alias="resourceTypes")
    resource: str | None = None


class HistoryQuery(HistoryFilter, Page):
    pagination: int = Field(default=0, ge=0)
    sort_by: HistoryOrder = HistoryOrder.MESSAGE_TIMESTAMP
    sort_order: SortOrder = SortOrder.DESCENDING


class CostsQuery(Query):
    address: str | None = None
    item_hash: str | None = None
    payment_type: PaymentType | None = PaymentType.credit
    include_details: int = Field(default=0, ge=0, le=2)
    include_size: bool = False
    page: int = Field(default=1, ge=1)
    pagination: int = Field(default=100, ge=10, le=1000)


class Publication(Query):
    """The body of a publication."""

    sync: bool = False
    message_dict: dict[str, Any] = Field(alias="message")

    model_config = ConfigDict(populate_by_name=False)


class UploadMetadata(Query):
    """The ``metadata`` part of an upload; both keys are required."""

    message: dict[str, Any]
    sync: bool


def _refuse_cursor_by_confirmation(cursor: str | None, sort_by: SortBy) -> None:
    if cursor and sort_by == SortBy.TX_TIME:
        raise ValueError("Cursor pagination is not supported with tx-time sort order.")
