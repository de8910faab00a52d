"""Static websites: what each shows now, and what it showed before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from .record import Record

__all__ = ["Website", "WebsiteMetadata", "WebsitePayment"]


@attrs.frozen(kw_only=True)
class WebsiteMetadata(Record):
    """What an owner says of a site."""

    name: str = ""
    tags: tuple[str, ...] = ()
    framework: str = "none"


@attrs.frozen(kw_only=True)
class WebsitePayment(Record):
    """How the content of a site was paid for when it was made."""

    chain: str = ""
    type: str = ""


@attrs.frozen(kw_only=True)
class Website(Record):
    """One site of an owner; ``volume_id`` is the hash of the STORE message that names its content.

    ``history`` has the earlier ones by their version. ``ens`` are names of the Ethereum Name Service.
    """

    name: str
    version: int = 1
    volume_id: str = ""
    history: Mapping[str, str] = attrs.field(factory=dict)
    metadata: WebsiteMetadata = attrs.field(factory=WebsiteMetadata)
    payment: WebsitePayment = attrs.field(factory=WebsitePayment)
    ens: tuple[str, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None
