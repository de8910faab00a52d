"""Reading what is published about vouchers outside of the network; each call goes to one whole URL."""

from __future__ import annotations

from typing import Any

from ..call import Answer, Call
from ..models.voucher import VoucherMetadata
from .answers import json_object, malformed, read_record, refuse

__all__ = ["metadata", "solana_registry"]


def metadata(metadata_id: str) -> Call[VoucherMetadata | None]:
    """Return what a kind of vouchers is about, or None when nothing is published."""

    def parse(answer: Answer) -> VoucherMetadata | None:
        if answer.status == 404:
            return None
        if answer.status != 200:
            refuse(answer, f"the request for the metadata {metadata_id!r:.80} of vouchers")
        return read_record(answer, json_object(answer), VoucherMetadata)

    return Call("GET", "", parse)


def solana_registry() -> Call[dict[str, Any]]:
    """Return the registry of all vouchers on Solana, as it comes."""

    def parse(answer: Answer) -> dict[str, Any]:
        if answer.status != 200:
            refuse(answer, "the request for the registry of vouchers")
        registry = json_object(answer)
        for name in ("claimed_tickets", "batches"):
            if not isinstance(registry.get(name), dict):
                malformed(answer, f"{name} by identifier")
        return registry

    return Call("GET", "", parse)
