"""Vouchers that addresses hold, and what each is about."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from .record import Record

__all__ = ["Voucher", "VoucherAttribute", "VoucherMetadata"]


def _value(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, float) else value


@attrs.frozen(kw_only=True)
class VoucherAttribute(Record):
    """One property of a voucher: a text, or a number with ``display_type``."""

    trait_type: str
    value: Any = attrs.field(default=None, converter=_value)
    display_type: str | None = None


@attrs.frozen(kw_only=True)
class VoucherMetadata(Record):
    """What the vouchers of one kind are about."""

    name: str = ""
    description: str = ""
    external_url: str = ""
    image: str = ""
    icon: str = ""
    attributes: tuple[VoucherAttribute, ...] = ()


@attrs.frozen(kw_only=True)
class Voucher(VoucherMetadata):
    """A voucher of an address; ``id`` is its token or ticket, unique beside its kind.

    The fields about it are empty where no metadata are published.
    """

    id: str
    metadata_id: str = ""

    @classmethod
    def of(cls, id: str, metadata_id: str, metadata: VoucherMetadata | None) -> Voucher:  # noqa: A002 - the name of the field
        """Return the voucher with what is published about its kind."""
        known: Mapping[str, Any] = {} if metadata is None else attrs.asdict(metadata, recurse=False)
        voucher = cls(id=id, metadata_id=metadata_id, **known)
        return attrs.evolve(voucher, external_url=voucher.external_url.replace("{id}", id))
