"""Vouchers that addresses hold, on EVM chains and Solana."""

from __future__ import annotations

from ._service import AuthenticatedService, Service

__all__ = ["AuthenticatedVouchers", "Vouchers"]


class Vouchers(Service):
    """Vouchers that addresses hold, on EVM chains and Solana."""


class AuthenticatedVouchers(AuthenticatedService, Vouchers):
    """Vouchers that addresses hold, on EVM chains and Solana."""
