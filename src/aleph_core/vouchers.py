"""Who holds which vouchers, by the lists of their publishers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import attrs

from .errors import ArgumentError
from .excerpts import shown
from .item_hash import same_address

__all__ = ["POST_TYPE", "Holding", "evm_holdings", "is_evm", "metadata_url", "solana_holdings"]

POST_TYPE: Final = "vouchers-update"
"""The type of the posts in which the publisher lists all vouchers of EVM chains."""


@attrs.frozen
class Holding:
    """A voucher that an address holds, and the kind it is of, empty where that is not told."""

    id: str
    metadata_id: str


def is_evm(address: str) -> bool:
    return len(address) == 42 and address[:2] == "0x"


def evm_holdings(content: object, address: str) -> tuple[Holding, ...]:
    """Return what an address holds by the publisher's post: ``nft_vouchers`` by identifier."""
    return tuple(
        Holding(voucher_id, _identifier(entry.get("metadata_id")))
        for voucher_id, entry in _entries(content, "nft_vouchers")
        if same_address(str(entry.get("claimer")), address)
    )


def solana_holdings(registry: object, address: str) -> tuple[Holding, ...]:
    """Return what an address holds by the registry: ``claimed_tickets``, whose ``batches`` have kinds."""
    kinds = {
        batch_id: _identifier(batch.get("metadata_id"))
        for batch_id, batch in _entries(registry, "batches")
    }
    return tuple(
        Holding(ticket, kinds.get(_identifier(entry.get("batch_id")), ""))
        for ticket, entry in _entries(registry, "claimed_tickets")
        if entry.get("claimer") == address
    )


def metadata_url(template: str, metadata_id: str) -> str:
    """Return where the kind of a voucher is described; ``{id}`` in the template is its identifier."""
    if not isinstance(metadata_id, str) or not metadata_id:
        raise ArgumentError("metadata_id", f"expected a text, not {shown(metadata_id)}")
    return template.replace("{id}", quote(metadata_id, safe=""))


def _entries(container: object, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    entries = container.get(name) if isinstance(container, Mapping) else None
    for key, entry in entries.items() if isinstance(entries, Mapping) else ():
        if isinstance(entry, Mapping):
            yield key, entry


def _identifier(value: object) -> str:
    # The same identifier comes as a number here and as a text there.
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
